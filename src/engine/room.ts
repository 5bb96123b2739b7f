// One room on this node: its tail follows the store's log, its readers follow the tail. Rooms know no sessions.

import type { Position } from '../protocol/position.js'
import type { Entry, From, Hint, Page } from '../store/store.js'
import { BackOff } from './back-off.js'
import type { Core } from './core.js'
import { frameBytes, givenData } from './encode.js'
import type { RoomOptions } from './engine.js'
import { Follower, type FollowerHost } from './follower.js'
import { webSocketFrames } from './encoding.js'
import { Presence } from './presence.js'
import type { Reader, ReaderRoom } from './reader.js'
import { Tail } from './tail.js'
import { RoomEvents } from './room-events.js'
import type { Tails } from './tails.js'

/** Where a join starts. */
export interface JoinFrom {
  readonly since: Position | undefined
  /** Earlier entries to start with when `since` is absent or does not hold. */
  readonly last: number
  readonly readableFrom: number
  /** False: the verdict only. */
  readonly withPage: boolean
}

const pastEpochsMax = 8

export class Room implements ReaderRoom, FollowerHost {
  readonly name: string
  readonly encoding = webSocketFrames
  readonly liveFrame: Uint8Array
  /** The same room for readers of server-sent events. */
  readonly events: RoomEvents
  readonly follower: Follower
  /** Null: the room has none. */
  readonly presence: Presence | null
  tail: Tail | null = null
  /** Whoever needs the room without reading it. */
  pinCount = 0
  readonly #core: Core
  readonly #options: RoomOptions
  readonly #tails: Tails
  readonly #unused: (room: Room) => void
  readonly #readers = new Set<Reader>()
  /** Reads under way: readers at one position share one. */
  readonly #pages = new Map<string, Promise<Page>>()
  readonly #verdicts = new Map<string, Promise<Page>>()
  readonly #backOff: BackOff
  #retries = new Set<() => void>()
  #epoch: string | null = null
  /** Entries keep the epoch that wrote them, so older ones come again. */
  #pastEpochs: string[] = []

  /** `unused` is called whenever nobody needs the room any more. */
  constructor(core: Core, name: string, options: RoomOptions, parts: { tails: Tails; unused: (room: Room) => void }) {
    this.#core = core
    this.name = name
    this.#options = options
    this.#tails = parts.tails
    this.#unused = parts.unused
    this.liveFrame = frameBytes({ type: 'live', room: name })
    // A tail that is further behind than it can hold starts anew.
    this.follower = new Follower(core, name, this, { replayMax: core.settings.tailEntriesMax })
    this.#backOff = new BackOff(core)
    this.events = new RoomEvents(this, () => core.nowMs())
    const { presence } = options
    this.presence = presence === null ? null : new Presence(core, name, presence.membersMax, () => this.checkUse())
  }

  get readerCount(): number {
    return this.#readers.size
  }

  get isUnused(): boolean {
    return this.#readers.size === 0 && this.pinCount === 0 && (this.presence?.isIdle ?? true)
  }

  checkUse(): void {
    if (this.isUnused) this.#unused(this)
  }

  added(reader: Reader): void {
    this.#readers.add(reader)
  }

  removed(reader: Reader): void {
    this.#readers.delete(reader)
    this.checkUse()
  }

  /** The store's verdict on where a join starts, with the first page unless the tail has what comes. */
  async judge(from: JoinFrom): Promise<Page> {
    const [page] = await Promise.all([this.#judged(from), this.follower.whenAttached()])
    this.#warm(page)
    return page
  }

  page(position: Position, readableFrom: number, retry: () => void): Promise<Page> {
    const key = `${position.epoch} ${position.offset} ${position.tag} ${readableFrom}`
    const page = this.#pages.get(key) ?? shared(this.#pages, key, this.#readPage(position, readableFrom))
    page.catch(() => {
      this.#retries.add(retry)
      this.#backOff.failed(() => this.#retry())
    })
    return page
  }

  note(position: Position): void {
    this.follower.note(position)
  }

  /** An entry of ours was stored: as good as a hint. */
  published(entry: Entry): void {
    this.follower.hear([entry])
    this.follower.note(entry.position)
  }

  /** Once per beat: what is too old goes, and the encoding that nobody reads any more. */
  age(nowMs: number): void {
    this.tail?.age(nowMs)
    this.events.age(nowMs)
  }

  // What the follower tells.

  attached(head: Position): void {
    const { tailEntriesMax, tailBytesMax, tailAgeMs } = this.#core.settings
    const limits = { entriesMax: tailEntriesMax, bytesMax: tailBytesMax, ageMs: tailAgeMs }
    this.tail = new Tail(this.name, head, limits, this.#tails)
    this.#isIn(head.epoch)
    this.presence?.mirror.refresh()
    this.#core.turn.settle(this)
  }

  entries(entries: readonly Entry[]): void {
    const nowMs = this.#core.nowMs()
    for (const entry of entries) {
      this.tail?.append(entry, nowMs)
      this.events.append(entry, nowMs)
      this.#isIn(entry.position.epoch)
    }
    this.#core.turn.settle(this)
  }

  renewed(head: Position): void {
    this.tail?.renew(head)
    this.events.renew(head)
    this.#isIn(head.epoch)
    this.#core.turn.settle(this)
  }

  broken(page: Page): void {
    this.tail?.reset(page.start)
    this.events.forget()
    this.#isIn(page.start.epoch)
    this.entries(page.entries)
    for (const reader of this.#readers) reader.tailMoved(true)
  }

  hint(hint: Exclude<Hint, { kind: 'entries' }>): void {
    if (hint.kind === 'board') this.presence?.mirror.hear(hint.change)
    else if (this.#readers.size > 0) this.#signalled(hint)
  }

  /** Entries of one turn leave together: every reader is told once. */
  endOfTurn(): void {
    for (const reader of this.#readers) reader.tailMoved(false)
  }

  /** Idempotent. */
  close(): void {
    this.follower.close()
    this.presence?.close()
    this.#backOff.cancel()
    this.tail?.clear()
    this.tail = null
    this.events.forget()
  }

  /** Many come back at once and from one position: they share one flight. */
  #judged(from: JoinFrom): Promise<Page> {
    const { since, last, readableFrom } = from
    const entriesMax = from.withPage && !this.#hasInTail(from) ? this.#core.settings.pageEntriesMax : 0
    const place = since === undefined ? '' : `${since.epoch} ${since.offset} ${since.tag}`
    const start: From =
      since === undefined ? { kind: 'last', count: last } : { kind: 'position', position: since, last }
    const key = `${place} ${last} ${readableFrom} ${entriesMax}`
    return this.#verdicts.get(key) ?? shared(this.#verdicts, key, this.#read(start, readableFrom, entriesMax))
  }

  /** A guess that only saves reading what is at hand: the store judges. */
  #hasInTail({ since, last }: JoinFrom): boolean {
    const { tail } = this
    if (tail === null) return false
    return (since === undefined ? tail.head.offset - last : since.offset) >= tail.first - 1
  }

  #read(from: From, readableFrom: number, entriesMax: number): Promise<Page> {
    const { pageBytesMax: bytesMax } = this.#core.settings
    const { replayMax } = this.#options
    return this.#core.ask((store) =>
      store.read({ room: this.name, from, readableFrom, entriesMax, bytesMax, replayMax }),
    )
  }

  async #readPage(position: Position, readableFrom: number): Promise<Page> {
    const from = { kind: 'position', position, last: 0 } as const
    const page = await this.#read(from, readableFrom, this.#core.settings.pageEntriesMax)
    this.#backOff.succeeded()
    this.#warm(page)
    return page
  }

  /** A page that ends where the tail begins belongs to the tail: the next one who comes back reads no store. */
  #warm(page: Page): void {
    for (const tail of [this.tail, this.events.made]) {
      const before = page.entries.slice(0, Math.max(0, (tail?.first ?? 0) - 1 - page.start.offset))
      tail?.prepend(page.start, before, this.#core.nowMs())
    }
  }

  /** A new incarnation of the store may have lost more than the log shows. */
  #isIn(epoch: string): void {
    if (epoch === this.#epoch || this.#pastEpochs.includes(epoch)) return
    if (this.#epoch !== null) {
      this.#pastEpochs = [...this.#pastEpochs, this.#epoch].slice(-pastEpochsMax)
      this.presence?.restart()
    }
    this.#epoch = epoch
  }

  #signalled({ by, data }: Extract<Hint, { kind: 'signal' }>): void {
    const frame = frameBytes({ type: 'signalled', room: this.name, by, data: givenData(data) })
    for (const reader of this.#readers) reader.outlet.signal(frame, by?.session ?? null)
  }

  #retry(): void {
    const retries = this.#retries
    this.#retries = new Set()
    for (const retry of retries) retry()
  }
}

/** Kept under its key for as long as it is under way. */
function shared(under: Map<string, Promise<Page>>, key: string, page: Promise<Page>): Promise<Page> {
  under.set(key, page)
  const done = () => under.delete(key)
  page.then(done, done)
  return page
}
