// The place of one connection in one log. It moves forward only: by pages of the store while it is behind the tail,
// else by slices of the tail, and between the two there is no seam. It writes nothing itself: its outlet takes.

import type { Position } from '../protocol/position.js'
import type { Page } from '../store/store.js'
import { type Encoding, entryBytes } from './encoding.js'
import type { PageSlots } from './page-slots.js'
import type { Tail } from './tail.js'
import type { Taking } from './taking.js'

/** What a reader needs of its room. */
export interface ReaderRoom {
  readonly name: string
  /** How its tail, and everything else for this reader, is written. */
  readonly encoding: Encoding
  /** Null until the room is attached. */
  readonly tail: Tail | null
  /** The `live` frame of this room: one for all. */
  readonly liveFrame: Uint8Array
  /** The page behind a position, judged. Rejects when the store is not there: `retry` then comes some time later. */
  page(position: Position, readableFrom: number, retry: () => void): Promise<Page>
  /** An entry is known to be there that the tail has not heard of. */
  note(position: Position): void
  /** The reader is closed. */
  removed(reader: Reader): void
}

/** What a reader needs of its connection. */
export interface ReaderOutlet {
  /** It has something to give; `take` comes when the connection is writable. */
  readerReady(reader: Reader): void
  readonly pageSlots: PageSlots
  /** Not for itself, and dropped when it cannot leave now. */
  signal(frame: Uint8Array, bySession: string | null): void
}

type State =
  | { readonly at: 'tail' }
  /** At the head as far as it knows, and not yet sure that the tail continues it. */
  | { readonly at: 'waiting' }
  /** A page is needed, and as many as the connection may hold are held. */
  | { readonly at: 'queued' }
  /** A page was asked for. */
  | { readonly at: 'asking' }
  /** Frames of a page (or a gap) are to be written. */
  | { readonly at: 'page'; readonly frames: readonly PageFrame[]; taken: number; readonly end: End }
  /** They are in an outstanding write; the next page is asked for when that one is done. */
  | { readonly at: 'written'; readonly end: End }
  | { readonly at: 'closed' }

/** What a page said of the log behind it: `more`; `head`: it ended there; `nothing`: and it was empty. */
type End = 'more' | 'head' | 'nothing'

interface PageFrame {
  readonly bytes: Uint8Array
  readonly position: Position
}

export class Reader {
  readonly room: ReaderRoom
  readonly outlet: ReaderOutlet
  readonly #readableFrom: number
  /** Of the last entry handed to the transport, or what was told instead. */
  #position: Position
  #state: State = { at: 'waiting' }
  /** `live` goes out once this offset was reached; null: it has. */
  #liveAt: number | null
  readonly #settled: (isLive: boolean) => void
  #hasSlot: boolean
  /** The offset that the last beat told. */
  beatOffset = -1
  /** True: its outlet knows that it has something to give. */
  isReady = false

  constructor(room: ReaderRoom, outlet: ReaderOutlet, start: ReaderStart) {
    this.room = room
    this.outlet = outlet
    this.#readableFrom = start.readableFrom
    this.#position = start.position
    this.#liveAt = start.liveAt
    this.#settled = start.settled
    this.#hasSlot = start.hasSlot
  }

  /** Everything up to this offset has been handed to the transport. */
  get sentOffset(): number {
    return this.#position.offset
  }

  get position(): Position {
    return this.#position
  }

  get isClosed(): boolean {
    return this.#state.at === 'closed'
  }

  /** Begins to deliver, with the first page when it was read already. */
  start(first: Page): void {
    if (first.entries.length > 0) this.#gotPage(first, false)
    else this.#settle(first.head.offset > this.#position.offset ? 'more' : 'head')
    this.outlet.readerReady(this)
  }

  /** The tail has grown, or starts anew (`isBroken`): what it has may not continue this reader's position. */
  tailMoved(isBroken: boolean): void {
    const { at } = this.#state
    if (at === 'tail' && !isBroken) this.outlet.readerReady(this)
    else if (at === 'tail' || at === 'waiting') this.#settle('head')
  }

  /** Adds frames to a write, in order, within its bounds. True: there is more. */
  take(into: Taking): boolean {
    if (this.#state.at === 'page') this.#takePage(into, this.#state)
    const hasMore = this.#state.at === 'tail' ? this.#takeTail(into) : this.#state.at === 'page'
    if (this.#liveAt !== null && this.#position.offset >= this.#liveAt && this.#state.at !== 'closed') {
      into.add(this.room.liveFrame)
      this.#liveAt = null
      this.#settled(true)
    }
    return hasMore
  }

  /** True: it wants to hear `written` of the write that it was just taken into. */
  get awaitsWritten(): boolean {
    return this.#state.at === 'written'
  }

  written(): void {
    if (this.#state.at === 'written') this.#settle(this.#state.end)
  }

  /** Forgets the place; nothing more is given. Idempotent. */
  close(): void {
    if (this.#state.at === 'closed') return
    this.#state = { at: 'closed' }
    this.#freeSlot()
    if (this.#liveAt !== null) this.#settled(false)
    this.#liveAt = null
  }

  /** Goes on with the tail when that continues this position, else with the store. */
  #settle(end: End): void {
    this.#freeSlot()
    const reach = this.room.tail?.reach(this.#position) ?? 'ahead'
    if (reach === 'here') {
      this.#state = { at: 'tail' }
      this.outlet.readerReady(this)
      return
    }
    if (end === 'more' || (end === 'head' && reach !== 'ahead')) {
      this.#askPage()
      return
    }
    // Only the tail's next move can tell more.
    this.#state = { at: 'waiting' }
    this.room.note(this.#position)
  }

  #askPage(): void {
    if (this.isClosed) return
    if (!this.#hasSlot && !this.outlet.pageSlots.take()) {
      this.#state = { at: 'queued' }
      this.outlet.pageSlots.wait(() => this.#gotSlot())
      return
    }
    this.#hasSlot = true
    this.#state = { at: 'asking' }
    this.room
      .page(this.#position, this.#readableFrom, () => this.#retry())
      .then(
        (page) => {
          if (!this.isClosed) this.#gotPage(page, true)
        },
        () => {},
      )
  }

  #gotSlot(): void {
    this.#hasSlot = true
    if (this.#state.at === 'queued') this.#askPage()
    else this.#freeSlot()
  }

  #freeSlot(): void {
    if (!this.#hasSlot) return
    this.#hasSlot = false
    this.outlet.pageSlots.free()
  }

  #retry(): void {
    if (this.#state.at === 'asking') this.#askPage()
  }

  #gotPage(page: Page, isJudged: boolean): void {
    const frames: PageFrame[] = []
    if (isJudged && page.verdict.kind === 'gap') {
      frames.push(this.#gapFrame(page, page.verdict))
      // What was the head at the verdict may never be reached now.
      if (this.#liveAt !== null) this.#liveAt = page.head.offset
    }
    const isInTail = this.room.tail?.reach(page.start) === 'here'
    const { name, encoding } = this.room
    const own = isInTail ? [] : page.entries
    for (const entry of own) frames.push({ bytes: entryBytes(encoding, name, entry), position: entry.position })
    if (frames.length === 0) {
      this.#position = page.start
      this.#settle(isInTail ? 'more' : 'nothing')
      return
    }
    const last = isInTail ? page.start.offset : (page.entries.at(-1)?.position.offset ?? page.start.offset)
    this.#state = { at: 'page', frames, taken: 0, end: last < page.head.offset ? 'more' : 'head' }
    this.outlet.readerReady(this)
  }

  #gapFrame(page: Page, { reason, from, to }: Extract<Page['verdict'], { kind: 'gap' }>): PageFrame {
    const { name, encoding } = this.room
    const bytes = encoding.frame({ type: 'gap', room: name, reason, from, to, next: page.start })
    return { bytes, position: page.start }
  }

  #takePage(into: Taking, page: Extract<State, { at: 'page' }>): void {
    for (let frame = page.frames[page.taken]; frame !== undefined; frame = page.frames[page.taken]) {
      if (!into.fits(frame.bytes.length)) return
      into.add(frame.bytes)
      this.#position = frame.position
      page.taken += 1
    }
    this.#state = { at: 'written', end: page.end }
  }

  #takeTail(into: Taking): boolean {
    const { tail } = this.room
    const slice = tail?.slice(this.#position.offset, into.bytesMax - into.bytes)
    if (tail === null || slice === undefined || slice.kind === 'behind') {
      this.#askPage()
      return false
    }
    if (slice.chunks.length === 0) return false
    if (!into.fits(slice.bytes)) return true
    into.addAll(slice.chunks, slice.bytes)
    this.#position = slice.end
    return slice.end.offset < tail.head.offset
  }
}

export interface ReaderStart {
  /** Delivery starts behind it. */
  readonly position: Position
  readonly readableFrom: number
  /** True: one of the connection's slots was taken for the page that it starts with. */
  readonly hasSlot: boolean
  /** The head at the time of the verdict. */
  readonly liveAt: number
  /** Once: `live` was put into a write, or the reader was closed before. */
  readonly settled: (isLive: boolean) => void
}
