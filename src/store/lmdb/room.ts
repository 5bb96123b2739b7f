// One room on the disk. Its entries are read there one by one; in memory are its small record, what is not yet written,
// and, once they are asked for, its producers, fences and keys. It knows no rules, and no other room.

import { bytesOf } from '../fingerprint.js'
import type { LogView } from '../log.js'
import type { KeptEntry, RoomEntries, RoomLog, UsedProducer, UsedWatermark } from '../room-log.js'
import type { Durability, Retention } from '../store.js'
import { decodeEntry, encodeEntry, encodeJson } from './codec.js'
import type { Disk, Write } from './disk.js'
import { type Journal, type Keeper, newScope } from './journal.js'
import { kinds, namedKey, numberedKey, prefixOf } from './keys.js'
import { keyedTable, producerTable, watermarkTable } from './room-tables.js'
import type { Table } from './table.js'

/** A room's own record. */
export interface RoomRecord {
  readonly id: number
  readonly log: LogView
  readonly bytes: number
  readonly retention: Retention | null
  /** How many producers, fences and keys it has: what it costs to look through it. */
  readonly weight: number
}

interface Was extends Pick<RoomRecord, 'log' | 'bytes' | 'retention'> {
  readonly isUnkept: boolean
  readonly isNew: boolean
}

interface Ground {
  readonly disk: Disk
  readonly journal: Journal
}

/** An entry that is not (or not so) on the disk. Null: it is gone. */
type Unwritten = KeptEntry | null

export class DiskRoom implements RoomLog, Keeper {
  readonly name: string
  readonly id: number
  readonly scope = newScope()
  readonly entries: DiskEntries
  readonly #ground: Ground
  readonly #weight: number
  #log: LogView
  #retention: Retention | null
  #isNew: boolean
  #isLost = false
  /** The disk may have more of it than is believed. */
  #isReverted = false
  #tables: { keyed?: Table<number>; producers?: Table<UsedProducer>; watermarks?: Table<UsedWatermark> } = {}

  /** `record.log` is that of the present life. */
  constructor(ground: Ground, name: string, record: RoomRecord, isNew: boolean) {
    this.name = name
    this.id = record.id
    this.#ground = ground
    this.#log = record.log
    this.#retention = record.retention
    this.#weight = record.weight
    this.#isNew = isNew
    this.entries = new DiskEntries(ground, this, record.bytes)
    if (isNew) this.noteRecord()
  }

  get log(): LogView {
    return this.#log
  }
  set log(log: LogView) {
    this.noteRecord()
    this.#log = log
  }

  get retention(): Retention | null {
    return this.#retention
  }
  set retention(retention: Retention | null) {
    if (isSame(this.#retention, retention)) return
    this.noteRecord()
    this.#retention = retention
  }

  get keyed(): Table<number> {
    this.#tables.keyed ??= keyedTable(this.#ground, this)
    return this.#tables.keyed
  }

  get producers(): Table<UsedProducer> {
    this.#tables.producers ??= producerTable(this.#ground, this)
    return this.#tables.producers
  }

  get watermarks(): Table<UsedWatermark> {
    this.#tables.watermarks ??= watermarkTable(this.#ground, this)
    return this.#tables.watermarks
  }

  /** True: it can be forgotten and read again. */
  get isSettled(): boolean {
    return this.scope.last === null && !this.scope.isUnkept && !this.#isReverted
  }

  /** True: it was made by a batch that failed. It must be made anew. */
  get isLost(): boolean {
    return this.#isLost
  }

  get weight(): number {
    const { keyed, producers, watermarks } = this.#tables
    if (producers === undefined || watermarks === undefined) return this.#weight
    return producers.size + watermarks.size + (keyed?.size ?? 0)
  }

  /** A room whose first entry is kept in memory only stays there, until one comes that is to be kept. */
  declare(durability: Durability): void {
    const { scope } = this
    if (durability === 'memory') {
      if (this.#log.head.offset === 0) scope.isUnkept = true
      return
    }
    scope.needsFlush = durability === 'disk'
    if (!scope.isUnkept) return
    this.#promote()
  }

  #promote(): void {
    this.scope.isUnkept = false
    this.#ground.journal.note(this, recordKey, () => ({ ...this.#was(), isUnkept: true }))
    this.entries.noteAll()
    for (const table of Object.values(this.#tables)) table.noteAll()
  }

  write(_: ReadonlyMap<unknown, unknown>, writes: Write[]): void {
    const { id, weight } = this
    const record: RoomRecord = { id, log: this.#log, bytes: this.entries.bytes, retention: this.#retention, weight }
    writes.push({ key: namedKey(kinds.room, this.name), value: encodeJson(record) })
  }

  revert(before: ReadonlyMap<unknown, unknown>): void {
    const was = before.get(recordKey) as Was
    this.#log = was.log
    this.#retention = was.retention
    this.entries.bytes = was.bytes
    this.scope.isUnkept = was.isUnkept
    this.#isLost = was.isNew
    this.#isReverted = true
  }

  settled(): void {
    this.#isNew = false
    this.#isReverted = false
  }

  noteRecord(): void {
    this.#ground.journal.note(this, recordKey, () => this.#was())
  }

  #was(): Was {
    const [log, retention, { bytes }] = [this.#log, this.#retention, this.entries]
    return { log, retention, bytes, isUnkept: this.scope.isUnkept, isNew: this.#isNew }
  }
}

const recordKey = 'record'

/** How many bytes they are is in the room's record, so that one is noted before each change. */
class DiskEntries implements RoomEntries, Keeper {
  bytes: number
  readonly #ground: Ground
  readonly #room: DiskRoom
  readonly #prefix: Uint8Array
  readonly #unwritten = new Map<number, Unwritten>()
  /** The oldest one, once it was read: every append looks at it. */
  #oldest: { readonly offset: number; readonly kept: KeptEntry } | null = null

  constructor(ground: Ground, room: DiskRoom, bytes: number) {
    this.#ground = ground
    this.#room = room
    this.#prefix = prefixOf(kinds.entry, room.id)
    this.bytes = bytes
  }

  get scope() {
    return this.#room.scope
  }

  at(offset: number): KeptEntry | undefined {
    const { log } = this.#room
    if (offset <= log.trimmed.offset || offset > log.head.offset) return undefined
    const unwritten = this.#unwritten.get(offset)
    if (unwritten !== undefined) return unwritten ?? undefined
    if (this.scope.isUnkept) return undefined
    if (this.#oldest?.offset === offset) return this.#oldest.kept
    const value = this.#ground.disk.get(numberedKey(this.#prefix, offset))
    if (value === undefined) return undefined
    const kept = decodeEntry(value, { epoch: log.epoch, offset })
    if (offset === log.trimmed.offset + 1) this.#oldest = { offset, kept }
    return kept
  }

  push(kept: KeptEntry): void {
    const bytes = bytesOf(kept.entry.data)
    this.#note(kept.entry.position.offset)
    this.#unwritten.set(kept.entry.position.offset, kept)
    if (!this.scope.isUnkept) this.#ground.journal.grow(bytes)
    this.bytes += bytes
  }

  empty(offset: number): void {
    const kept = this.at(offset)
    if (kept === undefined) return
    this.#note(offset)
    this.bytes -= bytesOf(kept.entry.data)
    this.#unwritten.set(offset, { ...kept, entry: { ...kept.entry, data: null } })
  }

  drop(offset: number): void {
    const kept = this.at(offset)
    this.#note(offset)
    this.bytes -= bytesOf(kept?.entry.data ?? null)
    if (this.scope.isUnkept) this.#unwritten.delete(offset)
    else this.#unwritten.set(offset, null)
  }

  noteAll(): void {
    for (const offset of this.#unwritten.keys()) this.#note(offset)
  }

  write(before: ReadonlyMap<unknown, unknown>, writes: Write[]): void {
    for (const offset of before.keys() as Iterable<number>) {
      const kept = this.#unwritten.get(offset) ?? null
      writes.push({ key: numberedKey(this.#prefix, offset), value: kept === null ? null : encodeEntry(kept) })
    }
  }

  revert(before: ReadonlyMap<unknown, unknown>): void {
    for (const [offset, was] of before as ReadonlyMap<number, Unwritten | undefined>) {
      if (was === undefined) this.#unwritten.delete(offset)
      else this.#unwritten.set(offset, was)
    }
  }

  settled(before: ReadonlyMap<unknown, unknown>, isNoted: (key: unknown) => boolean): void {
    for (const offset of before.keys() as Iterable<number>) if (!isNoted(offset)) this.#unwritten.delete(offset)
  }

  /** Undefined: as the disk has it. */
  #note(offset: number): void {
    if (this.#oldest?.offset === offset) this.#oldest = null
    this.#room.noteRecord()
    this.#ground.journal.note(this, offset, () => this.#unwritten.get(offset))
  }
}

function isSame(a: Retention | null, b: Retention | null): boolean {
  if (a === null || b === null) return a === b
  return (Object.keys(a) as (keyof Retention)[]).every((key) => a[key] === b[key])
}
