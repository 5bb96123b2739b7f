// How late the engine is woken: a busy or paused process must not take its own lateness for the silence of others.

/** Woken later than this, nobody is judged before one more turn. */
const lateMs = 1_000

/** An average lag below this is a busy moment, no overload. */
const easyMs = 500

/** One pause, however long, counts as this at most. */
const pauseMs = 4_000
const weightOfLatest = 0.1
const stretchMax = 4

export class Lag {
  #averageMs = 0
  #isLate = false

  /** The engine asked for `wantedMs` and was woken at `nowMs`. */
  woken(wantedMs: number, nowMs: number): void {
    const byMs = Math.max(0, nowMs - wantedMs)
    this.#isLate = byMs > lateMs
    this.#averageMs += weightOfLatest * (Math.min(byMs, pauseMs) - this.#averageMs)
  }

  /** The present wake came late. */
  get isLate(): boolean {
    return this.#isLate
  }

  /** By how much intervals told to clients are stretched: 1 in time, 4 at worst. */
  get stretch(): number {
    return Math.min(stretchMax, 1 + Math.max(0, this.#averageMs - easyMs) / lateMs)
  }
}
