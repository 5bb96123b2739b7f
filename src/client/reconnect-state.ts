// The states, events and effects of the machine in reconnect.ts, and what can be read off a state.

import type { Backoff } from './backoff.js'

export interface Settings extends Backoff {
  /** False: never dials by itself again; `retryNow` does. */
  readonly isAutomatic: boolean
  readonly connectTimeoutMs: number
  /** A connection live for less counts as a failure. */
  readonly minUptimeMs: number
  /** False: while nobody looks, what ends is not dialled again. */
  readonly dialsInBackground: boolean
}

const watchdogMsMax = 300_000

/** What outlives a link. */
export interface Trail {
  /** Number of the latest dial; events of other dials are ignored. */
  readonly dial: number
  readonly dialledAtMs: number
  /** Dials in a row that did not stay live. */
  readonly failures: number
  /** Null: never welcomed. */
  readonly spreadMs: number | null
  /** Watchdog deaths in a row without progress. */
  readonly silentDeaths: number
  /** The watchdog waits this many times longer than asked: a slow link needs time for one large frame. */
  readonly stretch: number
  /** Nobody looks at the page or app. */
  readonly isHidden: boolean
  /** No dial before: a machine that wakes for seconds, in the dark, should not. */
  readonly quietUntilMs: number
}

export type Step =
  | { readonly step: 'waiting'; readonly untilMs: number; readonly notBeforeMs: number }
  /** A token is fetched, the credentials are saved: no link yet. */
  | { readonly step: 'preparing'; readonly untilMs: number; readonly isExtended: boolean }
  | { readonly step: 'dialling' | 'greeting'; readonly untilMs: number; readonly isExtended: boolean }

export interface Probe {
  readonly untilMs: number
  readonly heardCount: number
  readonly isExtended: boolean
}

export type State =
  | { readonly state: 'idle'; readonly trail: Trail }
  | {
      readonly state: 'connecting' | 'reconnecting'
      readonly trail: Trail
      readonly step: Step
      /** Why there is no connection; null before the first one failed. */
      readonly reason: string | null
    }
  | {
      readonly state: 'connected'
      readonly trail: Trail
      readonly liveAtMs: number | null
      readonly everyMs: number
      readonly timeoutMs: number
      readonly beatAtMs: number
      readonly heardAtMs: number
      readonly probe: Probe | null
      readonly progressCount: number
    }
  | { readonly state: 'suspended'; readonly trail: Trail; readonly reason: string }
  | { readonly state: 'closed'; readonly trail: Trail; readonly reason: string }

export type Trying = Extract<State, { state: 'connecting' | 'reconnecting' }>
export type Connected = Extract<State, { state: 'connected' }>

/** A link ended, by a close or by the `bye` before it. */
export interface Ended {
  readonly type: 'ended'
  readonly dial: number
  readonly code: number
  readonly reason: string
  /** False: the server forbids to dial again. */
  readonly mayRetry: boolean
  readonly afterMs: number | null
}

export type Event =
  | { readonly type: 'start' | 'tick' | 'wake' | 'hide' | 'show' | 'freeze' | 'thaw' | 'retry-now' | 'disconnect' }
  | { readonly type: 'close'; readonly reason: string }
  | { readonly type: 'prepared' | 'opened'; readonly dial: number }
  | { readonly type: 'live'; readonly dial: number }
  | { readonly type: 'unprepared'; readonly dial: number; readonly reason: string; readonly isFinal: boolean }
  | {
      readonly type: 'welcomed'
      readonly dial: number
      readonly everyMs: number
      readonly timeoutMs: number
      readonly spreadMs: number
    }
  | { readonly type: 'beaten'; readonly dial: number; readonly everyMs: number }
  | Ended

/** When an event happens, and what was heard until then. */
export interface Moment {
  readonly nowMs: number
  /** Uniform in [0, 1). */
  readonly fraction: number
  /** When the last frame came on this link. */
  readonly heardAtMs: number
  /** Frames heard, ever. */
  readonly heardCount: number
  /** Entries heard and times live, ever. */
  readonly progressCount: number
}

export type Effect =
  /** Get a token, save the credentials; answer `prepared` or `unprepared`. */
  | { readonly do: 'prepare'; readonly dial: number }
  | { readonly do: 'open' | 'greet'; readonly dial: number }
  /** Forget the link at once, whatever it still says. */
  | { readonly do: 'abandon' }
  | { readonly do: 'beat' }
  /** The session cannot be resumed: make new credentials. */
  | { readonly do: 'renew'; readonly reason: string }
  /** Down until the user acts. */
  | { readonly do: 'stopped'; readonly reason: string; readonly failures: number }

export interface Next {
  readonly state: State
  readonly effects: readonly Effect[]
}

export const initial: State = {
  state: 'idle',
  trail: {
    dial: 0,
    dialledAtMs: -Infinity,
    failures: 0,
    spreadMs: null,
    silentDeaths: 0,
    stretch: 1,
    isHidden: false,
    quietUntilMs: -Infinity,
  },
}

/** When the machine wants a `tick`; null: it waits for somebody else. Never null while it tries or is connected. */
export function dueMs(state: State): number | null {
  if (state.state === 'connecting' || state.state === 'reconnecting') return state.step.untilMs
  if (state.state !== 'connected') return null
  return Math.min(state.beatAtMs, state.probe?.untilMs ?? state.heardAtMs + watchdogMs(state))
}

/** The dial whose link may be open; null: there is none. */
export function linkOf(state: State): number | null {
  if (state.state === 'connected') return state.trail.dial
  if (state.state !== 'connecting' && state.state !== 'reconnecting') return null
  return state.step.step === 'dialling' || state.step.step === 'greeting' ? state.trail.dial : null
}

/** How long the link may be silent. */
export function watchdogMs(state: Connected): number {
  return Math.min((state.everyMs + state.timeoutMs) * state.trail.stretch, watchdogMsMax)
}
