// A piece of a tail: entries of one epoch as ready-to-send bytes (whole frames) in one piece of memory. Bytes are written
// once, never moved and never reused, because transports keep references to them until the kernel took them.

import type { EncodableEntry } from '../protocol/encode.js'
import type { Position } from '../protocol/position.js'
import type { Encoding } from './encoding.js'

const smallestBytes = 2_048
const largestBytes = 65_536

/** The capacity of a segment after one of `beforeBytes`: rooms grow with use, quiet ones cost little. */
export function nextCapacity(beforeBytes: number): number {
  return Math.min(largestBytes, Math.max(smallestBytes, beforeBytes * 2))
}

export interface SegmentStart {
  readonly room: string
  readonly encoding: Encoding
  readonly capacity: number
}

export class Segment {
  readonly epoch: string
  readonly firstOffset: number
  /** When the newest entry was added. */
  lastAddedMs = 0
  readonly #encoding: Encoding
  readonly #bytes: Uint8Array
  /** Where each entry's frame ends. */
  readonly #ends: number[] = []
  readonly #tags: string[] = []

  private constructor(encoding: Encoding, { epoch, offset }: Position, capacity: number) {
    this.#encoding = encoding
    this.epoch = epoch
    this.firstOffset = offset
    this.#bytes = new Uint8Array(capacity)
  }

  /** A segment with its first entry; larger than `capacity` when the entry is. */
  static startedWith(start: SegmentStart, entry: EncodableEntry, nowMs: number): Segment {
    const { room, encoding, capacity } = start
    const frame = encoding.entry(room, entry)
    const segment = new Segment(encoding, entry.position, Math.max(capacity, encoding.length(frame)))
    if (!segment.#add(frame, entry.position.tag, nowMs)) throw new Error(`an entry of ${room} has another length`)
    return segment
  }

  /** False, and nothing was added, when it does not fit. The entry must be the next one, of the same epoch. */
  add(room: string, entry: EncodableEntry, nowMs: number): boolean {
    return this.#add(this.#encoding.entry(room, entry), entry.position.tag, nowMs)
  }

  get lastOffset(): number {
    return this.firstOffset + this.#ends.length - 1
  }

  /** Memory it pins, used or not. */
  get capacity(): number {
    return this.#bytes.length
  }

  tagAt(offset: number): string | null {
    return this.#tags[offset - this.firstOffset] ?? null
  }

  /**
   * The last offset of the frames behind `after` that together have at most `bytesMax` bytes; `after` itself when not
   * even the next one fits.
   */
  reachWithin(after: number, bytesMax: number): number {
    const most = this.#startOf(after + 1) + bytesMax
    let low = after
    let high = this.lastOffset
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#endOf(middle) <= most) low = middle
      else high = middle - 1
    }
    return low
  }

  /** The frames `after + 1 … to`: a view, never a copy. */
  frames(after: number, to: number): Uint8Array {
    return this.#bytes.subarray(this.#startOf(after + 1), this.#endOf(to))
  }

  #add(frame: string | Uint8Array, tag: string, nowMs: number): boolean {
    const end = this.#encoding.write(frame, this.#bytes, this.#ends.at(-1) ?? 0)
    if (end === -1) return false
    this.#ends.push(end)
    this.#tags.push(tag)
    this.lastAddedMs = nowMs
    return true
  }

  #startOf(offset: number): number {
    return offset === this.firstOffset ? 0 : this.#endOf(offset - 1)
  }

  #endOf(offset: number): number {
    const end = this.#ends[offset - this.firstOffset]
    if (end === undefined) throw new Error(`offset ${offset} is not in the segment at ${this.firstOffset}`)
    return end
  }
}
