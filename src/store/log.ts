// The rules of a room's log: what an append is answered, what a returning position gets, what retention takes. Pure:
// each rule looks at a small view that a driver reads by key, and says what is to be written; the driver writes it in
// one atomic step. It knows nothing of storage, time or followers.

import type { Position } from '../protocol/position.js'
import { fingerprint } from './fingerprint.js'
import type { Append, Appended, From, Read, ReadVerdict, Retention } from './store.js'

/** Earlier epochs that a room remembers. A position of an older one is answered `epoch-changed`. */
export const lineageMax = 8

/** First answers kept per producer: as many as may be in flight. */
export const resultsMax = 32

/** Sessions whose highest generation a room remembers, beside `producerAgeMs`. */
export const watermarksMax = 10_000

/** A store's own life: its epoch and the tag at offset 0 of the rooms born in it. */
export interface Incarnation {
  readonly epoch: string
  readonly tag: string
}

/** The present life of a store and the last `lineageMax` before it, oldest first. Kept with the store. */
export interface Incarnations {
  readonly present: Incarnation
  readonly past: readonly Incarnation[]
}

export interface Point {
  readonly offset: number
  readonly tag: string
}

/** An earlier epoch of a room and the last entry of it that survived. */
export interface PastEpoch extends Point {
  readonly epoch: string
}

/** What is kept of a room beside its entries, producers and watermarks: one small record. */
export interface LogView {
  readonly epoch: string
  /** The tag at offset 0. */
  readonly birthTag: string
  readonly head: Point
  /** The last entry that retention took; offset 0 with the birth tag: none yet. Never moves back. */
  readonly trimmed: Point
  /** Oldest first. */
  readonly lineage: readonly PastEpoch[]
  /** The highest offset written by a producer whose record was forgotten; 0: none was. */
  readonly forgottenTo: number
}

/** The next life of a store that was `incarnations` before it was opened anew. */
export function reborn(incarnations: Incarnations | null, birth: Incarnation): Incarnations {
  if (incarnations === null) return { present: birth, past: [] }
  return { present: birth, past: [...incarnations.past, incarnations.present].slice(-lineageMax) }
}

/**
 * A room that was never written. Nothing needs to be kept for it: it was empty in the store's earlier lives too, so
 * whoever saw it empty then has missed nothing.
 */
export function emptyLog({ present, past }: Incarnations): LogView {
  const birth = { offset: 0, tag: present.tag }
  const lineage = past.map(({ epoch, tag }) => ({ epoch, offset: 0, tag }))
  return { epoch: present.epoch, birthTag: present.tag, head: birth, trimmed: birth, lineage, forgottenTo: 0 }
}

/**
 * The same room in the store's present life: its entries stay, its earlier epochs end where it ends now. Lives in
 * which the room was only read count too (positions of them were told), so a read needs no write.
 */
export function adopted(log: LogView, { present, past }: Incarnations): LogView {
  if (log.epoch === present.epoch) return log
  const since = past.slice(past.findIndex(({ epoch }) => epoch === log.epoch) + 1)
  const ended = [log.epoch, ...since.map(({ epoch }) => epoch)].map((epoch) => ({ epoch, ...log.head }))
  return { ...log, epoch: present.epoch, lineage: [...log.lineage, ...ended].slice(-lineageMax) }
}

export function positionAt(log: LogView, point: Point): Position {
  return { epoch: log.epoch, offset: point.offset, tag: point.tag }
}

// Reading.

/** `start`: the offset after which entries are given; always within the trim point and the head. */
export interface Judged {
  readonly verdict: ReadVerdict
  readonly start: number
}

export type ReadLimits = Pick<Read, 'readableFrom' | 'replayMax'>

/** `tagThere`: the tag the log has at the position's offset; null: no longer (or never) kept. */
export function judge(log: LogView, from: From, limits: ReadLimits, tagThere: string | null): Judged {
  if (from.kind === 'last') return { verdict: { kind: 'complete' }, start: startOfLast(log, from.count, limits) }

  const { position, last } = from
  const end = endOf(log, position.epoch)
  if (end === null || !isOffset(position.offset)) return uncomparable('epoch-changed')

  // The epoch's own prefix up to its surviving end is common ground, so delivery goes on right behind it: the newer
  // entries there have the offsets of the lost ones, and the reader has not seen them.
  if (position.offset > end.offset) {
    return furtherCut(log, { reason: 'ahead-of-log', after: end.offset, to: position.offset }, last, limits)
  }

  const tag = position.offset === end.offset ? end.tag : tagThere
  const isBelowTrim = position.offset < log.trimmed.offset
  if (tag === null ? !isBelowTrim : tag !== position.tag) return uncomparable('forked')
  return furtherCut(log, { reason: null, after: position.offset, to: position.offset }, last, limits)

  function uncomparable(reason: 'epoch-changed' | 'forked'): Judged {
    return { verdict: { kind: 'gap', reason, from: 1, to: 0 }, start: startOfLast(log, last, limits) }
  }
}

/** The offset up to which the reader is shut out. Beyond the head only when the store was set back. */
function shutOut(log: LogView, limits: ReadLimits): number {
  return Math.min(limits.readableFrom - 1, log.head.offset)
}

function startOfLast(log: LogView, count: number, limits: ReadLimits): number {
  return Math.max(log.trimmed.offset, shutOut(log, limits), log.head.offset - Math.max(0, count))
}

interface Found {
  readonly reason: 'ahead-of-log' | null
  readonly after: number
  readonly to: number
}

/** Rights, retention and the replay limit may each cut off more; the furthest one names the reason. */
function furtherCut(log: LogView, found: Found, last: number, limits: ReadLimits): Judged {
  let start = found.after
  let cut: 'not-permitted' | 'trimmed' | 'too-far-behind' | null = null
  if (shutOut(log, limits) > start) {
    start = shutOut(log, limits)
    cut = 'not-permitted'
  }
  if (log.trimmed.offset > start) {
    start = log.trimmed.offset
    cut = 'trimmed'
  }
  if (log.head.offset - start > limits.replayMax) {
    start = log.head.offset - Math.min(Math.max(0, last), limits.replayMax)
    cut = 'too-far-behind'
  }

  const reason = found.reason ?? cut
  if (reason === null) return { verdict: { kind: 'complete' }, start }
  return { verdict: { kind: 'gap', reason, from: found.after + 1, to: Math.max(found.to, start) }, start }
}

/** Where an epoch ends in this log; the present one ends at the head. Null: the room does not know it. */
function endOf(log: LogView, epoch: string): Point | null {
  if (epoch === log.epoch) return log.head
  return log.lineage.findLast((past) => past.epoch === epoch) ?? null
}

function isOffset(offset: number): boolean {
  return Number.isSafeInteger(offset) && offset >= 0
}

// Appending.

export interface ProducerResult {
  readonly seq: number
  readonly print: number
  readonly position: Position
}

/** What a room keeps of a producer. Its last result is always kept. */
export interface ProducerRecord {
  readonly last: number
  /** Results up to this seq are no longer kept; 0: all are. */
  readonly droppedTo: number
  /** Rising by seq. */
  readonly results: readonly ProducerResult[]
}

export interface AppendView {
  readonly log: LogView
  /** The highest generation of the fence's session that the room has seen; 0: none. */
  readonly watermark: number
  readonly record: ProducerRecord | null
}

/** What to write, all of it or nothing; null: leave as it is. An entry is written when the answer is `appended`. */
export interface AppendDecision {
  readonly answer: Appended
  readonly watermark: number | null
  readonly record: ProducerRecord | null
}

/** The producer's name within its room. */
export function producerKey({ user, producer }: { readonly user: string; readonly producer: string }): string {
  return `${user.length}:${user}${producer}`
}

export function decideAppend(view: AppendView, ask: Append): AppendDecision {
  const generation = ask.fence?.generation ?? 0
  if (ask.fence !== null && generation < view.watermark) {
    return { answer: { kind: 'fenced', generation: view.watermark }, watermark: null, record: null }
  }

  // A newer generation was here, whatever it is answered: the older one must not write after it.
  const watermark = ask.fence !== null && generation > view.watermark ? generation : null
  const print = ask.producer === null ? 0 : fingerprint(ask.entry.data, ask.entry.key)
  const refused = ask.producer === null ? null : answerOf(view, ask.producer, print)
  if (refused !== null) return { answer: refused, watermark, record: null }

  const position = { epoch: view.log.epoch, offset: view.log.head.offset + 1, tag: ask.entry.tag }
  const record = ask.producer === null ? null : withResult(view.record, { seq: ask.producer.seq, print, position })
  return { answer: { kind: 'appended', position }, watermark, record }
}

type Producer = NonNullable<Append['producer']>

/** Null: it is the producer's next one. */
function answerOf(view: AppendView, producer: Producer, print: number): Appended | null {
  const { record } = view
  if (record === null) return answerWithoutRecord(view.log, producer)
  if (producer.seq > record.last) {
    return producer.prev === record.last ? null : { kind: 'out-of-order', last: record.last }
  }
  if (producer.seq <= record.droppedTo) return { kind: 'duplicate', position: null }

  const first = record.results.find((result) => result.seq === producer.seq)
  // Skipped by its own producer, and later ones were appended: it can never take its place again.
  if (first === undefined) return { kind: 'unknown' }
  return first.print === print ? { kind: 'duplicate', position: first.position } : { kind: 'payload-mismatch' }
}

/**
 * A record is written with its entries and can only be lost with them, or be forgotten. So a repeated publish without
 * a record was applied only if a record was forgotten since it was first sent.
 */
function answerWithoutRecord(log: LogView, producer: Producer): Appended | null {
  if (producer.again && log.forgottenTo > sentAfter(log, producer)) return { kind: 'unknown' }
  // Followers of an append that failed are in flight behind it: they must not start the record.
  return producer.prev === 0 ? null : { kind: 'out-of-order', last: 0 }
}

/** An offset of a lost branch says nothing about this log. */
function sentAfter(log: LogView, { sentAfter }: Producer): number {
  if (sentAfter === undefined) return 0
  const end = endOf(log, sentAfter.epoch)
  return end !== null && sentAfter.offset <= end.offset ? sentAfter.offset : 0
}

function withResult(record: ProducerRecord | null, result: ProducerResult): ProducerRecord {
  if (record === null) return { last: result.seq, droppedTo: 0, results: [result] }
  const isFull = record.results.length >= resultsMax
  return {
    last: result.seq,
    droppedTo: isFull ? (record.results[0]?.seq ?? 0) : record.droppedTo,
    results: [...(isFull ? record.results.slice(1) : record.results), result],
  }
}

// Forgetting.

/** What a room keeps, and since when its oldest entry. */
export interface Kept {
  readonly entriesCount: number
  readonly bytes: number
  readonly oldestMs: number
}

/** True: the oldest entry goes; ask again without it. The newest entry stays however large it is. */
export function mustTrim(kept: Kept, retention: Retention, nowMs: number): boolean {
  if (kept.entriesCount === 0) return false
  if (kept.entriesCount > retention.entriesMax || nowMs - kept.oldestMs >= retention.ageMs) return true
  return kept.entriesCount > 1 && kept.bytes > retention.bytesMax
}

/** The trim point keeps its tag, so that an empty log still proves continuity. */
export function trimmedAt(log: LogView, oldest: Point): LogView {
  return { ...log, trimmed: oldest }
}

/** True: the record used longest ago goes; ask again without it. */
export function mustForget(
  records: { readonly count: number; readonly oldestUseMs: number },
  retention: Retention,
  nowMs: number,
): boolean {
  return records.count > retention.producersMax || nowMs - records.oldestUseMs >= retention.producerAgeMs
}

/** What was forgotten is remembered as one number: retries that may have been among it are answered `unknown`. */
export function forgotten(log: LogView, record: ProducerRecord): LogView {
  const offset = record.results.at(-1)?.position.offset ?? 0
  return { ...log, forgottenTo: Math.max(log.forgottenTo, offset) }
}
