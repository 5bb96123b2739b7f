// The reference store: every rule of the contract in one process's memory, nothing on disk. Several servers of one
// process may share one. Operations take effect in the order of the calls; answers and hints come in a later turn.

import { type BoardsState, newBoardsState } from './memory-boards.js'
import { Followers } from './memory-followers.js'
import { MemoryRooms, type RoomsState } from './memory-rooms.js'
import { type ControlState, newControlState } from './memory-rows.js'
import {
  assemble,
  beginLife,
  type Kept,
  type Life,
  operationNames,
  operationsOf,
  type Steps,
  stepsOf,
} from './steps.js'
import { type Birth, type Store, StoreUnavailable } from './store.js'

export interface MemoryStore extends Store {
  /** A copy of everything as it is now, also after `close`: what a disk would have kept. */
  snapshot(): MemorySnapshot
}

/** Opaque. */
export interface MemorySnapshot extends Kept {
  readonly rooms: RoomsState
  readonly boards: BoardsState
  readonly control: ControlState
}

/**
 * `from`: what survived of an earlier store, whole or older. Opening it begins a new epoch; rooms take it as they are
 * used, and hold time is frozen for one grace, as after any outage. Absent: empty.
 */
export function memoryStore(options: { readonly from?: MemorySnapshot } = {}): MemoryStore {
  const memory = new Memory(structuredClone(options.from ?? nothing()))
  return {
    driver: 'memory',
    durabilities: ['memory'],
    open: (birth) => memory.open(birth),
    close: () => memory.close(),
    snapshot: () => memory.snapshot(),
    ...operationsOf(operationNames, async (_, run) => run(memory.steps())),
  }
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

class Memory {
  readonly #kept: MemorySnapshot
  readonly #followers = new Followers()
  #life: Life | null = null
  #steps: Steps | null = null
  #isClosed = false

  constructor(kept: MemorySnapshot) {
    this.#kept = kept
  }

  async open(birth: Birth) {
    if (this.#isClosed) throw new StoreUnavailable('the store is closed')
    this.#life ??= this.#begin(birth)
    return { epoch: this.#life.incarnations.present.epoch }
  }

  snapshot(): MemorySnapshot {
    const { incarnations, nowMs } = this.#life ?? {
      incarnations: this.#kept.incarnations,
      nowMs: () => this.#kept.nowMs,
    }
    return structuredClone({ ...this.#kept, incarnations, nowMs: nowMs() })
  }

  async close() {
    this.#isClosed = true
    this.#followers.close()
  }

  steps(): Steps {
    if (this.#isClosed) throw new StoreUnavailable('the store is closed')
    if (this.#steps === null) throw new StoreUnavailable('the store is not open yet: call open() first')
    return this.#steps
  }

  #begin(birth: Birth): Life {
    const kept = this.#kept
    const life = beginLife(kept, birth)
    const source = new MemoryRooms(kept.rooms)
    this.#steps = stepsOf(assemble({ life, kept, source, followers: this.#followers }))
    return life
  }
}
