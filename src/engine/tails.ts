// What all tails of a node pin together, bounded: when it is too much, the tail that has grown least recently shrinks.

/** A tail that can give memory back. */
export interface Shrinkable {
  /** Frees its oldest segment; false: it has none. */
  dropOldest(): boolean
  readonly segmentCount: number
}

export class Tails {
  readonly #bytesMax: number
  #bytes = 0
  /** By the last time they grew, longest ago first. Only tails that pin something. */
  readonly #pinned = new Map<Shrinkable, number>()

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Memory pinned by all tails. Segments still being written by a transport are pinned a little longer. */
  get pinnedBytes(): number {
    return this.#bytes
  }

  grew(tail: Shrinkable, bytes: number): void {
    const before = this.#pinned.get(tail) ?? 0
    this.#pinned.delete(tail)
    this.#pinned.set(tail, before + bytes)
    this.#bytes += bytes
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#pinned.keys().next().value
      // What has just grown keeps its newest segment: somebody is about to read it.
      if (oldest === undefined || (oldest === tail && tail.segmentCount <= 1) || !oldest.dropOldest()) return
    }
  }

  shrank(tail: Shrinkable, bytes: number): void {
    this.#bytes -= bytes
    const left = (this.#pinned.get(tail) ?? 0) - bytes
    if (left > 0) this.#pinned.set(tail, left)
    else this.#pinned.delete(tail)
  }
}
