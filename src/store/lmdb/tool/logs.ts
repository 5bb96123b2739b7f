// Whether rooms are sound: each entry where its room says, none elsewhere, and producers, fences and keys in step.

import { bytesOf } from '../../fingerprint.js'
import { lineageMax, type Point } from '../../log.js'
import { decodeEntry, decodeJson } from '../codec.js'
import { kinds, nameOf, numberedKey, numberOf, prefixOf } from '../keys.js'
import type { RoomRecord } from '../room.js'
import { isCount, isObject, type Records } from './records.js'

interface Seen {
  readonly where: string
  readonly record: RoomRecord
  /** What must stand at an offset: the tag, and who says so. */
  readonly tags: ReadonlyMap<number, readonly { readonly tag: string; readonly by: string }[]>
  last: number
  lastKeptMs: number
  bytes: number
}

type Rooms = ReadonlyMap<number, Seen>

export function verifyLogs(records: Records, lastRoom: number) {
  const rooms = roomsOf(records, lastRoom)
  const entries = verifyEntries(records, rooms)
  for (const { where, record, last, bytes } of rooms.values()) {
    const { head } = record.log
    records.check(last === head.offset, where, `ends at ${last}, but says ${head.offset}`)
    records.check(bytes === record.bytes, where, `has ${bytes} bytes, but says ${record.bytes}`)
  }
  const producers = verifyProducers(records, rooms)
  verifyBeside(records, rooms)
  return { rooms: rooms.size, entries, producers }
}

function roomsOf(records: Records, lastRoom: number): Rooms {
  const rooms = new Map<number, Seen>()
  for (const { key, value } of records.each(kinds.room, 'rooms')) {
    const where = `room ${JSON.stringify(nameOf(key))}`
    const record = records.read(where, () => decodeJson(value))
    if (!isRoom(record)) {
      if (record !== null) records.found(where, 'is no record of a room')
      continue
    }
    const { id, log } = record
    records.check(id <= lastRoom, where, `has number ${id}, above the last one given (${lastRoom})`)
    records.check(!rooms.has(id), where, `shares number ${id} with ${rooms.get(id)?.where}`)
    records.check(log.trimmed.offset <= log.head.offset, where, 'is trimmed behind its head')
    rooms.set(id, {
      where,
      record,
      tags: expected(records, where, record),
      last: log.trimmed.offset,
      lastKeptMs: Number.NEGATIVE_INFINITY,
      bytes: 0,
    })
  }
  return rooms
}

function isRoom(value: unknown): value is RoomRecord {
  if (!isObject(value) || !isCount(value['id']) || !isCount(value['bytes']) || !isObject(value['log'])) return false
  const { epoch, birthTag, head, trimmed, lineage } = value['log']
  const isNamed = typeof epoch === 'string' && typeof birthTag === 'string'
  return isNamed && isPoint(head) && isPoint(trimmed) && Array.isArray(lineage) && lineage.every(isPoint)
}

function isPoint(value: unknown): value is Point {
  return isObject(value) && isCount(value['offset']) && typeof value['tag'] === 'string'
}

/** Ends of earlier epochs never fall, and each names the entry that stands there. */
function expected(records: Records, where: string, { log }: RoomRecord): Seen['tags'] {
  const tags = new Map<number, { tag: string; by: string }[]>()
  const expect = ({ offset, tag }: Point, by: string) => {
    if (offset > log.trimmed.offset) tags.set(offset, [...(tags.get(offset) ?? []), { tag, by }])
    else if (offset === log.trimmed.offset) records.check(tag === log.trimmed.tag, where, `${by} has another tag`)
  }
  expect(log.head, 'the head')
  const epochs = new Set([log.epoch])
  let end = 0
  for (const past of log.lineage) {
    const by = `epoch ${past.epoch}`
    records.check(past.offset >= end && past.offset <= log.head.offset, where, `${by} ends out of order`)
    records.check(!epochs.has(past.epoch), where, `${by} stands twice`)
    epochs.add(past.epoch)
    end = past.offset
    expect(past, by)
  }
  records.check(log.lineage.length <= lineageMax, where, `has ${log.lineage.length} earlier epochs`)
  return tags
}

function verifyEntries(records: Records, rooms: Rooms): number {
  let count = 0
  for (const { key, value } of records.each(kinds.entry, 'entries')) {
    count += 1
    const [room, offset] = [rooms.get(numberOf(key.subarray(0, 7))), numberOf(key)]
    if (room === undefined) {
      records.found(`entry ${offset}`, 'belongs to no room')
      continue
    }
    const where = `${room.where} entry ${offset}`
    records.check(offset === room.last + 1, where, `comes after ${room.last}`)
    room.last = offset
    const kept = records.read(where, () => decodeEntry(value, { epoch: '', offset }))
    if (kept === null) continue
    const { tag } = kept.entry.position
    for (const wanted of room.tags.get(offset) ?? []) {
      records.check(tag === wanted.tag, where, `has tag ${tag}, but ${wanted.by} says ${wanted.tag}`)
    }
    records.check(tag !== '', where, 'has no tag')
    records.check(kept.keptMs >= room.lastKeptMs, where, 'is older than the one before it')
    room.lastKeptMs = Math.max(room.lastKeptMs, kept.keptMs)
    room.bytes += bytesOf(kept.entry.data)
  }
  return count
}

/** A producer's results are entries of its room: those that are kept have the same tag. */
function verifyProducers(records: Records, rooms: Rooms): number {
  let count = 0
  for (const { owner, key, value } of records.rows(kinds.producer, 'producers')) {
    count += 1
    const room = rooms.get(owner)
    const where = `producer ${JSON.stringify(key)} of ${room?.where ?? `room number ${owner}`}`
    const [, last, , epochs, ...flat] = value
    if (room === undefined) records.found(where, 'belongs to no room')
    else if (!isCount(last) || !Array.isArray(epochs) || flat.length % 5 !== 0) records.found(where, 'is no record')
    else verifyResults(records, { where, room, last }, flat)
  }
  return count
}

function verifyResults(
  records: Records,
  { where, room, last }: { readonly where: string; readonly room: Seen; readonly last: number },
  flat: readonly unknown[],
): void {
  const { head, trimmed } = room.record.log
  let seqBefore = 0
  for (let index = 0; index < flat.length; index += 5) {
    const [seq, , , offset, tag] = flat.slice(index, index + 5)
    if (!isCount(seq) || !isCount(offset)) return records.found(where, 'has a result that is none')
    records.check(seq > seqBefore, where, `seq ${seq} comes after ${seqBefore}`)
    records.check(offset <= head.offset, where, `seq ${seq} is entry ${offset}, behind the head (${head.offset})`)
    seqBefore = seq
    if (offset <= trimmed.offset || offset > head.offset) continue
    const bytes = records.get(numberedKey(prefixOf(kinds.entry, room.record.id), offset))
    if (bytes === undefined) continue
    const kept = records.read(where, () => decodeEntry(bytes, { epoch: '', offset }))
    if (kept === null) continue
    records.check(kept.entry.position.tag === tag, where, `seq ${seq} is not the entry that stands at ${offset}`)
  }
  records.check(seqBefore === last, where, `ends with seq ${seqBefore}, but says ${last}`)
}

function verifyBeside(records: Records, rooms: Rooms): void {
  for (const { owner, key, value } of records.rows(kinds.watermark, 'fences')) {
    const where = `fence of session ${key} in ${rooms.get(owner)?.where ?? `room number ${owner}`}`
    records.check(rooms.has(owner), where, 'belongs to no room')
    records.check(isCount(value[0]), where, 'has no generation')
  }
  for (const { owner, key, value } of records.rows(kinds.keyed, 'keys')) {
    const room = rooms.get(owner)
    const where = `key ${JSON.stringify(key)} of ${room?.where ?? `room number ${owner}`}`
    const offset = value[0]
    if (room === undefined || !isCount(offset)) {
      records.found(where, room === undefined ? 'belongs to no room' : 'has no offset')
      continue
    }
    const bytes = records.get(numberedKey(prefixOf(kinds.entry, owner), offset))
    const kept = bytes && records.read(where, () => decodeEntry(bytes, { epoch: '', offset }))
    records.check(kept?.entry.key === key, where, `is not that of entry ${offset}`)
  }
}
