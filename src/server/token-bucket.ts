// A rate with a burst, without a timer: what was refilled is worked out when somebody asks.

export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

export interface TokenBucket {
  /** Takes `count` tokens if they are there: 0. Else takes nothing and answers the ms until they will be. */
  take(nowMs: number, count?: number): number
}

/** Sums of fractions are off by less than this. */
const rounding = 1e-6

/** Starts full. */
export function createTokenBucket({ perSecond, burst }: Rate): TokenBucket {
  let tokens = burst
  let filledAtMs = Number.NEGATIVE_INFINITY
  return {
    take(nowMs, count = 1) {
      // A clock that stood still, or a first call, refills nothing that matters.
      tokens = Math.min(burst, tokens + (Math.max(0, nowMs - filledAtMs) / 1000) * perSecond)
      filledAtMs = Math.max(filledAtMs, nowMs)
      if (tokens >= count - rounding) {
        tokens = Math.max(0, tokens - count)
        return 0
      }
      return Math.ceil(((count - tokens) / perSecond) * 1000 - rounding)
    },
  }
}
