// Every operation of the contract as one synchronous step over a store's parts, and how the parts are put together at
// the start of a life. Drivers differ in where the parts are kept and in when an answer may leave.

import { interrupted } from './hold-time.js'
import { type Incarnation, type Incarnations, reborn } from './log.js'
import { type BoardState, Boards, type BoardsState } from './memory-boards.js'
import type { Followers, Told } from './memory-followers.js'
import { Leases } from './memory-leases.js'
import { type RoomSource, Rooms } from './memory-rooms.js'
import { type ControlState, Rows } from './memory-rows.js'
import { Sessions } from './memory-sessions.js'
import { lifted } from './rising.js'
import type { Birth, Store } from './store.js'

export type Operation = Exclude<keyof Store, 'driver' | 'durabilities' | 'open' | 'close'>

export type Steps = {
  readonly [name in Operation]: (...asked: Parameters<Store[name]>) => Awaited<ReturnType<Store[name]>>
}

/** What a driver kept. `incarnations` null: nothing, this is its first life. */
export interface Kept {
  readonly incarnations: Incarnations | null
  /** The store's clock when it was last kept. */
  readonly nowMs: number
  readonly boards: BoardsState
  readonly control: ControlState
}

export interface Life {
  readonly incarnations: Incarnations
  /** The store's clock goes on where it was kept: ages and claims of events need no rewriting. */
  readonly nowMs: () => number
}

/** A new life of the store: its numbers rise, its clock of holds stands until the first tick. */
export function beginLife(kept: Kept, birth: Birth): Life {
  const { control } = kept
  if (kept.incarnations !== null) {
    control.clock = interrupted(control.clock)
    control.fence = lifted(control.fence, birth.wallMs)
    control.generationFloor = lifted(control.generationFloor, birth.wallMs)
    control.rights.count = lifted(control.rights.count, birth.wallMs)
  }
  const shiftMs = kept.incarnations === null ? 0 : kept.nowMs - birth.nowMs()
  const present: Incarnation = { epoch: birth.epoch, tag: birth.tag }
  return { incarnations: reborn(kept.incarnations, present), nowMs: () => birth.nowMs() + shiftMs }
}

export interface Parts {
  readonly followers: Followers
  readonly rooms: Rooms
  readonly boards: Boards
  readonly rows: Rows
  readonly sessions: Sessions
  readonly leases: Leases
}

/** `told`: who hears of changes, when they may be told; `followers` themselves unless a driver tells them later. */
export function assemble(options: {
  readonly life: Life
  readonly kept: Kept
  readonly source: RoomSource
  readonly followers: Followers
  readonly told?: Told
  readonly newBoard?: (version: number) => BoardState
}): Parts {
  const { life, kept, source, followers, told = followers, newBoard } = options
  const rooms = new Rooms(source, life.incarnations, told, life.nowMs)
  const rows = new Rows(kept.control)
  const sessions = new Sessions(rows, rooms, life.nowMs)
  const leases = new Leases(rows, sessions, life.nowMs)
  return { followers, rooms, boards: new Boards(kept.boards, told, newBoard), rows, sessions, leases }
}

/** How many rooms are checked for age with each tick. */
const agedRoomsMax = 64

export function stepsOf({ followers, rooms, boards, rows, sessions, leases }: Parts): Steps {
  return {
    append: (ask) => rooms.append(ask),
    read: (ask) => rooms.read(ask),
    heads: (names) => names.map((name) => rooms.head(name)),
    touch: (owner, names) => rooms.touch(owner, names),
    follow: (room, hear) => followers.follow(room, hear),
    signal: (room, by, data) => rooms.signal(room, by, data),
    board: (room, board) => boards.board(room, board),
    changeBoard: (ask) => boards.change(ask),
    session: (id) => rows.row(id),
    sessionsOf: (user) => rows.ofUser(user).map(({ row }) => row),
    attach: (ask) => sessions.attach(ask),
    detach: (owner) => sessions.detach(owner),
    end: (ask) => sessions.end(ask),
    enter: (owner, room, asked) => {
      const membership = sessions.enter(owner, room, asked)
      return membership === null ? { kind: 'not-owner' } : { kind: 'entered', membership }
    },
    exit: (owner, room) => sessions.exit(owner, room),
    remove: (room, user) => sessions.remove(room, user),
    readableFrom: (room, user) => sessions.floorOf(room, user),
    changeRights: (user) => sessions.changeRights(user),
    rightsCount: () => rows.state.rights.count,
    acquire: (ask) => leases.acquire(ask),
    release: (ask) => leases.release(ask),
    lease: (key) => rows.state.leases.get(key) ?? null,
    tick: (ask) => {
      rooms.age(agedRoomsMax)
      return leases.tick(ask)
    },
    takeEvents: (ask) => leases.takeEvents(ask),
    settleEvents: (ids) => leases.settleEvents(ids),
  }
}

/** A store's operations, each made from its step; `enter` runs a step and says when its answer may leave. */
export function operationsOf(
  names: readonly Operation[],
  enter: (name: Operation, run: (steps: Steps) => unknown, asked: readonly unknown[]) => Promise<unknown>,
): Pick<Store, Operation> {
  const operations = names.map((name) => {
    const run = (...asked: readonly unknown[]) =>
      enter(name, (steps) => Reflect.apply(steps[name], undefined, asked), asked)
    return [name, run] as const
  })
  return Object.fromEntries(operations) as Pick<Store, Operation>
}

export const operationNames = Object.keys({
  append: 0,
  read: 0,
  heads: 0,
  touch: 0,
  follow: 0,
  signal: 0,
  board: 0,
  changeBoard: 0,
  session: 0,
  sessionsOf: 0,
  attach: 0,
  detach: 0,
  end: 0,
  enter: 0,
  exit: 0,
  remove: 0,
  readableFrom: 0,
  changeRights: 0,
  rightsCount: 0,
  acquire: 0,
  release: 0,
  lease: 0,
  tick: 0,
  takeEvents: 0,
  settleEvents: 0,
} satisfies Record<Operation, 0>) as readonly Operation[]
