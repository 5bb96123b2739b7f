// What a session tells the application.

import type { LeaseVerdict, RoomVerdict, SessionVerdict } from '../protocol/frames.js'
import type { RefusalReason } from '../protocol/reasons.js'
import type { Status } from './connection.js'
import type { Health } from './health.js'

/** What a room was answered in a resume. */
export type RoomOutcome = RoomVerdict | { readonly kind: 'denied'; readonly reason: RefusalReason }

export interface SessionEvents {
  status: Status
  /** For people: it does not flicker. */
  health: { readonly health: Health }
  /** A dial begins. */
  attempt: { readonly attempt: number }
  /** Everything asked for in the hello is answered and delivered, the first time and after each drop. */
  live: { readonly session: string; readonly user: string }
  /** As `live`, after a drop or a reload. `downMs` is hold time at the server, else our own measure. */
  resume: {
    readonly session: SessionVerdict
    readonly rooms: ReadonlyMap<string, RoomOutcome>
    readonly leases: readonly LeaseVerdict[]
    readonly downMs: number
  }
  /** This is another session than before, or the first. Once per session, before anything of it is delivered. */
  'new-session': { readonly reason: string; readonly session: string; readonly user: string }
  /** `attemptsMax` dials in a row failed; or one, with `reconnect: false`. `retryNow()` goes on. */
  'reconnect-failed': { readonly attempts: number }
  /** `auth` gave null, or the server said so. Nothing is dialled until `retryNow()`. */
  'signed-out': { readonly reason: string }
  /** The session, or the user, is used elsewhere. Nothing is dialled until `retryNow()`, which takes it back. */
  superseded: { readonly reason: string }
  /** A publish was added or settled. */
  outbox: { readonly waitingCount: number }
  /** What went wrong with nobody waiting for it: storage, `auth`, a broken frame. */
  error: { readonly error: unknown }
}

export const sessionEventNames: { readonly [name in keyof SessionEvents]: true } = {
  status: true,
  health: true,
  attempt: true,
  live: true,
  resume: true,
  'new-session': true,
  'reconnect-failed': true,
  'signed-out': true,
  superseded: true,
  outbox: true,
  error: true,
}

/** Fits pino, and `console`. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** Counts since the session object was made. */
export interface Stats {
  /** Entries that came again and were not handed over. */
  duplicates: number
  /** Times that entries were missing and the room was joined again. */
  holes: number
  /** Dials begun. */
  dials: number
}
