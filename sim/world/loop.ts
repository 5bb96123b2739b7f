// The event loop of one process, as the seed schedules it: when it gets to what was put off, how much comes together
// into one turn, and how coarsely its timers ring. Nothing runs earlier than in a real loop, only later.

import type { SeededChance } from '../../src/testing/seeded-chance.js'
import type { ProcessClock } from '../../src/testing/virtual-clock.js'
import { isDrawn } from '../draw.js'

export interface LoopPlan {
  /** Share of turns that come late. */
  readonly lateShare: number
  /** Late by up to this. 0: behind all else that is due now. */
  readonly lateMs: number
}

/** As browsers do to tabs in the background. */
export interface Throttle {
  /** Timers ring at multiples of this; 0: when they are due. */
  everyMs: number
}

/** The same process; only what it puts off by itself is scheduled anew. What comes from outside is not touched. */
export function scheduled(
  process: ProcessClock,
  chance: SeededChance,
  { lateShare, lateMs }: LoopPlan,
  throttle: Throttle = { everyMs: 0 },
): ProcessClock {
  const soon: ProcessClock['soon'] = (run) => {
    if (!isDrawn(chance, lateShare)) return process.soon(run)
    return process.after(chance.fraction() * lateMs, run)
  }
  const after: ProcessClock['after'] = (delayMs, run) => {
    const { everyMs } = throttle
    if (everyMs === 0 || delayMs === Number.POSITIVE_INFINITY) return process.after(delayMs, run)
    const dueMs = process.nowMs() + Math.max(0, delayMs || 0)
    return process.after(Math.ceil(dueMs / everyMs) * everyMs - process.nowMs(), run)
  }
  return Object.create(process, { soon: { value: soon }, after: { value: after } })
}
