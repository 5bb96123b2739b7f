// What one write gathers: whole frames, in order, within a bound. A flush fills it and hands its chunks over; it is
// used again by the next.

export class Taking {
  bytes = 0
  bytesMax = 0
  #chunks: Uint8Array[] = []
  /** The only content so far, when that is somebody else's list: most writes are one slice that many share. */
  #shared: readonly Uint8Array[] | null = null

  /** Empty again. What was handed over before stays untouched. */
  begin(bytesMax: number): void {
    this.bytes = 0
    this.bytesMax = bytesMax
    this.#chunks = []
    this.#shared = null
  }

  get isFull(): boolean {
    return this.bytes >= this.bytesMax
  }

  /** One frame always fits an empty write, however large it is. */
  fits(bytes: number): boolean {
    return this.bytes === 0 || this.bytes + bytes <= this.bytesMax
  }

  add(frame: Uint8Array): void {
    this.#own().push(frame)
    this.bytes += frame.length
  }

  /** A list that nobody changes any more, and its size. */
  addAll(chunks: readonly Uint8Array[], bytes: number): void {
    if (this.bytes === 0) this.#shared = chunks
    else for (const chunk of chunks) this.#own().push(chunk)
    this.bytes += bytes
  }

  get chunks(): readonly Uint8Array[] {
    return this.#shared ?? this.#chunks
  }

  #own(): Uint8Array[] {
    if (this.#shared !== null) {
      this.#chunks = [...this.#shared]
      this.#shared = null
    }
    return this.#chunks
  }
}
