// The rooms in memory. Only a room that somebody reads stays; one that nobody reads lingers a while and leaves.

import type { Core } from './core.js'
import { Room } from './room.js'
import { Tails } from './tails.js'
import type { Timer } from './timers.js'

/** Heads asked for in one flight. */
const headsMax = 512

/** More rooms than this do not linger: the one left longest ago goes at once. */
const lingeringMax = 10_000

export class Rooms {
  readonly #core: Core
  readonly #tails: Tails
  readonly #rooms = new Map<string, Room>()
  /** In the order in which they were left. */
  readonly #lingering = new Map<Room, Timer>()
  #poll: Timer | null = null
  #isClosed = false

  constructor(core: Core) {
    this.#core = core
    this.#tails = new Tails(core.settings.tailsBytesMax)
  }

  get inMemory(): Iterable<Room> {
    return this.#rooms.values()
  }

  get size(): number {
    return this.#rooms.size
  }

  get pinnedBytes(): number {
    return this.#tails.pinnedBytes
  }

  /** By the tail of any one room. */
  get pinnedBytesMost(): number {
    let most = 0
    for (const { tail } of this.#rooms.values()) most = Math.max(most, tail?.pinnedBytes ?? 0)
    return most
  }

  /** The room if it is in memory. */
  find(name: string): Room | null {
    return this.#rooms.get(name) ?? null
  }

  /** The room, kept in memory until `unpin`. Throws for a name that is no room. */
  pin(name: string): Room {
    const room = this.#rooms.get(name) ?? this.#create(name)
    room.pinCount += 1
    this.#lingering.get(room)?.cancel()
    this.#lingering.delete(room)
    return room
  }

  unpin(room: Room): void {
    room.pinCount -= 1
    room.checkUse()
  }

  /** Once per beat: where the logs of all rooms with readers are, in few flights. */
  startPolling(): void {
    this.#poll = this.#core.after(this.#core.settings.heartbeatMs, () => {
      this.#pollAll().catch((error: unknown) => this.#core.report(error, 'the poll of heads'))
    })
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#poll?.cancel()
    for (const timer of this.#lingering.values()) timer.cancel()
    for (const room of this.#rooms.values()) room.close()
    this.#rooms.clear()
  }

  #create(name: string): Room {
    const options = this.#core.roomOptions(name)
    if (options === null) throw new Error(`there is no room ${name}: ask roomOptions first`)
    const room = new Room(this.#core, name, options, { tails: this.#tails, unused: (left) => this.#unused(left) })
    this.#rooms.set(name, room)
    return room
  }

  #unused(room: Room): void {
    if (this.#isClosed || this.#lingering.has(room)) return
    const timer = this.#core.after(this.#core.settings.roomLingerMs, () => this.#forget(room))
    this.#lingering.set(room, timer)
    const oldest = this.#lingering.keys().next().value
    if (this.#lingering.size > lingeringMax && oldest !== undefined) this.#forget(oldest)
  }

  #forget(room: Room): void {
    this.#lingering.get(room)?.cancel()
    this.#lingering.delete(room)
    if (!room.isUnused) return
    this.#rooms.delete(room.name)
    room.close()
  }

  async #pollAll(): Promise<void> {
    const nowMs = this.#core.nowMs()
    const read: Room[] = []
    for (const room of this.#rooms.values()) {
      room.age(nowMs)
      if (room.readerCount > 0) read.push(room)
      if (room.presence?.isWatched === true) room.presence.mirror.refresh()
    }
    try {
      for (let at = 0; at < read.length; at += headsMax) await this.#pollSome(read.slice(at, at + headsMax))
    } catch {
      // The store is not there; what it has is read at the next beat.
    }
    if (!this.#isClosed) this.startPolling()
  }

  async #pollSome(rooms: readonly Room[]): Promise<void> {
    const heads = await this.#core.ask((store) => store.heads(rooms.map(({ name }) => name)))
    for (const [index, room] of rooms.entries()) {
      const head = heads[index]
      if (head !== undefined) room.follower.check(head)
    }
  }
}
