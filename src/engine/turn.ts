// One turn of the engine: what moved since the last one, and which connections therefore have something to write.
// Only what was marked is touched.

/** Something that settles once per turn, before anything is written. */
export interface Moved {
  endOfTurn(): void
}

/** A connection with something to write. */
export interface Writer {
  /** Kept by the turn: true while it is marked. */
  isMarked: boolean
  flush(): void
}

/** What a turn set off comes back within this; later, the loop was elsewhere in between. */
const echoMs = 5

export class Turn {
  /** Rises with every turn. */
  count = 0
  /** When the last turn began, and when it was done. */
  begunMs = 0
  endedMs = 0
  #moved = new Set<Moved>()
  #writers: Writer[] = []
  #isWanted = false
  #isRunning = false
  readonly #nowMs: () => number
  readonly #wanted: () => void
  readonly #failed: (error: unknown) => void

  /** `wanted` is called once until the next `run`; `failed` with what a part threw: the others go on. */
  constructor(hear: { nowMs: () => number; wanted: () => void; failed: (error: unknown) => void }) {
    this.#nowMs = hear.nowMs
    this.#wanted = hear.wanted
    this.#failed = hear.failed
  }

  /** True while the turn `count` runs, and until the loop went on to something else. */
  isStill(count: number, nowMs: number): boolean {
    return count === this.count && (this.#isRunning || nowMs - this.endedMs <= echoMs)
  }

  settle(moved: Moved): void {
    this.#moved.add(moved)
    this.#want()
  }

  write(writer: Writer): void {
    if (writer.isMarked) return
    writer.isMarked = true
    this.#writers.push(writer)
    this.#want()
  }

  /** Settles, then writes, each once; what is marked meanwhile by a write comes in the next turn. */
  run(): void {
    this.count += 1
    this.begunMs = this.#nowMs()
    this.#isWanted = false
    this.#isRunning = true
    const moved = this.#moved
    this.#moved = new Set()
    for (const one of moved) {
      try {
        one.endOfTurn()
      } catch (error) {
        this.#failed(error)
      }
    }
    const writers = this.#writers
    this.#writers = []
    for (const writer of writers) {
      writer.isMarked = false
      try {
        writer.flush()
      } catch (error) {
        this.#failed(error)
      }
    }
    this.#isRunning = false
    this.endedMs = this.#nowMs()
    if (this.#moved.size + this.#writers.length > 0) this.#want()
  }

  #want(): void {
    if (this.#isWanted || this.#isRunning) return
    this.#isWanted = true
    this.#wanted()
  }
}
