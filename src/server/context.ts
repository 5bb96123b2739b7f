// What all connections of one server share.

import type { Engine } from '../engine/engine.js'
import type { Chance, Clock } from '../protocol/time.js'
import type { Admission } from './admission.js'
import type { Authenticator } from './auth.js'
import type { ServerLog } from './log.js'
import type { Rooms } from './rooms.js'
import type { Settings } from './settings.js'
import type { Rate } from './token-bucket.js'

export interface Context {
  readonly engine: Engine
  readonly settings: Settings
  readonly rates: Rates
  readonly rooms: Rooms
  readonly authenticator: Authenticator
  readonly admission: Admission
  readonly clock: Clock
  readonly chance: Chance
  readonly log: ServerLog
}

/** What one connection may do how often. */
export interface Rates {
  readonly messages: Rate
  /** Frames refused because they were too many. */
  readonly floods: Rate
  readonly pings: Rate
  /** Messages with bad fields. */
  readonly strikes: Rate
}

/** Below the 60 unsent pongs at which ws cuts a connection without a word. */
const pingsBurst = 50

export function ratesOf({ messagesPerSecond, messagesBurst, pingsPerSecond }: Settings): Rates {
  return {
    messages: { perSecond: messagesPerSecond, burst: messagesBurst },
    floods: { perSecond: messagesPerSecond / 10, burst: messagesBurst },
    pings: { perSecond: pingsPerSecond, burst: pingsBurst },
    strikes: { perSecond: 0.1, burst: 10 },
  }
}

/** Where a connection comes from. */
export interface Peer {
  /** Null: none was sent (not a browser). */
  readonly origin: string | null
  readonly address: string
}
