// Sessions: one owner, nobody locked out, nobody forgotten early, ends told once.

import type { Plan } from '../plan.js'
import { dropOf, hasLost, hasLostSession, isForgetful, lateExcuse, mayComeLate, type Of, type Truth } from '../truth.js'
import type { Broken, Invariant } from './check.js'

const fenceMonotone: Invariant = {
  id: 'I29',
  holds:
    'generations of a session rise strictly with every attach, also over lives of the store that lost the last ones',
  broken: (truth) => {
    const last = new Map<string, Of<'attached'>>()
    return truth.of('attached').flatMap((attached) => {
      const before = last.get(attached.session)
      last.set(attached.session, attached)
      if (before === undefined || attached.generation > before.generation) return []
      return [
        {
          step: attached.step,
          what: `${attached.session}: generation ${attached.generation} after ${before.generation}`,
        },
      ]
    })
  },
}

const fenceEnforced: Invariant = {
  id: 'I30',
  holds: 'in a room no entry of an older generation of a session stands behind one of a newer, or behind its touch',
  excuses: lateExcuse,
  broken: (truth, plan) => [...writtenBehind(truth, plan), ...writtenAfterTouch(truth, plan)],
}

function writtenBehind(truth: Truth, plan: Plan): Broken[] {
  return truth.lives.flatMap((life) =>
    [...life.logs.values()].flatMap((log) => {
      const last = new Map<string, number>()
      return log.flatMap((entry) => {
        const { session, generation, step, room } = entry
        if (session === null) return []
        const before = last.get(session) ?? 0
        last.set(session, generation)
        return generation >= before || mayComeLate(truth, plan, entry)
          ? []
          : [{ step, what: `${session} wrote to ${room} as ${generation} after ${before}` }]
      })
    }),
  )
}

/** Rooms that forget soon forget touches too. */
function writtenAfterTouch(truth: Truth, plan: Plan): Broken[] {
  const lasting = new Set(plan.config.rooms.filter(({ producerAgeMs }) => producerAgeMs >= 1e9).map(({ name }) => name))
  const touched = new Map<string, number>()
  return truth.records.flatMap((record, step): Broken[] => {
    if (record.kind === 'life' && !record.isWhole) touched.clear()
    if (record.kind === 'touched') {
      for (const room of record.rooms) {
        const key = `${record.session} ${room}`
        touched.set(key, Math.max(record.generation, touched.get(key) ?? 0))
      }
    }
    if (record.kind !== 'appended' || record.session === null || !lasting.has(record.room)) return []
    const { session, room, generation } = record
    const newer = touched.get(`${session} ${room}`) ?? 0
    return generation >= newer
      ? []
      : [{ step, what: `${session} wrote to ${room} as ${generation}, touched by ${newer}` }]
  })
}

const oneOwner: Invariant = {
  id: 'I35',
  holds: 'in the end each live session is served by one node, the one that the store names',
  broken: (truth) => {
    const nodes = new Map<string, string[]>()
    for (const { node, sessions } of truth.of('end-node')) {
      for (const session of sessions) nodes.set(session, [...(nodes.get(session) ?? []), node])
    }
    const rows = new Map(truth.of('end-row').map((row) => [row.session, row]))
    return [...nodes].flatMap(([session, on]): Broken[] => {
      const row = rows.get(session)
      if (on.length === 1 && row?.state === 'live' && row.node === on[0]) return []
      return [
        {
          step: truth.leavingStep,
          what: `${session} is served by ${on.join(' and ')}, stored as ${row?.state} ${row?.node}`,
        },
      ]
    })
  },
}

/** Reasons that tell an honest client that it is a stranger or a thief. */
const accusations = ['secret-reused', 'stale-attempt', 'session-invalid', 'user-mismatch', 'revoked']

const notLockedOut: Invariant = {
  id: 'I37',
  holds: 'lost and late answers never make an honest client a stranger to its own session',
  excuses:
    'a client whose own storage refused writes (it shows what it had before); a session that a store forgot is unknown, ' +
    'and its secret is when the store forgot the last ones (one is tried again); a session whose node was not heard of ' +
    'for the node lease and its whole hold, because its store was as slow as that',
  broken: (truth, plan) => {
    const stopped = truth.of('status').filter(({ by, reason, step, state }) => {
      // A dial that reached the server twice is told so, and dials again.
      if (reason === 'stale-attempt' && state !== 'suspended' && state !== 'closed') return false
      if (reason === null || !accusations.includes(reason) || isForgetful(truth, by, step)) return false
      if (reason === 'revoked' && truth.of('op').some(({ what, step: at }) => what === 'revoke' && at < step))
        return false
      if (reason !== 'session-invalid') return true
      return !mayBeLost(truth, by, step) && !ranOutUnheard(truth, plan, by, step)
    })
    const strange = truth.of('new-session').filter(({ by, reason, step }) => {
      if (reason !== 'secret-unknown' || isForgetful(truth, by, step)) return false
      const session = lastSessionOf(truth, by, step)
      return session === null || !hasLost(truth, createdStep(truth, session), step)
    })
    return [...stopped, ...strange].map(({ step, by, reason }) => ({ step, what: `${by} was told ${reason}` }))
  },
}

const knownForItsTime: Invariant = {
  id: 'I31',
  holds: 'who comes back is told that his session is over only when it is',
  excuses: 'a client whose own storage refused writes; a session that a life of the store began without',
  broken: (truth) => {
    const ended = new Map(
      truth
        .of('ended')
        .map((end): [string, number] => [end.session, end.step])
        .reverse(),
    )
    return truth.of('new-session').flatMap(({ by, step, reason }) => {
      if (reason !== 'session-unknown' && reason !== 'session-ended') return []
      const before = lastSessionOf(truth, by, step)
      if (before === null || isForgetful(truth, by, step) || (ended.get(before) ?? step) < step) return []
      if (hasLostSession(truth, before, createdStep(truth, before), step)) return []
      return [{ step, what: `${by}: ${before} never ended, and is ${reason}` }]
    })
  },
}

const outagesCostNothing: Invariant = {
  id: 'I34',
  holds:
    'no session runs out before it was away for its whole hold, and a node is thought lost only when nothing was heard of it for its whole lease',
  excuses: 'a node thought lost where a store was set back: it has not heard what it forgot',
  broken: (truth, plan) => [...ranOutEarly(truth, plan), ...thoughtLostEarly(truth, plan)],
}

function ranOutEarly(truth: Truth, plan: Plan): Broken[] {
  const holdMs = plan.config.settings.sessionHoldMs ?? 120_000
  return truth.of('ended').flatMap((end): Broken[] => {
    if (end.reason !== 'ran-out') return []
    const dropped = dropOf(truth, end)
    if (dropped === undefined) return [{ step: end.step, what: `${end.session} ran out and was never dropped` }]
    // Outages and freezes do not count.
    const awayMs = Math.min(end.atMs - dropped.atMs, end.holdMs - dropped.holdMs)
    if (Math.round(awayMs) >= holdMs) return []
    return [{ step: end.step, what: `${end.session} ran out after ${Math.round(awayMs)} of ${holdMs} ms` }]
  })
}

function thoughtLostEarly(truth: Truth, plan: Plan): Broken[] {
  const leaseMs = plan.config.settings.nodeLeaseMs ?? 10_000
  return truth.of('dropped').flatMap(({ session, node, silentMs, step }) => {
    if (silentMs === null || silentMs >= leaseMs || hasLost(truth, 0, step)) return []
    return [{ step, what: `${session}: ${node} was thought lost after ${Math.round(silentMs)} of ${leaseMs} ms` }]
  })
}

function createdStep(truth: Truth, session: string): number {
  return truth.of('attached').find((attached) => attached.session === session)?.step ?? 0
}

/** Whether its session ran out while the store was slower than node lease and hold together: its node could not know. */
function ranOutUnheard(truth: Truth, { config }: Plan, by: string, step: number): boolean {
  const { nodeLeaseMs = 10_000, sessionHoldMs = 120_000 } = config.settings
  const session = lastSessionOf(truth, by, step)
  const end = truth.of('ended').findLast((one) => one.session === session && one.step < step)
  if (end?.reason !== 'ran-out' || (dropOf(truth, end)?.silentMs ?? null) === null) return false
  return truth.of('fault').some(({ what, item, step: at }) => {
    const mostMs = (item as { readonly lateMs?: readonly number[] }).lateMs?.[1] ?? 0
    return what === 'store-slow' && at < end.step && mostMs >= nodeLeaseMs + sessionHoldMs
  })
}

/** Whether a life of the store began without the session that this tab had last, as far as it was told. */
function mayBeLost(truth: Truth, by: string, step: number): boolean {
  const session = lastSessionOf(truth, by, step)
  const tab = by.split('.')[0]
  const toldStep = truth.of('live').findLast((live) => live.step < step && live.by.split('.')[0] === tab)?.step ?? 0
  if (hasLost(truth, toldStep, step)) return true
  return session !== null && hasLostSession(truth, session, createdStep(truth, session), step)
}

function lastSessionOf(truth: Truth, by: string, step: number): string | null {
  const tab = by.split('.')[0]
  return truth.of('live').findLast((live) => live.step < step && live.by.split('.')[0] === tab)?.session ?? null
}

/** What was on its way when a proof ran out may take that long. */
const underWayMs = 15_000

const provenAndAsked: Invariant = {
  id: 'I56',
  holds:
    'the application is asked about each room again on every resume, before it is answered, and what a session publishes is taken only while a token of its user holds',
  excuses: `a token that ran out: for ${underWayMs / 1000} s, and in runs in which a server is paused or its clock is wrong`,
  broken: (truth, plan) => [...notAsked(truth), ...notProven(truth, plan)],
}

function notAsked(truth: Truth): Broken[] {
  return truth.of('resume').flatMap(({ by, rooms, step }) => {
    const live = truth.of('live').find((other) => other.by === by && other.step > step)
    const attached = truth.of('attached').findLast((other) => other.session === live?.session && other.step < step)
    if (live === undefined || attached === undefined) return []
    return Object.entries(rooms).flatMap(([room, verdict]): Broken[] => {
      const asked = truth
        .of('asked')
        .some((one) => one.user === attached.user && one.room === room && one.step > attached.step && one.step < step)
      return verdict.kind === 'denied' || asked ? [] : [{ step, what: `${by} resumed in ${room}, nobody was asked` }]
    })
  })
}

function notProven(truth: Truth, { config }: Plan): Broken[] {
  const isOff = truth.of('fault').some(({ what }) => what === 'pause-server' || what === 'skew-server')
  if (config.auth === null || isOff) return []
  const untilMs = new Map<string, number>()
  return truth.records.flatMap((record, step): Broken[] => {
    if (record.kind === 'proved') {
      untilMs.set(record.user, Math.max(untilMs.get(record.user) ?? 0, record.atMs + record.leftMs))
    }
    if (record.kind !== 'appended' || record.user === null) return []
    const lateMs = record.atMs - (untilMs.get(record.user) ?? 0)
    return lateMs <= underWayMs
      ? []
      : [{ step, what: `${record.user} publishes ${Math.round(lateMs)} ms after his token` }]
  })
}

const leaveOnce: Invariant = {
  id: 'I38',
  holds: 'a session ends once, under one id, and is never heard of afterwards; ids are never used again',
  excuses: 'where a store forgot the end: then it has the session still, until it ends again',
  broken: (truth) => {
    const ended = new Map<string, Of<'event'>>()
    const created = new Set<string>()
    const broken: Broken[] = []
    for (const event of truth.of('event')) {
      const end = ended.get(event.session)
      const isForgotten = hasLost(truth, endedStep(truth, event.session, end), event.step)
      if (event.what === 'leave') {
        if (end !== undefined && end.id !== event.id && !isForgotten) {
          broken.push({ step: event.step, what: `${event.session} left as ${end.id} and as ${event.id}` })
        }
        ended.set(event.session, event)
      } else if (end !== undefined && event.what === 'resume' && !isForgotten) {
        broken.push({ step: event.step, what: `${event.session} resumed after it had left` })
      }
      if (event.what === 'connect') created.add(event.session)
    }
    return broken
  },
}

/** When the store decided the end that was told by this event. */
function endedStep(truth: Truth, session: string, told: Of<'event'> | undefined): number {
  const toldStep = told?.step ?? Number.POSITIVE_INFINITY
  return truth.of('ended').findLast((end) => end.session === session && end.step < toldStep)?.step ?? toldStep
}

export const sessionInvariants: readonly Invariant[] = [
  fenceMonotone,
  fenceEnforced,
  knownForItsTime,
  outagesCostNothing,
  oneOwner,
  notLockedOut,
  leaveOnce,
  provenAndAsked,
]
