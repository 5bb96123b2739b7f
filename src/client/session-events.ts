// What a session tells the application.

import type { LeaseVerdict, RoomVerdict, SessionVerdict } from '../protocol/frames.js'
import type { RefusalReason } from '../protocol/reasons.js'
import type { Status } from './connection.js'
import type { Health } from './health.js'
import type { PublishChange } from './publishing.js'

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
  /** The connection ended and this session is held by the server, or (as the status then says) over. Not after `close`. */
  drop: { readonly reason: string }
  /**
   * As `live`, after a drop or a reload. `instance`: `same` when this client object was connected before, `new` after a
   * reload, when its rooms begin anew. `downMs` is our own measure, after a reload the server's hold time.
   */
  resume: {
    readonly instance: 'same' | 'new'
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
  /** What `session.outbox.list()` gives has changed. */
  outbox: { readonly waitingCount: number }
  /** A publish of any room is on its way, kept, or failed; the promise that `publish` gave says the same. */
  publish: PublishChange
  /** What went wrong with nobody waiting for it: storage, `auth`, a broken frame. */
  error: { readonly error: unknown }
}

export const sessionEventNames: { readonly [name in keyof SessionEvents]: true } = {
  status: true,
  health: true,
  attempt: true,
  live: true,
  drop: true,
  resume: true,
  'new-session': true,
  'reconnect-failed': true,
  'signed-out': true,
  superseded: true,
  outbox: true,
  publish: true,
  error: true,
}

/** Fits pino, and `console`. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** Counts since the client object was made. They only rise. */
export interface Stats {
  /** Dials begun. */
  dials: number
  /** Connections that ended, of those that were welcomed; `close` is no drop. */
  drops: number
  /** Drops after which the same session was there again. */
  resumes: number
  /** Entries missed through drops and handed over afterwards. */
  replayed: number
  /** Entries that came again and were not handed over. */
  duplicates: number
  /** Gaps told. */
  gaps: number
  /** Times that entries were missing on the way and the room was joined again. */
  holes: number
  /** Publishes sent again because nobody had answered. */
  retries: number
}

export const noStats: Readonly<Stats> = {
  dials: 0,
  drops: 0,
  resumes: 0,
  replayed: 0,
  duplicates: 0,
  gaps: 0,
  holes: 0,
  retries: 0,
}
