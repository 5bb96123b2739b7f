// Boards in memory. An empty board is dropped only when many are, and then no version is ever given twice: the next
// board starts above every dropped one.

import type { Json } from '../protocol/frames.js'
import type { Told } from './memory-followers.js'
import type { Board, BoardChange, BoardChanged, BoardItem, ChangeBoard } from './store.js'

/** Removed keys whose fences are remembered, per board: a late change of a former owner does not bring one back. */
export const removedMax = 1_000

/** Empty boards whose version is remembered one by one; with the durable store one takes 2.4 kB of memory. */
export const emptyBoardsMax = 1_000

export interface BoardsState {
  readonly boards: Map<string, BoardState>
  /** The ids of empty ones, in the order in which they became empty. */
  readonly empty: Map<string, null>
  versionFloor: number
}

export interface BoardState {
  version: number
  readonly items: Map<string, BoardItem>
  readonly removed: Map<string, number>
}

export function newBoardsState(): BoardsState {
  return { boards: new Map(), empty: new Map(), versionFloor: 0 }
}

export class Boards {
  readonly #state: BoardsState
  readonly #followers: Told
  readonly #newBoard: (version: number) => BoardState

  constructor(state: BoardsState, followers: Told, newBoard: (version: number) => BoardState = newBoardState) {
    this.#state = state
    this.#followers = followers
    this.#newBoard = newBoard
  }

  board(room: string, name: string): Board {
    const board = this.#state.boards.get(idOf(room, name))
    if (board === undefined) return { version: this.#state.versionFloor, items: [] }
    return { version: board.version, items: [...board.items.values()] }
  }

  change(ask: ChangeBoard): BoardChanged {
    const id = idOf(ask.room, ask.board)
    const board = this.#state.boards.get(id) ?? this.#newBoard(this.#state.versionFloor)
    const set = ask.set.filter((item) => item.fence >= fenceOf(board, item.key))
    const removed = ask.removed.filter(({ key, fence }) => fence >= fenceOf(board, key))
    if (countAfter(board, set, removed) > ask.itemsMax) return { kind: 'full' }

    // A higher fence alone is stored but not told: nobody sees a difference.
    const kept = new Set(set.map(({ key }) => key))
    const told = {
      removed: removed.filter(({ key }) => board.items.has(key) && !kept.has(key)).map(({ key }) => key),
      set: set.filter(({ key, value }) => !isSameJson(board.items.get(key)?.value, value)),
    }
    apply(board, set, removed)
    this.#keep(id, board)
    if (told.set.length + told.removed.length === 0) return { kind: 'changed', version: board.version }
    board.version += 1
    const change: BoardChange = { board: ask.board, version: board.version, ...told }
    this.#followers.tell(ask.room, { kind: 'board', change })
    return { kind: 'changed', version: board.version }
  }

  #keep(id: string, board: BoardState): void {
    const { boards, empty } = this.#state
    boards.set(id, board)
    empty.delete(id)
    if (board.items.size === 0) empty.set(id, null)
    for (const oldest of empty.keys()) {
      if (empty.size <= emptyBoardsMax) return
      this.#state.versionFloor = Math.max(this.#state.versionFloor, boards.get(oldest)?.version ?? 0)
      boards.get(oldest)?.removed.clear()
      boards.delete(oldest)
      empty.delete(oldest)
    }
  }
}

function idOf(room: string, board: string): string {
  return `${room.length}:${room}${board}`
}

function newBoardState(version: number): BoardState {
  return { version, items: new Map(), removed: new Map() }
}

function fenceOf(board: BoardState, key: string): number {
  return board.items.get(key)?.fence ?? board.removed.get(key) ?? Number.NEGATIVE_INFINITY
}

/** How many items there would be; 0 when none is added. */
function countAfter(board: BoardState, set: ChangeBoard['set'], removed: ChangeBoard['removed']): number {
  const gone = new Set(removed.map(({ key }) => key).filter((key) => board.items.has(key)))
  const added = new Set(set.map(({ key }) => key).filter((key) => !board.items.has(key) || gone.has(key)))
  // A board that is over a lowered limit may still change and shrink.
  return added.size === 0 ? 0 : board.items.size - gone.size + added.size
}

function apply(board: BoardState, set: ChangeBoard['set'], removed: ChangeBoard['removed']): void {
  for (const { key, fence } of removed) {
    board.items.delete(key)
    board.removed.delete(key)
    board.removed.set(key, fence)
  }
  for (const item of set) {
    board.removed.delete(item.key)
    board.items.set(item.key, item)
  }
  for (const oldest of board.removed.keys()) {
    if (board.removed.size <= removedMax) return
    board.removed.delete(oldest)
  }
}

function isSameJson(a: Json | undefined, b: Json): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((one, index) => isSameJson(one, b[index]))
  }
  const [left, right] = [a as { [key: string]: Json }, b as { [key: string]: Json }]
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  return keys.every((key) => Object.hasOwn(right, key) && isSameJson(left[key], right[key] ?? null))
}
