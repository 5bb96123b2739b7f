import { expect, test } from 'vitest'
import { newHoldClock, presentMs, ticked } from './hold-time.js'

const freezeMs = 5_000
const clock = ticked(ticked(newHoldClock, 1_000, freezeMs), 2_000, freezeMs)
const frozen = ticked(clock, 9_000, freezeMs)

const cases = [
  { what: 'before the first tick it is nothing', on: newHoldClock, atMs: 700, is: 0 },
  { what: 'at a tick it is that of the tick', on: clock, atMs: 2_000, is: 1_000 },
  { what: 'between ticks it goes on', on: clock, atMs: 2_900, is: 1_900 },
  { what: 'where the next tick will not count it stands still', on: clock, atMs: 5_001, is: 1_000 },
  { what: 'behind a step of the clock it stands still', on: clock, atMs: 1_500, is: 1_000 },
  { what: 'while frozen it stands still', on: frozen, atMs: 9_500, is: 1_000 },
  { what: 'it goes on where the frost ends', on: ticked(frozen, 12_000, freezeMs), atMs: 14_400, is: 1_400 },
]

for (const { what, on, atMs, is } of cases) {
  test(`[I34] hold time between ticks: ${what}`, () => {
    expect(presentMs(on, atMs)).toBe(is)
    // A tick at that moment, if it counts, agrees.
    if (atMs - (on.lastTickMs ?? atMs) <= 3_000) expect(ticked(on, atMs, freezeMs).holdMs).toBe(is)
  })
}
