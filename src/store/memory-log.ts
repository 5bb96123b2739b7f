// One room's log in memory: its entries from the trim point on, its producers and watermarks. It applies the rules of
// log.ts to plain data, so that a whole store can be copied. It knows nothing of other rooms.

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
import type { Append, Appended, Entry, Page, Read, Retention } from './store.js'

export interface RoomLog {
  log: LogView
  /** `kept[first]` is the entry behind the trim point; what is before is free and goes at the next compaction. */
  kept: KeptEntry[]
  first: number
  bytes: number
  /** The latest offset of each key. */
  readonly keyed: Map<string, number>
  /** In order of last use. */
  readonly producers: Map<string, { readonly record: ProducerRecord; readonly usedMs: number }>
  readonly watermarks: Map<string, { readonly generation: number; readonly usedMs: number }>
  /** Of the last append: reads trim by it. */
  retention: Retention | null
}

interface KeptEntry {
  readonly entry: Entry
  readonly keptMs: number
}

export function newRoomLog(log: LogView): RoomLog {
  const [keyed, producers, watermarks] = [new Map(), new Map(), new Map()]
  return { log, kept: [], first: 0, bytes: 0, keyed, producers, watermarks, retention: null }
}

/** One atomic step. The entry is there exactly when the answer is `appended`. */
export function append(
  room: RoomLog,
  ask: Append,
  nowMs: number,
): { readonly answer: Appended; readonly entry: Entry | null } {
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

export function read(room: RoomLog, ask: Read, nowMs: number): Page {
  trim(room, nowMs)
  const tagThere = ask.from.kind === 'position' ? tagAt(room, ask.from.position.offset) : null
  const { verdict, start } = judge(room.log, ask.from, ask, tagThere)
  const tag = tagAt(room, start)
  if (tag === null) throw new Error(`log has no entry ${start}, but reads start there`)
  return {
    verdict,
    start: positionAt(room.log, { offset: start, tag }),
    entries: pageAfter(room, start, ask).map((entry) => retold(entry, room.log.epoch)),
    head: positionAt(room.log, room.log.head),
  }
}

/** Takes what retention no longer allows. */
export function trim(room: RoomLog, nowMs: number): void {
  const { retention } = room
  for (let oldest = room.kept[room.first]; oldest !== undefined && retention !== null; oldest = room.kept[room.first]) {
    const entriesCount = room.kept.length - room.first
    if (!mustTrim({ entriesCount, bytes: room.bytes, oldestMs: oldest.keptMs }, retention, nowMs)) break
    const { position, key, data } = oldest.entry
    if (key !== null && room.keyed.get(key) === position.offset) room.keyed.delete(key)
    room.bytes -= bytesOf(data)
    room.first += 1
    room.log = trimmedAt(room.log, { offset: position.offset, tag: position.tag })
  }
  compact(room)
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
  const bytes = bytesOf(entry.data)
  if (entry.key !== null) {
    empty(room, room.keyed.get(entry.key))
    room.keyed.set(entry.key, offset)
  }
  room.kept.push({ entry, keptMs: nowMs })
  room.bytes += bytes
  room.log = { ...room.log, head: { offset, tag } }
}

/** The body goes, the place stays. Readers may still hold the old entry, so it is replaced. */
function empty(room: RoomLog, offset: number | undefined): void {
  if (offset === undefined) return
  const index = indexOf(room, offset)
  const kept = room.kept[index]
  if (kept === undefined) return
  room.bytes -= bytesOf(kept.entry.data)
  room.kept[index] = { ...kept, entry: { ...kept.entry, data: null } }
}

function tagAt(room: RoomLog, offset: number): string | null {
  const { birthTag, trimmed } = room.log
  if (offset === 0) return birthTag
  if (offset === trimmed.offset) return trimmed.tag
  return offset < trimmed.offset ? null : (room.kept[indexOf(room, offset)]?.entry.position.tag ?? null)
}

function indexOf(room: RoomLog, offset: number): number {
  return room.first + offset - room.log.trimmed.offset - 1
}

function pageAfter(room: RoomLog, start: number, { entriesMax, bytesMax }: Read): readonly Entry[] {
  const entries: Entry[] = []
  let bytes = 0
  for (let index = indexOf(room, start + 1); entries.length < entriesMax; index++) {
    const entry = room.kept[index]?.entry
    if (entry === undefined) break
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

function compact(room: RoomLog): void {
  if (room.first < 64 || room.first * 2 < room.kept.length) return
  room.kept = room.kept.slice(room.first)
  room.first = 0
}

function deleteOldest(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}
