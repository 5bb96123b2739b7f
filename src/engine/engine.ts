// The engine: sessions, rooms, readers, presence over one store. It has no timers, no sockets and no clock of its
// own: the host tells it the time, calls `endOfTurn` when asked for a turn and `wake` when `wakeAtMs` has come.
// `createEngine` in create-engine.ts makes one.

import type { By, Data, Json, RoomAsk, RoomVerdict, ServerFrame } from '../protocol/frames.js'
import type { Position } from '../protocol/position.js'
import type { EndReason, RemovalReason } from '../protocol/reasons.js'
import type { Attach, Append, Appended, Attached, Durability, Retention, SessionRow, Store } from '../store/store.js'
import type { Transport } from './transport.js'
import type { Visits } from './visits.js'

export interface RoomOptions {
  readonly durability: Durability
  readonly retention: Retention
  readonly history: 'retained' | 'since-join'
  /** Null: no presence in this room. */
  readonly presence: { readonly graceMs: number; readonly membersMax: number } | null
  /** More missing entries than this are not replayed. */
  readonly replayMax: number
}

export interface EngineOptions {
  readonly node: string
  readonly store: Store
  readonly clock: { nowMs(): number; wallMs(): number }
  readonly chance: { fraction(): number; bytes(count: number): Uint8Array }
  /** The options of a room by its name; null: there is no such room. Called once per use, cheap. */
  readonly roomOptions: (room: string) => RoomOptions | null
  readonly settings: EngineSettings
  readonly host: EngineHost
}

/** Every number the engine obeys. All times in ms, all sizes in bytes. */
export interface EngineSettings {
  readonly sessionHoldMs: number //        120 000
  readonly heartbeatMs: number //          25 000: beats to clients and the poll of heads
  readonly heartbeatTimeoutMs: number //   10 000: silence beyond everyMs + this is a drop
  readonly tickMs: number //               1 000: hold time, sweep, control poll
  readonly nodeLeaseMs: number //          10 000
  readonly freezeMs: number //             15 000: hold time stands still after an outage
  readonly slowMs: number //               30 000 without progress is slow
  readonly writeBytesMax: number //        262 144 per write
  readonly narrowWriteBytesMax: number //  16 384 after a write that did not complete in its turn
  readonly controlBytesMax: number //      1 048 576 of answers waiting per connection
  readonly pageEntriesMax: number //       256
  readonly pageBytesMax: number //         262 144
  readonly tailEntriesMax: number //       1 000 per room
  readonly tailBytesMax: number //         1 048 576 per room
  readonly tailAgeMs: number //            300 000
  readonly tailsBytesMax: number //        268 435 456 in total
  readonly roomLingerMs: number //         30 000: a room nobody reads leaves memory
  readonly roomsPerSessionMax: number //   128
  readonly storeDeadlineMs: number //      5 000: no answer by then is store-unavailable
}

/** What the engine asks of whoever runs it. None of these may throw. */
export interface EngineHost {
  /** Call `endOfTurn` soon: at the end of this turn, or a few ms later when busy. Called once until it was done. */
  turnWanted(): void
  /** `wakeAtMs` is earlier than it was. After each `wake` read it again: then it may be later. */
  wakeMoved(): void
  /** What the application is told. Each has a stable id; the engine waits for `ended`'s promise before settling. */
  onEvent(event: SessionEvent): void | Promise<void>
  /** The rights of this session's user changed: authorise every room again and call `remove` where the answer is no. */
  reauthorise(session: LiveSession): void
  /** Our own mistake or a store's: once per kind, for the log. */
  report(error: unknown, doing: string): void
}

export type DropReason = 'closed' | 'heartbeat-lost' | 'slow' | 'drain' | 'protocol' | 'superseded' | 'cut'

/** `id` is stable: the same happening has the same id on every node and after a crash. */
export type SessionEvent = { readonly id: string; readonly session: string; readonly user: string } & (
  | { readonly kind: 'connect'; readonly reason: string }
  | { readonly kind: 'drop'; readonly reason: DropReason; readonly liveMs: number; readonly rooms: readonly string[] }
  | { readonly kind: 'resume'; readonly downMs: number; readonly tookOver: boolean; readonly rooms: readonly string[] }
  | { readonly kind: 'leave'; readonly reason: EndReason; readonly rooms: readonly string[] }
)

/** One connection's way out: answers, and the readers of its rooms. */
export interface Outlet {
  readonly connection: string
  /** Queues an answer; it leaves at the end of the turn, in order. Closes the connection as slow beyond its bound. */
  send(frame: ServerFrame): void
  /** Life was heard. */
  heard(): void
  /** The client's beat is answered by the server's, which is then due one interval later. */
  answerBeat(): void
  /** Bye, then close. Readers stop at once; the session, if any, is dropped with `reason` by `closed`. Idempotent. */
  close(bye: {
    readonly reason: string
    readonly message?: string
    readonly afterMs?: number
    readonly kept?: boolean
    readonly instance?: string
    readonly lastAttempt?: number
    readonly ended?: EndReason
  }): void
  readonly isOpen: boolean
}

/** A session while this node serves it. */
export interface LiveSession {
  readonly id: string
  readonly user: string
  readonly claims: Json
  readonly generation: number
  readonly instance: string
  readonly outlet: Outlet
  /** The rooms it is in, also those of before a drop that were not asked for again yet. */
  readonly rooms: ReadonlySet<string>
}

export type AttachAnswer =
  | {
      readonly kind: 'attached'
      readonly session: LiveSession
      readonly attached: Extract<Attached, { kind: 'resumed' | 'created' }>
    }
  | { readonly kind: 'refused'; readonly attached: Exclude<Attached, { kind: 'resumed' | 'created' }> }

export type JoinAnswer =
  | { readonly kind: 'joined'; readonly verdict: RoomVerdict; readonly position: Position }
  | { readonly kind: 'limit' | 'not-owner' | 'closed' }

export interface ServerRoom {
  /** Settles when kept. `id`: publishing twice with one id within the dedupe window gives the first answer again. */
  publish(data: Data, options?: { readonly id?: string; readonly key?: string }): Promise<Position>
  members(): Promise<readonly { readonly session: string; readonly user: string; readonly state: 'live' | 'held' }[]>
  /** Takes the user's sessions out, on every node; who comes back reads from his return. */
  remove(user: string): Promise<void>
}

/** What the engine holds now: for metrics, and to see that every bound is kept. */
export interface EngineSizes {
  readonly connections: number
  readonly sessions: number
  /** Drops that the store has not got yet. */
  readonly departures: number
  /** Rooms in memory, also those that linger. */
  readonly rooms: number
  readonly timers: number
  /** Pinned by the tails of all rooms. */
  readonly tailBytes: number
  /** The most that any room pins, and any connection has waiting or is in. */
  readonly roomTailBytesMost: number
  readonly answerBytesMost: number
  readonly readersMost: number
}

export interface Engine {
  /** Opens the store and follows the control log. */
  start(): Promise<void>
  /** A new connection, of no session yet. */
  open(transport: Transport): Outlet
  /** The transport has ended. The session, if it still owns it, is held from now. Idempotent. */
  closed(outlet: Outlet, reason: DropReason): void

  /** The atomic step, then registration here; an older connection of the session on this node gets `superseded`. */
  attach(outlet: Outlet, ask: Omit<Attach, 'node' | 'connection' | 'newSession' | 'holdMs'>): Promise<AttachAnswer>
  /** The row as stored; for the hooks that run before attach. */
  row(session: string): Promise<SessionRow | null>
  /** How often rights were changed; asked before the hooks run, and compared by attach when it makes a session. */
  rightsCount(): Promise<number>

  /**
   * Puts a reader on the room. `answer` is called synchronously at the point in the outlet's order where `joined`
   * belongs: before any entry; afterwards the entries up to the head, then `live(room)`, come by themselves.
   * Resolves with `joined` when `live(room)` was queued, with `closed` when the connection, a leave or a later join of
   * the room came first (also after `answer`); rejects with StoreUnavailable before `answer` only. Slow readers of one
   * room keep no other join waiting.
   */
  join(
    session: LiveSession,
    ask: RoomAsk,
    permit: { readonly readableFrom: 'retained' | 'now' | number },
    answer: (joined: Extract<JoinAnswer, { kind: 'joined' }>) => void,
  ): Promise<JoinAnswer>
  /** Raises the fence of the session in these rooms: the older connection can no longer write there. */
  touch(session: LiveSession, rooms: readonly string[]): Promise<void>
  leave(session: LiveSession, room: string): Promise<void>
  /** Out of one room by the server's will: the client is told `removed`. */
  remove(session: LiveSession, room: string, reason: RemovalReason): Promise<void>
  /** Ends the session: leave, kick, revoke. */
  end(session: string, reason: EndReason): Promise<void>

  publish(
    session: LiveSession,
    room: string,
    ask: Pick<Append, 'producer'> & { readonly mark: string; readonly key: string | null; readonly data: Data },
  ): Promise<Appended>
  /** Dropped for receivers under pressure. */
  signal(room: string, by: By | null, data: Data): void
  track(session: LiveSession, room: string, data: Json): void

  /** Pages, streams and publishes of those who have no session. */
  readonly visits: Visits

  room(name: string): ServerRoom
  /** Live sessions on this node. */
  readonly sessions: ReadonlyMap<string, LiveSession>
  readonly store: Store

  /** Writes what is to be written. */
  endOfTurn(): void
  /** When the engine next wants `wake`; Infinity: never. */
  readonly wakeAtMs: number
  wake(): void
  /** Costs a look at every connection and room. */
  sizes(): EngineSizes
  /** True once started and while the store answers. */
  readonly isReady: boolean
  /** Closes every connection with `bye` first; sessions are held. Resolves when their state is stored. Idempotent. */
  close(bye: { readonly reason: string; readonly message?: string }): Promise<void>
}
