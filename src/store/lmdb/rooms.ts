// All rooms on the disk. In memory are those that were used lately, those with something not yet written, and those
// that are kept in memory only. It knows no rules.

import { adopted, type Incarnations, type LogView } from '../log.js'
import type { RoomSource } from '../memory-rooms.js'
import { decodeJson } from './codec.js'
import type { Disk } from './disk.js'
import type { Journal } from './journal.js'
import { kinds, nameOf, namedKey } from './keys.js'
import { DiskRoom, type RoomRecord } from './room.js'
import type { Numbers } from './table.js'

/** Rooms in memory, beside those that cannot leave it. */
const roomsMax = 1_000

/** Producers, fences and keys in the rooms that one look through some rooms may take up. */
const weightMax = 5_000

export interface RoomsGround {
  readonly disk: Disk
  readonly journal: Journal
  readonly incarnations: Incarnations
  readonly numbers: Numbers
}

export class DiskRooms implements RoomSource {
  readonly #ground: RoomsGround
  /** In order of last use. */
  readonly #rooms = new Map<string, DiskRoom>()
  #turnAfter = ''

  constructor(ground: RoomsGround) {
    this.#ground = ground
  }

  /** Of rooms in memory. */
  get count(): number {
    return this.#rooms.size
  }

  find(name: string): DiskRoom | null {
    const room = this.#known(name) ?? this.#load(name)
    if (room !== null) this.#use(room)
    return room
  }

  make(name: string, log: LogView): DiskRoom {
    const record: RoomRecord = { id: this.#ground.numbers.next(), log, bytes: 0, retention: null, weight: 0 }
    const room = new DiskRoom(this.#ground, name, record, true)
    this.#use(room)
    return room
  }

  /** Null: it is as the disk has it. */
  inMemory(name: string): DiskRoom | null {
    return this.#known(name)
  }

  *next(count: number): Iterable<DiskRoom> {
    this.#evict(roomsMax)
    for (const room of this.#rooms.values()) if (room.scope.isUnkept) yield room
    let weight = 0
    for (let left = count; left > 0 && weight < weightMax; left--) {
      const name = this.#nextName()
      if (name === null) return
      const room = this.#known(name) ?? this.#load(name)
      if (room === null || room.scope.isUnkept) continue
      weight += room.weight
      yield room
      // What was changed must be seen by others before it is written.
      if (!room.isSettled && !this.#rooms.has(name)) this.#use(room)
    }
  }

  #nextName(): string | null {
    const after = namedKey(kinds.room, `${this.#turnAfter}\0`)
    const key = this.#ground.disk.keyFrom(after)
    const name = key === undefined || key[0] !== kinds.room ? null : nameOf(key)
    this.#turnAfter = name ?? ''
    return name
  }

  #known(name: string): DiskRoom | null {
    const room = this.#rooms.get(name)
    // Behind a failed flush the disk has what is not believed: the room stays as memory has it.
    const isBelieved = this.#ground.journal.refusal === null
    return room === undefined || (room.isLost && isBelieved) ? null : room
  }

  #load(name: string): DiskRoom | null {
    const value = this.#ground.disk.get(namedKey(kinds.room, name))
    if (value === undefined) return null
    const record = decodeJson(value) as RoomRecord
    const log = adopted(record.log, this.#ground.incarnations)
    return new DiskRoom(this.#ground, name, { ...record, log }, false)
  }

  #use(room: DiskRoom): void {
    this.#rooms.delete(room.name)
    this.#rooms.set(room.name, room)
    if (this.#rooms.size > 2 * roomsMax) this.#evict(roomsMax)
  }

  #evict(countMax: number): void {
    let left = this.#rooms.size - countMax
    for (const [name, room] of this.#rooms) {
      if (left <= 0) return
      if (!room.isSettled) continue
      this.#rooms.delete(name)
      left -= 1
    }
  }
}
