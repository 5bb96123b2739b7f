// A whole server without sockets, on any clock: the engine, the hooks, the connections and the timers they want.
// `createServer` puts HTTP and WebSocket in front of it, the simulator a network in memory.

import type { Engine, LiveSession, ServerRoom, SessionEvent } from '../engine/engine.js'
import { createEngine } from '../engine/create-engine.js'
import { PublishRefused } from '../engine/publishing.js'
import type { Transport } from '../engine/transport.js'
import { base64url } from '../protocol/base64url.js'
import type { Chance, Clock } from '../protocol/time.js'
import type { Store } from '../store/store.js'
import { createAdmission } from './admission.js'
import { createAlarm } from './alarm.js'
import { type Authenticate, claimsOf, createAuthenticator } from './auth.js'
import { type Connection, createConnection } from './connection.js'
import { type Context, type Peer, ratesOf } from './context.js'
import { createEvents, type Events, listenerDeadlineMs } from './events.js'
import { createHookCaller, isPromise } from './hook.js'
import type { ServerLog } from './log.js'
import { checkDurability, createRooms, defaultDurability, type RoomConfig, type Rooms } from './rooms.js'
import { engineSettings, type Settings } from './settings.js'
import { createTurns } from './turns.js'

export interface NodeOptions {
  readonly store: Store
  readonly clock: Clock
  readonly chance: Chance
  readonly settings: Settings
  readonly authenticate: Authenticate
  readonly rooms: Readonly<Record<string, RoomConfig>>
  readonly log: ServerLog
  /** Names this process among those that share the store. Default random. */
  readonly node?: string
}

export interface NodeCore {
  readonly engine: Engine
  readonly events: Events
  readonly rooms: Rooms
  readonly context: Context
  /** As the engine's, but the room's schema judges what is published. */
  room(name: string): ServerRoom
  start(): Promise<void>
  /** A new connection. Whoever carries it feeds what is returned, and tells it when the transport has ended. */
  connect(transport: Transport, peer: Peer, verdictGiven?: () => void): Connection
  /** Every connection is told `bye`, sessions are held. Resolves when their state is stored. Idempotent. */
  close(bye: { readonly reason: 'drain' | 'going-away'; readonly message?: string }): Promise<void>
}

/** Nothing runs before `start`. Throws for room options that make no sense. */
export function createNodeCore(options: NodeOptions): NodeCore {
  const { clock, chance, settings, log } = options
  const report = log.report
  const hooks = createHookCaller({ clock, deadlineMs: settings.hookDeadlineMs, report })
  const rooms = createRooms(options.rooms, hooks, defaultDurability(options.store))
  checkDurability(options.rooms, options.store)
  const events = createEvents(createHookCaller({ clock, deadlineMs: listenerDeadlineMs, report }))
  // The engine's rings often, those of connections hardly ever.
  const alarm = createAlarm(clock)
  const deadlines = createAlarm(clock)
  const turns = createTurns({ clock, delayMs: settings.flushDelayMs, run: () => engine.endOfTurn() })

  const engine: Engine = createEngine({
    node: options.node ?? base64url(chance.bytes(8)),
    store: options.store,
    clock,
    chance,
    roomOptions: rooms.options,
    settings: engineSettings(settings),
    host: {
      turnWanted: turns.wanted,
      wakeMoved: () => alarm.moved(engine),
      onEvent(event) {
        logEvent(log, event)
        return events.tell(event)
      },
      reauthorise: (session) => void reauthorise(context, session),
      report,
    },
  })
  const authenticator = createAuthenticator(options.authenticate, hooks, report)
  const [rates, admission] = [ratesOf(settings), createAdmission(settings)]
  const context: Context = { engine, settings, rates, rooms, authenticator, admission, clock, chance, log }

  return {
    engine,
    events,
    rooms,
    context,
    room: (name) => judgedRoom(engine.room(name), name, rooms),
    async start() {
      await engine.start()
      alarm.moved(engine)
    },
    connect(transport, peer, verdictGiven) {
      const way = { transport, peer, wakeMoved: deadlines.moved }
      return createConnection(context, verdictGiven === undefined ? way : { ...way, verdictGiven })
    },
    async close(bye) {
      await engine.close(bye)
      alarm.close()
      deadlines.close()
      turns.close()
    },
  }
}

function judgedRoom(room: ServerRoom, name: string, rooms: Rooms): ServerRoom {
  const publish: ServerRoom['publish'] = async (data, how) => {
    const judged = rooms.judge(name, data)
    // What need not wait keeps its turn.
    const { kind, message } = { message: '', ...(isPromise(judged) ? await judged : judged) }
    if (kind === 'no') throw new PublishRefused('invalid', message)
    if (kind === 'failed') throw new Error(`the schema of ${name} failed to judge; it is in the log`)
    return room.publish(data, how)
  }
  return { ...room, publish }
}

/** Every room again. A hook that fails decides nothing: the connection starts over and asks then. */
async function reauthorise({ engine, rooms, log }: Context, session: LiveSession): Promise<void> {
  const asker = { user: session.user, claims: claimsOf(session.claims), session: session.id }
  try {
    for (const room of [...session.rooms]) {
      const permit = await rooms.mayJoin(asker, room)
      if (permit.kind === 'yes') continue
      if (permit.reason === 'hook-failed') return session.outlet.close({ reason: 'rights-changed', kept: true })
      await engine.remove(session, room, 'rights-revoked')
    }
  } catch (error) {
    log.report(error, 'authorising again')
    session.outlet.close({ reason: 'rights-changed', kept: true })
  }
}

function logEvent(log: ServerLog, event: SessionEvent) {
  const { session, user } = event
  switch (event.kind) {
    case 'connect':
      return log.happened('connect', { session, user, reason: event.reason })
    case 'drop':
      return log.happened('drop', {
        session,
        user,
        reason: event.reason,
        durationMs: Math.round(event.liveMs),
        rooms: event.rooms.length,
      })
    case 'resume':
      return log.happened('resume', {
        session,
        user,
        reason: event.tookOver ? 'takeover' : 'resumed',
        durationMs: Math.round(event.downMs),
        rooms: event.rooms.length,
      })
    case 'leave':
      return log.happened('leave', { session, user, reason: event.reason, rooms: event.rooms.length })
  }
}
