// The rules of leases: who gets one, with which fence, who may give it back. Pure. When a held lease runs out is in
// session.ts, the clock it runs on in hold-time.ts.

import { type HoldClock, isRunning, leftMs } from './hold-time.js'
import type { Acquire, Acquired, LeaseRow, Released, SessionRow, StoreEvent } from './store.js'

export interface AcquireView {
  readonly lease: LeaseRow | null
  /** The session that holds `lease`. */
  readonly holder: SessionRow | null
  readonly asker: { readonly session: string; readonly user: string }
  readonly clock: HoldClock
  readonly nowMs: number
}

export type AcquireDecision =
  /**
   * `isNewTerm`: with the next fence; otherwise the term goes on with the fence it has. `before`: what happens to the
   * lease first, in the same step.
   */
  | { readonly kind: 'grant'; readonly isNewTerm: boolean; readonly before: 'nothing' | 'run-out' | 'move' }
  | { readonly kind: 'refuse'; readonly answer: Extract<Acquired, { kind: 'taken' }> }

export function decideAcquire({ lease, holder, asker, clock, nowMs }: AcquireView): AcquireDecision {
  if (lease === null) return { kind: 'grant', isNewTerm: true, before: 'nothing' }
  if (holder === null || holder.status.state === 'ended') return { kind: 'grant', isNewTerm: true, before: 'run-out' }

  // The clock alone ends nothing: right after an outage what is due must still wait for hold time to move again.
  const dueMs = holder.status.state === 'held' ? holder.status.droppedAtMs + lease.holdMs : Number.POSITIVE_INFINITY
  if (dueMs <= clock.holdMs && isRunning(clock, nowMs)) return { kind: 'grant', isNewTerm: true, before: 'run-out' }

  if (lease.session === asker.session) return { kind: 'grant', isNewTerm: false, before: 'nothing' }
  if (holder.status.state === 'live') return { kind: 'refuse', answer: { kind: 'taken', state: 'live' } }
  if (lease.user === asker.user) return { kind: 'grant', isNewTerm: true, before: 'move' }
  const freeInMs = leftMs(clock, dueMs, nowMs)
  return { kind: 'refuse', answer: { kind: 'taken', state: 'held', freeInMs } }
}

/** The lease as granted. `fence` is the new one of a new term. */
export function granted(ask: Acquire, user: string, fence: number): LeaseRow {
  const { key, kind, session, holdMs, data } = ask
  return { key, kind, session, user, fence, holdMs, data }
}

/** Only the term in force gives back; what an earlier one sends late is told so. */
export function decideRelease(
  lease: LeaseRow | null,
  ask: { readonly session: string; readonly fence: number },
): Released {
  if (lease === null) return { kind: 'not-held' }
  if (ask.fence < lease.fence) return { kind: 'fenced' }
  return lease.session === ask.session && lease.fence === ask.fence ? { kind: 'released' } : { kind: 'not-held' }
}

/** A fence is granted once, so it names the happening. */
export function freedEvent(lease: LeaseRow, reason: Extract<StoreEvent, { kind: 'freed' }>['reason']): StoreEvent {
  return { id: `freed:${lease.fence}`, kind: 'freed', lease, reason }
}
