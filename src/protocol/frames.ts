// Every frame of holdfast.v1, by direction. PROTOCOL.md is the same in prose, test/frames/ the same in bytes.
// A text frame is one JSON object. A frame whose `data` is bytes travels as a binary frame:
// [u16 header length, big endian][JSON header without `data`][bytes].

import type { Limits } from './limits.js'
import type { Position } from './position.js'
import type { EndReason, GapReason, LeaseLostReason, NewReason, RefusalReason, RemovalReason } from './reasons.js'

export const protocolVersion = 1
export const subprotocol = 'holdfast.v1'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** What an application sends: JSON, or bytes. */
export type Data = Json | Uint8Array

/** A room the client wants, and from where. */
export interface RoomAsk {
  readonly room: string
  /** The position up to which entries were handed to the application; absent: start at the head. */
  readonly since?: Position
  /** How many earlier entries to start with when `since` is absent, or cannot be continued. Default 0. */
  readonly last?: number
  /** True: send this room's presence. Default false. */
  readonly presence?: boolean
}

/** The first frame: everything the client wants, before any word of the server. */
export interface Hello {
  readonly type: 'hello'
  readonly version: number
  readonly features: readonly string[]
  /** Names the client object: one page load, one process. Random, made by the client. */
  readonly instance: string
  /** Rises with every dial of this session's credentials, persisted before dialling, never reused. */
  readonly attempt: number
  /** SHA-256 of the next secret, base64url. Equal on every dial until a welcome came. */
  readonly nextHash: string
  /** The session to resume. `previous` is the secret before, tried only when `secret` is not known. */
  readonly session?: { readonly id: string; readonly secret: string; readonly previous?: string }
  readonly token?: string
  /** A guest's proof of being the same user: a random key kept per browser profile. */
  readonly device?: string
  readonly rooms: readonly RoomAsk[]
  /** Why it comes: the last close code, dials since live, ms since the link was lost. For logs only. */
  readonly why?: { readonly code?: number; readonly attempts: number; readonly awayMs: number }
}

export interface Join extends RoomAsk {
  readonly type: 'join'
  readonly id: number
}

/** Leaves one room; `room: null` ends the session at once, without any hold. */
export interface Leave {
  readonly type: 'leave'
  readonly id: number
  readonly room: string | null
}

export interface Publish {
  readonly type: 'publish'
  readonly id: number
  /** The session it was meant for. */
  readonly session: string
  readonly room: string
  readonly producer: string
  readonly seq: number
  /** The seq it follows in this room; 0 = none. */
  readonly prev: number
  /** True when any byte of it may have been sent before without an answer. */
  readonly again: boolean
  /**
   * With `again`: the room's position as the sender knew it before it first sent this. It tells "never applied" from
   * `unknown` in a room that has forgotten producers. Absent: none known.
   */
  readonly sentAfter?: Position
  /** Random, comes back on the entry: the sender knows its own by it. */
  readonly mark: string
  /** A later entry with the same key supersedes this one. */
  readonly key?: string
  readonly data: Data
}

/** To whoever is in the room now. Never logged, never answered, dropped under pressure. */
export interface Signal {
  readonly type: 'signal'
  readonly room: string
  readonly data: Data
}

/** Presence data of this session in a room; the last value wins. `null` removes it. */
export interface Track {
  readonly type: 'track'
  readonly room: string
  readonly data: Json
}

export interface ClientBeat {
  readonly type: 'beat'
}

export type ClientFrame = Hello | Join | Leave | Publish | Signal | Track | ClientBeat

export type SessionVerdict =
  | { readonly kind: 'resumed'; readonly downMs: number }
  | { readonly kind: 'new'; readonly reason: NewReason }

export type LeaseVerdict =
  | { readonly kind: 'kept'; readonly key: string }
  | { readonly kind: 'lost'; readonly key: string; readonly reason: LeaseLostReason }

export interface Welcome {
  readonly type: 'welcome'
  readonly version: number
  readonly features: readonly string[]
  readonly session: string
  readonly user: string
  readonly generation: number
  readonly verdict: SessionVerdict
  readonly leases: readonly LeaseVerdict[]
  readonly limits: Limits
  readonly heartbeat: { readonly everyMs: number; readonly timeoutMs: number }
  /** How long the session is held after a drop. */
  readonly holdMs: number
  /** First retry after a drop: uniform in [0, spreadMs]. */
  readonly spreadMs: number
}

export type RoomVerdict =
  /** Entries `from + 1 … to` follow: nothing is missing. */
  { readonly kind: 'complete'; readonly from: number; readonly to: number } | Missing

/** Entries `from … to` cannot be had (`to < from`: their number is not known); delivery goes on after `next`. */
export interface Missing {
  readonly kind: 'gap'
  readonly reason: GapReason
  readonly from: number
  readonly to: number
  readonly next: Position
}

/** The room's verdict. `position` is where delivery starts: the next entry has `position.offset + 1`. */
export interface Joined {
  readonly type: 'joined'
  /** The join's id; absent for rooms of the hello. */
  readonly id?: number
  readonly room: string
  readonly verdict: RoomVerdict
  readonly position: Position
}

/** A join, of the hello or later, was refused. */
export interface Denied {
  readonly type: 'denied'
  readonly id?: number
  readonly room: string
  readonly reason: RefusalReason
  readonly message: string
  readonly retry: boolean
  readonly afterMs?: number
}

export interface By {
  readonly session: string
  readonly user: string
}

export interface EntryFrame {
  readonly type: 'entry'
  readonly room: string
  readonly epoch: string
  readonly offset: number
  readonly tag: string
  /** For display only: the server's wall clock, ms since 1970. */
  readonly atMs: number
  /** Who published; null = the server. */
  readonly by: By | null
  readonly mark?: string
  readonly key?: string
  readonly data: Data
}

/** An entry whose body was superseded by a later one with the same key; the offset stays. */
export interface Void {
  readonly type: 'void'
  readonly room: string
  readonly epoch: string
  readonly offset: number
  readonly tag: string
}

/** Something is missing in the middle of a delivery. */
export interface GapFrame extends Omit<Missing, 'kind'> {
  readonly type: 'gap'
  readonly room: string
}

/** Everything up to the head at the time of the verdict was sent: of the room, or (null) of all rooms asked for. */
export interface Live {
  readonly type: 'live'
  readonly room: string | null
}

/** Kept, at the room's durability. `position` is null when it was applied too long ago to say where. */
export interface Published {
  readonly type: 'published'
  readonly id: number
  readonly position: Position | null
  /** True: it had been applied before; this is the first answer again. */
  readonly duplicate: boolean
}

export interface Left {
  readonly type: 'left'
  readonly id: number
  readonly room: string | null
}

export interface Refused {
  readonly type: 'refused'
  /** The request; null for a frame that has no id. */
  readonly id: number | null
  readonly reason: RefusalReason
  /** For people: what came, what was allowed, what to do. */
  readonly message: string
  readonly retry: boolean
  readonly afterMs?: number
  /** With `out-of-order`: the producer's last seq in the room, 0 = none known. */
  readonly last?: number
  /** With `invalid`: what is wrong with the data, the first few. */
  readonly issues?: readonly RefusedIssue[]
}

/** One thing that is wrong with data, and where in it; an empty path is all of it. */
export interface RefusedIssue {
  readonly message: string
  readonly path: readonly (string | number)[]
}

export interface Member {
  readonly session: string
  readonly user: string
  readonly state: 'live' | 'held'
  readonly data?: Json
}

/** The whole presence of a room at a version. */
export interface Presence {
  readonly type: 'presence'
  readonly room: string
  readonly version: number
  readonly members: readonly Member[]
}

/** What changed from version `since` to `version`. `removed` lists session ids. */
export interface PresenceChanged {
  readonly type: 'presence-changed'
  readonly room: string
  readonly since: number
  readonly version: number
  readonly set: readonly Member[]
  readonly removed: readonly string[]
}

export interface Signalled {
  readonly type: 'signalled'
  readonly room: string
  readonly by: By | null
  readonly data: Data
}

/** The session is no longer in the room. */
export interface Removed {
  readonly type: 'removed'
  readonly room: string
  readonly reason: RemovalReason
}

export interface ServerBeat {
  readonly type: 'beat'
  /** The interval in force; the next beat comes within it. */
  readonly everyMs: number
  /** Per room that moved since the last beat: the offset up to which this connection has been sent. */
  readonly sent: readonly (readonly [room: string, offset: number])[]
}

/** The last frame before a close. */
export interface Bye {
  readonly type: 'bye'
  readonly code: number
  readonly reason: string
  readonly message: string
  /** May the client dial again by itself? */
  readonly retry: boolean
  readonly afterMs?: number
  /** Is the session kept for a resume? */
  readonly kept: boolean
  /** With `superseded`: the instance that won. */
  readonly instance?: string
  /** With `stale-attempt`: the session's last attempt, told only to who proved the secret. */
  readonly lastAttempt?: number
  /** With `kicked`, `revoked`: how the session ended. */
  readonly ended?: EndReason
}

export type ServerFrame =
  | Welcome
  | Joined
  | Denied
  | EntryFrame
  | Void
  | GapFrame
  | Live
  | Published
  | Left
  | Refused
  | Presence
  | PresenceChanged
  | Signalled
  | Removed
  | ServerBeat
  | Bye
