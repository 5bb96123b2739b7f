// All logs of a memory store, and who follows them. A room that was never written has no state, however often it is
// read.

import type { By } from '../protocol/frames.js'
import type { Position } from '../protocol/position.js'
import { adopted, emptyLog, type Incarnations, positionAt } from './log.js'
import type { Followers } from './memory-followers.js'
import { append, forget, newRoomLog, type RoomLog, raise, read, trim } from './memory-log.js'
import type { Append, Appended, Control, Owner, Page, Read, Retention } from './store.js'
import { controlRoom } from './store.js'

export type RoomsState = Map<string, RoomLog>

/** The control log is read by every node at least once a second; this is far more than a node can be behind. */
export const controlRetention: Retention = {
  entriesMax: 10_000,
  bytesMax: 16_777_216,
  ageMs: 24 * 3_600_000,
  producersMax: 0,
  producerAgeMs: 0,
}

export class Rooms {
  readonly #rooms: RoomsState
  readonly #incarnations: Incarnations
  readonly #followers: Followers
  readonly #nowMs: () => number
  #aging: Iterator<RoomLog> | null = null

  constructor(rooms: RoomsState, incarnations: Incarnations, followers: Followers, nowMs: () => number) {
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
      durability: 'memory',
    })
  }

  read(ask: Read): Page {
    return read(this.#room(ask.room) ?? newRoomLog(emptyLog(this.#incarnations)), ask, this.#nowMs())
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

  /** Retention by age, also where nobody writes or reads: a few rooms with each call, all of them in turn. */
  age(roomsMax: number): void {
    for (let count = 0; count < roomsMax; count++) {
      this.#aging ??= this.#rooms.values()
      const next = this.#aging.next()
      if (next.done === true) {
        this.#aging = null
        return
      }
      trim(next.value, this.#nowMs())
      forget(next.value, this.#nowMs())
    }
  }

  #room(name: string): RoomLog | null {
    const room = this.#rooms.get(name)
    if (room === undefined) return null
    room.log = adopted(room.log, this.#incarnations)
    return room
  }

  #roomToWrite(name: string): RoomLog {
    const known = this.#room(name)
    if (known !== null) return known
    const made = newRoomLog(emptyLog(this.#incarnations))
    this.#rooms.set(name, made)
    return made
  }
}
