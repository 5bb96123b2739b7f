// One timer for many sleepers. A sleeper says when it next wants to be woken; the alarm keeps the earliest.

import type { Clock } from '../protocol/time.js'

export interface Sleeper {
  /** Infinity: never. */
  readonly wakeAtMs: number
  wake(): void
}

export interface Alarm {
  /** The sleeper's `wakeAtMs` is another now, or its first. Who never wants to be woken is forgotten, until it does. */
  moved(sleeper: Sleeper): void
  /** Nobody is woken afterwards. */
  close(): void
}

/**
 * Costs a look at every sleeper when it rings, and nothing in between: what rings often needs an alarm of its own.
 * A sleeper that wants to be woken again at once waits for the next turn, so it cannot stop the loop.
 */
export function createAlarm(clock: Clock): Alarm {
  const sleepers = new Set<Sleeper>()
  let armedAtMs = Number.POSITIVE_INFINITY
  let isClosed = false
  let cancel = () => {}

  const armFor = (atMs: number) => {
    if (atMs >= armedAtMs || isClosed) return
    cancel()
    armedAtMs = atMs
    cancel = clock.after(Math.max(0, atMs - clock.nowMs()), ring)
  }

  const ring = () => {
    armedAtMs = Number.POSITIVE_INFINITY
    const nowMs = clock.nowMs()
    const due: Sleeper[] = []
    for (const sleeper of sleepers) if (sleeper.wakeAtMs <= nowMs) due.push(sleeper)
    for (const sleeper of due) if (sleepers.has(sleeper)) sleeper.wake()
    for (const sleeper of sleepers) armFor(sleeper.wakeAtMs)
  }

  return {
    moved(sleeper) {
      const { wakeAtMs } = sleeper
      if (wakeAtMs === Number.POSITIVE_INFINITY) return void sleepers.delete(sleeper)
      sleepers.add(sleeper)
      armFor(wakeAtMs)
    },
    close() {
      isClosed = true
      sleepers.clear()
      cancel()
    },
  }
}
