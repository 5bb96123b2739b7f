// The recent entries of one room, encoded once, in write-once segments. Readers take slices of it; what was trimmed
// away they read from the store. It knows nothing of readers, stores or hints.

import type { EncodableEntry } from '../protocol/encode.js'
import type { Position } from '../protocol/position.js'
import { type Encoding, webSocketFrames } from './encoding.js'
import { entryOfFrame } from './decode-frame.js'
import { type EncodedEntry, nextCapacity, Segment } from './segment.js'
import type { Tails } from './tails.js'

export interface TailLimits {
  readonly entriesMax: number
  /** Of pinned memory. The newest entry stays however large it is. */
  readonly bytesMax: number
  readonly ageMs: number
}

export type Slice =
  | { readonly kind: 'behind' }
  /** Contiguous whole frames, one chunk per segment touched. `end` is the position after them; equal objects are shared. */
  | { readonly kind: 'frames'; readonly chunks: readonly Uint8Array[]; readonly bytes: number; readonly end: Position }

/** Where a position lies, seen from a tail. */
export type Reach =
  /** The next entry is in the tail, or will be its next. */
  | 'here'
  | 'behind'
  /** Beyond the head: the tail has not heard of it yet. */
  | 'ahead'
  /** The tail has another entry there. */
  | 'differs'

interface Memo {
  readonly after: number
  readonly bytesMax: number
  readonly slice: Extract<Slice, { kind: 'frames' }>
}

/** Starts empty at a position: the entries behind it are appended, in order, without a hole. */
export class Tail {
  readonly #room: string
  readonly #encoding: Encoding
  readonly #limits: TailLimits
  readonly #tails: Tails
  #segments: Segment[] = []
  /** The entry before the first segment. */
  #base: Position
  #head: Position
  /** The first entry that may be read: never before the first segment. */
  #first: number
  #capacity = 0
  /** Readers of one room stand mostly at one position: they share one slice. */
  #memo: Memo | null = null

  constructor(room: string, start: Position, limits: TailLimits, tails: Tails, encoding: Encoding = webSocketFrames) {
    this.#room = room
    this.#encoding = encoding
    this.#limits = limits
    this.#tails = tails
    this.#base = start
    this.#head = start
    this.#first = start.offset + 1
  }

  get head(): Position {
    return this.#head
  }

  /** Offset of the first entry it can give; head + 1 when it has none. */
  get first(): number {
    return this.#first
  }

  get pinnedBytes(): number {
    return this.#capacity
  }

  get segmentCount(): number {
    return this.#segments.length
  }

  /** Adds the entry behind the head. */
  append(entry: EncodableEntry, nowMs: number): void {
    const { position } = entry
    if (position.offset !== this.#head.offset + 1) {
      throw new Error(`the tail of ${this.#room} is at ${this.#head.offset}, not before ${position.offset}`)
    }
    const encoded = this.#encoded(entry)
    const last = this.#segments.at(-1)
    if (last === undefined || last.epoch !== position.epoch || !last.add(encoded, nowMs)) {
      this.#grow(this.#started(encoded, last, nowMs))
    }
    this.#head = position
    this.#memo = null
    this.#trim(nowMs)
  }

  /** Puts entries before the first one, so that others need not read them again. They must end where it begins. */
  prepend(start: Position, entries: readonly EncodableEntry[], nowMs: number): void {
    const last = entries.at(-1)
    const lacks = this.#limits.entriesMax - (this.#head.offset - this.#first + 1)
    if (last === undefined || last.position.offset !== this.#base.offset || last.position.tag !== this.#base.tag) return
    if (entries.length > lacks || this.#first !== this.#base.offset + 1) return
    const built: Segment[] = []
    for (const entry of entries) {
      const segment = built.at(-1)
      const encoded = this.#encoded(entry)
      if (segment?.epoch === entry.position.epoch && segment.add(encoded, nowMs)) continue
      built.push(this.#started(encoded, segment, nowMs))
    }
    const bytes = built.reduce((sum, segment) => sum + segment.capacity, 0)
    if (this.#capacity + bytes > this.#limits.bytesMax) return
    this.#segments.unshift(...built)
    this.#base = start
    this.#first = start.offset + 1
    this.#capacity += bytes
    this.#memo = null
    this.#tails.grew(this, bytes)
  }

  /** The same entries in another encoding: each is encoded now, and not again. */
  inOther(encoding: Encoding, nowMs: number): Tail {
    const start = this.positionAt(this.#first - 1) ?? this.#base
    const other = new Tail(this.#room, start, this.#limits, this.#tails, encoding)
    for (let offset = start.offset + 1; offset <= this.#head.offset; offset++) {
      const frame = this.#segmentOf(offset)?.frames(offset - 1, offset)
      // Memory is short, and this tail has just given some back: then the other one begins at the head.
      if (frame === undefined) {
        other.reset(this.#head)
        break
      }
      other.append(entryOfFrame(frame), nowMs)
    }
    other.renew(this.#head)
    return other
  }

  /** The head's entry is the same, told by a newer epoch. */
  renew(head: Position): void {
    if (this.#base.offset === head.offset) this.#base = head
    this.#head = head
    this.#memo = null
  }

  /** Forgets everything and starts anew. */
  reset(start: Position): void {
    this.clear()
    this.#base = start
    this.#head = start
    this.#first = start.offset + 1
  }

  /** Frees the memory; the head stays. Slices given out stay valid. */
  clear(): void {
    while (this.#segments.length > 0) this.dropOldest()
  }

  reach(position: Position): Reach {
    if (position.offset > this.#head.offset) return position.epoch === this.#head.epoch ? 'ahead' : 'differs'
    if (position.offset < this.#first - 1) return 'behind'
    const there = this.positionAt(position.offset)
    if (there?.tag !== position.tag) return 'differs'
    // Told by an epoch that the tail knows nothing of, the position may belong to a history without the tail's end.
    return position.epoch === there.epoch || position.epoch === this.#head.epoch ? 'here' : 'differs'
  }

  /** The position of an entry it has, or of the one before its first; null elsewhere. */
  positionAt(offset: number): Position | null {
    if (offset === this.#head.offset) return this.#head
    if (offset === this.#base.offset) return this.#base
    if (offset < this.#first - 1) return null
    const segment = this.#segmentOf(offset)
    const tag = segment?.tagAt(offset) ?? null
    return segment === null || tag === null ? null : { epoch: segment.epoch, offset, tag }
  }

  /**
   * The frames behind offset `after`, at most `bytesMax` bytes of them but always one whole frame when there is one.
   * No frames: `after` is the head.
   */
  slice(after: number, bytesMax: number): Slice {
    if (after < this.#first - 1) return { kind: 'behind' }
    const memo = this.#memo
    if (memo !== null && memo.after === after && this.#serves(memo, bytesMax)) return memo.slice
    const slice = this.#sliceOf(after, bytesMax)
    this.#memo = { after, bytesMax, slice }
    return slice
  }

  /** Trims what is too old. */
  age(nowMs: number): void {
    const oldestMs = nowMs - this.#limits.ageMs
    for (let first = this.#segments[0]; first !== undefined && first.lastAddedMs < oldestMs; ) {
      this.dropOldest()
      first = this.#segments[0]
    }
  }

  /** Frees its oldest segment. False: it has none. */
  dropOldest(): boolean {
    const segment = this.#segments.shift()
    if (segment === undefined) return false
    const { lastOffset, epoch, capacity } = segment
    this.#base = { epoch, offset: lastOffset, tag: segment.tagAt(lastOffset) ?? '' }
    this.#first = Math.max(this.#first, lastOffset + 1)
    this.#capacity -= capacity
    this.#memo = null
    this.#tails.shrank(this, capacity)
    return true
  }

  #encoded(entry: EncodableEntry): EncodedEntry {
    return { position: entry.position, encoded: this.#encoding.entry(this.#room, entry) }
  }

  #started(entry: EncodedEntry, before: Segment | undefined, nowMs: number): Segment {
    // The newest one always stays: it alone must not be more than a tail may pin.
    const capacity = Math.min(this.#limits.bytesMax, nextCapacity(before?.capacity ?? 0))
    return Segment.startedWith(entry, this.#encoding, capacity, nowMs)
  }

  #grow(segment: Segment): void {
    this.#segments.push(segment)
    this.#capacity += segment.capacity
    this.#tails.grew(this, segment.capacity)
  }

  #trim(nowMs: number): void {
    this.#first = Math.max(this.#first, this.#head.offset - this.#limits.entriesMax + 1)
    while (this.#segments.length > 1 && this.#isFirstTooMuch()) this.dropOldest()
    if (this.#segments.length > 1) this.age(nowMs)
  }

  #isFirstTooMuch(): boolean {
    const first = this.#segments[0]
    return first !== undefined && (first.lastOffset < this.#first || this.#capacity > this.#limits.bytesMax)
  }

  /** A slice up to the head serves every bound that it keeps. */
  #serves({ bytesMax, slice }: Memo, bytesMaxAsked: number): boolean {
    return bytesMax === bytesMaxAsked || (slice.end === this.#head && slice.bytes <= bytesMaxAsked)
  }

  #sliceOf(after: number, bytesMax: number): Memo['slice'] {
    const chunks: Uint8Array[] = []
    let bytes = 0
    let reached = after
    for (let index = this.#indexOf(after + 1); index < this.#segments.length; index++) {
      const segment = this.#segments[index]
      if (segment === undefined) break
      let to = segment.reachWithin(reached, bytesMax - bytes)
      if (to === reached && chunks.length === 0) to = reached + 1
      if (to === reached) break
      const frames = segment.frames(reached, to)
      chunks.push(frames)
      bytes += frames.length
      reached = to
      if (to < segment.lastOffset) break
    }
    return { kind: 'frames', chunks, bytes, end: this.positionAt(reached) ?? this.#head }
  }

  #segmentOf(offset: number): Segment | null {
    const segment = this.#segments[this.#indexOf(offset)]
    return segment !== undefined && segment.firstOffset <= offset ? segment : null
  }

  /** The first segment that ends at or behind `offset`. Readers are near the head, so it looks from there. */
  #indexOf(offset: number): number {
    let index = this.#segments.length
    while (index > 0 && (this.#segments[index - 1]?.lastOffset ?? 0) >= offset) index--
    return index
  }
}
