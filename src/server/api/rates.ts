// How many requests may come, of one address and of one user. Bounded: who was not heard of for longest is forgotten,
// and has then a full bucket again.

import { type Rate, TokenBucket } from '../token-bucket.js'

export interface Rates {
  /** 0: go on. Else the ms until the next one is taken. */
  wait(who: string, nowMs: number): number
}

const bucketsMax = 10_000

export function createRates(rate: Rate): Rates {
  /** In order of last use. */
  const buckets = new Map<string, TokenBucket>()
  return {
    wait(who, nowMs) {
      const bucket = buckets.get(who) ?? new TokenBucket(rate)
      buckets.delete(who)
      buckets.set(who, bucket)
      const oldest = buckets.keys().next()
      if (buckets.size > bucketsMax && oldest.done !== true) buckets.delete(oldest.value)
      return bucket.take(nowMs)
    },
  }
}
