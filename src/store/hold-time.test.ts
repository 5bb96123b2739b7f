// The edges of hold time, to the millisecond.

import { expect, test } from 'vitest'
import { interrupted, isRunning, leftMs, newHoldClock, tickGapMaxMs, ticked } from './hold-time.js'

const clock = { holdMs: 100, lastTickMs: 1_000, frozenUntilMs: 0, isInterrupted: false }

const cases = [
  { what: 'at the tick', at: clock, nowMs: 1_000, runs: true },
  { what: 'just within the gap', at: clock, nowMs: 1_000 + tickGapMaxMs, runs: true },
  { what: 'just beyond the gap', at: clock, nowMs: 1_001 + tickGapMaxMs, runs: false },
  { what: 'when the clock stepped back', at: clock, nowMs: 999, runs: false },
  { what: 'within a freeze', at: { ...clock, frozenUntilMs: 2_000 }, nowMs: 1_999, runs: false },
  { what: 'at the end of a freeze', at: { ...clock, frozenUntilMs: 2_000 }, nowMs: 2_000, runs: true },
  { what: 'before the first tick', at: newHoldClock, nowMs: 0, runs: false },
  { what: 'after a reopen, before the first tick', at: interrupted(clock), nowMs: 1_000, runs: false },
] as const

for (const { what, at, nowMs, runs } of cases) {
  test(`[LEASE-8] ${what} things ${runs ? 'may' : 'may not'} end`, () => {
    expect(isRunning(at, nowMs)).toBe(runs)
  })
}

test('[HOLD-2] a gap of exactly three seconds is still time; one more is an outage', () => {
  expect(ticked(clock, 1_000 + tickGapMaxMs, 500)).toMatchObject({ holdMs: 100 + tickGapMaxMs, frozenUntilMs: 0 })
  expect(ticked(clock, 1_001 + tickGapMaxMs, 500)).toMatchObject({ holdMs: 100, frozenUntilMs: 4_501 })
})

test('[HOLD-3] a reopened clock keeps its time and freezes at its first tick, whatever its own clock says', () => {
  const next = ticked(interrupted(clock), 5, 500)
  expect(next).toEqual({ holdMs: 100, lastTickMs: 5, frozenUntilMs: 505, isInterrupted: false })
})

test('[LEASE-5] what is left is never nothing, and counts the freeze', () => {
  expect(leftMs(clock, 150, 1_000)).toBe(50)
  expect(leftMs({ ...clock, frozenUntilMs: 1_200 }, 150, 1_000)).toBe(250)
  expect(leftMs(clock, 50, 1_000)).toBe(1)
})
