// The real time and chance of a client: the only file of the client that knows timers and randomness.

import type { Chance, Clock } from '../protocol/time.js'

/** Longer delays overflow a browser's timer and would fire at once. */
const delayMsMax = 2 ** 31 - 1

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(delayMs, delayMsMax))
    return () => clearTimeout(timer)
  },
  soon(run) {
    const timer = setTimeout(run, 0)
    return () => clearTimeout(timer)
  },
}

export const systemChance: Chance = {
  fraction: () => Math.random(),
  bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
}
