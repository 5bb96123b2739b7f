// Sessions: one owner, nobody locked out, nobody forgotten early, ends told once.

import { hasLost, type Of, type Truth } from '../truth.js'
import type { Broken, Invariant } from './check.js'

const fenceMonotone: Invariant = {
  id: 'I29',
  holds: 'generations of a session rise strictly with every attach, also over lives of the store that lost nothing',
  broken: (truth) => {
    const last = new Map<string, Of<'attached'>>()
    return truth.of('attached').flatMap((attached) => {
      const before = last.get(attached.session)
      last.set(attached.session, attached)
      if (before === undefined || attached.generation > before.generation) return []
      if (hasLost(truth, before.step, attached.step)) return []
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
  holds: 'in a room no entry of an older generation of a session stands behind one of a newer',
  broken: ({ lives }) =>
    lives.flatMap((life) =>
      [...life.logs.values()].flatMap((log) => {
        const last = new Map<string, number>()
        return log.flatMap(({ session, generation, step, room }) => {
          if (session === null || step < life.step) return []
          const before = last.get(session) ?? 0
          last.set(session, generation)
          return generation >= before
            ? []
            : [{ step, what: `${session} wrote to ${room} as ${generation} after ${before}` }]
        })
      }),
    ),
}

const oneOwner: Invariant = {
  id: 'I35',
  holds: 'in the end each live session is served by one node, the one that the store names',
  broken: (truth) => {
    // A store that was set back gives a generation again: then a late drop of the one takes the other's session.
    if (hasLost(truth, 0, truth.leavingStep)) return []
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
  broken: (truth) => {
    const hasFailingStorage = truth.of('fault').some(({ what }) => what === 'storage-fails')
    const excused = (step: number) => hasFailingStorage || hasLost(truth, 0, step)
    const stopped = truth
      .of('status')
      .filter(({ reason, step }) => accusations.includes(reason ?? '') && !excused(step))
      .filter(({ reason }) => reason !== 'revoked' || !truth.of('op').some(({ what }) => what === 'revoke'))
    const strange = truth.of('new-session').filter(({ reason, step }) => reason === 'secret-unknown' && !excused(step))
    return [...stopped, ...strange].map(({ step, by, reason }) => ({ step, what: `${by} was told ${reason}` }))
  },
}

const knownForItsTime: Invariant = {
  id: 'I31',
  holds: 'who comes back is told that his session is over only when it is',
  broken: (truth) => {
    if (truth.of('fault').some(({ what }) => what === 'storage-fails')) return []
    const ended = new Map(
      truth
        .of('ended')
        .map((end): [string, number] => [end.session, end.step])
        .reverse(),
    )
    return truth.of('new-session').flatMap(({ by, step, reason }) => {
      if (reason !== 'session-unknown' && reason !== 'session-ended') return []
      const before = lastSessionOf(truth, by, step)
      if (before === null || hasLost(truth, 0, step) || (ended.get(before) ?? step) < step) return []
      return [{ step, what: `${by}: ${before} never ended, and is ${reason}` }]
    })
  },
}

const heldForItsTime: Invariant = {
  id: 'I34',
  holds: 'no session runs out before it was away for its whole hold, whatever failed meanwhile',
  broken: (truth, plan) => {
    const holdMs = plan.config.settings.sessionHoldMs ?? 120_000
    return truth.of('ended').flatMap(({ step, session, reason, atMs }) => {
      if (reason !== 'ran-out' || hasLost(truth, 0, step)) return []
      const attached = truth.of('attached').findLast((other) => other.session === session && other.step < step)
      // A node that was not heard of for long was thought lost: its drops were decided before it told them.
      const wasLost = truth.of('fault').some(({ what }) => ['pause-server', 'store-fails', 'store-slow'].includes(what))
      const dropped = wasLost
        ? undefined
        : truth
            .of('detached')
            .findLast((other) => other.session === session && other.step < step && other.step > (attached?.step ?? 0))
      const awayMs = atMs - ((dropped ?? attached)?.atMs ?? 0)
      if (awayMs >= holdMs) return []
      return [{ step, what: `${session} ran out after ${Math.round(awayMs)} of ${holdMs} ms` }]
    })
  },
}

function lastSessionOf(truth: Truth, by: string, step: number): string | null {
  const tab = by.split('.')[0]
  return truth.of('live').findLast((live) => live.step < step && live.by.split('.')[0] === tab)?.session ?? null
}

const askedOnResume: Invariant = {
  id: 'I56',
  holds: 'the application is asked about each room again on every resume, before it is answered',
  broken: (truth) =>
    truth.of('resume').flatMap(({ by, rooms, step }) => {
      const live = truth.of('live').find((other) => other.by === by && other.step > step)
      const attached = truth.of('attached').findLast((other) => other.session === live?.session && other.step < step)
      if (live === undefined || attached === undefined) return []
      return Object.entries(rooms).flatMap(([room, verdict]): Broken[] => {
        const asked = truth
          .of('asked')
          .some((one) => one.user === attached.user && one.room === room && one.step > attached.step && one.step < step)
        return verdict.kind === 'denied' || asked ? [] : [{ step, what: `${by} resumed in ${room}, nobody was asked` }]
      })
    }),
}

const leaveOnce: Invariant = {
  id: 'I38',
  holds: 'a session ends once, under one id, and is never heard of afterwards; ids are never used again',
  broken: (truth) => {
    const ended = new Map<string, Of<'event'>>()
    const created = new Set<string>()
    const broken: Broken[] = []
    for (const event of truth.of('event')) {
      const end = ended.get(event.session)
      if (event.what === 'leave') {
        if (end !== undefined && end.id !== event.id && !hasLost(truth, 0, event.step)) {
          broken.push({ step: event.step, what: `${event.session} left as ${end.id} and as ${event.id}` })
        }
        ended.set(event.session, event)
      } else if (end !== undefined && event.what === 'resume' && !hasLost(truth, 0, event.step)) {
        broken.push({ step: event.step, what: `${event.session} resumed after it had left` })
      }
      if (event.what === 'connect') created.add(event.session)
    }
    return broken
  },
}

export const sessionInvariants: readonly Invariant[] = [
  fenceMonotone,
  fenceEnforced,
  knownForItsTime,
  heldForItsTime,
  oneOwner,
  notLockedOut,
  leaveOnce,
  askedOnResume,
]
