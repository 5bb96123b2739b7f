// How late the engine is woken: a busy or paused process must not take its own lateness for the silence of others.

/** Woken later than this, nobody is judged before one more turn. */
const lateMs = 1_000
const stretchMax = 4

export class Lag {
  #worstMs = 0
  #isLate = false

  /** The engine asked for `wantedMs` and was woken at `nowMs`. */
  woken(wantedMs: number, nowMs: number): void {
    const byMs = Math.max(0, nowMs - wantedMs)
    this.#isLate = byMs > lateMs
    this.#worstMs = Math.max(byMs, this.#worstMs * 0.9)
  }

  /** The present wake came late. */
  get isLate(): boolean {
    return this.#isLate
  }

  /** By how much intervals told to clients are stretched: 1 in time, 4 at worst. */
  get stretch(): number {
    return Math.min(stretchMax, 1 + this.#worstMs / lateMs)
  }
}
