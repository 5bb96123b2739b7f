// How many may come: hellos per second in two lanes (resumes and new sessions), and attaches of one session.

import type { Settings } from './settings.js'
import { TokenBucket } from './token-bucket.js'

export interface Admission {
  /** 0: come in. Else the ms to stay away: each one refused is given a later time, so that they do not return at once. */
  admit(lane: 'resume' | 'new', nowMs: number): number
  /** How far the first retries of all connections are spread after a drop. */
  spreadMs(connectionCount: number): number
  /** 0, or the ms until the session may attach again. Only attaches that succeeded count: strangers lock nobody out. */
  restMs(session: string, nowMs: number): number
  attached(session: string, nowMs: number): void
}

const burstSeconds = 4
const windowMs = 10_000
const sessionsMax = 10_000

export function createAdmission(settings: Settings): Admission {
  const lanes = { resume: laneOf(settings.resumesPerSecond), new: laneOf(settings.newSessionsPerSecond) }
  /** Times of the last attaches of sessions, in order of their last one. */
  const attaches = new Map<string, number[]>()

  return {
    admit: (lane, nowMs) => lanes[lane](nowMs),
    spreadMs: (connectionCount) => Math.round((connectionCount / settings.resumesPerSecond) * 1000),
    restMs(session, nowMs) {
      const times = attaches.get(session)?.filter((atMs) => nowMs - atMs < windowMs) ?? []
      const first = times.at(-settings.sessionAttachesMax)
      return first === undefined ? 0 : Math.ceil(first + windowMs - nowMs)
    },
    attached(session, nowMs) {
      const times = attaches.get(session) ?? []
      attaches.delete(session)
      attaches.set(session, [...times, nowMs].slice(-settings.sessionAttachesMax))
      const oldest = attaches.keys().next()
      if (attaches.size > sessionsMax && oldest.done !== true) attaches.delete(oldest.value)
    },
  }
}

/** Whoever is refused is told a time behind those refused before him. */
function laneOf(perSecond: number): (nowMs: number) => number {
  const bucket = new TokenBucket({ perSecond, burst: perSecond * burstSeconds })
  let nextSlotMs = 0
  return (nowMs) => {
    const waitMs = bucket.take(nowMs)
    if (waitMs === 0) return 0
    nextSlotMs = Math.max(nextSlotMs + 1000 / perSecond, nowMs + waitMs)
    return Math.ceil(nextSlotMs - nowMs)
  }
}
