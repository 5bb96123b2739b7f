// One room's log: what an append, a read and the trimming do to its entries, producers and watermarks. It applies the
// rules of log.ts to a room as its driver keeps it. It knows nothing of other rooms, nor of where a room is kept.

import { bytesOf } from './fingerprint.js'
import {
  decideAppend,
  forgotten,
  judge,
  type LogView,
  mustForget,
  mustTrim,
  type ProducerRecord,
  positionAt,
  producerKey,
  trimmedAt,
  watermarksMax,
} from './log.js'
import type { Append, Appended, Durability, Entry, Page, Read, Retention } from './store.js'

/** A room as a driver keeps it. What is written in one step is kept all of it or not at all. */
export interface RoomLog {
  log: LogView
  /** Of the last append: reads and the clock trim by it. */
  retention: Retention | null
  readonly entries: RoomEntries
  /** The latest offset of each key. */
  readonly keyed: Map<string, number>
  /** In order of last use. */
  readonly producers: Map<string, UsedProducer>
  /** In order of last use. */
  readonly watermarks: Map<string, UsedWatermark>
  /** Called first in every append: what is written from now on is kept at this level. */
  declare(durability: Durability): void
}

export interface UsedProducer {
  readonly record: ProducerRecord
  readonly usedMs: number
}

export interface UsedWatermark {
  readonly generation: number
  readonly usedMs: number
}

/** The entries behind the trim point, dense, by offset. */
export interface RoomEntries {
  /** Of all data. */
  readonly bytes: number
  at(offset: number): KeptEntry | undefined
  /** The next one. */
  push(kept: KeptEntry): void
  /** Takes the body; the place stays. */
  empty(offset: number): void
  /** The oldest one goes. */
  drop(offset: number): void
}

export interface KeptEntry {
  readonly entry: Entry
  /** Never below that of the entry before it. */
  readonly keptMs: number
}

/** One atomic step. The entry is there exactly when the answer is `appended`. */
export function append(
  room: RoomLog,
  ask: Append,
  nowMs: number,
): { readonly answer: Appended; readonly entry: Entry | null } {
  room.declare(ask.durability)
  room.retention = ask.retention
  forget(room, nowMs)
  const key = ask.producer === null ? null : producerKey(ask.producer)
  const record = key === null ? null : (room.producers.get(key)?.record ?? null)
  const watermark = ask.fence === null ? 0 : (room.watermarks.get(ask.fence.session)?.generation ?? 0)
  const decision = decideAppend({ log: room.log, watermark, record }, ask)

  if (ask.fence !== null && decision.answer.kind !== 'fenced') raise(room, ask.fence, nowMs)
  const used = decision.record ?? record
  if (key !== null && used !== null) {
    room.producers.delete(key)
    room.producers.set(key, { record: used, usedMs: nowMs })
  }
  if (decision.answer.kind !== 'appended') return { answer: decision.answer, entry: null }

  const { atMs, by, mark, key: entryKey, data } = ask.entry
  const entry: Entry = { position: decision.answer.position, atMs, by, mark, key: entryKey, data }
  add(room, entry, nowMs)
  forget(room, nowMs)
  trim(room, nowMs)
  return { answer: decision.answer, entry }
}

/** Lower generations of the session are fenced from now on. */
export function raise(
  room: RoomLog,
  owner: { readonly session: string; readonly generation: number },
  nowMs: number,
): void {
  const generation = Math.max(owner.generation, room.watermarks.get(owner.session)?.generation ?? 0)
  room.watermarks.delete(owner.session)
  room.watermarks.set(owner.session, { generation, usedMs: nowMs })
  if (room.watermarks.size > watermarksMax) deleteOldest(room.watermarks)
}

/** What is too old is not given, and stays until the next write or `trim`: reading changes nothing. */
export function read(room: RoomLog, ask: Read, nowMs: number): Page {
  const log = aged(room, nowMs)
  const tagThere = ask.from.kind === 'position' ? tagAt(room, log, ask.from.position.offset) : null
  const { verdict, start } = judge(log, ask.from, ask, tagThere)
  const tag = tagAt(room, log, start)
  if (tag === null) throw new Error(`log has no entry ${start}, but reads start there`)
  return {
    verdict,
    start: positionAt(log, { offset: start, tag }),
    entries: pageAfter(room, start, ask).map((entry) => retold(entry, log.epoch)),
    head: positionAt(log, log.head),
  }
}

/** The log without what retention by age no longer allows: found by halving, for entries only grow older. */
function aged(room: RoomLog, nowMs: number): LogView {
  const { log, retention, entries } = room
  if (retention === null) return log
  const isTooOld = (offset: number) => nowMs - (entries.at(offset)?.keptMs ?? nowMs) >= retention.ageMs
  if (!isTooOld(log.trimmed.offset + 1)) return log
  let [gone, young] = [log.trimmed.offset, log.head.offset + 1]
  for (let middle = gone + 1; gone + 1 < young; middle = (gone + young) >> 1) {
    if (isTooOld(middle)) gone = middle
    else young = middle
  }
  const last = entries.at(gone)
  return last === undefined || gone === log.trimmed.offset
    ? log
    : trimmedAt(log, { offset: gone, tag: last.entry.position.tag })
}

/** Entries that one step takes at most: a room that was quiet until all of it is too old must not hold up the others. */
export const trimmedMax = 1_000

/** Takes what retention no longer allows, oldest first; of more than `countMax` the rest later. Tells how many. */
export function trim(room: RoomLog, nowMs: number, countMax = trimmedMax): number {
  const { retention, entries } = room
  if (retention === null) return 0
  for (let count = 0; count < countMax; count++) {
    const { head, trimmed } = room.log
    const oldest = entries.at(trimmed.offset + 1)
    if (oldest === undefined) return count
    const kept = { entriesCount: head.offset - trimmed.offset, bytes: entries.bytes, oldestMs: oldest.keptMs }
    if (!mustTrim(kept, retention, nowMs)) return count
    const { position, key } = oldest.entry
    if (key !== null && room.keyed.get(key) === position.offset) room.keyed.delete(key)
    entries.drop(position.offset)
    room.log = trimmedAt(room.log, { offset: position.offset, tag: position.tag })
  }
  return countMax
}

/** Forgets producers and watermarks that were not used for long. */
export function forget(room: RoomLog, nowMs: number): void {
  const { retention, producers, watermarks } = room
  if (retention === null) return
  for (const [key, { record, usedMs }] of producers) {
    if (!mustForget({ count: producers.size, oldestUseMs: usedMs }, retention, nowMs)) break
    producers.delete(key)
    room.log = forgotten(room.log, record)
  }
  for (const [session, { usedMs }] of watermarks) {
    if (nowMs - usedMs < retention.producerAgeMs) break
    watermarks.delete(session)
  }
}

function add(room: RoomLog, entry: Entry, nowMs: number): void {
  const { offset, tag } = entry.position
  if (entry.key !== null) {
    const older = room.keyed.get(entry.key)
    if (older !== undefined) room.entries.empty(older)
    room.keyed.set(entry.key, offset)
  }
  room.entries.push({ entry, keptMs: nowMs })
  room.log = { ...room.log, head: { offset, tag } }
}

function tagAt(room: RoomLog, { birthTag, trimmed, head }: LogView, offset: number): string | null {
  if (offset === 0) return birthTag
  if (offset === trimmed.offset) return trimmed.tag
  if (offset < trimmed.offset || offset > head.offset) return null
  return room.entries.at(offset)?.entry.position.tag ?? null
}

function pageAfter(room: RoomLog, start: number, { entriesMax, bytesMax }: Read): readonly Entry[] {
  const entries: Entry[] = []
  let bytes = 0
  for (let offset = start + 1; entries.length < entriesMax && offset <= room.log.head.offset; offset++) {
    const entry = room.entries.at(offset)?.entry
    if (entry === undefined) throw new Error(`log has no entry ${offset}, but ends at ${room.log.head.offset}`)
    bytes += bytesOf(entry.data)
    if (entries.length > 0 && bytes > bytesMax) break
    entries.push(entry)
  }
  return entries
}

/** The present epoch is told: who stays at this entry through many restarts can still come back. */
function retold(entry: Entry, epoch: string): Entry {
  return entry.position.epoch === epoch ? entry : { ...entry, position: { ...entry.position, epoch } }
}

function deleteOldest(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}
