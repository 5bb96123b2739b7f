// The reference store: every rule of the contract in one process's memory, nothing on disk. Several servers of one
// process may share one. Operations take effect in the order of the calls; answers and hints come in a later turn.

import { interrupted } from './hold-time.js'
import { type Incarnations, reborn } from './log.js'
import { Boards, type BoardsState, newBoardsState } from './memory-boards.js'
import { Followers } from './memory-followers.js'
import { Leases } from './memory-leases.js'
import { Rooms, type RoomsState } from './memory-rooms.js'
import { type ControlState, newControlState, Rows } from './memory-rows.js'
import { Sessions } from './memory-sessions.js'
import { lifted } from './rising.js'
import { type Birth, type Store, StoreUnavailable } from './store.js'

export interface MemoryStore extends Store {
  /** A copy of everything as it is now, also after `close`: what a disk would have kept. */
  snapshot(): MemorySnapshot
}

/** Opaque. */
export interface MemorySnapshot {
  readonly incarnations: Incarnations | null
  readonly nowMs: number
  readonly rooms: RoomsState
  readonly boards: BoardsState
  readonly control: ControlState
}

/**
 * `from`: what survived of an earlier store, whole or older. Opening it begins a new epoch; rooms take it as they are
 * used, and hold time is frozen for one grace, as after any outage. Absent: empty.
 */
export function memoryStore(options: { readonly from?: MemorySnapshot } = {}): MemoryStore {
  return new Memory(structuredClone(options.from ?? nothing()))
}

function nothing(): MemorySnapshot {
  return {
    incarnations: null,
    nowMs: 0,
    rooms: new Map(),
    boards: newBoardsState(),
    control: newControlState(),
  }
}

interface Parts {
  readonly incarnations: Incarnations
  readonly nowMs: () => number
  readonly followers: Followers
  readonly rooms: Rooms
  readonly boards: Boards
  readonly rows: Rows
  readonly sessions: Sessions
  readonly leases: Leases
}

/** How many rooms are checked for age with each tick. */
const agedRoomsMax = 64

class Memory implements MemoryStore {
  readonly driver = 'memory'
  readonly durabilities = ['memory'] as const
  readonly #kept: MemorySnapshot
  #parts: Parts | null = null
  #isClosed = false

  constructor(kept: MemorySnapshot) {
    this.#kept = kept
  }

  async open(birth: Birth) {
    if (this.#isClosed) throw new StoreUnavailable('the store is closed')
    this.#parts ??= assemble(this.#kept, birth)
    return { epoch: this.#parts.incarnations.present.epoch }
  }

  snapshot(): MemorySnapshot {
    const { incarnations, nowMs } = this.#parts ?? {
      incarnations: this.#kept.incarnations,
      nowMs: () => this.#kept.nowMs,
    }
    return structuredClone({ ...this.#kept, incarnations, nowMs: nowMs() })
  }

  async close() {
    this.#isClosed = true
    this.#parts?.followers.close()
  }

  append: Store['append'] = async (ask) => this.#open().rooms.append(ask)
  read: Store['read'] = async (ask) => this.#open().rooms.read(ask)
  touch: Store['touch'] = async (owner, rooms) => this.#open().rooms.touch(owner, rooms)
  follow: Store['follow'] = async (room, hear) => this.#open().followers.follow(room, hear)
  signal: Store['signal'] = async (room, by, data) => this.#open().rooms.signal(room, by, data)
  board: Store['board'] = async (room, board) => this.#open().boards.board(room, board)
  changeBoard: Store['changeBoard'] = async (ask) => this.#open().boards.change(ask)

  heads: Store['heads'] = async (rooms) => {
    const parts = this.#open()
    return rooms.map((room) => parts.rooms.head(room))
  }

  session: Store['session'] = async (id) => this.#open().rows.row(id)
  sessionsOf: Store['sessionsOf'] = async (user) =>
    this.#open()
      .rows.ofUser(user)
      .map(({ row }) => row)
  attach: Store['attach'] = async (ask) => this.#open().sessions.attach(ask)
  detach: Store['detach'] = async (owner) => this.#open().sessions.detach(owner)
  end: Store['end'] = async (ask) => this.#open().sessions.end(ask)
  exit: Store['exit'] = async (owner, room) => this.#open().sessions.exit(owner, room)
  remove: Store['remove'] = async (room, user) => this.#open().sessions.remove(room, user)
  readableFrom: Store['readableFrom'] = async (room, user) => this.#open().sessions.floorOf(room, user)
  changeRights: Store['changeRights'] = async (user) => this.#open().sessions.changeRights(user)
  rightsCount: Store['rightsCount'] = async () => this.#open().rows.state.rights.count

  enter: Store['enter'] = async (owner, room, asked) => {
    const membership = this.#open().sessions.enter(owner, room, asked)
    return membership === null ? { kind: 'not-owner' } : { kind: 'entered', membership }
  }

  acquire: Store['acquire'] = async (ask) => this.#open().leases.acquire(ask)
  release: Store['release'] = async (ask) => this.#open().leases.release(ask)
  lease: Store['lease'] = async (key) => this.#open().rows.state.leases.get(key) ?? null
  takeEvents: Store['takeEvents'] = async (ask) => this.#open().leases.takeEvents(ask)
  settleEvents: Store['settleEvents'] = async (ids) => this.#open().leases.settleEvents(ids)

  tick: Store['tick'] = async (ask) => {
    const { leases, rooms } = this.#open()
    rooms.age(agedRoomsMax)
    return leases.tick(ask)
  }

  #open(): Parts {
    if (this.#isClosed) throw new StoreUnavailable('the store is closed')
    if (this.#parts === null) throw new StoreUnavailable('the store is not open yet: call open() first')
    return this.#parts
  }
}

function assemble(kept: MemorySnapshot, birth: Birth): Parts {
  const { control } = kept
  if (kept.incarnations !== null) {
    control.clock = interrupted(control.clock)
    control.fence = lifted(control.fence, birth.wallMs)
    control.generationFloor = lifted(control.generationFloor, birth.wallMs)
    control.rights.count = lifted(control.rights.count, birth.wallMs)
  }

  // The store's clock goes on where the copy was taken: ages and claims of events need no rewriting.
  const shiftMs = kept.incarnations === null ? 0 : kept.nowMs - birth.nowMs()
  const nowMs = () => birth.nowMs() + shiftMs
  const incarnations = reborn(kept.incarnations, { epoch: birth.epoch, tag: birth.tag })
  const followers = new Followers()
  const rooms = new Rooms(kept.rooms, incarnations, followers, nowMs)
  const rows = new Rows(control)
  const sessions = new Sessions(rows, rooms, nowMs)
  const leases = new Leases(rows, sessions, nowMs)
  return { incarnations, nowMs, followers, rooms, boards: new Boards(kept.boards, followers), rows, sessions, leases }
}
