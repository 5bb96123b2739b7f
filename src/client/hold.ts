// Several holders of one thing: each has its own listeners and ends its own hold; the last one ends the thing.

import type { Emitter, Off } from './emitter.js'

export class Hold<Events extends object> {
  readonly #emitter: Emitter<Events>
  readonly #release: () => void
  readonly #offs = new Set<Off>()
  #isOver = false

  constructor(emitter: Emitter<Events>, release: () => void) {
    this.#emitter = emitter
    this.#release = release
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** After `end` nothing is heard. */
  on<Name extends keyof Events>(name: Name, hear: (event: Events[Name]) => void): Off {
    if (this.#isOver) return () => {}
    const stop = this.#emitter.on(name, hear)
    const off = () => {
      stop()
      this.#offs.delete(off)
    }
    this.#offs.add(off)
    return off
  }

  /** Idempotent. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const off of this.#offs) off()
    this.#release()
  }
}

/** Counts holds. When the last one ends, `ended` runs, and with `true` at the end of the turn if none came since. */
export class Holds {
  readonly #soon: (run: () => void) => void
  readonly #ended: (isForGood: boolean) => void
  #count = 0

  constructor(soon: (run: () => void) => void, ended: (isForGood: boolean) => void) {
    this.#soon = soon
    this.#ended = ended
  }

  take(): void {
    this.#count += 1
  }

  release(): void {
    this.#count -= 1
    if (this.#count > 0) return
    this.#ended(false)
    this.#soon(() => {
      if (this.#count === 0) this.#ended(true)
    })
  }
}
