// The server's only real time and chance. Everything else takes them as arguments.

import { randomFillSync } from 'node:crypto'
import type { Chance, Clock } from '../protocol/time.js'

/** Node runs longer timers at once (it warns and takes 1 ms). */
const timerMsMax = 2 ** 31 - 1

/** The machine's clock. Its timers never keep the process alive. */
export function systemClock(): Clock {
  return {
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    after: (delayMs, run) => after(performance.now() + delayMs, run),
    soon: (run) => {
      const immediate = setImmediate(run)
      return () => clearImmediate(immediate)
    },
  }
}

/** The machine's chance; `bytes` is cryptographically strong. */
export function systemChance(): Chance {
  return { fraction: () => Math.random(), bytes: createRandomBytes() }
}

/** Drawn many at a time: a call of the system for each id costs more than the rest of a handshake. */
function createRandomBytes(): (count: number) => Uint8Array {
  const pool = new Uint8Array(4_096)
  let usedCount = pool.length
  return (count) => {
    if (count > pool.length) return randomFillSync(new Uint8Array(count))
    if (usedCount + count > pool.length) {
      randomFillSync(pool)
      usedCount = 0
    }
    const bytes = pool.slice(usedCount, usedCount + count)
    // What was given out must not be found here later.
    pool.fill(0, usedCount, usedCount + count)
    usedCount += count
    return bytes
  }
}

/** Node may run a timer up to 1 ms early: then it is set again, so that `at or after` holds. */
function after(atMs: number, run: () => void): () => void {
  let timer: NodeJS.Timeout
  const arm = () => {
    const restMs = Math.max(0, Math.ceil(atMs - performance.now()))
    timer = setTimeout(() => (performance.now() < atMs ? arm() : run()), Math.min(restMs, timerMsMax))
    timer.unref()
  }
  arm()
  return () => clearTimeout(timer)
}
