// The rules of a session's life after it is made: what a drop starts, what is due, how it ends. Pure; deadlines are
// hold times. How a session is taken over or resumed is in attach.ts.

import type { EndReason, LeaseLostReason } from '../protocol/reasons.js'
import type { LeaseRow, LeaseState, SessionRow, StoreEvent } from './store.js'

/** How long (hold time) and how many ended sessions are still known, so that their secrets get a true answer. */
export const endedKeptMs = 24 * 3_600_000
export const endedMax = 10_000

/** Lost leases that a session is still to be told of. */
export const lostMax = 128

/** What is kept of a session: the row, and what only the rules need. */
export interface StoredSession {
  readonly row: SessionRow
  /** Leases lost since the client last proved that it had read a welcome. */
  readonly lost: readonly LostLease[]
  /** Rooms whose members were told of the present drop. */
  readonly graceTold: readonly string[]
}

export interface LostLease {
  readonly key: string
  readonly reason: LeaseLostReason
  /** True: it stood in a welcome, which may have been lost. */
  readonly isTold: boolean
}

export function isOwner(row: SessionRow | null, generation: number): row is SessionRow {
  return row !== null && row.status.state !== 'ended' && row.generation === generation
}

/** The same session, held from now. One that is not live stays as it is: a drop is decided once. */
export function dropped(session: StoredSession, holdMs: number): StoredSession {
  if (session.row.status.state !== 'live') return session
  const row: SessionRow = { ...session.row, status: { state: 'held', droppedAtMs: holdMs } }
  return { ...session, row, graceTold: [] }
}

/** Keeps what proves its secrets and nothing else. */
export function ended(session: StoredSession, reason: EndReason): StoredSession {
  return { row: { ...session.row, status: { state: 'ended', reason }, rooms: noRooms }, lost: [], graceTold: [] }
}

export const noRooms: SessionRow['rooms'] = Object.freeze(Object.create(null))

export function withRoom(row: SessionRow, room: string, membership: SessionRow['rooms'][string] | null): SessionRow {
  const rooms = Object.assign(Object.create(null), row.rooms)
  if (membership === null) delete rooms[room]
  else rooms[room] = membership
  return { ...row, rooms }
}

export function withLost(session: StoredSession, key: string, reason: LeaseLostReason): StoredSession {
  const others = session.lost.filter((lost) => lost.key !== key)
  return { ...session, lost: [...others, { key, reason, isTold: false }].slice(-lostMax) }
}

export function withoutLost(session: StoredSession, key: string): StoredSession {
  if (!session.lost.some((lost) => lost.key === key)) return session
  return { ...session, lost: session.lost.filter((lost) => lost.key !== key) }
}

/**
 * What a welcome tells of leases. `isFirst`: the client has just proved that it read the welcome before this one, so
 * what stood there is done; otherwise that welcome may be lost, and all of it is told again.
 */
export function toldLeases(
  session: StoredSession,
  leases: readonly LeaseRow[],
  isFirst: boolean,
): { readonly session: StoredSession; readonly told: readonly LeaseState[] } {
  const lost = session.lost.filter((one) => !(isFirst && one.isTold)).map((one) => ({ ...one, isTold: true }))
  const told = [
    ...leases.map((lease) => ({ kind: 'kept' as const, lease })),
    ...lost.map(({ key, reason }) => ({ kind: 'lost' as const, key, reason })),
  ]
  return { session: { ...session, lost }, told }
}

// What is due.

/** When a held session is over: its own hold, or the longest of its leases. Infinity while it is live or ended. */
export function overAtMs(row: SessionRow, leases: readonly LeaseRow[]): number {
  if (row.status.state !== 'held') return Number.POSITIVE_INFINITY
  return row.status.droppedAtMs + Math.max(row.holdMs, ...leases.map((lease) => lease.holdMs))
}

/** The next hold time at which anything is due for it. */
export function nextDueMs(session: StoredSession, leases: readonly LeaseRow[]): number {
  const { row } = session
  if (row.status.state !== 'held') return Number.POSITIVE_INFINITY
  const { droppedAtMs } = row.status
  const graces = untold(session).map(([, { graceMs }]) => droppedAtMs + graceMs)
  return Math.min(overAtMs(row, leases), ...leases.map((lease) => droppedAtMs + lease.holdMs), ...graces)
}

/** Done in this order: leases that ran out, then the whole session; or the rooms whose grace is over. */
export interface Due {
  readonly leases: readonly LeaseRow[]
  readonly isOver: boolean
  readonly rooms: readonly string[]
}

export function dueOf(session: StoredSession, leases: readonly LeaseRow[], holdMs: number): Due {
  const { row } = session
  if (row.status.state !== 'held') return { leases: [], isOver: false, rooms: [] }
  const { droppedAtMs } = row.status
  return {
    leases: leases.filter((lease) => droppedAtMs + lease.holdMs <= holdMs),
    isOver: overAtMs(row, leases) <= holdMs,
    rooms: untold(session)
      .filter(([, { graceMs }]) => droppedAtMs + graceMs <= holdMs)
      .map(([room]) => room),
  }
}

function untold(session: StoredSession): readonly (readonly [string, SessionRow['rooms'][string]])[] {
  return Object.entries(session.row.rooms).filter(([room]) => !session.graceTold.includes(room))
}

// What is told once. The ids are the same whoever finds it due, and after a crash.

export function endedEvent(row: SessionRow, reason: EndReason): StoreEvent {
  const { id: session, user, generation, rooms } = row
  return { id: `ended:${session}`, kind: 'ended', session, user, generation, reason, rooms: Object.keys(rooms) }
}

export function graceOverEvent(session: StoredSession, rooms: readonly string[]): StoreEvent {
  const { id, user, generation } = session.row
  const event = `grace-over:${id}:${generation}:${session.graceTold.length}`
  return { id: event, kind: 'grace-over', session: id, user, generation, rooms }
}
