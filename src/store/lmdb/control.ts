// The control data and the boards on the disk: read whole at the start, held in memory, each change written. It knows no
// rules.

import type { HoldClock } from '../hold-time.js'
import type { BoardState, BoardsState } from '../memory-boards.js'
import { type ControlState, newControlState, type RightsState, type Rows } from '../memory-rows.js'
import type { StoredSession } from '../session.js'
import type { BoardItem, LeaseRow } from '../store.js'
import { decodeJson, encodeJson } from './codec.js'
import type { Disk } from './disk.js'
import { type Journal, type Keeper, newScope } from './journal.js'
import { kinds, prefixOf } from './keys.js'
import { type Form, loadedFrom, Numbers, Table } from './table.js'

/** The single numbers, written with every batch. */
export interface Scalars {
  readonly fence: number
  readonly generationFloor: number
  readonly clock: HoldClock
  readonly rightsCount: number
  readonly rightsForgottenTo: number
  readonly versionFloor: number
}

const jsonForm: Form<unknown> = { encode: (key, value, order) => encodeJson([order, key, value]) }

export class DiskControl implements ControlState, Keeper {
  readonly scope = newScope()
  readonly sessions: Table<StoredSession>
  readonly leases: Table<LeaseRow>
  readonly nodes: Table<number>
  readonly endings: Table<number>
  readonly floors: Table<number | null>
  readonly events: ControlState['events'] & Table<unknown>
  readonly rights: RightsState
  readonly boards: BoardsState
  readonly #ground: { readonly disk: Disk; readonly journal: Journal }
  #scalars: Scalars
  #rows: Rows | null = null

  constructor(ground: { readonly disk: Disk; readonly journal: Journal }, scalars: Scalars | null) {
    this.#ground = ground
    this.#scalars = scalars ?? firstScalars()
    this.sessions = this.#table(kinds.session, (keys, restore) => this.#restore('restoredSessions', keys, restore))
    this.leases = this.#table(kinds.lease, (keys, restore) => this.#restore('restoredLeases', keys, restore))
    this.nodes = this.#table(kinds.node)
    this.endings = this.#table(kinds.ending)
    this.floors = this.#table(kinds.floor)
    this.events = this.#table(kinds.event) as DiskControl['events']
    // JSON has no -Infinity: a claim of nobody.
    for (const [id, waiting] of this.events) {
      if (waiting.takenUntilMs === null) {
        ground.journal.unnoted(() => this.events.set(id, { ...waiting, takenUntilMs: Number.NEGATIVE_INFINITY }))
      }
    }
    this.rights = this.#rightsOf(this.#table<number>(kinds.rights))
    this.boards = this.#boardsOf()
  }

  /** Whoever keeps indexes over the tables is told when they are set back. */
  set rows(rows: Rows) {
    this.#rows = rows
  }

  get scalars(): Scalars {
    return this.#scalars
  }

  get fence(): number {
    return this.#scalars.fence
  }
  set fence(fence: number) {
    this.#change({ fence })
  }
  get generationFloor(): number {
    return this.#scalars.generationFloor
  }
  set generationFloor(generationFloor: number) {
    this.#change({ generationFloor })
  }
  get clock(): HoldClock {
    return this.#scalars.clock
  }
  set clock(clock: HoldClock) {
    this.#change({ clock })
  }

  /** A board that is not there yet. */
  newBoard(version: number): BoardState {
    return this.#board(this.#boardNumbers.next(), version, new Map())
  }

  write(): void {}

  revert(before: ReadonlyMap<unknown, unknown>): void {
    this.#scalars = before.get('scalars') as Scalars
  }

  settled(): void {}

  readonly #boardNumbers = new Numbers()
  readonly #itemNumbers = new Numbers()

  #change(changed: Partial<Scalars>): void {
    this.#ground.journal.note(this, 'scalars', () => this.#scalars)
    this.#scalars = { ...this.#scalars, ...changed }
  }

  #restore(what: 'restoredSessions' | 'restoredLeases', keys: readonly string[], restore: () => void): void {
    if (this.#rows === null) restore()
    else this.#rows[what](keys, restore)
  }

  #table<V>(kind: number, restoring?: (keys: readonly string[], restore: () => void) => void): Table<V> {
    const { disk, journal } = this.#ground
    const prefix = prefixOf(kind)
    const place = { prefix, numbers: new Numbers(), form: jsonForm, scope: this.scope }
    const loaded = loadedFrom(disk.scan(prefix), (bytes) => {
      const [order, key, value] = decodeJson(bytes) as [number, string, V]
      return { order, key, value }
    })
    return new Table<V>(journal, restoring === undefined ? place : { ...place, restoring }, loaded)
  }

  #rightsOf(changed: Table<number>): RightsState {
    const control = this
    return {
      changed,
      get count() {
        return control.#scalars.rightsCount
      },
      set count(rightsCount) {
        control.#change({ rightsCount })
      },
      get forgottenTo() {
        return control.#scalars.rightsForgottenTo
      },
      set forgottenTo(rightsForgottenTo) {
        control.#change({ rightsForgottenTo })
      },
    }
  }

  #boardsOf(): BoardsState {
    const control = this
    const { disk, journal } = this.#ground
    const items = recordsByBoard(disk, kinds.boardItem)
    const removed = recordsByBoard(disk, kinds.boardRemoved)
    const prefix = prefixOf(kinds.board)
    const loaded = loadedFrom(disk.scan(prefix), (bytes) => {
      const [order, key, number, version] = decodeJson(bytes) as [number, string, number, number]
      this.#boardNumbers.seen(number)
      const records = new Map([
        [kinds.boardItem, items.get(number) ?? []],
        [kinds.boardRemoved, removed.get(number) ?? []],
      ] as const)
      return { order, key, value: this.#board(number, version, records) }
    })
    const form: Form<DiskBoard> = {
      encode: (key, board, order) => encodeJson([order, key, board.number, board.version]),
    }
    return {
      boards: new Table(journal, { prefix, numbers: new Numbers(), form, scope: this.scope }, loaded),
      empty: this.#table<null>(kinds.emptyBoard),
      get versionFloor() {
        return control.#scalars.versionFloor
      },
      set versionFloor(versionFloor) {
        control.#change({ versionFloor })
      },
    }
  }

  #board(number: number, version: number, records: ReadonlyMap<number, Records>): DiskBoard {
    const { journal } = this.#ground
    const table = <V>(kind: number) => {
      const place = { prefix: prefixOf(kind, number), numbers: this.#itemNumbers, form: jsonForm, scope: this.scope }
      const loaded = loadedFrom(records.get(kind) ?? [], (bytes) => {
        const [order, key, value] = decodeJson(bytes) as [number, string, V]
        return { order, key, value }
      })
      return new Table<V>(journal, place, loaded)
    }
    const items = table<BoardItem>(kinds.boardItem)
    return new DiskBoard(journal, { number, version, items, removed: table<number>(kinds.boardRemoved) })
  }
}

type Records = readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]

/** A board's record is written by the table of boards, which is changed with it. */
class DiskBoard implements BoardState, Keeper {
  readonly scope
  readonly number: number
  readonly items: Table<BoardItem>
  readonly removed: Table<number>
  readonly #journal: Journal
  #version: number

  constructor(journal: Journal, board: Pick<DiskBoard, 'number' | 'items' | 'removed'> & { readonly version: number }) {
    this.#journal = journal
    this.number = board.number
    this.#version = board.version
    this.items = board.items
    this.removed = board.removed
    this.scope = board.items.scope
  }

  get version(): number {
    return this.#version
  }
  set version(version: number) {
    this.#journal.note(this, 'version', () => this.#version)
    this.#version = version
  }

  write(): void {}

  revert(before: ReadonlyMap<unknown, unknown>): void {
    this.#version = before.get('version') as number
  }

  settled(): void {}
}

function recordsByBoard(disk: Disk, kind: number): ReadonlyMap<number, Records> {
  const records = new Map<number, { readonly key: Uint8Array; readonly value: Uint8Array }[]>()
  for (const { key, value } of disk.scan(prefixOf(kind))) {
    let board = 0
    for (const byte of key.subarray(1, 7)) board = board * 256 + byte
    const record = { key: Uint8Array.from(key), value: Uint8Array.from(value) }
    const ofBoard = records.get(board)
    if (ofBoard === undefined) records.set(board, [record])
    else ofBoard.push(record)
  }
  return records
}

function firstScalars(): Scalars {
  const { fence, generationFloor, clock, rights } = newControlState()
  const { count: rightsCount, forgottenTo: rightsForgottenTo } = rights
  return { fence, generationFloor, clock, rightsCount, rightsForgottenTo, versionFloor: 0 }
}
