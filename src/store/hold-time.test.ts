// The edges of hold time, to the millisecond: at ticks, between them, and where they stop.

import { describe, expect, test } from 'vitest'
import { interrupted, isRunning, leftMs, newHoldClock, presentMs, tickGapMaxMs, ticked } from './hold-time.js'

describe('at ticks', () => {
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

  test('[LEASE-5] what is left is never nothing, and counts the freeze and the time since the tick', () => {
    expect(leftMs(clock, 150, 1_000)).toBe(50)
    expect(leftMs(clock, 150, 1_020)).toBe(30)
    expect(leftMs({ ...clock, frozenUntilMs: 1_200 }, 150, 1_000)).toBe(250)
    expect(leftMs(clock, 50, 1_000)).toBe(1)
  })
})

describe('between ticks', () => {
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
    test(`[HOLD-10, I34] hold time between ticks: ${what}`, () => {
      expect(presentMs(on, atMs)).toBe(is)
      // A tick at that moment, if it counts, agrees.
      if (atMs - (on.lastTickMs ?? atMs) <= tickGapMaxMs) expect(ticked(on, atMs, freezeMs).holdMs).toBe(is)
    })
  }
})
