// Hold time: the clock on which sessions, leases and graces run out. It moves only by ticks, so nothing runs out
// while no server, or no store, was there. Pure; it knows nothing of what runs out.

/** Ticks further apart than this were an outage, a pause or a step of the clock. */
export const tickGapMaxMs = 3_000

export interface HoldClock {
  /** The hold time. Never goes back. */
  readonly holdMs: number
  /** The store's clock at the last tick; null: none in this life of the store. */
  readonly lastTickMs: number | null
  /** Hold time stands still until then (store's clock). */
  readonly frozenUntilMs: number
  /** True: the store was opened anew, so the first tick comes after an outage. */
  readonly isInterrupted: boolean
}

export const newHoldClock: HoldClock = { holdMs: 0, lastTickMs: null, frozenUntilMs: 0, isInterrupted: false }

/** The clock of a store that was opened anew. Its tick times belong to another life and are not compared. */
export function interrupted(clock: HoldClock): HoldClock {
  return { holdMs: clock.holdMs, lastTickMs: null, frozenUntilMs: 0, isInterrupted: true }
}

/** One tick. After an outage hold time stands still for one `freezeMs`, counted from the first tick after it. */
export function ticked(clock: HoldClock, nowMs: number, freezeMs: number): HoldClock {
  const { holdMs, lastTickMs, frozenUntilMs } = clock
  const begun = { holdMs, lastTickMs: nowMs, isInterrupted: false }
  if (lastTickMs === null) return { ...begun, frozenUntilMs: clock.isInterrupted ? nowMs + freezeMs : 0 }

  const sinceMs = nowMs - lastTickMs
  if (sinceMs < 0 || sinceMs > tickGapMaxMs) return { ...begun, frozenUntilMs: nowMs + freezeMs }
  const addedMs = Math.max(0, nowMs - Math.max(lastTickMs, frozenUntilMs))
  return { ...begun, holdMs: holdMs + addedMs, frozenUntilMs }
}

/**
 * The hold time between two ticks, as the next one will count it: what begins now begins here, not at the tick before.
 * Where that tick comes too late to count, this is more than it will be, and what began lasts longer.
 */
export function presentMs({ holdMs, lastTickMs, frozenUntilMs }: HoldClock, nowMs: number): number {
  const sinceMs = lastTickMs === null ? Number.NaN : nowMs - lastTickMs
  if (!(sinceMs >= 0 && sinceMs <= tickGapMaxMs)) return holdMs
  return holdMs + Math.max(0, Math.min(sinceMs, nowMs - frozenUntilMs))
}

/** False: nothing may end now, not even what is due. Also between an outage and the first tick after it. */
export function isRunning(clock: HoldClock, nowMs: number): boolean {
  if (clock.lastTickMs === null || nowMs < clock.frozenUntilMs) return false
  const sinceMs = nowMs - clock.lastTickMs
  return sinceMs >= 0 && sinceMs <= tickGapMaxMs
}

/** How long a deadline is away at least: a guess for people, never a basis for a decision. */
export function leftMs(clock: HoldClock, dueMs: number, nowMs: number): number {
  const frozenMs = Math.max(0, clock.frozenUntilMs - nowMs)
  return Math.max(1, dueMs - presentMs(clock, nowMs) + frozenMs)
}
