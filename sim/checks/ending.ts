// What must be true after healing, and what may be left over; errors that nobody expected.

import { liveWithinMs } from '../limits.js'
import { ourThrow } from '../world/hearing.js'
import type { Broken, Invariant } from './check.js'

const everybodyConnected: Invariant = {
  id: 'I57',
  holds: `every client is connected within ${liveWithinMs / 1000} s of healing, in all rooms that he wants`,
  excuses: 'rooms that deny or remove him, where rights were changed or hooks failed',
  broken: (truth) => {
    const mayBeRefused =
      truth.of('op').some(({ what }) => what === 'ban' || what === 'remove') ||
      truth.of('fault').some(({ what }) => what === 'hook-fails')
    const pages = truth
      .of('end-page')
      .filter(({ state }) => state !== 'connected')
      .map(({ step, by, state, reason }) => ({ step, what: `${by} is ${state}: ${reason}` }))
    const rooms = truth
      .of('end-room')
      .filter(({ place, isLive }) => !isLive && !(mayBeRefused && (place === 'denied' || place === 'removed')))
      .map(({ step, by, room, place }) => ({ step, what: `${by} is not live in ${room}: ${place}` }))
    return [...pages, ...rooms]
  },
}

const everybodyAtHead: Invariant = {
  id: 'I58',
  holds: 'every reader is at the head within the same time',
  broken: (truth) =>
    truth.of('end-room').flatMap(({ step, by, room, place, position }) => {
      const head = truth.of('end-log').find((log) => log.room === room)?.head.offset ?? 0
      if (place !== 'joined' || position?.offset === head) return []
      return [{ step, what: `${by} is at ${position?.offset} of ${head} in ${room}` }]
    }),
}

const nothingLeft: Invariant = {
  id: 'I52',
  holds: 'when everybody has left and every hold is over, nothing of them is left',
  broken: (truth) =>
    truth
      .of('rest')
      .filter(({ count, bound }) => count > bound)
      .map(({ step, what, count, bound }) => ({ step, what: `${what}: ${count}, at most ${bound} expected` })),
}

/** What an application or a store of ours makes them say. */
const expectedReports = [/the store did not answer/, /disturbed:/, /the store is closed/, /^sim: /, /^no answer within/]
const expectedErrors = [
  ourThrow,
  'sim: the storage is full',
  'sim: there is no token now',
  'the disk fails',
  'storage gave no answer',
  // What the fault `newer` makes a client say, and no server of ours knows.
  'refused as unsupported: frames of type later',
  // What a hook that is told to fail makes of signals and presence data.
  'refused as hook-failed',
  // Signals and presence data beyond the rate that the seed drew.
  'refused as rate-limited',
]

const noCrash: Invariant = {
  id: 'I54',
  holds: 'no input and no failure makes an error that nobody expects, on either side',
  excuses: 'what the simulated store, hooks, storage and listeners say when they are told to fail',
  broken: (truth) => {
    const breaches = truth.of('breach').map(({ step, what }): Broken => ({ step, what }))
    const reports = truth
      .of('report')
      .filter(({ error }) => !expectedReports.some((expected) => expected.test(error)))
      .map(({ step, node, doing, error }) => ({ step, what: `${node} reports ${doing}: ${error}` }))
    const errors = truth
      .of('error')
      .filter(({ error }) => !expectedErrors.some((expected) => error.includes(expected)))
      .map(({ step, by, error }) => ({ step, what: `${by} tells an error: ${error}` }))
    return [...breaches, ...reports, ...errors]
  },
}

const stopsInTime: Invariant = {
  id: 'I60',
  holds: 'a server that is stopped has ended within 20 s, unless it was paused',
  excuses: 'runs with a paused server or one whose clock is wrong',
  broken: (truth) =>
    truth.of('server').flatMap(({ node, now, atMs, step }) => {
      if (now !== 'stopping' || truth.of('fault').some(({ what }) => what === 'pause-server' || what === 'skew-server'))
        return []
      const end = truth.of('server').find((other) => other.node === node && other.step > step)
      const endMs = end?.atMs ?? truth.records.at(-1)?.atMs ?? 0
      return endMs - atMs <= 20_000 ? [] : [{ step, what: `${node} took ${Math.round(endMs - atMs)} ms to stop` }]
    }),
}

export const endInvariants: readonly Invariant[] = [
  everybodyConnected,
  everybodyAtHead,
  nothingLeft,
  noCrash,
  stopsInTime,
]
