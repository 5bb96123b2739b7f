// One server as an orchestrator sees it: it is started, crashes, is stopped, and is started again as a new process
// with the same name. What runs inside is the real server.

import type { SeededChance } from '../../src/testing/seeded-chance.js'
import { TestProcess } from '../../src/testing/test-process.js'
import { createTestServer, type TestServer } from '../../src/testing/test-server.js'
import type { ProcessClock, VirtualClock } from '../../src/testing/virtual-clock.js'
import { disturbStore, type Disturbance } from '../../src/testing/disturbed-store.js'
import type { Network } from '../../src/testing/memory-network.js'
import { type Config, roomConfigs } from '../config.js'
import { payloadOf } from '../payload.js'
import type { Trace } from '../trace.js'
import type { Hooks } from './hooks.js'
import { scheduled } from './loop.js'
import type { SharedStore, StoreHandle } from './shared-store.js'

export interface ServerParts {
  readonly name: string
  readonly config: Config
  readonly url: string
  readonly clock: VirtualClock
  readonly chance: SeededChance
  readonly network: Network
  readonly shared: SharedStore
  readonly disturbance: Disturbance
  readonly trace: Trace
  readonly hooks: Hooks
  /** Everything that it logs. */
  readonly logged: (text: string) => void
}

/** Down at first. */
export function serverProcess(parts: ServerParts): TestProcess {
  const { trace, shared, clock, chance, config } = parts
  let handle: StoreHandle | null = null
  let process: ProcessClock | null = null
  return new TestProcess(parts.name, clock, {
    start(life) {
      handle = shared.handle()
      return start(parts, { ...life, handle, wallMs: () => process?.wallMs() ?? 0 })
    },
    clock(plain, node) {
      process = scheduled(plain, chance.fork(`loop of ${node}`), config.loop)
      return process
    },
    told(now, node, server) {
      trace.add({ kind: 'server', node, now })
      if (now === 'started' && server !== null) listen(parts, node, server)
    },
    ended() {
      handle?.drop()
      process = null
    },
  })
}

interface Life {
  readonly node: string
  readonly clock: VirtualClock
  readonly handle: StoreHandle
  readonly wallMs: () => number
}

function start(parts: ServerParts, { node, clock, handle, wallMs }: Life): Promise<TestServer> {
  const { config, chance, network, disturbance, trace, logged, hooks } = parts
  const log = (level: string) => (fields: object, message: string) => {
    const { stack: _, ...shown } = fields as { stack?: string; doing?: string; error?: string }
    logged(`${level} ${message} ${JSON.stringify(shown)}`)
    if (level !== 'error') return
    const { doing = message, error = '' } = shown
    trace.add({ kind: 'report', node: node, doing, error })
  }
  return createTestServer({
    clock,
    chance: chance.fork(node),
    network,
    url: parts.url,
    store: disturbStore(handle.store, disturbance),
    authenticate: hooks.authenticate(wallMs),
    rooms: roomConfigs(config, hooks),
    settings: config.settings,
    node: node,
    log: { info: log('info'), warn: log('warn'), error: log('error') },
  })
}

function listen({ trace, config, hooks }: ServerParts, node: string, server: TestServer): void {
  const greet = (event: string) => {
    if (config.isGreeting)
      server
        .room('r1')
        .publish(payloadOf({ n: -3, event }), { id: event })
        .catch(() => {})
    return hooks.event()
  }
  server.on('connect', ({ id, session, reason }) => {
    trace.add({ kind: 'event', node, what: 'connect', id, session, reason })
    return greet(id)
  })
  server.on('drop', ({ id, session, reason }) => {
    trace.add({ kind: 'event', node, what: 'drop', id, session, reason })
    return hooks.event()
  })
  server.on('resume', ({ id, session }) => {
    trace.add({ kind: 'event', node, what: 'resume', id, session, reason: '' })
    return greet(id)
  })
  server.on('leave', ({ id, session, reason }) => {
    trace.add({ kind: 'event', node, what: 'leave', id, session, reason })
    return hooks.event()
  })
}
