// When the engine's turns run: at once when the loop is idle, a few milliseconds later when it is busy, because one
// write of many entries costs hardly more than one write of one.

import type { Clock } from '../protocol/time.js'

export interface Turns {
  /** The engine's `turnWanted`: `run` is called once for it, never within this call. */
  wanted(): void
  /** Idempotent. Nothing runs afterwards. */
  close(): void
}

/** Share of the time that turns take, above which they are spread. */
const busyShare = 0.2
const weightOfLatest = 0.2

/** `delayMs` is the least time between two starts of turns while busy; 0: never wait. */
export function createTurns(ask: { readonly clock: Clock; readonly delayMs: number; readonly run: () => void }): Turns {
  const { clock, delayMs, run } = ask
  let cancel: (() => void) | null = null
  let isClosed = false
  let startedAtMs = Number.NEGATIVE_INFINITY
  let share = 0

  const turn = () => {
    cancel = null
    const startMs = clock.nowMs()
    run()
    const spentMs = clock.nowMs() - startMs
    // Long pauses count as idle: the share falls at once.
    const roundMs = Math.max(startMs - startedAtMs, spentMs)
    const latest = spentMs === 0 ? 0 : spentMs / roundMs
    share = roundMs > 1_000 ? 0 : share + weightOfLatest * (latest - share)
    startedAtMs = startMs
  }

  return {
    wanted() {
      if (cancel !== null || isClosed) return
      const waitMs = share > busyShare ? startedAtMs + delayMs - clock.nowMs() : 0
      cancel = waitMs >= 1 ? clock.after(waitMs, turn) : clock.soon(turn)
    },
    close() {
      isClosed = true
      cancel?.()
    },
  }
}
