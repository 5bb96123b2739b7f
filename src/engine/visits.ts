// Who reads or publishes without a session: pages, streams of events, single publishes. The same logs, tails and rules;
// no membership, so what a visitor may read is worked out anew each time.

import type { RoomVerdict } from '../protocol/frames.js'
import type { Position } from '../protocol/position.js'
import type { Appended, Page } from '../store/store.js'
import type { Core } from './core.js'
import { serverSentEvents } from './encoding.js'
import type { Outlet } from './engine.js'
import { type Permit, verdictOf } from './joins.js'
import { ConnectionOutlet } from './outlet.js'
import type { PublishAsk, Publishing } from './publishing.js'
import { Reader } from './reader.js'
import type { Room } from './room.js'
import type { Rooms } from './rooms.js'
import type { Transport } from './transport.js'

/** Who comes, and what the hooks said. */
export interface Visitor {
  readonly user: string
  readonly room: string
  readonly readableFrom: Permit['readableFrom']
}

/** Where reading starts. Neither: at the head. */
export interface VisitFrom {
  readonly since: Position | undefined
  /** Entries to start with when there is no `since`. */
  readonly last: number
}

export interface ListenAsk extends VisitFrom {
  /** `rightsHeard` as it was before the hooks were asked. */
  readonly rightsHeard: number
  /** Called at most once, when the verdict is there: from now on the stream is written to. */
  readonly open: () => Transport
}

export type Listening =
  | { readonly kind: 'listening'; readonly outlet: Outlet; readonly verdict: RoomVerdict }
  /** Somebody's rights changed meanwhile: ask the hooks again. `open` was not called. */
  | { readonly kind: 'rights-changed' }

/** On its way, or open. */
interface Stream {
  readonly visitor: Visitor
  outlet: ConnectionOutlet | null
  isOver: boolean
}

const connectionIdBytes = 9

export class Visits {
  readonly #core: Core
  readonly #rooms: Rooms
  readonly #publishing: Publishing
  readonly #opened: (outlet: ConnectionOutlet) => void
  readonly #starting = new Set<Stream>()
  readonly #open = new Map<ConnectionOutlet, Stream>()
  #rightsHeard = 0

  constructor(core: Core, parts: { rooms: Rooms; publishing: Publishing; opened: (outlet: ConnectionOutlet) => void }) {
    this.#core = core
    this.#rooms = parts.rooms
    this.#publishing = parts.publishing
    this.#opened = parts.opened
  }

  /** How often this node heard that somebody's rights changed. */
  get rightsHeard(): number {
    return this.#rightsHeard
  }

  /** The streams that are open now. */
  get streams(): readonly Outlet[] {
    return [...this.#open.keys()]
  }

  /** Entries behind a position. However many are missing: the visitor asks for the next page when he wants it. */
  async readPage(visitor: Visitor, { since, last }: VisitFrom, entriesMax: number): Promise<Page> {
    const readableFrom = await this.#readableFrom(visitor, since)
    return this.#read(visitor.room, { since, last, readableFrom, entriesMax })
  }

  /** As a session's publish, without fence: the producer alone tells a repetition. */
  publish({ user, room }: Visitor, ask: PublishAsk): Promise<Appended> {
    return this.#publishing.byVisitor(user, room, ask)
  }

  /**
   * A reader of the room. The verdict comes first, then the entries, then `live`; the outlet ends as any connection
   * does. Rejects with StoreUnavailable before `open` only.
   */
  async listen(visitor: Visitor, ask: ListenAsk): Promise<Listening> {
    if (ask.rightsHeard !== this.#rightsHeard) return { kind: 'rights-changed' }
    const stream: Stream = { visitor, outlet: null, isOver: false }
    this.#starting.add(stream)
    const room = this.#rooms.pin(visitor.room)
    try {
      const readableFrom = await this.#readableFrom(visitor, ask.since)
      const { since, last } = ask
      const page = await room.judge({ since, last, readableFrom, withPage: true })
      if (stream.isOver) return { kind: 'rights-changed' }
      return this.#start(stream, { room, page, readableFrom }, ask.open())
    } finally {
      this.#starting.delete(stream)
      this.#rooms.unpin(room)
    }
  }

  /** Its connection is over. */
  closed(outlet: ConnectionOutlet): void {
    this.#open.delete(outlet)
  }

  /** Told by the control log. Streams of the user end; whoever comes again is asked for his rights. */
  rightsChanged(user: string, room: string | null): void {
    this.#end('rights-changed', ({ visitor }) => visitor.user === user && (room === null || visitor.room === room))
  }

  /** What the control log told was lost, perhaps a right: nobody stays unasked. */
  doubtAll(): void {
    this.#end('moved', () => true)
  }

  #end(reason: 'rights-changed' | 'moved', isMeant: (stream: Stream) => boolean): void {
    this.#rightsHeard += 1
    for (const stream of [...this.#starting, ...this.#open.values()]) {
      if (!isMeant(stream)) continue
      stream.isOver = true
      stream.outlet?.close({ reason })
    }
  }

  #start(
    stream: Stream,
    { room, page, readableFrom }: { room: Room; page: Page; readableFrom: number },
    transport: Transport,
  ): Listening {
    const connection = this.#core.randomId(connectionIdBytes)
    const outlet = new ConnectionOutlet(this.#core, transport, connection, {
      encoding: serverSentEvents,
      isOneWay: true,
    })
    stream.outlet = outlet
    this.#open.set(outlet, stream)
    this.#opened(outlet)
    const verdict = verdictOf(page)
    outlet.send({ type: 'joined', room: room.name, verdict, position: page.start })
    const reader = new Reader(room.events, outlet, {
      position: page.start,
      readableFrom,
      hasSlot: outlet.pageSlots.take(),
      liveAt: page.head.offset,
      settled: () => {},
    })
    outlet.readers.set(room.name, reader)
    room.added(reader)
    room.events.added()
    reader.start(page)
    outlet.startBeats()
    return { kind: 'listening', outlet, verdict }
  }

  /**
   * What a membership would say. Where only what came since the own arrival may be read, a position that the log knows
   * proves that its entry was read: reading goes on behind it.
   */
  async #readableFrom({ user, room, readableFrom }: Visitor, since: Position | undefined): Promise<number> {
    const floor = await this.#core.ask((store) => store.readableFrom(room, user))
    if (typeof readableFrom === 'number') return Math.max(floor, readableFrom)
    const history = this.#core.roomOptions(room)?.history
    if (readableFrom === 'retained' && history === 'retained') return floor
    const place = await this.#read(room, { since, last: 0, readableFrom: 0, entriesMax: 0 })
    if (since !== undefined && place.verdict.kind === 'complete') return Math.max(floor, since.offset + 1)
    const rows = await this.#core.ask((store) => store.sessionsOf(user))
    const known = rows.map((row) => row.rooms[room]?.readableFrom ?? Number.POSITIVE_INFINITY)
    return Math.max(floor, Math.min(place.head.offset + 1, ...known))
  }

  #read(room: string, ask: VisitFrom & { readonly readableFrom: number; readonly entriesMax: number }): Promise<Page> {
    const { since, last, readableFrom, entriesMax } = ask
    const { pageBytesMax: bytesMax } = this.#core.settings
    const from =
      since === undefined
        ? ({ kind: 'last', count: last } as const)
        : ({ kind: 'position', position: since, last } as const)
    const replayMax = Number.MAX_SAFE_INTEGER
    return this.#core.ask((store) => store.read({ room, from, readableFrom, entriesMax, bytesMax, replayMax }))
  }
}
