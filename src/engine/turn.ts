// One turn of the engine: what moved since the last one, and which connections therefore have something to write.
// Only what was marked is touched.

/** Something that settles once per turn, before anything is written. */
export interface Moved {
  endOfTurn(): void
}

/** A connection with something to write. */
export interface Writer {
  flush(): void
}

export class Turn {
  /** Rises with every turn. */
  count = 0
  #moved = new Set<Moved>()
  #writers = new Set<Writer>()
  #isWanted = false
  #isRunning = false
  readonly #wanted: () => void
  readonly #failed: (error: unknown) => void

  /** `wanted` is called once until the next `run`; `failed` with what a part threw: the others go on. */
  constructor(hear: { wanted: () => void; failed: (error: unknown) => void }) {
    this.#wanted = hear.wanted
    this.#failed = hear.failed
  }

  settle(moved: Moved): void {
    this.#moved.add(moved)
    this.#want()
  }

  write(writer: Writer): void {
    this.#writers.add(writer)
    this.#want()
  }

  /** Settles, then writes, each once; what is marked meanwhile by a write comes in the next turn. */
  run(): void {
    this.count += 1
    this.#isWanted = false
    this.#isRunning = true
    const moved = this.#moved
    this.#moved = new Set()
    for (const one of moved) this.#guard(() => one.endOfTurn())
    const writers = this.#writers
    this.#writers = new Set()
    for (const writer of writers) this.#guard(() => writer.flush())
    this.#isRunning = false
    if (this.#moved.size + this.#writers.size > 0) this.#want()
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#failed(error)
    }
  }

  #want(): void {
    if (this.#isWanted || this.#isRunning) return
    this.#isWanted = true
    this.#wanted()
  }
}
