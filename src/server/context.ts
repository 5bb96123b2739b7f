// What all connections of one server share.

import type { Engine } from '../engine/engine.js'
import type { Chance, Clock } from '../protocol/time.js'
import type { Admission } from './admission.js'
import type { Authenticator } from './auth.js'
import type { ServerLog } from './log.js'
import type { Rooms } from './rooms.js'
import type { Settings } from './settings.js'

export interface Context {
  readonly engine: Engine
  readonly settings: Settings
  readonly rooms: Rooms
  readonly authenticator: Authenticator
  readonly admission: Admission
  readonly clock: Clock
  readonly chance: Chance
  readonly log: ServerLog
}

/** Where a connection comes from. */
export interface Peer {
  /** Null: none was sent (not a browser). */
  readonly origin: string | null
  readonly address: string
}
