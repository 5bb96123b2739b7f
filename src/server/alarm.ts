// One timer for many sleepers. A sleeper says when it next wants to be woken; the alarm keeps the earliest.

import type { Clock } from '../protocol/time.js'

export interface Sleeper {
  /** Infinity: never. */
  readonly wakeAtMs: number
  wake(): void
}

export interface Alarm {
  /** Idempotent. A sleeper that is never added is never woken. */
  add(sleeper: Sleeper): void
  remove(sleeper: Sleeper): void
  /** The sleeper's `wakeAtMs` is another now; only an earlier one costs anything. */
  moved(sleeper: Sleeper): void
  /** Nobody is woken afterwards. */
  close(): void
}

/** A sleeper that wants to be woken again at once waits for the next turn: it cannot stop the loop. */
export function createAlarm(clock: Clock): Alarm {
  const sleepers = new Set<Sleeper>()
  let armedAtMs = Number.POSITIVE_INFINITY
  let cancel = () => {}

  const armFor = (atMs: number) => {
    if (atMs >= armedAtMs) return
    cancel()
    armedAtMs = atMs
    cancel = clock.after(Math.max(0, atMs - clock.nowMs()), ring)
  }

  const ring = () => {
    armedAtMs = Number.POSITIVE_INFINITY
    const nowMs = clock.nowMs()
    for (const sleeper of [...sleepers]) if (sleeper.wakeAtMs <= nowMs && sleepers.has(sleeper)) sleeper.wake()
    for (const sleeper of sleepers) armFor(sleeper.wakeAtMs)
  }

  return {
    add(sleeper) {
      sleepers.add(sleeper)
      armFor(sleeper.wakeAtMs)
    },
    remove: (sleeper) => void sleepers.delete(sleeper),
    moved(sleeper) {
      if (sleepers.has(sleeper)) armFor(sleeper.wakeAtMs)
    },
    close() {
      sleepers.clear()
      cancel()
      armedAtMs = Number.POSITIVE_INFINITY
    },
  }
}
