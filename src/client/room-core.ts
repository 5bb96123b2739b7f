// One room as this client reads it: where it stands, what is handed to the application, when to ask again from its own
// position. It knows nothing of the connection beyond what its host offers, and nothing of publishes.
//
// Two positions: `received` is checked on every entry; `handed` moves when the application has been given it. They
// differ only while a snapshot is read.

import type {
  ClientFrame,
  Denied,
  EntryFrame,
  GapFrame,
  Joined,
  Json,
  Missing,
  Presence,
  PresenceChanged,
  RoomAsk,
  Signalled,
  Void,
} from '../protocol/frames.js'
import type { Position } from '../protocol/position.js'
import type { RemovalReason } from '../protocol/reasons.js'
import { Emitter, type Report } from './emitter.js'
import { Board } from './presence.js'
import type { Entry, Gap, JoinOptions, RoomEvents } from './room-events.js'

export interface RoomHost {
  /** The room wants to be joined (again), from its own position. */
  wantsJoin(room: RoomCore): void
  readonly way: {
    send(frame: ClientFrame): void
    /** The server cannot be trusted to deliver on this link. */
    breach(message: string): void
  }
  readonly stats: { duplicates: number; holes: number; replayed: number; gaps: number }
}

/** `down`: no join is under way. `asked`: everything until the answer belongs to an older reader. */
export type Place = 'down' | 'asked' | 'joined' | 'denied' | 'removed'

type Handover = Entry | Void | Gap | 'live'

/** Entries and gaps that wait for a snapshot. */
const heldMax = 1_000
/** Tags remembered, to know an entry again that came before. */
const recentMax = 256
/** Asking again so often without one entry in between means that it does not help. */
const rejoinsMax = 3

export class RoomCore {
  readonly name: string
  readonly events: Emitter<RoomEvents>
  readonly board = new Board()
  readonly #host: RoomHost
  readonly #report: Report
  readonly #options: JoinOptions
  #wantsPresence: boolean
  place: Place = 'down'
  isLive = false
  /** Not asked for before: the server said so. */
  notBeforeMs = -Infinity
  #askId: number | null = null
  #tracked: Json | undefined
  #received: Position | null
  #handed: Position | null
  /** The highest position an acknowledgement told, while it is ahead of what was received. */
  #acknowledged: Position | null = null
  readonly #recent = new Map<number, string>()
  #held: Handover[] | null = null
  #hasOverflown = false
  #rejoins = 0
  /** Entries up to this offset were there before the room was joined (again), and as what they are told. */
  #caughtUpTo = Infinity
  #catchingUp: 'replay' | 'history' = 'history'

  constructor(name: string, options: JoinOptions, host: RoomHost, report: Report) {
    this.name = name
    this.events = new Emitter(report)
    this.#host = host
    this.#report = report
    this.#options = options
    this.#wantsPresence = options.presence ?? false
    this.#received = options.since ?? null
    this.#handed = this.#received
  }

  /** The last position handed to the application; null before the first verdict. */
  get position(): Position | null {
    return this.#handed
  }

  /** Where the next entry is expected; ahead of `position` while a snapshot is read. */
  get received(): Position | null {
    return this.#received
  }

  /** True when what is sent to the room is handled behind its verdict, or in the room. */
  get isOpen(): boolean {
    return this.place === 'asked' || this.place === 'joined'
  }

  /** True: a join may be sent now. */
  isWanting(nowMs: number): boolean {
    return this.place === 'down' && !this.#hasOverflown && this.notBeforeMs <= nowMs
  }

  /** What to ask for. From here on its answer, and nothing before it, is heard. `id` is null in a hello. */
  ask(id: number | null): RoomAsk {
    this.place = 'asked'
    this.#askId = id
    this.isLive = false
    this.#catchingUp = this.#received === null ? 'history' : 'replay'
    const { last } = this.#options
    return {
      room: this.name,
      ...(this.#received === null ? {} : { since: this.#received }),
      ...(last === undefined ? {} : { last }),
      ...(this.#wantsPresence ? { presence: true } : {}),
    }
  }

  lost(): void {
    if (this.isOpen) this.place = 'down'
    this.notBeforeMs = -Infinity
    this.isLive = false
    this.#rejoins = 0
  }

  /** True: denied or removed, and not asked for again since. */
  get isShut(): boolean {
    return this.place === 'denied' || this.place === 'removed'
  }

  /** Wanted (again), perhaps with presence now. */
  reopen(withPresence: boolean): void {
    const isMore = withPresence && !this.#wantsPresence
    this.#wantsPresence ||= withPresence
    if (this.isShut || (isMore && this.isOpen)) this.place = 'down'
  }

  /** Shows this to the members, now and after each resume; undefined: nothing any more. Throws for what is no JSON. */
  track(data: Json | undefined): void {
    // A copy: what the application changes afterwards is not what it showed.
    this.#tracked = data === undefined ? undefined : JSON.parse(JSON.stringify(data))
    if (this.place === 'joined') this.#host.way.send({ type: 'track', room: this.name, data: this.#tracked ?? null })
  }

  /** True when it answers what was asked last. */
  joined(frame: Joined): boolean {
    if (!this.#answers(frame.id)) return false
    this.place = 'joined'
    const { verdict, position } = frame
    const at = this.#received
    // Behind a gap nobody says where the log ended: all of it until live.
    this.#caughtUpTo = verdict.kind === 'complete' ? verdict.to : Infinity
    if (verdict.kind === 'gap') this.#gap(verdict, position)
    else if (at === null) {
      this.#received = this.#handed = position
      // An acknowledgement may have come before the room was ever answered here.
      this.#checkAcknowledged(verdict.to, position.epoch)
    } else if (position.offset > at.offset) {
      this.#gap({ reason: 'trimmed', from: at.offset + 1, to: position.offset, next: position }, position)
    } else {
      if (position.offset === at.offset) this.#received = position
      this.#checkAcknowledged(verdict.to, position.epoch)
    }
    if (this.#tracked !== undefined) this.#host.way.send({ type: 'track', room: this.name, data: this.#tracked })
    return true
  }

  /** True when it answers what was asked last. */
  denied(frame: Denied, nowMs: number): boolean {
    if (!this.#answers(frame.id)) return false
    this.place = frame.retry ? 'down' : 'denied'
    this.notBeforeMs = nowMs + Math.min(frame.afterMs ?? 1_000, 60_000)
    this.events.emit('denied', { reason: frame.reason, message: frame.message, retry: frame.retry })
    return true
  }

  removed(reason: RemovalReason): void {
    this.place = 'removed'
    this.isLive = false
    this.#tracked = undefined
    this.#received = this.#handed = this.#acknowledged = null
    this.events.emit('removed', { reason })
  }

  entry(frame: EntryFrame | Void): void {
    const at = this.#received
    if (this.place !== 'joined' || at === null) return
    const { epoch, offset, tag } = frame
    const known = this.#recent.get(offset)
    if (offset <= at.offset) {
      this.#host.stats.duplicates += 1
      // The same number, another entry: our history did not survive.
      if (known !== undefined && known !== tag) this.#rejoin()
      return
    }
    if (offset > at.offset + 1) {
      this.#hole()
      return
    }
    const acknowledged = this.#acknowledged
    if (acknowledged?.offset === offset) {
      this.#acknowledged = null
      // What was acknowledged here is gone, something else took its place.
      if (acknowledged.tag !== tag) this.#gap({ reason: 'forked', from: offset, to: offset, next: at }, at)
    }
    this.#received = { epoch, offset, tag }
    this.#rejoins = 0
    if (known === tag) {
      // After a gap that led back: the application has it already.
      this.#host.stats.duplicates += 1
      if (this.#held === null) this.#handed = this.#received
      return
    }
    this.#remember(offset, tag)
    this.#deliver(frame.type === 'void' ? frame : this.#entryOf(frame))
  }

  gap(frame: GapFrame): void {
    if (this.place === 'joined') this.#gap(frame, frame.next)
  }

  live(): void {
    if (this.place !== 'joined' || this.#received === null) return
    this.isLive = true
    this.#rejoins = 0
    this.#caughtUpTo = this.#received.offset
    this.#deliver('live')
  }

  /** One of our own publishes was kept there: delivery must come to it. */
  acknowledged(position: Position): void {
    if (position.offset > Math.max(this.#received?.offset ?? 0, this.#acknowledged?.offset ?? 0)) {
      this.#acknowledged = position
    }
  }

  /** The server says how far it has sent. Frames come in order: less than that came, so something is missing. */
  sentTo(offset: number): void {
    if (this.place === 'joined' && this.#received !== null && this.#received.offset < offset) this.#hole()
  }

  presence(frame: Presence): void {
    if (this.place !== 'joined') return
    this.board.reset(frame)
    this.events.emit('presence', { members: this.board.members })
  }

  presenceChanged(frame: PresenceChanged): void {
    if (this.place !== 'joined') return
    if (this.board.change(frame)) this.events.emit('presence', { members: this.board.members })
    else this.#rejoin()
  }

  signalled(frame: Signalled): void {
    if (this.place === 'joined') this.events.emit('signal', { by: frame.by, data: frame.data })
  }

  #answers(id: number | undefined): boolean {
    return this.place === 'asked' && (id ?? null) === this.#askId
  }

  #hole(): void {
    this.#host.stats.holes += 1
    this.#rejoin()
  }

  #rejoin(): void {
    this.#rejoins += 1
    if (this.#rejoins > rejoinsMax) {
      this.#host.way.breach(`delivery of ${this.name} does not go on`)
      return
    }
    this.place = 'down'
    this.isLive = false
    this.#host.wantsJoin(this)
  }

  #checkAcknowledged(headOffset: number, epoch: string): void {
    const [acknowledged, at] = [this.#acknowledged, this.#received]
    // Within one epoch nothing is lost: the node that answers has only not heard of it yet.
    if (acknowledged === null || at === null || acknowledged.epoch === epoch) return
    if (headOffset >= acknowledged.offset) return
    // It was kept, and now the log ends before it.
    this.#acknowledged = null
    this.#gap({ reason: 'ahead-of-log', from: headOffset + 1, to: acknowledged.offset, next: at }, at)
  }

  #gap({ reason, from, to, next }: Omit<Missing, 'kind'>, position: Position): void {
    this.#acknowledged = null
    this.#received = position
    // Nothing can be compared, and the application forgets what it has: it gets everything again.
    if (reason === 'epoch-changed') {
      this.#recent.clear()
      this.#catchingUp = 'history'
    }
    this.#deliver({ room: this.name, reason, from, to, next })
  }

  #remember(offset: number, tag: string): void {
    this.#recent.set(offset, tag)
    if (this.#recent.size <= Math.min(Math.max(recentMax, this.#options.last ?? 0), 10_000)) return
    for (const oldest of this.#recent.keys()) {
      this.#recent.delete(oldest)
      return
    }
  }

  #deliver(what: Handover): void {
    if (this.#held === null) this.#hand(what)
    else if (this.#held.length < heldMax) this.#held.push(what)
    else this.#overflow()
  }

  #overflow(): void {
    // They are read again from the log, from where the application is.
    this.#held = []
    this.#hasOverflown = true
    this.#received = this.#handed
    this.#recent.clear()
    this.place = 'down'
  }

  /** The position moves first: a listener that throws has been given the entry. */
  #hand(what: Handover): void {
    if (what === 'live') {
      if (this.#received !== null) this.events.emit('live', { position: this.#received })
      return
    }
    if ('next' in what) {
      this.#handed = what.next
      this.#host.stats.gaps += 1
      this.events.emit('gap', what)
      this.#readSnapshot(what)
      return
    }
    if ('type' in what) {
      this.#handed = { epoch: what.epoch, offset: what.offset, tag: what.tag }
      return
    }
    this.#handed = what.position
    if (what.source === 'replay') this.#host.stats.replayed += 1
    this.events.emit('entry', what)
  }

  #entryOf(frame: EntryFrame): Entry {
    const { room, epoch, offset, tag, atMs, by, mark = null, key = null, data } = frame
    const source = offset <= this.#caughtUpTo ? this.#catchingUp : 'live'
    return { room, position: { epoch, offset, tag }, atMs, by, mark, key, data, source }
  }

  #readSnapshot(gap: Gap): void {
    const { snapshot } = this.#options
    if (snapshot === undefined) return
    this.#held = []
    const resume = () => {
      const held = this.#held ?? []
      this.#held = null
      for (const what of held) this.#deliver(what)
      if (this.#held !== null || !this.#hasOverflown) return
      this.#hasOverflown = false
      this.#host.wantsJoin(this)
    }
    Promise.resolve(gap).then(snapshot).catch(this.#report).then(resume)
  }
}
