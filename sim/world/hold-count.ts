// Hold time as the design has it, counted beside the store: what lies between two ticks counts, unless they are too
// far apart or a freeze is on. Over lives of the store it only grows, so it is never less than what the store counts.

const tickGapMaxMs = 3_000

export class HoldCount {
  #holdMs = 0
  #tickedMs: number | null = null
  #frozenUntilMs = 0
  #isFresh = true

  /** Of a life of the store. `isFresh`: it goes on with nothing, so no tick of before can be late, nor freeze it. */
  begin(isFresh: boolean): void {
    this.#isFresh = isFresh
    this.#tickedMs = null
    if (isFresh) this.#frozenUntilMs = 0
  }

  tick(nowMs: number, freezeMs: number): void {
    const isLate = this.#tickedMs === null ? !this.#isFresh : nowMs - this.#tickedMs > tickGapMaxMs
    this.#holdMs = this.at(nowMs)
    this.#tickedMs = nowMs
    if (isLate) this.#frozenUntilMs = nowMs + freezeMs
  }

  at(nowMs: number): number {
    if (this.#tickedMs === null || nowMs - this.#tickedMs > tickGapMaxMs) return this.#holdMs
    return this.#holdMs + Math.max(0, nowMs - Math.max(this.#tickedMs, this.#frozenUntilMs))
  }
}
