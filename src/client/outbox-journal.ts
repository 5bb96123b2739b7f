// Writes down what of the outbox must outlive the page, in the order it happened, and finds what pages before this one
// left. It knows nothing of rooms and answers. A storage that fails is given up: publishes then live in memory.

import type { Clock } from '../protocol/time.js'
import type { OutboxShelf, OutboxStore, StoredChange, StoredItem } from './outbox-store.js'
import { patienceMs, within } from './storage.js'

type Test = (item: StoredItem) => boolean

export class Journal {
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  #shelf: OutboxShelf | null = null
  #isUsable: boolean
  readonly #held = new Set<string>()
  #queue: (() => StoredChange)[] = []
  #opening: Promise<void> = Promise.resolve()
  #writing: Promise<void> | null = null

  /** Null: there is nowhere to write. */
  constructor(store: OutboxStore | null, clock: Clock, failed: (error: unknown) => void) {
    this.#clock = clock
    this.#failed = failed
    this.#isUsable = store !== null
  }

  /** False: publishes are in memory only, from the start or since the storage failed. */
  get isUsable(): boolean {
    return this.#isUsable
  }

  /** Opens the storage; what is written meanwhile waits for it, and until it is `known` whose it is. Never rejects. */
  open(store: OutboxStore, scope: string, known: Promise<void>): Promise<void> {
    this.#opening = this.#try(async () => {
      const opening = store.open(scope)
      // One that opens too late is closed.
      opening.then((shelf) => this.#isUsable || shelf.close()).catch(() => {})
      this.#shelf = await within(this.#clock, patienceMs, opening)
    }).then(() => known)
    return this.#opening
  }

  /** `change` is made when it is written. */
  write(change: () => StoredChange): void {
    if (!this.#isUsable) return
    this.#queue.push(change)
    this.#writing ??= this.#writeAll()
  }

  /** Settles when everything written until now is kept, or cannot be. Never rejects. */
  async kept(): Promise<void> {
    await this.#writing
  }

  /** True: nobody else has this producer. False also when the storage failed. */
  async hold(producer: string): Promise<boolean> {
    const isHeld = (await this.#ask((shelf) => shelf.hold(producer))) ?? false
    if (isHeld) this.#held.add(producer)
    return isHeld
  }

  has(producer: string): boolean {
    return this.#held.has(producer)
  }

  /**
   * What is stored of the producers that nobody has and that are ours as a whole; they are held from here on. What is
   * old as a whole, and not ours, is forgotten.
   */
  async adopt({ isOurs, isOld }: Record<'isOurs' | 'isOld', Test>): Promise<readonly StoredItem[]> {
    const seen = await this.read()
    const taken: string[] = []
    for (const producer of new Set(seen.map((item) => item.producer))) {
      const items = seen.filter((item) => item.producer === producer)
      const isWanted = !this.#held.has(producer) && (items.every(isOurs) || items.every(isOld))
      if (isWanted && (await this.hold(producer))) taken.push(producer)
    }
    if (taken.length === 0) return []
    // Whoever had them may have settled some since they were seen.
    const there = (await this.read()).filter(({ producer }) => taken.includes(producer))
    const ours = there.filter(isOurs)
    for (const { producer, seq } of there.filter((item) => !isOurs(item)))
      this.write(() => ({ remove: { producer, seq } }))
    await this.kept()
    this.letGo(taken.filter((producer) => !ours.some((item) => item.producer === producer)))
    return ours
  }

  /** Everything stored, of everybody. Empty when the storage failed. */
  async read(): Promise<readonly StoredItem[]> {
    return (await this.#ask((shelf) => shelf.read())) ?? []
  }

  /** Takes effect within this call. */
  letGo(producers: Iterable<string> = this.#held): void {
    for (const producer of [...producers]) {
      this.#held.delete(producer)
      this.#shelf?.letGo(producer)
    }
  }

  /** After what is written until now. Idempotent. */
  async close(): Promise<void> {
    await this.kept()
    this.#isUsable = false
    this.#shelf?.close()
  }

  async #writeAll(): Promise<void> {
    // A whole turn's changes go together.
    await this.#opening
    while (this.#queue.length > 0) {
      const changes = this.#queue.map((change) => change())
      this.#queue = []
      await this.#ask((shelf) => shelf.write(changes))
    }
    this.#writing = null
  }

  #ask<Value>(act: (shelf: OutboxShelf) => Promise<Value>): Promise<Value | undefined> {
    return this.#try(async () => {
      const shelf = this.#shelf
      return shelf === null ? undefined : within(this.#clock, patienceMs, act(shelf))
    })
  }

  async #try<Value>(act: () => Promise<Value>): Promise<Value | undefined> {
    if (!this.#isUsable) return undefined
    try {
      return await act()
    } catch (error) {
      if (!this.#isUsable) return undefined
      this.#isUsable = false
      this.#queue = []
      this.#failed(error)
      return undefined
    }
  }
}
