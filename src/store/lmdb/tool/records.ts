// The records of a data directory as the tools read them: one by one, each judged, none believed. What cannot be read
// is a finding, not an error. It knows the layout of records, and no rules of what they mean.

import { decodeJson } from '../codec.js'
import type { Disk } from '../disk.js'
import { DataError } from '../format.js'
import { kinds, numberOf, prefixOf } from '../keys.js'

/** Something that must not be. */
export interface Finding {
  /** Which record, in words. */
  readonly where: string
  readonly what: string
}

/** How far a tool is; `of` null: nobody knows how much there is. */
export interface Progress {
  readonly doing: string
  readonly done: number
  readonly of: number | null
}

export interface Row<V> {
  readonly number: number
  readonly key: string
  readonly value: V
}

export type Json = { readonly [key: string]: unknown }

/** Findings that are told one by one; all are counted. */
export const findingsMax = 100

const tellEvery = 10_000

export class Records {
  readonly findings: Finding[] = []
  findingsCount = 0
  readonly #disk: Disk
  readonly #tell: (progress: Progress) => void

  constructor(disk: Disk, tell: (progress: Progress) => void) {
    this.#disk = disk
    this.#tell = tell
  }

  found(where: string, what: string): void {
    this.findingsCount += 1
    if (this.findings.length < findingsMax) this.findings.push({ where, what })
  }

  /** A finding unless it holds. */
  check(holds: boolean, where: string, what: string): void {
    if (!holds) this.found(where, what)
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#disk.get(key)
  }

  /** Null, and a finding unless it may be missing: it is not there, or is no object. */
  object(key: Uint8Array, where: string): Json | null {
    const value = this.#disk.get(key)
    const read = value === undefined ? null : this.read(where, () => decodeJson(value))
    if (isObject(read)) return read
    this.found(where, value === undefined ? 'is missing' : 'is no object')
    return null
  }

  read<T>(where: string, run: () => T): T | null {
    try {
      return run()
    } catch (error) {
      this.found(where, `cannot be read: ${error instanceof Error ? error.message : String(error)}`)
      return null
    }
  }

  /** All of a kind. Throws `damaged` where keys do not rise: pages point in circles. */
  *each(kind: number, doing: string): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
    let [count, last] = [0, Uint8Array.of(0)]
    for (const record of this.#disk.scan(prefixOf(kind))) {
      if (Buffer.compare(record.key, last) <= 0) throw new DataError('damaged', `the keys of ${doing} do not rise`)
      last = Uint8Array.from(record.key)
      count += 1
      if (count % tellEvery === 0) this.#tell({ doing, done: count, of: null })
      yield record
    }
    this.#tell({ doing, done: count, of: count })
  }

  /** Records of the form `[order, key, value, …]`; no key stands twice under one owner. */
  *rows(kind: number, doing: string): Iterable<Row<readonly unknown[]> & { readonly owner: number }> {
    let seen = new Set<string>()
    let owner = 0
    for (const { key, value } of this.each(kind, doing)) {
      const number = numberOf(key)
      const where = `${doing} ${number}`
      const present = key.length > 7 ? numberOf(key.subarray(0, 7)) : 0
      if (present !== owner) [seen, owner] = [new Set(), present]
      const record = this.read(where, () => decodeJson(value))
      if (!Array.isArray(record) || typeof record[0] !== 'number' || typeof record[1] !== 'string') {
        if (record !== null) this.found(where, 'is no record')
        continue
      }
      this.check(!seen.has(record[1]), where, `stands twice: ${JSON.stringify(record[1])}`)
      seen.add(record[1])
      yield { number, owner, key: record[1], value: record.slice(2) }
    }
  }

  /** What is of no kind that this release knows. */
  checkKinds(): void {
    const known = new Set<number>(Object.values(kinds))
    for (let kind = 0; kind < 0xff; ) {
      const key = this.#disk.keyFrom(prefixOf(kind))
      if (key === undefined || key.length === 0) return
      kind = key[0] ?? 0
      this.check(known.has(kind), `a key of kind ${kind}`, 'is not known to this release')
      kind += 1
    }
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
