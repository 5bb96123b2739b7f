// Publishes: acknowledged means kept, once, with one answer, and every one gets one.

import type { Plan } from '../plan.js'
import { hasLost, lateExcuse, mayComeLate, type Of, type Truth } from '../truth.js'
import type { Broken, Invariant } from './check.js'

const ackedInLog: Invariant = {
  id: 'I17',
  holds: 'an acknowledged publish was appended where the acknowledgement says, as it was published',
  broken: (truth) =>
    keptOf(truth).flatMap(({ settled, position }) => {
      const call = callOf(truth, settled)
      const appended = truth.lives.some((life) => {
        const entry = life.logs.get(settled.room)?.[position.offset - 1]
        return entry?.position.tag === position.tag && entry.mark === call?.mark && entry.step < settled.step
      })
      if (appended) return []
      return [
        {
          step: settled.step,
          what: `${settled.by}: publish ${settled.n} is said to be at ${position.offset}, and is not`,
        },
      ]
    }),
}

const onceApplied: Invariant = {
  id: 'I18',
  holds: 'no publish stands in a log twice',
  excuses: lateExcuse,
  broken: (truth, plan) =>
    truth.lives.flatMap(({ logs, life }) =>
      [...logs].flatMap(([room, log]) => {
        const marks = new Set<string>()
        return log.flatMap((entry) => {
          const { mark, step, n } = entry
          if (mark === null || !marks.has(mark) || mayComeLate(truth, plan, entry)) {
            if (mark !== null) marks.add(mark)
            return []
          }
          return [{ step, what: `publish ${n} stands twice in ${room} of life ${life}` }]
        })
      }),
    ),
}

const failedNotApplied: Invariant = {
  id: 'I19',
  holds: 'a publish that failed for another reason than unknown or poison was not applied',
  broken: (truth) => {
    const marks = new Map<string, Of<'appended'>>()
    for (const entry of truth.of('appended')) if (entry.mark !== null) marks.set(entry.mark, entry)
    return truth.of('settled').flatMap((settled) => {
      const { result, by, n } = settled
      if (result.kind !== 'failed' || result.reason === 'unknown' || result.reason === 'poison') return []
      if (!isFinal(settled) || isOpenAgain(truth, settled)) return []
      const call = callOf(truth, settled)
      const entry = call === undefined || call.mark === '' ? undefined : marks.get(call.mark)
      return entry === undefined
        ? []
        : [{ step: settled.step, what: `${by}: publish ${n} failed as ${result.reason}, and was applied` }]
    })
  },
}

const outcomeKnown: Invariant = {
  id: 'I20',
  holds: 'every publish settles; as unknown only where the outcome can really not be told',
  excuses: 'what a page handed on just before it ended, where its storage is slow; what was stored by then is judged',
  broken: (truth, plan) => {
    const mayForget = plan.config.rooms.some(
      ({ producersMax, producerAgeMs }) => producersMax < 100 || producerAgeMs < 1e9,
    )
    const unknown = truth.of('settled').flatMap((settled): Broken[] => {
      const { result, by, n, step } = settled
      if (result.kind !== 'failed' || result.reason !== 'unknown') return []
      const isExcused =
        mayForget || hasLost(truth, 0, step) || wasGivenUp(truth, settled) || wasNotJudged(truth, settled)
      return isExcused
        ? []
        : [{ step, what: `${by}: publish ${n} is unknown, and nothing was lost: ${result.message}` }]
    })
    const pending = truth
      .of('end-page')
      .filter(({ waitingCount }) => waitingCount > 0)
      .map(({ step, by, waitingCount }) => ({ step, what: `${by}: ${waitingCount} publishes never settle` }))
    return [...unknown, ...pending, ...lostOnTheWay(truth, plan)]
  },
}

/** The page died before it had stored that it is over: the next one took it up again, and says how it ended. */
function isOpenAgain(truth: Truth, { n, step }: Of<'settled'>): boolean {
  return truth.of('adopted').some((adopted) => adopted.n === n && adopted.step > step)
}

/** What was stored when its page died is finished by a later one, or still stored. */
function lostOnTheWay(truth: Truth, { config }: Plan): Broken[] {
  const left = new Set(truth.of('end-disk').flatMap(({ ns }) => ns))
  const ended = new Set(truth.of('settled').flatMap((settled) => (isFinal(settled) ? [settled.n] : [])))
  // Its process ends soon after it closes; a slow storage may not have kept by then what was published last.
  const isSlow = config.client.storageLateMs > 0
  const handedOn = isSlow ? [] : truth.of('settled').filter((settled) => !isFinal(settled))
  const owed = [...truth.of('stored'), ...handedOn.map(({ by, n, step }) => ({ by, ns: [n], step }))]
  return owed.flatMap(({ by, ns, step }) =>
    ns
      .filter((n) => !left.has(n) && !ended.has(n))
      .map((n) => ({ step, what: `${by}: publish ${n} was stored when its page ended, and nobody told how it ended` })),
  )
}

/** An end that no later page may change. */
function isFinal({ result }: Of<'settled'>): boolean {
  return result.kind !== 'failed' || result.reason !== 'handed-on'
}

/**
 * A retry that is refused before it is looked up leaves open whether the first one came through: the application's own
 * hook failed, or the frame, which is longer when asked again, is beyond a limit that was not known when it was made.
 */
function wasNotJudged(truth: Truth, { result }: Of<'settled'>): boolean {
  if (result.kind !== 'failed') return false
  const isHook = result.message.startsWith('the application failed to decide')
  if (isHook) return truth.of('fault').some(({ what }) => what === 'hook-fails')
  return result.message.startsWith('a frame has at most')
}

/** The page closed, or was taken out of the room, while it was on its way. */
function wasGivenUp(truth: Truth, { by, room, step }: Of<'settled'>): boolean {
  return (
    truth.records.slice(0, step + 2).some((record) => {
      if (record.kind === 'page') return record.by === by && record.now === 'closed'
      if (record.kind === 'removed' || record.kind === 'denied') return record.by === by && record.room === room
      return record.kind === 'op' && ['ban', 'remove', 'kick', 'depart', 'reload'].includes(record.what)
    }) || truth.leavingStep <= step
  )
}

const noSilentLoss: Invariant = {
  id: 'I24',
  holds: 'an acknowledged entry is still there, or trimmed, or its reader was told a gap',
  broken: (truth) =>
    keptOf(truth).flatMap(({ settled, position }) => {
      const { by, room, n, step } = settled
      const log = truth.present.logs.get(room) ?? []
      if (log.some((entry) => entry.position.tag === position.tag)) return []
      const end = truth.of('end-room').find((other) => other.by === by && other.room === room)
      const span = truth.spans.find((other) => other.by === by && other.room === room && other.span === end?.span)
      if (span === undefined || span.join.step > step || end?.place !== 'joined') return []
      const isTold = span.items.some(
        (item) => (item.kind === 'gap' || item.kind === 'removed') && item.step > firstLoss(truth, step),
      )
      return isTold
        ? []
        : [{ step, what: `${by}: publish ${n}, kept at ${room} ${position.offset}, is gone, and nobody said so` }]
    }),
}

/** The acknowledgement may come after the loss: then the life in which it was appended counts. */
function firstLoss(truth: Truth, step: number): number {
  return truth.lives.findLast((life) => life.step <= step)?.step ?? 0
}

function keptOf(truth: Truth) {
  return truth.of('settled').flatMap((settled) => {
    const { result } = settled
    return result.kind === 'kept' && result.position !== null ? [{ settled, position: result.position }] : []
  })
}

const callsOf = new WeakMap<Truth, Map<number, Of<'publish'>>>()

function callOf(truth: Truth, { n }: { readonly n: number }): Of<'publish'> | undefined {
  const known = callsOf.get(truth) ?? new Map(truth.of('publish').map((call) => [call.n, call]))
  callsOf.set(truth, known)
  return known.get(n)
}

export const publishInvariants: readonly Invariant[] = [
  ackedInLog,
  onceApplied,
  failedNotApplied,
  outcomeKnown,
  noSilentLoss,
]
