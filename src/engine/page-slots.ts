// How many pages of the store one connection may hold at once: all others wait, in order, so that a client which is
// behind in many rooms pins a few pages and not one per room.

const slotsMax = 4

export class PageSlots {
  #freeCount = slotsMax
  #waiting: (() => void)[] = []

  /** False: none is free, and nothing was taken. */
  take(): boolean {
    if (this.#freeCount === 0) return false
    this.#freeCount -= 1
    return true
  }

  /** `taken` is called once, with a slot that is its own, when one becomes free. */
  wait(taken: () => void): void {
    this.#waiting.push(taken)
  }

  /** Gives back one that was taken. */
  free(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#freeCount += 1
    else next()
  }
}
