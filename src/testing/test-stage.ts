// Everything that a test of an application needs, in one: virtual time, a network in memory, servers on one store, and
// scripts of faults to play on them. The same seed and the same calls give the same run.

import { type ClientStorage, memoryStorage } from '../client/storage.js'
import type { Chance } from '../protocol/time.js'
import type { Dial } from '../client/link.js'
import { memoryStore } from '../store/memory.js'
import type { Store } from '../store/store.js'
import { disturbStore } from './disturbed-store.js'
import { doFault, type FaultStage, healStage } from './fault-acts.js'
import { playFaults, type Playing } from './fault-play.js'
import { createNetwork, type Line, type Network, type NetworkOptions } from './memory-network.js'
import { createSeededChance, type SeededChance } from './seeded-chance.js'
import { disturbanceOf, noTrouble, type StoreTrouble } from './store-trouble.js'
import { TestProcess } from './test-process.js'
import { createTestServer, type TestServer, type TestServerOptions } from './test-server.js'
import { createVirtualClock, type ProcessClock, type VirtualClock } from './virtual-clock.js'

export interface TestStageOptions extends Partial<Omit<TestServerOptions, 'clock' | 'chance' | 'network' | 'node'>> {
  /** Default 1. */
  readonly seed?: number
  /** Names of the servers: all on one store, behind one URL. Default `['a']`. */
  readonly servers?: readonly string[]
  readonly latencyMs?: NetworkOptions['latencyMs']
  /** Each time a server has started, again after a crash too: the place for its listeners. */
  readonly started?: (server: TestServer, name: string) => void
}

/** Options for `connect`, of one client machine. */
export interface StagedClient {
  readonly clock: ProcessClock
  readonly chance: Chance
  readonly dial: Dial
  readonly storage: ClientStorage
}

export interface TestStage extends FaultStage {
  readonly clock: VirtualClock
  readonly chance: SeededChance
  readonly network: Network
  readonly url: string
  /** As it is: no fault is on this way to it. */
  readonly store: Store
  readonly servers: readonly TestProcess[]
  /** The same name is the same machine: its line, its storage, its clock. */
  client(name: string): StagedClient
  /** From now on; time must be moved on for it to happen. Throws `InvalidFaultScript`. */
  play(script: unknown): Playing
  advance(ms: number): Promise<void>
  /** Moves time on until it is true; throws when it is not within `withinMs` (default 60 000). */
  until(what: string, isTrue: () => boolean, withinMs?: number): Promise<void>
  /** Moves time on until the promise has settled, and gives what it settled with. */
  settled<T>(promise: PromiseLike<T>, withinMs?: number): Promise<T>
  /** Nothing is broken any more, everything runs; what was lost stays lost. */
  heal(): void
}

/** Resolves when every server listens. */
export async function createTestStage(options: TestStageOptions = {}): Promise<TestStage> {
  const { seed = 1, url = 'ws://server.test', store = memoryStore(), latencyMs = 5 } = options
  const clock = createVirtualClock()
  const chance = createSeededChance(seed)
  const network = createNetwork({ clock, chance: chance.fork('network'), latencyMs })
  const parts: Parts = { clock, chance, network, store, url, options }
  const troubles = new Map((options.servers ?? ['a']).map((name) => [name, noTrouble()]))
  const servers = [...troubles].map(([name, trouble]) => processOf(parts, name, trouble))
  for (const server of servers) server.start()
  const stage = stageOf(parts, servers, troubles)
  await stage.until('every server listens', () => servers.every(({ server }) => server !== null))
  return stage
}

interface Parts extends Pick<TestStage, 'clock' | 'chance' | 'network' | 'store' | 'url'> {
  readonly options: TestStageOptions
}

function processOf(parts: Parts, name: string, trouble: StoreTrouble): TestProcess {
  const { clock, chance, network, store, url, options } = parts
  const { seed: _, servers: __, latencyMs: ___, started, ...server } = options
  const disturbed = disturbStore(store, disturbanceOf(trouble, { clock, chance: chance.fork(`store of ${name}`) }))
  return new TestProcess(name, clock, {
    start: (life) =>
      createTestServer({
        ...server,
        clock: life.clock,
        chance: chance.fork(life.node),
        network,
        url,
        store: disturbed,
        node: life.node,
      }),
    told(now, _node, started_) {
      if (now === 'started' && started_ !== null) started?.(started_, name)
    },
  })
}

const lookMs = 10

function stageOf(
  parts: Parts,
  servers: readonly TestProcess[],
  troubles: ReadonlyMap<string, StoreTrouble>,
): TestStage {
  const { clock, chance, network } = parts
  const clients = new Map<string, StagedClient>()
  const lineOf = (name: string): Line | null => (clients.has(name) ? network.line(name) : null)
  const stage: TestStage = {
    ...parts,
    servers,
    usual: { lateMs: [0, 0], hintLoss: 0 },
    troubles: (server) =>
      [...troubles].flatMap(([name, one]) => (server === undefined || server === name ? [one] : [])),
    line: lineOf,
    lines: () => [...clients.keys()].map((name) => network.line(name)),
    lasting(name, set) {
      const line = lineOf(name)
      if (line !== null) set(line, true)
      return () => {
        if (line !== null) set(line, false)
      }
    },
    server: (name) => servers.find((server) => server.name === name) ?? null,
    client(name) {
      const line = network.line(name)
      const client = clients.get(name) ?? {
        clock: line.clock,
        chance: chance.fork(`client ${name}`),
        dial: line.dial,
        storage: memoryStorage(),
      }
      clients.set(name, client)
      return client
    },
    play: (script) =>
      playFaults({ clock, act: (fault) => doFault(stage, fault), refuses: (fault) => stranger(stage, fault) }, script),
    advance: clock.advance,
    async until(what, isTrue, withinMs = 60_000) {
      for (let passedMs = 0; !isTrue(); passedMs += lookMs) {
        if (passedMs >= withinMs) throw new Error(`${withinMs} ms went by, and still not: ${what}`)
        await clock.advance(lookMs)
      }
    },
    async settled(promise, withinMs) {
      let hasSettled = false
      const seen = promise.then(
        () => true,
        () => true,
      )
      void seen.then((value) => {
        hasSettled = value
      })
      await stage.until('the promise settled', () => hasSettled, withinMs)
      return promise
    },
    heal: () => healStage(stage, servers),
  }
  return stage
}

function stranger(stage: TestStage, fault: Parameters<typeof doFault>[1]): string | null {
  if (!('server' in fault) || typeof fault.server !== 'string' || !servesAs(fault)) return null
  if (stage.server(fault.server) !== null) return null
  return `the servers ${stage.servers.map(({ name }) => name).join(', ')}`
}

/** Of a cut, `server` is when that end hears of it. */
function servesAs({ fault }: Parameters<typeof doFault>[1]): boolean {
  return fault !== 'cut'
}
