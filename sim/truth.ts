// What a trace says of the truth: the lives of the store and their logs, and what each reader was handed in each span
// (from a join to its leave). Checks look things up here; nothing is judged here.

import type { Position } from '../src/protocol/position.js'
import type { Plan } from './plan.js'
import type { TraceRecord } from './trace.js'

export type Of<K extends TraceRecord['kind']> = Extract<TraceRecord, { kind: K }> & { readonly step: number }

export interface Life {
  readonly life: number
  readonly epoch: string
  readonly step: number
  readonly atMs: number
  /** False: something that the life before had is not there. */
  readonly isWhole: boolean
  /** The sessions that it began with. */
  readonly sessions: ReadonlySet<string>
  readonly logs: Map<string, Of<'appended'>[]>
}

/** What one reader was handed, in order. */
export interface Span {
  readonly by: string
  readonly room: string
  readonly span: number
  readonly join: Of<'join'>
  readonly items: readonly (Of<'entry'> | Of<'gap'> | Of<'room-live'> | Of<'removed'> | Of<'denied'>)[]
}

export interface Truth {
  readonly records: readonly TraceRecord[]
  readonly lives: readonly Life[]
  /** The life that this epoch belongs to. */
  lifeOf(epoch: string): Life | undefined
  /** The last one. */
  readonly present: Life
  /** The life of the store at that step. */
  lifeAt(step: number): Life
  readonly spans: readonly Span[]
  of<K extends TraceRecord['kind']>(kind: K): readonly Of<K>[]
  /** The step at which everything was healed, or the end. */
  readonly healedStep: number
  /** The step at which everybody begins to leave. */
  readonly leavingStep: number
}

export function truthOf(records: readonly TraceRecord[]): Truth {
  const byKind = new Map<string, Of<TraceRecord['kind']>[]>()
  for (const [step, record] of records.entries()) {
    const list = byKind.get(record.kind) ?? []
    byKind.set(record.kind, list)
    list.push({ ...record, step } as Of<TraceRecord['kind']>)
  }
  const of = <K extends TraceRecord['kind']>(kind: K) => (byKind.get(kind) ?? []) as unknown as readonly Of<K>[]
  const lives = livesOf(of('life'), of('appended'))
  const byEpoch = new Map(lives.map((life) => [life.epoch, life]))
  const present = lives.at(-1)
  if (present === undefined) throw new Error('a trace begins with the first life of the store')
  const stepOf = (phase: string) => of('phase').find((record) => record.phase === phase)?.step ?? records.length
  return {
    records,
    lives,
    present,
    lifeOf: (epoch) => byEpoch.get(epoch),
    lifeAt: (step) => lives.findLast((life) => life.step <= step) ?? present,
    spans: spansOf(of('join'), records),
    of,
    healedStep: stepOf('healed'),
    leavingStep: stepOf('leaving'),
  }
}

function livesOf(begun: readonly Of<'life'>[], appended: readonly Of<'appended'>[]): Life[] {
  const lives: Life[] = []
  let at = 0
  for (const [index, { life, epoch, step, atMs, isWhole, sessions, parent, heads }] of begun.entries()) {
    const from = lives.find((other) => other.life === parent) ?? null
    const logs = new Map<string, Of<'appended'>[]>()
    for (const [room, head] of Object.entries(heads)) logs.set(room, (from?.logs.get(room) ?? []).slice(0, head))
    const untilStep = begun[index + 1]?.step ?? Number.POSITIVE_INFINITY
    for (let entry = appended[at]; entry !== undefined && entry.step < untilStep; entry = appended[at]) {
      const log = logs.get(entry.room) ?? []
      logs.set(entry.room, log)
      log.push(entry)
      at += 1
    }
    lives.push({ life, epoch, step, atMs, isWhole, sessions: new Set(sessions), logs })
  }
  return lives
}

function spansOf(joins: readonly Of<'join'>[], records: readonly TraceRecord[]): Span[] {
  const items = new Map<string, Span['items'][number][]>()
  const spans = joins.map((join) => {
    const own: Span['items'][number][] = []
    items.set(`${join.by} ${join.room} ${join.span}`, own)
    return { by: join.by, room: join.room, span: join.span, join, items: own }
  })
  for (const [step, record] of records.entries()) {
    switch (record.kind) {
      case 'entry':
      case 'gap':
      case 'room-live':
      case 'removed':
      case 'denied':
        items.get(`${record.by} ${record.room} ${record.span}`)?.push({ ...record, step })
        break
      default:
    }
  }
  return spans
}

export function entryAt(life: Life | undefined, room: string, offset: number): Of<'appended'> | undefined {
  return life?.logs.get(room)?.[offset - 1]
}

/** Whether the entry of that life may be silently skipped by a delivery at `step`: a later one with its key was there. */
export function isVoidAt(life: Life, room: string, offset: number, step: number): boolean {
  const log = life.logs.get(room) ?? []
  const entry = log[offset - 1]
  if (entry === undefined || entry.key === null) return false
  for (let index = offset; index < log.length; index++) {
    const later = log[index]
    if (later === undefined || later.step > step) return false
    if (later.key === entry.key) return true
  }
  return false
}

/** Whether that life has the entry of this position. At offset 0 there is nothing to be wrong. */
export function has(life: Life, room: string, position: Position): boolean {
  return position.offset === 0 || entryAt(life, room, position.offset)?.position.tag === position.tag
}

/** Whether a life that does not know this session began in between. */
export function hasLostSession(truth: Truth, session: string, fromStep: number, toStep: number): boolean {
  return truth.lives.some(({ sessions, step }) => step > fromStep && step <= toStep && !sessions.has(session))
}

/** The drop of this generation that was decided last. */
export function dropOf(
  truth: Truth,
  { session, generation, step }: { readonly session: string; readonly generation: number; readonly step: number },
): Of<'dropped'> | undefined {
  return truth
    .of('dropped')
    .findLast((drop) => drop.session === session && drop.generation === generation && drop.step < step)
}

/** Tabs whose storage refused writes before that step: what they kept may be older than what they sent. */
export function isForgetful(truth: Truth, by: string, step: number): boolean {
  const tab = Number(/^t(\d+)/.exec(by)?.[1]) - 1
  return truth.of('fault').some(({ what, item, step: at }) => {
    return what === 'storage-fails' && at < step && (item as { tab?: number }).tab === tab
  })
}

/** Whether a life that lost something began in between. */
export function hasLost(truth: Truth, fromStep: number, toStep: number): boolean {
  return truth.lives.some((life) => !life.isWhole && life.step > fromStep && life.step <= toStep)
}

/**
 * Whether a server was paused for longer than the room remembers who published there: what it had received before may
 * be taken for new.
 */
export function mayComeLate(truth: Truth, { config }: Plan, { room, step }: Of<'appended'>): boolean {
  const ageMs = config.rooms.find(({ name }) => name === room)?.producerAgeMs ?? Number.POSITIVE_INFINITY
  return truth.of('fault').some(({ what, item, step: at }) => {
    return what === 'pause-server' && at < step && (item as { forMs: number }).forMs > ageMs
  })
}

/** The excuse of checks that use it, for the trust page. */
export const lateExcuse =
  'a room that forgets producers sooner than a paused server comes back with what it had received'
