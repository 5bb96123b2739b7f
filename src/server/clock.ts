// The server's only real time and chance. Everything else takes them as arguments.

import { randomBytes } from 'node:crypto'
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
  return { fraction: () => Math.random(), bytes: (count) => new Uint8Array(randomBytes(count)) }
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
