// The welcome: the session's verdict, and the rules of this server.

import type { LiveSession } from '../engine/engine.js'
import { protocolVersion, type Welcome } from '../protocol/frames.js'
import type { Attached, LeaseState } from '../store/store.js'
import type { Context } from './context.js'
import { limitsOf } from './settings.js'

type Admitted = Extract<Attached, { kind: 'resumed' | 'created' }>

/** `downMs` is rounded up, so that a drop is never told as none. */
export function welcomeOf({ engine, settings, admission }: Context, session: LiveSession, attached: Admitted): Welcome {
  const { row, downMs } = attached
  return {
    type: 'welcome',
    version: protocolVersion,
    features: [],
    session: session.id,
    user: session.user,
    generation: session.generation,
    verdict:
      attached.kind === 'resumed'
        ? { kind: 'resumed', downMs: Math.ceil(downMs) }
        : { kind: 'new', reason: row.newReason },
    leases: attached.leases.map(leaseVerdictOf),
    limits: limitsOf(settings),
    heartbeat: { everyMs: settings.heartbeatMs, timeoutMs: settings.heartbeatTimeoutMs },
    holdMs: row.holdMs,
    spreadMs: admission.spreadMs(engine.sessions.size),
  }
}

function leaseVerdictOf(state: LeaseState): Welcome['leases'][number] {
  if (state.kind === 'kept') return { kind: 'kept', key: state.lease.key }
  return { kind: 'lost', key: state.key, reason: state.reason }
}
