// The store contract: what every driver promises. Logs are atomic per room; sessions, leases, hold time and events
// of a namespace are atomic together. It knows nothing of sockets, frames or hooks.
//
// Every operation is a promise that may settle late and in any order between rooms; operations on one room take
// effect in the order they were called. An operation rejects only with StoreUnavailable: nothing was
// changed, or a repetition is told apart (producers, attempts, generations, event ids).

import type { By, Json } from '../protocol/frames.js'
import type { Position } from '../protocol/position.js'
import type { EndReason, GapReason, LeaseLostReason, NewReason } from '../protocol/reasons.js'
import type { Board, BoardChange, BoardChanged, ChangeBoard } from './board.js'

export type { Board, BoardChange, BoardChanged, BoardItem, ChangeBoard } from './board.js'

/** The store could not answer. The same call may be repeated. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

export type Durability = 'memory' | 'process' | 'disk'

/** What is drawn once per incarnation. The first server that opens the store decides. */
export interface Birth {
  /** 64 random bits, base64url. */
  readonly epoch: string
  /** The tag at offset 0 of rooms born in this epoch. 64 random bits, base64url. */
  readonly tag: string
  /** Monotonic milliseconds; the store's only clock. */
  readonly nowMs: () => number
  /** Wall clock. Only numbers that must rise over copies of one store are lifted by it; no time is measured with it. */
  readonly wallMs: number
}

// Logs.

export interface Entry {
  readonly position: Position
  /** Wall clock of the appending server, for display only. */
  readonly atMs: number
  readonly by: By | null
  readonly mark: string | null
  readonly key: string | null
  /** JSON text, or bytes; null: emptied, because a later entry has the same key. */
  readonly data: string | Uint8Array | null
}

/** How much of a room is kept: whichever is reached first trims. */
export interface Retention {
  readonly entriesMax: number
  readonly bytesMax: number
  /** Measured on the store's clock. */
  readonly ageMs: number
  readonly producersMax: number
  readonly producerAgeMs: number
}

export interface Append {
  readonly room: string
  readonly entry: Omit<Entry, 'position' | 'data'> & { readonly tag: string; readonly data: string | Uint8Array }
  /** Refused as `fenced` below the highest generation of that session the room has seen; raises it otherwise. */
  readonly fence: { readonly session: string; readonly generation: number } | null
  /** Null: not deduplicated (the server's own publishes without an id). */
  readonly producer: {
    readonly user: string
    readonly producer: string
    readonly seq: number
    readonly prev: number
    readonly again: boolean
    /** With `again`: the room's position as the sender knew it before it first sent this; absent: none known. */
    readonly sentAfter?: Position
  } | null
  readonly retention: Retention
  readonly durability: Durability
}

export type Appended =
  | { readonly kind: 'appended'; readonly position: Position }
  /** Applied before: the first answer, or null when it is no longer kept. */
  | { readonly kind: 'duplicate'; readonly position: Position | null }
  | { readonly kind: 'out-of-order'; readonly last: number }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'payload-mismatch' }
  | { readonly kind: 'fenced'; readonly generation: number }

/** Where a read starts. */
export type From =
  /** After a client's position: it is judged (epoch, lineage, tag). `last`: where to go on if it does not hold. */
  | { readonly kind: 'position'; readonly position: Position; readonly last: number }
  /** The last `count` entries; 0 = at the head. */
  | { readonly kind: 'last'; readonly count: number }

export interface Read {
  readonly room: string
  readonly from: From
  /** Entries with an offset below this are not given; `gap(not-permitted)` where it cuts. 0 or 1 = everything. */
  readonly readableFrom: number
  /** At most this many entries and (beyond the first) bytes of data. 0 entries = the verdict and the head only. */
  readonly entriesMax: number
  readonly bytesMax: number
  /** More missing than this is answered `gap(too-far-behind)`, `next` at the last `last` entries. */
  readonly replayMax: number
}

export type ReadVerdict =
  | { readonly kind: 'complete' }
  | {
      readonly kind: 'gap'
      readonly reason: GapReason
      /** First and last missing offset; `to < from`: not known how many. */
      readonly from: number
      readonly to: number
    }

export interface Page {
  readonly verdict: ReadVerdict
  /** Where these entries start, in the present epoch: the first one has `start.offset + 1`. */
  readonly start: Position
  /** Dense and in order; empty when start is the head. */
  readonly entries: readonly Entry[]
  /** The room's last position at the time of the read. */
  readonly head: Position
}

/** What a follower hears. Late, repeated, reordered or missing: only a hint to read. Never wrong in content. */
export type Hint =
  | { readonly kind: 'entries'; readonly entries: readonly Entry[] }
  | { readonly kind: 'board'; readonly change: BoardChange }
  | { readonly kind: 'signal'; readonly by: By | null; readonly data: string | Uint8Array }

// Sessions.

export interface Membership {
  /** The lowest offset the session may read here. */
  readonly readableFrom: number
  /** How long a drop stays invisible to the members. */
  readonly graceMs: number
}

export type SessionState =
  | { readonly state: 'live'; readonly node: string; readonly connection: string }
  | { readonly state: 'held'; readonly droppedAtMs: number } // hold time
  | { readonly state: 'ended'; readonly reason: EndReason }

export interface SessionRow {
  readonly id: string
  readonly user: string
  /** What the application's authenticate hook said of the user. */
  readonly claims: Json
  /** SHA-256 of the secrets, base64url: `retired` has the last 8 before `previous`. */
  readonly secrets: { readonly current: string; readonly previous: string | null; readonly retired: readonly string[] }
  /** The hash it was created by, for as long as the row lives: creation is idempotent. */
  readonly createdBy: string
  readonly newReason: NewReason
  readonly lastAttempt: number
  readonly generation: number
  readonly rightsVersion: number
  readonly instance: string
  readonly holdMs: number
  readonly status: SessionState
  readonly rooms: Readonly<Record<string, Membership>> // no prototype
}

export interface Attach {
  /** Absent: a new session is wanted. */
  readonly resume: {
    readonly session: string
    readonly secretHash: string
    readonly previousHash: string | null
  } | null
  readonly nextHash: string
  readonly attempt: number
  readonly instance: string
  readonly node: string
  readonly connection: string
  /** Who the hooks say it is; null: no proof was given, only the secret speaks (a new session is then refused). */
  readonly user: { readonly user: string; readonly claims: Json } | null
  /** True: a token proved the user just now, so a used secret of his own session is an ordinary takeover. */
  readonly mayTakeOver: boolean
  /** The row's rightsVersion that the hooks saw; null when they saw no row. */
  readonly rightsVersion: number | null
  /** What `rightsCount()` told before the hooks ran: a new session is refused if its user's rights changed since. */
  readonly rightsCount: number
  readonly holdMs: number
  /** Used when a new session is made. Random, never used before. */
  readonly newSession: string
}

export type Attached =
  | {
      readonly kind: 'resumed' | 'created'
      readonly row: SessionRow
      /** Hold time since the drop; 0 when it was still live or is new. */
      readonly downMs: number
      /** Who owned it until now, when it was live. */
      readonly superseded: { readonly node: string; readonly connection: string; readonly instance: string } | null
      readonly leases: readonly LeaseState[]
    }
  | { readonly kind: 'stale-attempt'; readonly lastAttempt: number }
  | { readonly kind: 'user-mismatch' }
  | { readonly kind: 'user-needed' }
  | { readonly kind: 'rights-changed' }
  /** A used secret: the session was revoked (guests), and both are told. */
  | { readonly kind: 'secret-reused' }
  | { readonly kind: 'revoked' }

/** Ids of the owner: operations of an older generation change nothing and answer `not-owner`. */
export interface Owner {
  readonly session: string
  readonly generation: number
}

export type OwnerAnswer = { readonly kind: 'done' } | { readonly kind: 'not-owner' }

// Leases.

export interface LeaseRow {
  readonly key: string
  readonly kind: string
  readonly session: string
  readonly user: string
  /** Rises with every grant of any lease of the namespace. */
  readonly fence: number
  readonly holdMs: number
  readonly data: Json
}

export type LeaseState =
  | { readonly kind: 'kept'; readonly lease: LeaseRow }
  | { readonly kind: 'lost'; readonly key: string; readonly reason: LeaseLostReason }

export interface Acquire extends Owner {
  readonly key: string
  readonly kind: string
  readonly holdMs: number
  readonly data: Json
}

export type Acquired =
  | { readonly kind: 'granted'; readonly lease: LeaseRow }
  | { readonly kind: 'taken'; readonly state: 'live' }
  | { readonly kind: 'taken'; readonly state: 'held'; readonly freeInMs: number }
  | { readonly kind: 'not-owner' }

export type Released = { readonly kind: 'released' } | { readonly kind: 'fenced' } | { readonly kind: 'not-held' }

// Hold time, sweep, events.

export interface Tick {
  readonly node: string
  /** A node not heard of for this long is lost: its sessions become held. */
  readonly nodeLeaseMs: number
  /** After an outage hold time stands still for this long. */
  readonly freezeMs: number
  /** Rows done in one step at most. */
  readonly rowsMax: number
}

export interface Ticked {
  readonly holdMs: number
  readonly isFrozen: boolean
  /** True: more is due; tick again at once. */
  readonly hasMore: boolean
}

/**
 * What the namespace has to tell once: taken by one node for a while, done, and settled. A node that dies in between
 * is repeated by another, under the same id.
 */
export type StoreEvent = { readonly id: string } & (
  | {
      readonly kind: 'ended'
      readonly session: string
      readonly user: string
      readonly generation: number
      readonly reason: EndReason
      readonly rooms: readonly string[]
    }
  /** The presence grace of a dropped session is over in these rooms: members now see it held. */
  | {
      readonly kind: 'grace-over'
      readonly session: string
      readonly user: string
      readonly generation: number
      readonly rooms: readonly string[]
    }
  | { readonly kind: 'freed'; readonly lease: LeaseRow; readonly reason: 'released' | 'ran-out' | 'ended' }
)

/** Entries of the `$control` room: JSON of one of these. Every node follows it. */
export type Control =
  /** The session has a new owner: whoever serves an older generation closes it. */
  | {
      readonly kind: 'attached'
      readonly session: string
      readonly generation: number
      readonly node: string
      readonly instance: string
    }
  | { readonly kind: 'ended'; readonly session: string; readonly generation: number; readonly reason: EndReason }
  /** The user's sessions lose this room, or (null) must be authorised again everywhere. */
  | { readonly kind: 'rights'; readonly user: string; readonly room: string | null }

/** The room of the control log. Applications cannot reach names that start with `$`. */
export const controlRoom = '$control'

export interface Following {
  /** Idempotent. No hint is delivered after it was called. */
  close(): void
}

export interface Store {
  /** For people: `memory`, `lmdb`, `redis`. */
  readonly driver: string
  readonly durabilities: readonly Durability[]

  /** Must come first; later calls change nothing. Tells the epoch in force. */
  open(birth: Birth): Promise<{ readonly epoch: string }>

  append(ask: Append): Promise<Appended>
  read(ask: Read): Promise<Page>
  /** The heads of many rooms in one flight, in the order asked. A room never written has offset 0. */
  heads(rooms: readonly string[]): Promise<readonly Position[]>
  /** Raises the room's watermarks: lower generations of the session are fenced from now on. */
  touch(owner: Owner, rooms: readonly string[]): Promise<void>
  /** Resolves when the subscription stands: whatever is appended from then on is hinted, or the driver says so late. */
  follow(room: string, hear: (hint: Hint) => void): Promise<Following>
  /** To the followers of the room, now; never kept. */
  signal(room: string, by: By | null, data: string | Uint8Array): Promise<void>

  board(room: string, board: string): Promise<Board>
  changeBoard(ask: ChangeBoard): Promise<BoardChanged>

  session(id: string): Promise<SessionRow | null> // ended ones too, for 24 h of hold time
  sessionsOf(user: string): Promise<readonly SessionRow[]> // that have not ended
  /** One atomic step: secret, attempt, rights; raises the generation, sets the owner, tells `$control`. */
  attach(ask: Attach): Promise<Attached>
  /** The connection is gone: live → held, from now. Repeatable. */
  detach(owner: Owner): Promise<OwnerAnswer>
  /** Ends the session now, frees its leases, queues `ended`, tells `$control`. `generation: null`: whoever owns it. */
  end(ask: {
    readonly session: string
    readonly generation: number | null
    readonly reason: EndReason
  }): Promise<OwnerAnswer>
  /** Remembers that the session is in the room. A membership that exists keeps its `readableFrom`; told in the answer. */
  enter(
    owner: Owner,
    room: string,
    membership: Membership,
  ): Promise<{ readonly kind: 'entered'; readonly membership: Membership } | { readonly kind: 'not-owner' }>
  exit(owner: Owner, room: string): Promise<OwnerAnswer>
  /** Takes the user's sessions out of the room; who comes back reads from his return. Tells `$control`. */
  remove(room: string, user: string): Promise<void>
  /** For who has no session: 0, or, for who was removed, his return. Asking counts as his return. */
  readableFrom(room: string, user: string): Promise<number>
  /** Raises rightsVersion of the user's sessions and tells `$control`: hooks run again. */
  changeRights(user: string): Promise<void>
  /** How often rights were changed, of whomever. */
  rightsCount(): Promise<number>

  acquire(ask: Acquire): Promise<Acquired>
  release(ask: { readonly key: string; readonly session: string; readonly fence: number }): Promise<Released>
  lease(key: string): Promise<LeaseRow | null>

  tick(ask: Tick): Promise<Ticked>
  /**
   * Events due, taken for `takenMs` of the store's clock by this node; others do not see them meanwhile. What the node
   * took before and does not name in `having` it never heard of: it is given again at once.
   */
  takeEvents(ask: {
    readonly node: string
    readonly having: readonly string[]
    readonly eventsMax: number
    readonly takenMs: number
  }): Promise<readonly StoreEvent[]>
  /** Done for ever. Idempotent. */
  settleEvents(ids: readonly string[]): Promise<void>

  /** Idempotent. Afterwards every operation rejects. */
  close(): Promise<void>
}
