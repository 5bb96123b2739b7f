// All logs of a store, wherever they are kept, and who is told of them. A room that was never written has no state,
// however often it is read.

import type { By } from '../protocol/frames.js'
import type { Position } from '../protocol/position.js'
import { adopted, emptyLog, type Incarnations, type LogView, positionAt } from './log.js'
import type { Told } from './memory-followers.js'
import { MemoryRoom, newRoomData, type RoomData } from './memory-log.js'
import { append, forget, type RoomLog, raise, read, trim, trimmedMax } from './room-log.js'
import type { Append, Appended, Control, Owner, Page, Read, Retention } from './store.js'
import { controlRoom } from './store.js'

/** Where rooms are kept. */
export interface RoomSource {
  /** Null: it has no state. */
  find(name: string): RoomLog | null
  make(name: string, log: LogView): RoomLog
  /** The next ones that have state, each in its turn; over and over. */
  next(roomsMax: number): Iterable<RoomLog>
}

export type RoomsState = Map<string, RoomData>

/** Rooms of a state in memory. */
export class MemoryRooms implements RoomSource {
  readonly #state: RoomsState
  readonly #rooms = new Map<string, MemoryRoom>()
  #turn: Iterator<MemoryRoom> | null = null

  constructor(state: RoomsState) {
    this.#state = state
    for (const [name, data] of state) this.#rooms.set(name, new MemoryRoom(data))
  }

  find(name: string): RoomLog | null {
    return this.#rooms.get(name) ?? null
  }

  make(name: string, log: LogView): RoomLog {
    const data = newRoomData(log)
    const room = new MemoryRoom(data)
    this.#state.set(name, data)
    this.#rooms.set(name, room)
    return room
  }

  *next(roomsMax: number): Iterable<RoomLog> {
    for (let count = 0; count < roomsMax; count++) {
      this.#turn ??= this.#rooms.values()
      const next = this.#turn.next()
      if (next.done === true) {
        this.#turn = null
        return
      }
      yield next.value
    }
  }
}

/** The control log is read by every node at least once a second; this is far more than a node can be behind. */
export const controlRetention: Retention = {
  entriesMax: 10_000,
  bytesMax: 16_777_216,
  ageMs: 24 * 3_600_000,
  producersMax: 0,
  producerAgeMs: 0,
}

export class Rooms {
  readonly #rooms: RoomSource
  readonly #incarnations: Incarnations
  readonly #followers: Told
  readonly #nowMs: () => number

  constructor(rooms: RoomSource, incarnations: Incarnations, followers: Told, nowMs: () => number) {
    this.#rooms = rooms
    this.#incarnations = incarnations
    this.#followers = followers
    this.#nowMs = nowMs
  }

  append(ask: Append): Appended {
    const { answer, entry } = append(this.#roomToWrite(ask.room), ask, this.#nowMs())
    if (entry !== null) this.#followers.tell(ask.room, { kind: 'entries', entries: [entry] })
    return answer
  }

  /** In the same step as what it tells. Its tags need no chance of their own: the epoch's birth tag has it. */
  appendControl(control: Control): void {
    const offset = this.head(controlRoom).offset + 1
    const tag = `${this.#incarnations.present.tag}.${offset}`
    this.append({
      room: controlRoom,
      entry: { tag, atMs: 0, by: null, mark: null, key: null, data: JSON.stringify(control) },
      fence: null,
      producer: null,
      retention: controlRetention,
      durability: 'process',
    })
  }

  read(ask: Read): Page {
    return read(this.#room(ask.room) ?? new MemoryRoom(newRoomData(emptyLog(this.#incarnations))), ask, this.#nowMs())
  }

  head(name: string): Position {
    const log = this.#room(name)?.log ?? emptyLog(this.#incarnations)
    return positionAt(log, log.head)
  }

  touch(owner: Owner, names: readonly string[]): void {
    for (const name of names) raise(this.#roomToWrite(name), owner, this.#nowMs())
  }

  signal(room: string, by: By | null, data: string | Uint8Array): void {
    this.#followers.tell(room, { kind: 'signal', by, data })
  }

  /** Retention also where nobody writes or reads: a few rooms, and a bounded number of entries, with each call. */
  age(roomsMax: number): void {
    let left = trimmedMax
    for (const room of this.#rooms.next(roomsMax)) {
      left -= trim(room, this.#nowMs(), left)
      forget(room, this.#nowMs())
    }
  }

  #room(name: string): RoomLog | null {
    const room = this.#rooms.find(name)
    if (room === null) return null
    const log = adopted(room.log, this.#incarnations)
    if (log !== room.log) room.log = log
    return room
  }

  #roomToWrite(name: string): RoomLog {
    return this.#room(name) ?? this.#rooms.make(name, emptyLog(this.#incarnations))
  }
}
