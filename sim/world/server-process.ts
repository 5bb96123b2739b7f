// One server as an orchestrator sees it: it is started, crashes, is stopped, and is started again as a new process
// with the same name. What runs inside is the real server.

import type { SeededChance } from '../../src/testing/seeded-chance.js'
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

/** After a start that failed, the next. */
const restartMs = 500

interface Life {
  readonly node: string
  readonly handle: StoreHandle
  process: ProcessClock | null
  server: TestServer | null
  isOver: boolean
}

export class ServerProcess {
  readonly name: string
  readonly #parts: ServerParts
  #lives = 0
  #life: Life | null = null
  #wantsUp = false

  constructor(parts: ServerParts) {
    this.name = parts.name
    this.#parts = parts
  }

  /** Null while it is down or still starting. */
  get server(): TestServer | null {
    return this.#life?.server ?? null
  }

  get node(): string {
    return this.#life?.node ?? `${this.name}.0`
  }

  /** Its own clock; null while it is down. */
  get process(): ProcessClock | null {
    return this.#life?.process ?? null
  }

  /** Idempotent while it is up. */
  start(): void {
    this.#wantsUp = true
    if (this.#life !== null) return
    this.#lives += 1
    const life: Life = {
      node: `${this.name}.${this.#lives}`,
      handle: this.#parts.shared.handle(),
      process: null,
      server: null,
      isOver: false,
    }
    this.#life = life
    void this.#run(life)
  }

  /** In the middle of whatever it does. */
  crash(): void {
    this.#wantsUp = false
    const life = this.#life
    if (life === null) return
    this.#over(life)
    this.#parts.trace.add({ kind: 'server', node: life.node, now: 'crashed' })
  }

  /** With a goodbye to everybody. Resolves when the process has ended. */
  async stop(): Promise<void> {
    this.#wantsUp = false
    const life = this.#life
    if (life === null) return
    if (life.server === null) return this.crash()
    const { trace } = this.#parts
    trace.add({ kind: 'server', node: life.node, now: 'stopping' })
    await life.server.stop()
    if (life.isOver) return
    trace.add({ kind: 'server', node: life.node, now: 'stopped' })
    this.#over(life)
  }

  async #run(life: Life): Promise<void> {
    const { trace, clock } = this.#parts
    try {
      const server = await this.#create(life)
      if (life.isOver) return server.crash()
      life.server = server
      trace.add({ kind: 'server', node: life.node, now: 'started' })
      this.#listen(life, server)
    } catch {
      if (life.isOver) return
      this.#over(life)
      clock.after(restartMs, () => {
        if (this.#wantsUp) this.start()
      })
    }
  }

  #over(life: Life): void {
    life.isOver = true
    if (life.server !== null) life.server.crash()
    else life.process?.kill()
    life.handle.drop()
    if (this.#life === life) this.#life = null
  }

  #create(life: Life): Promise<TestServer> {
    const { config, clock, chance, network, disturbance, trace, logged, hooks } = this.#parts
    const log = (level: string) => (fields: object, message: string) => {
      const { stack: _, ...shown } = fields as { stack?: string; doing?: string; error?: string }
      logged(`${level} ${message} ${JSON.stringify(shown)}`)
      if (level !== 'error') return
      const { doing = message, error = '' } = shown
      trace.add({ kind: 'report', node: life.node, doing, error })
    }
    // The process must be known while it starts: it may crash then too.
    const process = () => {
      life.process = scheduled(clock.process(), chance.fork(`loop of ${life.node}`), config.loop)
      return life.process
    }
    const own: VirtualClock = Object.create(clock, { process: { value: process } })
    return createTestServer({
      clock: own,
      chance: chance.fork(life.node),
      network,
      url: this.#parts.url,
      store: disturbStore(life.handle.store, disturbance),
      authenticate: hooks.authenticate(() => life.process?.wallMs() ?? 0),
      rooms: roomConfigs(config, hooks),
      settings: config.settings,
      node: life.node,
      log: { info: log('info'), warn: log('warn'), error: log('error') },
    })
  }

  #listen(life: Life, server: TestServer): void {
    const { trace, config, hooks } = this.#parts
    const { node } = life
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
}
