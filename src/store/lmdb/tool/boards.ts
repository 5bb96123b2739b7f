// Whether boards are sound: each item on a board that is there, none both there and removed, empty ones noted as such.

import { kinds } from '../keys.js'
import { isCount, isObject, type Records } from './records.js'

interface Seen {
  readonly where: string
  readonly keys: Set<string>
}

/** Tells how many there are. */
export function verifyBoards(records: Records): number {
  const boards = new Map<number, Seen>()
  const byName = new Map<string, Seen>()
  for (const { key, value } of records.rows(kinds.board, 'boards')) {
    const where = `board ${JSON.stringify(key)}`
    const [number, version] = value
    records.check(isCount(version), where, 'has no version')
    if (!isCount(number) || boards.has(number)) records.found(where, 'has no number of its own')
    else boards.set(number, { where, keys: new Set() })
    byName.set(key, boards.get(Number(number)) ?? { where, keys: new Set() })
  }
  for (const { owner, key, value } of records.rows(kinds.boardItem, 'items of boards')) {
    const board = boards.get(owner)
    const where = `item ${JSON.stringify(key)} of ${board?.where ?? `board number ${owner}`}`
    records.check(board !== undefined, where, 'belongs to no board')
    const [item] = value
    const isItem = isObject(item) && item['key'] === key && typeof item['fence'] === 'number'
    records.check(isItem, where, 'is no item')
    board?.keys.add(key)
  }
  for (const { owner, key } of records.rows(kinds.boardRemoved, 'items removed')) {
    const board = boards.get(owner)
    const where = `removed item ${JSON.stringify(key)} of ${board?.where ?? `board number ${owner}`}`
    records.check(board !== undefined, where, 'belongs to no board')
    records.check(board?.keys.has(key) !== true, where, 'is there')
  }
  verifyEmpty(records, byName)
  return byName.size
}

function verifyEmpty(records: Records, boards: ReadonlyMap<string, Seen>): void {
  const empty = new Set<string>()
  for (const { key } of records.rows(kinds.emptyBoard, 'empty boards')) {
    empty.add(key)
    records.check(boards.get(key)?.keys.size === 0, `board ${JSON.stringify(key)}`, 'is noted as empty, but is not')
  }
  for (const [key, { where, keys }] of boards) {
    records.check(keys.size > 0 || empty.has(key), where, 'is empty, and nothing will forget it')
  }
}
