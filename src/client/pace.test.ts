import { expect, test } from 'vitest'
import { Pace } from './pace.js'

/** Sends whenever it may, to a server that takes one per `everyMs` after a burst. */
function run(everyMs: number, burst: number, forMs: number) {
  const pace = new Pace()
  const counts = { taken: 0, refused: 0 }
  let tokens = burst
  for (let nowMs = 0; nowMs < forMs; nowMs++) {
    tokens = Math.min(burst, tokens + 1 / everyMs)
    for (let turn = 0; turn < 50 && nowMs >= pace.nextAtMs; turn++) {
      const id = counts.taken + counts.refused + 1
      pace.took(nowMs)
      if (tokens >= 1) {
        tokens -= 1
        counts.taken += 1
        pace.accepted()
      } else {
        counts.refused += 1
        pace.refused(id, id, Math.ceil((1 - tokens) * everyMs), nowMs)
      }
    }
  }
  return counts
}

test('[OUT-19] without a refusal nothing is held back', () => {
  expect(run(0.001, 1e9, 100)).toEqual({ taken: 5_000, refused: 0 })
})

test('[OUT-19] what a server takes is used, and seldom overstepped', () => {
  for (const everyMs of [5, 50, 500]) {
    const { taken, refused } = run(everyMs, 100, 60_000)
    expect(taken).toBeGreaterThan((60_000 / everyMs) * 0.8)
    expect(refused).toBeLessThan(taken / 20 + 10)
  }
})

test('[OUT-19] [A69] no answer slows the client down for ever', () => {
  const pace = new Pace()
  for (let id = 1; id < 100; id++) pace.refused(id, id, 1e15, 0)
  pace.took(0)
  expect(pace.nextAtMs).toBeLessThanOrEqual(310_000)
})
