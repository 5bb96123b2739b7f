// Delivery and resuming: nothing missing without a word, nothing twice, and no word without a reason.

import { entryAt, has, hasLost, isVoidAt, type Life, type Of, type Span, type Truth } from '../truth.js'
import type { Broken, Invariant } from './check.js'
import { strangersResumed } from './strangers.js'

const noSilentGap: Invariant = {
  id: 'I08',
  holds: 'between two entries that do not follow each other stands a gap, or only emptied entries',
  broken: (truth) => [...truth.spans.flatMap((span) => silentGaps(span, truth)), ...holesOnTheWay(truth)],
}

/** A client mends what a server left out, and nobody sees it; the server must leave out nothing. */
function holesOnTheWay(truth: Truth): Broken[] {
  return truth
    .of('page')
    .filter(({ holes }) => holes > 0)
    .map(({ step, by, holes }) => ({ step, what: `a server left out entries for ${by}, ${holes} times` }))
}

function silentGaps(span: Span, truth: Truth): Broken[] {
  const broken: Broken[] = []
  let at: { offset: number; epoch: string } | null = null
  // After a gap that leads back, what was handed over before is not handed over again.
  const handed = new Set<string>()
  for (const item of span.items) {
    if (item.kind === 'gap') at = item.next
    if (item.kind === 'removed') at = null
    if (item.kind !== 'entry' && item.kind !== 'room-live') continue
    const { position } = item
    const life = truth.lifeOf(position.epoch)
    const to = item.kind === 'entry' ? position.offset - 1 : position.offset
    if (at !== null && life !== undefined) {
      const missing = firstMissing(life, span.room, { from: at.offset + 1, to, step: item.step, handed })
      if (missing !== null) {
        const where = item.kind === 'entry' ? `before ${position.offset}` : 'at live'
        broken.push({
          step: item.step,
          what: `silent gap for ${span.by} in ${span.room}: ${missing} is missing ${where}`,
        })
      }
    }
    at = position
    if (item.kind === 'entry') handed.add(position.tag)
  }
  return broken
}

interface Missing {
  readonly from: number
  readonly to: number
  readonly step: number
  readonly handed: ReadonlySet<string>
}

function firstMissing(life: Life, room: string, { from, to, step, handed }: Missing): number | null {
  for (let offset = from; offset <= to; offset++) {
    const tag = entryAt(life, room, offset)?.position.tag
    if (!isVoidAt(life, room, offset, step) && (tag === undefined || !handed.has(tag))) return offset
  }
  return null
}

const noRepeat: Invariant = {
  id: 'I09',
  holds: 'no entry is handed to one page twice between a join and its leave, nor sent to it twice',
  broken: (truth) => [...handedTwice(truth), ...sentTwice(truth)],
}

/** A client leaves out what it has; a server has no reason to send it, unless its store was set back. */
function sentTwice(truth: Truth): Broken[] {
  return truth
    .of('page')
    .filter(({ duplicates, step }) => duplicates > 0 && !hasLost(truth, 0, step))
    .map(({ step, by, duplicates }) => ({ step, what: `a server sent ${duplicates} entries to ${by} again` }))
}

function handedTwice(truth: Truth): Broken[] {
  return truth.spans.flatMap((span) => {
    const tags = new Set<string>()
    return span.items.flatMap((item) => {
      // Then nothing can be compared, and the application forgets what it showed.
      if (item.kind === 'removed' || (item.kind === 'gap' && item.reason === 'epoch-changed')) tags.clear()
      if (item.kind !== 'entry') return []
      const { tag, offset } = item.position
      if (!tags.has(tag)) {
        tags.add(tag)
        return []
      }
      return [{ step: item.step, what: `${span.by} was handed ${span.room} ${offset} twice` }]
    })
  })
}

const noReorder: Invariant = {
  id: 'I10',
  holds: 'offsets rise strictly from entry to entry, unless a gap leads back',
  broken: (truth) =>
    truth.spans.flatMap((span) => {
      let at = 0
      return span.items.flatMap((item) => {
        if (item.kind === 'removed') at = 0
        if (item.kind === 'gap') at = item.next.offset
        if (item.kind !== 'entry') return []
        const before = at
        at = item.position.offset
        return at > before ? [] : [{ step: item.step, what: `${span.by}: ${span.room} ${at} behind ${before}` }]
      })
    }),
}

const honestGap: Invariant = {
  id: 'I11',
  holds: 'a gap is told only where something is missing: nothing kept and readable is given up',
  broken: (truth, plan) =>
    truth.of('gap').flatMap((gap) => {
      const problem = needless(
        gap,
        truth,
        plan.config.rooms.find(({ name }) => name === gap.room),
      )
      return problem === null
        ? []
        : [{ step: gap.step, what: `${gap.by} ${gap.room}: ${gap.reason} ${gap.from}–${gap.to}: ${problem}` }]
    }),
}

interface RoomOf {
  readonly entriesMax: number
  readonly bytesMax: number
  readonly ageMs: number
  readonly replayMax: number
  readonly history: string
}

/** Null: it has its reason. */
function needless(gap: Of<'gap'>, truth: Truth, room: RoomOf | undefined): string | null {
  if (room === undefined) return 'no such room'
  const log = (truth.lifeOf(gap.next.epoch)?.logs.get(gap.room) ?? []).filter((entry) => entry.step < gap.step)
  const { length } = log
  switch (gap.reason) {
    case 'trimmed':
      return mayBeTrimmed(gap, log, room) ? null : `only ${length} were ever written`
    case 'too-far-behind':
      return length - gap.from + 1 > room.replayMax ? null : `${length} are there, ${room.replayMax} may be replayed`
    case 'not-permitted':
      return room.history === 'since-join' || wasNarrowed(gap, truth) ? null : 'everybody may read everything'
    default:
      return hasLost(truth, 0, gap.step) ? null : 'the store never lost anything'
  }
}

/** By count, age or size, as the room says; bodies that a later one with their key emptied count for nothing. */
function mayBeTrimmed(gap: Of<'gap'>, log: readonly Of<'appended'>[], room: RoomOf): boolean {
  const { offset } = gap.next
  const last = log[offset - 1]
  if (offset <= log.length - room.entriesMax) return true
  if (last !== undefined && gap.atMs - last.atMs >= room.ageMs) return true
  const kept = log.slice(offset - 1).reduce((sum, { bytes }) => sum + bytes, 0)
  return kept > room.bytesMax
}

function wasNarrowed(gap: Of<'gap'>, truth: Truth): boolean {
  return truth.of('op').some(({ what, step }) => what === 'remove' && step < gap.step)
}

const epochTold: Invariant = {
  id: 'I15',
  holds: 'before an entry of a newer epoch stands a gap, unless the position before lies on what survived',
  broken: (truth) =>
    truth.spans.flatMap((span) => {
      let at: Of<'entry'> | null = null
      return span.items.flatMap((item) => {
        if (item.kind === 'gap' || item.kind === 'removed') at = null
        if (item.kind !== 'entry') return []
        const before = at
        at = item
        const life = truth.lifeOf(item.position.epoch)
        if (before === null || life === undefined || before.position.epoch === item.position.epoch) return []
        if (has(life, span.room, before.position)) return []
        return [
          {
            step: item.step,
            what: `${span.by} ${span.room}: ${before.position.offset} did not survive, and it was not told`,
          },
        ]
      })
    }),
}

const sinceJoin: Invariant = {
  id: 'I16',
  holds: 'in a since-join room nobody is handed an entry from before his session joined',
  broken: (truth, plan) => {
    const rooms = new Set(plan.config.rooms.filter(({ history }) => history === 'since-join').map(({ name }) => name))
    const first = new Map<string, number>()
    for (const join of truth.of('join')) {
      const key = `${tabOf(join.by)} ${join.room}`
      if (!first.has(key)) first.set(key, join.step)
    }
    return truth.of('entry').flatMap((entry) => {
      if (!rooms.has(entry.room)) return []
      const real = entryAt(truth.lifeOf(entry.position.epoch), entry.room, entry.position.offset)
      const joined = first.get(`${tabOf(entry.by)} ${entry.room}`) ?? Number.POSITIVE_INFINITY
      if (real === undefined || real.step > joined) return []
      return [
        {
          step: entry.step,
          what: `${entry.by} was handed ${entry.room} ${entry.position.offset}, older than his join`,
        },
      ]
    })
  },
}

function tabOf(by: string): string {
  return by.split('.')[0] ?? by
}

const resumeTruth: Invariant = {
  id: 'I12',
  holds: 'a resume says complete only to a position that lies on the log as it is',
  broken: (truth) => [...untrueResumes(truth), ...strangersResumed(truth)],
}

function untrueResumes(truth: Truth): Broken[] {
  return truth.of('resume').flatMap((resume) =>
    Object.entries(resume.rooms).flatMap(([room, verdict]) => {
      if (verdict.kind !== 'complete') return []
      const last = lastBefore(truth, resume, room)
      // The verdict was given a little before it is told; the store may have lost something in between.
      const lives = truth.lives.filter((life) => life.step <= resume.step && isRecent(truth, life, resume))
      if (last === null || lives.some((life) => has(life, room, last.position))) return []
      return [
        { step: resume.step, what: `${resume.by} ${room}: complete, but ${last.position.offset} did not survive` },
      ]
    }),
  )
}

function isRecent(truth: Truth, life: Life, { atMs }: Of<'resume'>): boolean {
  const next = truth.lives.find((other) => other.life === life.life + 1)
  return next === undefined || next.atMs > atMs - 10_000
}

function lastBefore(truth: Truth, resume: Of<'resume'>, room: string): Of<'entry'> | null {
  for (let step = resume.step - 1; step >= 0; step--) {
    const record = truth.records[step]
    if (record === undefined) return null
    if (!('by' in record) || record.by !== resume.by || !('room' in record) || record.room !== room) continue
    if (record.kind === 'entry') return { ...record, step }
    if (record.kind === 'gap' || record.kind === 'join' || record.kind === 'leave' || record.kind === 'removed')
      return null
  }
  return null
}

export const deliveryInvariants: readonly Invariant[] = [
  noSilentGap,
  noRepeat,
  noReorder,
  honestGap,
  resumeTruth,
  epochTold,
  sinceJoin,
]
