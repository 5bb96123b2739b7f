// The real server over the network in memory: engine, handshake, hooks and limits are those of `createServer`, only
// sockets, HTTP and the machine's clock are left out. Several may share one store.

import type { EngineSizes, ServerRoom } from '../engine/engine.js'
import { base64url } from '../protocol/base64url.js'
import type { Chance } from '../protocol/time.js'
import { type Authenticate, guests } from '../server/auth.js'
import type { Events } from '../server/events.js'
import { createLog, type LogSink } from '../server/log.js'
import { createNodeCore, type NodeCore } from '../server/node-core.js'
import type { RoomConfig } from '../server/rooms.js'
import { readSettings, type Settings } from '../server/settings.js'
import { memoryStore } from '../store/memory.js'
import type { SessionRow, Store } from '../store/store.js'
import type { Accept, Listener, Network } from './memory-network.js'
import { storeOfProcess } from './process-store.js'
import type { ProcessClock, VirtualClock } from './virtual-clock.js'

export interface TestServerOptions {
  readonly clock: VirtualClock
  readonly chance: Chance
  readonly network: Network
  /** Where it listens; several servers at one URL share its dials. Default `ws://server.test`. */
  readonly url?: string
  /** Default: a `memoryStore()` of its own. One that is passed in is left open. */
  readonly store?: Store
  /** Default: every room. */
  readonly rooms?: Readonly<Record<string, RoomConfig>>
  /** Default: guests. */
  readonly authenticate?: Authenticate
  readonly settings?: Partial<Settings>
  /** Names the process among those that share the store. Default random. */
  readonly node?: string
  readonly log?: LogSink
}

export interface TestServer {
  readonly url: string
  /** Returns an idempotent `off`. */
  readonly on: Events['on']
  readonly store: Store
  readonly listener: Listener
  /** The time of its process: to pause or skew it. */
  readonly clock: ProcessClock
  room(name: string): ServerRoom
  sessionsOf(user: string): Promise<readonly SessionRow[]>
  kick(who: { readonly user: string } | { readonly session: string }): Promise<void>
  revoke(who: { readonly user: string } | { readonly session: string }): Promise<void>
  changeRights(user: string): Promise<void>
  /** Sessions it serves now, by id. */
  readonly sessions: NodeCore['engine']['sessions']
  readonly isReady: boolean
  /** What its engine holds now. */
  sizes(): EngineSizes
  /** Nobody new comes in, every connection is told, sessions are held and stored. Idempotent. */
  stop(): Promise<void>
  /** The process is gone, in the middle of whatever it did: nothing more is said, stored or answered. Idempotent. */
  crash(): void
}

/** Resolves when it listens: time must be moved on (`clock.settle()`) for it to. */
export async function createTestServer(options: TestServerOptions): Promise<TestServer> {
  const { clock, chance, network, url = 'ws://server.test', store = memoryStore() } = options
  const process = clock.process()
  const sink = options.log ?? null
  const settings = readSettings(options.settings ?? {})
  const core = createNodeCore({
    store: storeOfProcess(store, process, clock),
    clock: process,
    chance,
    settings,
    authenticate: options.authenticate ?? guests(),
    rooms: options.rooms ?? { '*': {} },
    log: createLog({ sink, linesPerSecond: settings.logLinesPerSecond, nowMs: process.nowMs }),
    node: options.node ?? base64url(chance.bytes(8)),
  })
  await core.start()
  const listener = network.listen(url, acceptOf(core), process)
  return serverOf({ core, url, store, listener, process, ownsStore: options.store === undefined })
}

/** What server/ws-transport.ts does with a WebSocket. */
function acceptOf(core: NodeCore): Accept {
  return ({ transport, line }) => {
    const connection = core.connect(transport, { origin: null, address: line })
    return {
      received: (frame) => connection.received(frame),
      closed: (code) => connection.ended(code === 1006 ? 'cut' : 'closed'),
    }
  }
}

function serverOf(parts: {
  readonly core: NodeCore
  readonly url: string
  readonly store: Store
  readonly listener: Listener
  readonly process: ProcessClock
  readonly ownsStore: boolean
}): TestServer {
  const { core, store, listener, process } = parts
  const { engine } = core
  const end = async (who: { readonly user: string } | { readonly session: string }, reason: 'kicked' | 'revoked') => {
    const rows = 'user' in who ? await engine.store.sessionsOf(who.user) : [{ id: who.session }]
    await Promise.all(rows.map(({ id }) => engine.end(id, reason)))
  }
  const shut = async () => {
    listener.close()
    await core.close({ reason: 'drain' })
    if (parts.ownsStore) await store.close()
  }
  let stopping: Promise<void> | null = null
  return {
    url: parts.url,
    on: core.events.on,
    store,
    listener,
    clock: process,
    room: (name) => core.room(name),
    sessionsOf: (user) => engine.store.sessionsOf(user),
    kick: (who) => end(who, 'kicked'),
    revoke: (who) => end(who, 'revoked'),
    changeRights: (user) => engine.store.changeRights(user),
    sessions: engine.sessions,
    sizes: () => engine.sizes(),
    get isReady() {
      return engine.isReady
    },
    stop() {
      stopping ??= shut()
      return stopping
    },
    crash: () => listener.crash(),
  }
}
