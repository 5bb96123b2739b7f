// Ids in the order in which they are due: a binary heap that can move an id in place. It knows nothing of time.

interface Item {
  readonly id: string
  readonly dueMs: number
}

export class DueQueue {
  readonly #items: Item[] = []
  readonly #indexes = new Map<string, number>()

  get size(): number {
    return this.#items.length
  }

  /** The one that is due first. Of equal ones any. */
  first(): Item | null {
    return this.#items[0] ?? null
  }

  /** Replaces the id's deadline; Infinity takes it out. */
  set(id: string, dueMs: number): void {
    if (dueMs === Number.POSITIVE_INFINITY) {
      this.delete(id)
      return
    }
    const index = this.#indexes.get(id) ?? this.#items.length
    this.#place(index, { id, dueMs })
    this.#sink(this.#rise(index))
  }

  delete(id: string): void {
    const index = this.#indexes.get(id)
    if (index === undefined) return
    this.#indexes.delete(id)
    const last = this.#items.pop()
    if (last === undefined || index === this.#items.length) return
    this.#place(index, last)
    this.#sink(this.#rise(index))
  }

  #place(index: number, item: Item): void {
    this.#items[index] = item
    this.#indexes.set(item.id, index)
  }

  #rise(index: number): number {
    let at = index
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfLater(parent, at)) break
      at = parent
    }
    return at
  }

  #sink(index: number): void {
    let at = index
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const child = this.#dueMs(right) < this.#dueMs(left) ? right : left
      if (!this.#swapIfLater(at, child)) return
      at = child
    }
  }

  #dueMs(index: number): number {
    return this.#items[index]?.dueMs ?? Number.POSITIVE_INFINITY
  }

  #swapIfLater(upper: number, lower: number): boolean {
    const [above, below] = [this.#items[upper], this.#items[lower]]
    if (above === undefined || below === undefined || above.dueMs <= below.dueMs) return false
    this.#place(upper, below)
    this.#place(lower, above)
    return true
  }
}
