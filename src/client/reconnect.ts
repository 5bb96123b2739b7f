// When to dial, when to give a link up, when to stop: one pure state machine. It knows nothing of sockets, frames,
// credentials or timers: it is told events and the moment they happen, and answers with a state and effects.
// `dueMs(state)` is the one timer it needs: a `tick` at that time.

import { afterClose } from '../protocol/after-close.js'
import { retryDelayMs } from './backoff.js'
import {
  type Connected,
  dueMs,
  type Effect,
  type Ended,
  type Event,
  linkOf,
  type Moment,
  type Next,
  type Settings,
  type State,
  type Trail,
  type Trying,
  watchdogMs,
} from './reconnect-state.js'

/** Two dials never start closer than this, whatever the server or the user asks. */
export const dialFloorMs = 250
/** A link that is asked for a sign of life and gives none within this is dead. */
export const probeMs = 2_500
/** A timer later than this means that the process slept or was starved: nothing is judged by it. */
const lateMs = 2_000
/** Later than this, the machine slept: timers of hidden pages are late by a minute at most. */
const sleepMs = 90_000
/** How long a machine must have been awake again before a page that nobody looks at dials. */
const darkWakeMs = 5_000
const intervalMsMin = 100
const intervalMsMax = 300_000
const stretchMax = 16
const afterMsMax = 300_000

/** The whole machine. Events that mean nothing in a state, or come from another dial than the latest, change nothing. */
export function next(given: State, event: Event, now: Moment, settings: Settings): Next {
  if (given.state === 'closed' || ('dial' in event && event.dial !== given.trail.dial)) return stay(given)
  const state = afterSleep(given, now)
  switch (event.type) {
    case 'start':
      return state.state === 'idle' ? dialOrWait(state.trail, null, now, settings) : stay(state)
    case 'retry-now':
      return retryNow(state, now, settings)
    case 'wake':
      return wake(state, now, settings)
    case 'thaw':
      return state.state === 'suspended' && state.reason === 'frozen'
        ? dialOrWait(state.trail, 'frozen', now, settings)
        : wake(state, now, settings)
    case 'freeze':
      // Idle stays idle: `start` comes when the stored credentials are read.
      return state.state === 'idle' || state.state === 'suspended' ? stay(state) : suspend(state, 'frozen')
    case 'hide':
      return hide(state, settings)
    case 'show':
      return show(state, now, settings)
    case 'disconnect':
      return suspend(state, 'disconnected')
    case 'close':
      return { state: { state: 'closed', trail: state.trail, reason: event.reason }, effects: dropLink(state) }
    case 'tick':
      return state.state === 'connected' ? tickConnected(state, now, settings) : tickTrying(state, now, settings)
    case 'ended':
      return linkOf(state) === null ? stay(state) : linkEnded(state, event, now, settings)
    case 'live':
      return state.state === 'connected' ? stay({ ...state, liveAtMs: now.nowMs }) : stay(state)
    case 'beaten':
      return beaten(state, event.everyMs, now)
    default:
      return state.state === 'connecting' || state.state === 'reconnecting'
        ? advance(state, event, now, settings)
        : stay(state)
  }
}

/** The steps of one dial, in their order. */
function advance(
  state: Trying,
  event: Extract<Event, { type: 'prepared' | 'unprepared' | 'opened' | 'welcomed' }>,
  now: Moment,
  settings: Settings,
): Next {
  const { trail, step } = state
  const untilMs = now.nowMs + settings.connectTimeoutMs
  switch (event.type) {
    case 'prepared':
      if (step.step !== 'preparing') return stay(state)
      return {
        state: { ...state, step: { step: 'dialling', untilMs, isExtended: false } },
        effects: [{ do: 'open', dial: trail.dial }],
      }
    case 'unprepared':
      if (step.step !== 'preparing') return stay(state)
      if (event.isFinal) return stopped(trail, event.reason)
      return retry({ ...trail, failures: trail.failures + 1 }, event.reason, plain, now, settings)
    case 'opened':
      if (step.step !== 'dialling') return stay(state)
      return { state: { ...state, step: { ...step, step: 'greeting' } }, effects: [{ do: 'greet', dial: trail.dial }] }
    case 'welcomed': {
      if (step.step !== 'greeting') return stay(state)
      return stay({
        state: 'connected',
        trail: { ...trail, spreadMs: Math.min(event.spreadMs, afterMsMax) },
        liveAtMs: null,
        everyMs: interval(event.everyMs),
        timeoutMs: interval(event.timeoutMs),
        // A random first phase: clients that came together do not beat together.
        beatAtMs: now.nowMs + now.fraction * interval(event.everyMs),
        heardAtMs: now.nowMs,
        probe: null,
        progressCount: now.progressCount,
      })
    }
  }
}

function tickTrying(state: State, now: Moment, settings: Settings): Next {
  if (state.state !== 'connecting' && state.state !== 'reconnecting') return stay(state)
  const { step, trail } = state
  if (now.nowMs < step.untilMs) return stay(state)
  if (step.step === 'waiting') return dialOrWait(trail, state.reason, now, settings)
  if (isLate(step.untilMs, now) && !step.isExtended) {
    return stay({ ...state, step: { ...step, untilMs: now.nowMs + probeMs, isExtended: true } })
  }
  const failed = { ...trail, failures: trail.failures + 1 }
  const reason = step.step === 'preparing' ? 'auth-failed' : 'connect-timeout'
  return after(dropLink(state), retry(failed, reason, plain, now, settings))
}

function tickConnected(given: Connected, now: Moment, settings: Settings): Next {
  const due = dueMs(given) ?? now.nowMs
  const probe = given.probe !== null && now.heardCount > given.probe.heardCount ? null : given.probe
  const state = { ...given, heardAtMs: now.heardAtMs, probe }
  const isSilent = probe === null && now.nowMs >= state.heardAtMs + watchdogMs(state)
  if (probe !== null && now.nowMs >= probe.untilMs) {
    if (!isLate(probe.untilMs, now) || probe.isExtended) return die(state, 'probe-failed', state.trail, now, settings)
    return stay({ ...state, probe: { ...probe, untilMs: now.nowMs + probeMs, isExtended: true } })
  }
  // Late, by sleep or by load: what was sent to us meanwhile may lie unread. Ask once more before judging.
  if (probe === null && (isSilent || now.nowMs >= due) && isLate(due, now)) return startProbe(state, now)
  if (isSilent) return die(state, 'heartbeat-lost', afterSilence(state, now), now, settings)
  if (now.nowMs >= state.beatAtMs) return beat(state, now)
  return stay(state)
}

function afterSilence(state: Connected, now: Moment): Trail {
  const deaths = now.progressCount > state.progressCount ? 1 : state.trail.silentDeaths + 1
  if (deaths < 2) return { ...state.trail, silentDeaths: deaths }
  return { ...state.trail, silentDeaths: 0, stretch: Math.min(state.trail.stretch * 2, stretchMax) }
}

/** A watchdog or a probe ran out: the link is abandoned, not waited for, and the session resumed. */
function die(state: Connected, reason: string, trail: Trail, now: Moment, settings: Settings): Next {
  const counted = countEnd({ ...state, trail }, now, settings)
  return after(dropLink(state), retry(counted, reason, { ...plain, isAtOnce: true, wasWelcomed: true }, now, settings))
}

function linkEnded(state: State, event: Ended, now: Moment, settings: Settings): Next {
  const dropped = dropLink(state)
  const wasWelcomed = state.state === 'connected'
  const trail = wasWelcomed
    ? afterNoise(countEnd(state, now, settings), state, now)
    : { ...state.trail, failures: state.trail.failures + 1 }
  // A handshake that never opened was refused by who knows whom: its code says nothing of our session.
  const isOpen = wasWelcomed || ('step' in state && state.step.step === 'greeting')
  const then = isOpen ? afterClose(event.code) : 'back-off'
  if (then === 'stop' || then === 'stop-for-user' || !event.mayRetry) {
    return after(dropped, stopped(trail, event.reason))
  }
  const renewed: Effect[] = then === 'new-session' ? [{ do: 'renew', reason: event.reason }] : []
  const isAtOnce = then !== 'back-off'
  return after([...dropped, ...renewed], retry(trail, event.reason, { ...event, isAtOnce, wasWelcomed }, now, settings))
}

function countEnd(state: Connected, now: Moment, settings: Settings): Trail {
  const wasSteady = state.liveAtMs !== null && now.nowMs - state.liveAtMs >= settings.minUptimeMs
  return { ...state.trail, failures: wasSteady ? 0 : state.trail.failures + 1 }
}

/** A link that brought something and then ended aloud: the watchdog may become shorter again. */
function afterNoise(trail: Trail, state: Connected, now: Moment): Trail {
  if (now.progressCount === state.progressCount) return trail
  return { ...trail, silentDeaths: 0, stretch: Math.max(1, trail.stretch / 2) }
}

interface How {
  readonly isAtOnce: boolean
  readonly wasWelcomed: boolean
  readonly afterMs: number | null
}

const plain: How = { isAtOnce: false, wasWelcomed: false, afterMs: null }

function retry(trail: Trail, reason: string, how: How, now: Moment, settings: Settings): Next {
  if (!settings.isAutomatic || trail.failures >= settings.attemptsMax) return stopped(trail, 'reconnect-failed')
  const afterMs = how.afterMs === null ? null : Math.min(how.afterMs, afterMsMax)
  const spreadMs = how.wasWelcomed ? (trail.spreadMs ?? 0) : 0
  const { failures } = trail
  const delayMs = retryDelayMs(
    { failures, spreadMs, afterMs, isAtOnce: how.isAtOnce, fraction: now.fraction },
    settings,
  )
  return dialOrWait(trail, reason, now, settings, now.nowMs + delayMs, now.nowMs + (afterMs ?? 0))
}

/** Dials at `atMs`, or as soon as the floor between dials allows. */
function dialOrWait(
  trail: Trail,
  reason: string | null,
  now: Moment,
  settings: Settings,
  atMs = now.nowMs,
  notBeforeMs = now.nowMs,
): Next {
  if (isAway(trail, settings)) return { state: { state: 'suspended', trail, reason: 'background' }, effects: [] }
  const state = trail.spreadMs === null ? 'connecting' : 'reconnecting'
  const untilMs = Math.max(atMs, trail.dialledAtMs + dialFloorMs, trail.quietUntilMs)
  if (untilMs > now.nowMs) return stay({ state, trail, reason, step: { step: 'waiting', untilMs, notBeforeMs } })
  const dial = trail.dial + 1
  return {
    state: {
      state,
      trail: { ...trail, dial, dialledAtMs: now.nowMs },
      reason,
      step: { step: 'preparing', untilMs: now.nowMs + settings.connectTimeoutMs, isExtended: false },
    },
    effects: [{ do: 'prepare', dial }],
  }
}

function wake(state: State, now: Moment, settings: Settings): Next {
  if (state.state === 'connected') {
    const isAsking = state.probe !== null && state.probe.heardCount === now.heardCount
    return isAsking ? stay(state) : startProbe(state, now)
  }
  if (!('step' in state) || state.step.step !== 'waiting') return stay(state)
  const { notBeforeMs } = state.step
  return dialOrWait(state.trail, state.reason, now, settings, notBeforeMs, notBeforeMs)
}

/** The user asks: counters start anew, and what the server asked to wait is not waited for. */
function retryNow(state: State, now: Moment, settings: Settings): Next {
  if (state.state === 'connected') return wake(state, now, settings)
  const isWaiting = 'step' in state && state.step.step === 'waiting'
  if (state.state !== 'suspended' && !isWaiting) return stay(state)
  const trail = { ...state.trail, failures: 0, isHidden: false, quietUntilMs: -Infinity }
  return dialOrWait(trail, state.reason, now, settings)
}

/** An open link stays, for as long as it lives. */
function hide(given: State, settings: Settings): Next {
  const state = { ...given, trail: { ...given.trail, isHidden: true } }
  const isTrying = state.state === 'connecting' || state.state === 'reconnecting'
  return isTrying && isAway(state.trail, settings) ? suspend(state, 'background') : stay(state)
}

function show(given: State, now: Moment, settings: Settings): Next {
  const state = { ...given, trail: { ...given.trail, isHidden: false, quietUntilMs: -Infinity } }
  if (state.state !== 'suspended' || state.reason !== 'background') return wake(state, now, settings)
  return dialOrWait(state.trail, state.reason, now, settings)
}

function isAway(trail: Trail, settings: Settings): boolean {
  return trail.isHidden && !settings.dialsInBackground
}

/** A sleeping machine wakes in the dark every so often, for seconds: long enough to dial, too short to be there. */
function afterSleep(state: State, now: Moment): State {
  const due = dueMs(state)
  if (!state.trail.isHidden || due === null || now.nowMs - due < sleepMs) return state
  return { ...state, trail: { ...state.trail, quietUntilMs: now.nowMs + darkWakeMs } }
}

function beaten(state: State, everyMs: number, now: Moment): Next {
  if (state.state !== 'connected') return stay(state)
  const told = { ...state, everyMs: interval(everyMs), heardAtMs: now.nowMs }
  // Timers of a hidden page are throttled, its frames are not: a beat that is due leaves with the server's own.
  return now.nowMs >= state.beatAtMs ? beat(told, now) : stay(told)
}

function beat(state: Connected, now: Moment): Next {
  return { state: { ...state, beatAtMs: now.nowMs + state.everyMs }, effects: [{ do: 'beat' }] }
}

function startProbe(state: Connected, now: Moment): Next {
  const probe = { untilMs: now.nowMs + probeMs, heardCount: now.heardCount, isExtended: false }
  return beat({ ...state, probe }, now)
}

function suspend(state: State, reason: string): Next {
  return { state: { state: 'suspended', trail: state.trail, reason }, effects: dropLink(state) }
}

function stopped(trail: Trail, reason: string): Next {
  const effect = { do: 'stopped', reason, failures: trail.failures } as const
  return { state: { state: 'suspended', trail, reason }, effects: [effect] }
}

function dropLink(state: State): Effect[] {
  return linkOf(state) === null ? [] : [{ do: 'abandon' }]
}

/** A server cannot make a client spin by asking for tiny intervals, nor sleep for ever by asking for huge ones. */
function interval(ms: number): number {
  return Math.min(Math.max(ms, intervalMsMin), intervalMsMax)
}

function isLate(atMs: number, now: Moment): boolean {
  return now.nowMs - atMs > lateMs
}

function after(effects: readonly Effect[], then: Next): Next {
  return { state: then.state, effects: [...effects, ...then.effects] }
}

function stay(state: State): Next {
  return { state, effects: [] }
}
