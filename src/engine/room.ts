// One room on this node: its tail follows the store's log, its readers follow the tail. Rooms know no sessions.

import type { Position } from '../protocol/position.js'
import type { Entry, Hint, Page } from '../store/store.js'
import { BackOff } from './back-off.js'
import type { Core } from './core.js'
import { frameBytes, givenData } from './encode.js'
import type { RoomOptions } from './engine.js'
import { Follower, type FollowerHost } from './follower.js'
import { Presence } from './presence.js'
import type { Reader, ReaderRoom } from './reader.js'
import { Tail } from './tail.js'
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

export class Room implements ReaderRoom, FollowerHost {
  readonly name: string
  readonly liveFrame: Uint8Array
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
  readonly #backOff: BackOff
  #retries = new Set<() => void>()

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

  /** The verdict on where a join starts, from the tail when that is enough, else from the store. */
  async judge(from: JoinFrom): Promise<Page> {
    const known = this.#judgeByTail(from)
    if (known !== null) return known
    const { pageEntriesMax, pageBytesMax } = this.#core.settings
    const { since, last, readableFrom, withPage } = from
    const read = this.#core.ask((store) =>
      store.read({
        room: this.name,
        from: since === undefined ? { kind: 'last', count: last } : { kind: 'position', position: since, last },
        readableFrom,
        entriesMax: withPage ? pageEntriesMax : 0,
        bytesMax: pageBytesMax,
        replayMax: this.#options.replayMax,
      }),
    )
    const [page] = await Promise.all([read, this.follower.whenAttached()])
    this.#warm(page)
    return page
  }

  page(position: Position, readableFrom: number, retry: () => void): Promise<Page> {
    const key = `${position.epoch} ${position.offset} ${position.tag} ${readableFrom}`
    const page = this.#pages.get(key) ?? this.#readPage(key, position, readableFrom)
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

  // What the follower tells.

  attached(head: Position): void {
    const { tailEntriesMax, tailBytesMax, tailAgeMs } = this.#core.settings
    const limits = { entriesMax: tailEntriesMax, bytesMax: tailBytesMax, ageMs: tailAgeMs }
    this.tail = new Tail(this.name, head, limits, this.#tails)
    this.presence?.mirror.refresh()
    this.#core.turn.settle(this)
  }

  entries(entries: readonly Entry[]): void {
    const nowMs = this.#core.nowMs()
    for (const entry of entries) this.tail?.append(entry, nowMs)
    this.#core.turn.settle(this)
  }

  renewed(head: Position): void {
    this.tail?.renew(head)
    this.#core.turn.settle(this)
  }

  broken(page: Page): void {
    this.tail?.reset(page.start)
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
  }

  /** Null: it takes the store to tell. */
  #judgeByTail({ since, last, readableFrom }: JoinFrom): Page | null {
    const { tail } = this
    if (tail === null) return null
    const { head } = tail
    // The tail may not have heard yet of entries that this reader may not read.
    const lowest = readableFrom - 1
    if (lowest > head.offset) return null
    const offset = since === undefined ? Math.max(0, lowest, head.offset - last) : since.offset
    const isReadable = offset >= lowest && head.offset - offset <= this.#options.replayMax
    if (!isReadable || offset < tail.first - 1) return null
    if (since !== undefined && tail.reach(since) !== 'here') return null
    const start = tail.positionAt(offset)
    return start === null ? null : { verdict: { kind: 'complete' }, start, entries: [], head }
  }

  #readPage(key: string, position: Position, readableFrom: number): Promise<Page> {
    const { pageEntriesMax, pageBytesMax } = this.#core.settings
    const page = this.#core.ask((store) =>
      store.read({
        room: this.name,
        from: { kind: 'position', position, last: 0 },
        readableFrom,
        entriesMax: pageEntriesMax,
        bytesMax: pageBytesMax,
        replayMax: this.#options.replayMax,
      }),
    )
    this.#pages.set(key, page)
    const done = () => this.#pages.delete(key)
    page.then((answer) => {
      done()
      this.#backOff.succeeded()
      this.#warm(answer)
    }, done)
    return page
  }

  /** A page that ends where the tail begins belongs to the tail: the next one who comes back reads no store. */
  #warm(page: Page): void {
    const { tail } = this
    if (tail === null) return
    const before = page.entries.slice(0, Math.max(0, tail.first - 1 - page.start.offset))
    tail.prepend(page.start, before, this.#core.nowMs())
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
