// One seed's world: a timeline, a network, a store, servers and tabs. Only sockets, time and chance are not real.

import { createNetwork, type Network } from '../../src/testing/memory-network.js'
import { createSeededChance, type SeededChance } from '../../src/testing/seeded-chance.js'
import { disturbanceOf, noTrouble, type StoreTrouble } from '../../src/testing/store-trouble.js'
import type { TestProcess } from '../../src/testing/test-process.js'
import { createVirtualClock, type VirtualClock } from '../../src/testing/virtual-clock.js'
import type { Config } from '../config.js'
import { createTrace, type Trace } from '../trace.js'
import { createHooks, type Hooks } from './hooks.js'
import { serverProcess } from './server-process.js'
import { SharedStore } from './shared-store.js'
import { type Kept, newKept } from './storage.js'
import { Sizes } from './sizes.js'
import { Strangers } from './strangers.js'
import { Tab } from './tab.js'

export interface World {
  readonly config: Config
  readonly clock: VirtualClock
  readonly chance: SeededChance
  readonly network: Network
  readonly shared: SharedStore
  readonly servers: readonly TestProcess[]
  readonly sizes: Sizes
  readonly tabs: readonly Tab[]
  readonly trace: Trace
  /** Of each server's way to the store. May be changed while it runs. */
  readonly troubles: readonly StoreTrouble[]
  readonly hooks: Hooks
  readonly strangers: Strangers
  /** Pairs of user and room that are not allowed. */
  readonly banned: Set<string>
  /** As the clock's, for what faults still have to do: all of it is done when they are over. */
  readonly after: (delayMs: number, run: () => void) => void
  readonly faultsOver: () => void
  /** Run for each page that is loaded: faults that last go on with it. */
  readonly onLoad: Set<(tab: Tab) => void>
  /** What servers logged and what went down to clients, but for entries: no secret may be in it. */
  readonly told: string[]
}

export const url = 'ws://holdfast.sim'

export function createWorld(config: Config, seed: number): World {
  const clock = createVirtualClock({ startMs: 1_000 })
  const chance = createSeededChance(seed)
  const trace = createTrace(clock.nowMs)
  const network = createNetwork({ clock, chance: chance.fork('network'), latencyMs: config.latencyMs })
  const shared = new SharedStore(trace, clock, chance.fork('store'), config)
  const banned = new Set<string>()
  const hooks = createHooks({ auth: config.auth, chance: chance.fork('hooks'), trace, banned })
  const troubles = Array.from({ length: config.serverCount }, () => noTrouble(config.store))
  const strangers = new Strangers({
    config,
    clock,
    chance: chance.fork('strangers'),
    network,
    shared,
    trace,
    hooks,
    url,
  })
  const world = { config, clock, chance, network, shared, trace, troubles, banned, hooks, strangers }
  const told: string[] = []
  const servers = Array.from({ length: config.serverCount }, (_, index) => createServer(world, index, told))
  const sizes = new Sizes(servers, config)
  network.watch(({ line, number, direction, frame }) => {
    sizes.look()
    trace.seen(`${line} ${number} ${direction}`)
    trace.seen(frame)
    if (direction === 'down' && typeof frame === 'string' && !frame.startsWith('{"type":"entry"')) told.push(frame)
  })
  const onLoad = new Set<(tab: Tab) => void>()
  return {
    ...world,
    servers,
    sizes,
    tabs: createTabs(world, onLoad),
    onLoad,
    told,
    ...timersOf(clock),
  }
}

function timersOf(clock: VirtualClock): Pick<World, 'after' | 'faultsOver'> {
  const waiting = new Map<() => void, () => void>()
  return {
    after(delayMs, run) {
      const cancel = clock.after(delayMs, () => {
        waiting.delete(cancel)
        run()
      })
      waiting.set(cancel, run)
    },
    faultsOver() {
      // What one does may put off another.
      for (const [cancel, run] of waiting) {
        waiting.delete(cancel)
        cancel()
        run()
      }
    },
  }
}

type Parts = Omit<World, 'servers' | 'sizes' | 'tabs' | 'onLoad' | 'told' | 'after' | 'faultsOver'>

function createServer(world: Parts, index: number, told: string[]): TestProcess {
  const { clock, chance, config, troubles } = world
  const name = `s${index + 1}`
  const { hintRepeat, hintLateMs } = config.store
  const draw = chance.fork(`disturbance of ${name}`)
  return serverProcess({
    name,
    config,
    url,
    clock,
    chance: chance.fork(name),
    network: world.network,
    shared: world.shared,
    disturbance: disturbanceOf(troubles[index] ?? noTrouble(), { clock, chance: draw, hintRepeat, hintLateMs }),
    trace: world.trace,
    hooks: world.hooks,
    logged: (text) => void told.push(text),
  })
}

function createTabs(world: Parts, onLoad: ReadonlySet<(tab: Tab) => void>): Tab[] {
  const profiles = new Map<string, Kept>()
  let n = 0
  return world.config.tabs.map(({ name, user }) => {
    const profile = profiles.get(user) ?? newKept()
    profiles.set(user, profile)
    return new Tab({
      name,
      user,
      profile,
      plan: world.config.client,
      loop: world.config.loop,
      token: world.config.auth === null ? null : () => world.hooks.token(user, world.clock.wallMs()),
      chance: world.chance.fork(name),
      network: world.network,
      trace: world.trace,
      url,
      nextN: () => {
        n += 1
        return n
      },
      loaded: (tab) => {
        for (const run of onLoad) run(tab)
      },
    })
  })
}
