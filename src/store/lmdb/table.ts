// A map whose changes are written: each key has a record of its own, under a number that stays while the value changes.
// The order of a map is part of it, so each record says where it stands. It knows nothing of what it holds.

import type { Write } from './disk.js'
import type { Journal, Keeper, Scope } from './journal.js'
import { numberedKey, numberOf, type Prefix } from './keys.js'

/** How a record is written. `order` rises along the map. */
export interface Form<V> {
  encode(key: string, value: V, order: number): Uint8Array
}

/** Numbers of records; tables that share a prefix share one. */
export class Numbers {
  /** The last one given or seen. */
  last = 0

  next(): number {
    this.last += 1
    return this.last
  }

  seen(number: number): void {
    this.last = Math.max(this.last, number)
  }
}

export interface Place<V> {
  readonly prefix: Prefix
  readonly numbers: Numbers
  readonly form: Form<V>
  readonly scope: Scope
  /** Runs `restore`, which sets these keys back: for what is derived from them. */
  readonly restoring?: (keys: readonly string[], restore: () => void) => void
}

interface Seat {
  readonly number: number
  readonly order: number
}

interface Was<V> extends Seat {
  readonly value: V
}

/** What a record says; `order` is compared, its gaps mean nothing. */
export interface Loaded<V> extends Was<V> {
  readonly key: string
}

export class Table<V> extends Map<string, V> implements Keeper {
  readonly #journal: Journal
  readonly #place: Place<V>
  readonly #seats = new Map<string, Seat>()
  #lastOrder = 0

  constructor(journal: Journal, place: Place<V>, loaded: readonly Loaded<V>[] = []) {
    super()
    this.#journal = journal
    this.#place = place
    for (const record of [...loaded].sort((a, b) => a.order - b.order)) {
      this.#seats.set(record.key, { number: record.number, order: record.order })
      super.set(record.key, record.value)
      this.#lastOrder = record.order
      place.numbers.seen(record.number)
    }
  }

  get scope(): Scope {
    return this.#place.scope
  }

  override set(key: string, value: V): this {
    this.#note(key)
    // A key that is taken out and put in again in one batch is one record that moves to the end.
    if (!this.#seats.has(key)) this.#seats.set(key, { number: this.#numberFor(key), order: this.#nextOrder() })
    return super.set(key, value)
  }

  override delete(key: string): boolean {
    if (!super.has(key)) return false
    this.#note(key)
    this.#seats.delete(key)
    return super.delete(key)
  }

  override clear(): void {
    for (const key of [...this.keys()]) this.delete(key)
  }

  /** Each is written as it is: for what was kept in memory only until now. */
  noteAll(): void {
    for (const key of this.keys()) this.#note(key)
  }

  write(before: ReadonlyMap<unknown, unknown>, writes: Write[]): void {
    const { prefix, form } = this.#place
    for (const [key, was] of before as ReadonlyMap<string, Was<V> | null>) {
      const seat = this.#seats.get(key)
      if (was !== null && was.number !== seat?.number) {
        writes.push({ key: numberedKey(prefix, was.number), value: null })
      }
      if (seat === undefined) continue
      const value = form.encode(key, super.get(key) as V, seat.order)
      writes.push({ key: numberedKey(prefix, seat.number), value })
    }
  }

  revert(before: ReadonlyMap<unknown, unknown>): void {
    const restore = () => this.#restore(before as ReadonlyMap<string, Was<V> | null>)
    const { restoring } = this.#place
    if (restoring === undefined) restore()
    else restoring([...before.keys()] as string[], restore)
  }

  #restore(before: ReadonlyMap<string, Was<V> | null>): void {
    let isOrdered = true
    for (const [key, was] of before) {
      if (was === null) {
        this.#seats.delete(key)
        super.delete(key)
        continue
      }
      if (this.#seats.get(key)?.order !== was.order) isOrdered = false
      this.#seats.set(key, { number: was.number, order: was.order })
      super.set(key, was.value)
    }
    if (!isOrdered) this.#sort()
  }

  settled(): void {}

  #note(key: string): void {
    this.#journal.note(this, key, () => {
      const seat = this.#seats.get(key)
      return seat === undefined ? null : { ...seat, value: super.get(key) }
    })
  }

  #numberFor(key: string): number {
    const was = this.#journal.noted(this, key) as Was<V> | null | undefined
    return was?.number ?? this.#place.numbers.next()
  }

  #nextOrder(): number {
    this.#lastOrder += 1
    return this.#lastOrder
  }

  #sort(): void {
    const orderOf = (key: string) => this.#seats.get(key)?.order ?? 0
    const sorted = [...this.entries()].sort(([a], [b]) => orderOf(a) - orderOf(b))
    super.clear()
    for (const [key, value] of sorted) super.set(key, value)
  }
}

/** A record's number is in its key; the rest is what its form wrote. */
export function loadedFrom<V>(
  records: Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>,
  decode: (value: Uint8Array) => { readonly order: number; readonly key: string; readonly value: V },
): readonly Loaded<V>[] {
  const loaded: Loaded<V>[] = []
  for (const { key, value } of records) loaded.push({ number: numberOf(key), ...decode(value) })
  return loaded
}
