// What a room tells the application, and what it may be asked for. It knows nothing of how the room is read.

import type { By, Data, Member } from '../protocol/frames.js'
import type { Position } from '../protocol/position.js'
import type { GapReason, RefusalReason, RemovalReason } from '../protocol/reasons.js'
import type { AnyRoom, RoomType } from '../protocol/room-types.js'

export interface Entry<Content = Data> {
  readonly room: string
  readonly position: Position
  /** For display only: the server's wall clock, ms since 1970. */
  readonly atMs: number
  /** Null: the server itself. */
  readonly by: By | null
  /** The publish's mark: its sender knows its own entry by it. */
  readonly mark: string | null
  readonly key: string | null
  readonly data: Content
  /**
   * `live`: it came as it was published. `replay`: it was missed in a drop, or came after `since`, and is caught up on.
   * `history`: it was there before this client object joined, or all was forgotten (`epoch-changed`).
   */
  readonly source: 'live' | 'replay' | 'history'
}

/** Entries `from … to` cannot be had (`to < from`: nobody knows how many); the next one has offset `next.offset + 1`. */
export interface Gap {
  readonly room: string
  readonly reason: GapReason
  readonly from: number
  readonly to: number
  readonly next: Position
}

/** Who is in a room, with what he shows of himself there. */
export interface MemberOf<Shown> extends Omit<Member, 'data'> {
  readonly data?: Shown
}

export interface RoomEvents<Type extends RoomType = AnyRoom> {
  /** In order, each at most once. */
  entry: Entry<Type['entry']>
  /** Stands between two entries that do not follow each other. */
  gap: Gap
  /** Everything up to the head was delivered. */
  live: { readonly position: Position }
  presence: { readonly members: readonly MemberOf<Type['presence']>[] }
  signal: { readonly by: By | null; readonly data: Type['signal'] }
  /** The session is no longer in the room; `join` asks again. */
  removed: { readonly reason: RemovalReason }
  /** `retry`: it is asked again by itself. */
  denied: { readonly reason: RefusalReason; readonly message: string; readonly retry: boolean }
}

export const roomEventNames: { readonly [name in keyof RoomEvents]: true } = {
  entry: true,
  gap: true,
  live: true,
  presence: true,
  signal: true,
  removed: true,
  denied: true,
}

export interface JoinOptions {
  /** How many earlier entries to start with. Default 0. */
  readonly last?: number
  /** Go on after this position, kept by the application. */
  readonly since?: Position
  /** True: be told who is there. Default false. */
  readonly presence?: boolean
  /**
   * Called with each gap: read a snapshot. Entries wait until it settles, then follow. When more than 1000 have come
   * meanwhile, they are dropped and read again from the log.
   */
  readonly snapshot?: (gap: Gap) => Promise<void>
}
