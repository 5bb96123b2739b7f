// A piece of a tail: entries of one epoch as ready-to-send bytes (whole frames) in one piece of memory. Bytes are written
// once, never moved and never reused, because transports keep references to them until the kernel took them.

import type { Position } from '../protocol/position.js'
import type { Encoding } from './encoding.js'

const smallestBytes = 2_048
const largestBytes = 65_536

/** The capacity of a segment after one of `beforeBytes`: rooms grow with use, quiet ones cost little. */
export function nextCapacity(beforeBytes: number): number {
  return Math.min(largestBytes, Math.max(smallestBytes, beforeBytes * 2))
}

/** An entry as its encoding has it, not yet put anywhere. */
export interface EncodedEntry {
  readonly position: Position
  readonly encoded: string | Uint8Array
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
  static startedWith(entry: EncodedEntry, encoding: Encoding, capacity: number, nowMs: number): Segment {
    const segment = new Segment(encoding, entry.position, Math.max(capacity, encoding.length(entry.encoded)))
    if (!segment.add(entry, nowMs)) throw new Error(`entry ${entry.position.offset} has another length`)
    return segment
  }

  /** False, and nothing was added, when it does not fit. The entry must be the next one, of the same epoch. */
  add({ position, encoded }: EncodedEntry, nowMs: number): boolean {
    const end = this.#encoding.write(encoded, this.#bytes, this.#ends.at(-1) ?? 0)
    if (end === -1) return false
    this.#ends.push(end)
    this.#tags.push(position.tag)
    this.lastAddedMs = nowMs
    return true
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

  #startOf(offset: number): number {
    return offset === this.firstOffset ? 0 : this.#endOf(offset - 1)
  }

  #endOf(offset: number): number {
    const end = this.#ends[offset - this.firstOffset]
    if (end === undefined) throw new Error(`offset ${offset} is not in the segment at ${this.firstOffset}`)
    return end
  }
}
