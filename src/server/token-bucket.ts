// A rate with a burst, without a timer: what was refilled is worked out when somebody asks.

export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** Sums of fractions are off by less than this. */
const rounding = 1e-6

/** Starts full. A class, and small: every connection has several. */
export class TokenBucket {
  readonly #rate: Rate
  #tokens: number
  #filledAtMs = Number.NEGATIVE_INFINITY

  constructor(rate: Rate) {
    this.#rate = rate
    this.#tokens = rate.burst
  }

  /** Takes `count` tokens if they are there: 0. Else takes nothing and answers the ms until they will be. */
  take(nowMs: number, count = 1): number {
    const { perSecond, burst } = this.#rate
    const passedMs = Math.max(0, nowMs - this.#filledAtMs)
    this.#tokens = Math.min(burst, this.#tokens + (passedMs / 1000) * perSecond)
    this.#filledAtMs = Math.max(this.#filledAtMs, nowMs)
    if (this.#tokens >= count - rounding) {
      this.#tokens = Math.max(0, this.#tokens - count)
      return 0
    }
    return Math.ceil(((count - this.#tokens) / perSecond) * 1000 - rounding)
  }
}
