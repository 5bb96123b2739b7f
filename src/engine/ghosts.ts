// Members that a board shows and that are not there: written by a node that died, or for a life of the store that is
// lost. Nobody else would take them off, so the boards of the rooms in memory are looked through, a few rows at a time.

import type { BoardItem } from '../store/store.js'
import type { Core } from './core.js'
import { presenceBoard } from './members.js'
import type { Room } from './room.js'
import type { Rooms } from './rooms.js'
import type { Session } from './session.js'

/** Rows asked for with one tick. */
const rowsMax = 16

type Presence = NonNullable<Room['presence']>

export class Ghosts {
  readonly #core: Core
  readonly #rooms: Rooms
  readonly #live: ReadonlyMap<string, Session>
  /** Whoever is not in the room by his row, and may just be leaving: he is taken off when he still is not next time. */
  #doubted = new Set<BoardItem>()
  #isClosed = false

  /** `live`: the sessions of this node. */
  constructor(core: Core, rooms: Rooms, live: ReadonlyMap<string, Session>) {
    this.#core = core
    this.#rooms = rooms
    this.#live = live
  }

  /** All boards once per beat, from now on. */
  start(): void {
    if (this.#isClosed) return
    this.#core.after(this.#core.settings.heartbeatMs, () => {
      this.#walk()
        .catch((error: unknown) => this.#core.report(error, 'looking through the boards'))
        .then(() => this.start())
    })
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true
  }

  async #walk(): Promise<void> {
    const doubted = new Set<BoardItem>()
    for (const room of [...this.#rooms.inMemory]) {
      if (room.presence === null || this.#isClosed) continue
      try {
        await this.#lookThrough(room, room.presence, doubted)
      } catch {
        // The store is not there, or the room has gone: the next walk comes.
      }
    }
    this.#doubted = doubted
  }

  async #lookThrough(room: Room, presence: Presence, doubted: Set<BoardItem>): Promise<void> {
    await presence.mirror.whenRead()
    const others = [...presence.mirror.items.values()].filter(({ key }) => !this.#live.get(key)?.rooms.has(room.name))
    for (let at = 0; at < others.length && !this.#isClosed; at += rowsMax) {
      if (at > 0) await this.#rest()
      await Promise.all(others.slice(at, at + rowsMax).map((item) => this.#look(room.name, item, doubted)))
    }
  }

  async #look(room: string, item: BoardItem, doubted: Set<BoardItem>): Promise<void> {
    const row = await this.#core.ask((store) => store.session(item.key))
    const isOver = row === null || row.status.state === 'ended'
    if (!isOver && row.rooms[room] !== undefined) return
    // Only who lives on may come back under the generation that the board shows.
    if (!isOver && !this.#doubted.has(item)) return void doubted.add(item)
    const itemsMax = this.#core.roomOptions(room)?.presence?.membersMax ?? 0
    const removed = [{ key: item.key, fence: item.fence }]
    await this.#core.ask((store) => store.changeBoard({ room, board: presenceBoard, set: [], removed, itemsMax }))
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => this.#core.after(this.#core.settings.tickMs, resolve))
  }
}
