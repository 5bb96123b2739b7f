// What is in a data directory, in numbers. It changes nothing, also while a server has it.

import type { PastEpoch, Point } from '../../log.js'
import { decodeJson } from '../codec.js'
import { countOf } from '../count.js'
import { DataError, formatVersion } from '../format.js'
import { kinds, metaKeys, nameOf, namedKey, prefixOf } from '../keys.js'
import { lmdbDisk, type LmdbFile } from '../lmdb-disk.js'
import { holderOf } from '../owner.js'
import type { RoomRecord } from '../room.js'
import { isObject } from './records.js'
import { checkVersion } from './verification.js'

export interface Inspection {
  readonly formatVersion: number
  /** The process that has it now. */
  readonly usedBy: number | null
  readonly epoch: string
  /** How often it was opened, as far as is still remembered. */
  readonly lives: number
  readonly rooms: number
  readonly entries: number
  /** Of the entries' data. */
  readonly dataBytes: number
  readonly sessions: { readonly live: number; readonly held: number; readonly ended: number }
  readonly leases: number
  readonly boards: number
  readonly eventsWaiting: number
  readonly fileBytes: number
  /** In the file, and used again before it grows. */
  readonly freeBytes: number
  readonly largestRooms: readonly RoomSize[]
}

export interface RoomSize {
  readonly room: string
  readonly entries: number
  readonly bytes: number
}

export interface RoomInspection extends RoomSize {
  readonly epoch: string
  readonly head: Point
  /** The last entry that retention took. */
  readonly trimmed: Point
  readonly lineage: readonly PastEpoch[]
  readonly producers: number
  readonly retention: RoomRecord['retention']
}

const largestMax = 10

export function inspect(file: LmdbFile): Inspection {
  const disk = lmdbDisk(file)
  checkVersion(disk)
  const lives = read(disk.get(metaKeys.lives))
  const past = Array.isArray(lives['past']) ? lives['past'].length : 0
  const present = isObject(lives['present']) ? lives['present'] : {}
  return {
    formatVersion,
    usedBy: holderOf(file),
    epoch: String(present['epoch']),
    lives: past + 1,
    ...roomsOf(file),
    sessions: sessionsOf(file),
    leases: countOf(file, kinds.lease),
    boards: countOf(file, kinds.board),
    eventsWaiting: countOf(file, kinds.event),
    ...sizeOf(file),
  }
}

/** Throws `missing` when there is no such room. */
export function inspectRoom(file: LmdbFile, room: string): RoomInspection {
  const disk = lmdbDisk(file)
  checkVersion(disk)
  const value = disk.get(namedKey(kinds.room, room))
  if (value === undefined) throw new DataError('missing', `there is no room ${JSON.stringify(room)} in it`)
  const { id, log, bytes, retention } = decodeJson(value) as RoomRecord
  const { epoch, head, trimmed, lineage } = log
  const entries = countOf(file, kinds.entry, id)
  const producers = countOf(file, kinds.producer, id)
  return { room, entries, bytes, epoch, head, trimmed, lineage, producers, retention }
}

function roomsOf(file: LmdbFile): Pick<Inspection, 'rooms' | 'entries' | 'dataBytes' | 'largestRooms'> {
  let [rooms, dataBytes] = [0, 0]
  let largest: RoomSize[] = []
  for (const { key, value } of lmdbDisk(file).scan(prefixOf(kinds.room))) {
    const { log, bytes } = decodeJson(value) as RoomRecord
    rooms += 1
    dataBytes += bytes
    largest.push({ room: nameOf(key), entries: log.head.offset - log.trimmed.offset, bytes })
    if (largest.length > 10 * largestMax) largest = sorted(largest)
  }
  return { rooms, entries: countOf(file, kinds.entry), dataBytes, largestRooms: sorted(largest) }
}

function sorted(rooms: readonly RoomSize[]): RoomSize[] {
  return [...rooms].sort((a, b) => b.bytes - a.bytes).slice(0, largestMax)
}

function sessionsOf(file: LmdbFile): Inspection['sessions'] {
  const counts = { live: 0, held: 0, ended: 0 }
  for (const { value } of lmdbDisk(file).scan(prefixOf(kinds.session))) {
    const [, , stored] = decodeJson(value) as [number, string, { row: { status: { state: keyof typeof counts } } }]
    counts[stored.row.status.state] += 1
  }
  return counts
}

interface Stats {
  readonly pageSize: number
  readonly lastPageNumber: number
  readonly root: Tree
  readonly free: Tree
}

interface Tree {
  readonly treeBranchPageCount: number
  readonly treeLeafPageCount: number
  readonly overflowPages: number
}

function sizeOf(file: LmdbFile): Pick<Inspection, 'fileBytes' | 'freeBytes'> {
  const { pageSize, lastPageNumber, root, free } = file.getStats() as Stats
  const pages = (tree: Tree) => tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages
  const fileBytes = (lastPageNumber + 1) * pageSize
  return { fileBytes, freeBytes: Math.max(0, fileBytes - (pages(root) + pages(free) + 2) * pageSize) }
}

function read(value: Uint8Array | undefined): { readonly [key: string]: unknown } {
  const read = value === undefined ? null : decodeJson(value)
  return isObject(read) ? read : {}
}
