// How the faults that only the simulator has are done in a world, what a world is to those of holdfast/testing, and how
// everything is healed.

import {
  doFault as doCommonFault,
  type FaultStage,
  healLine,
  healServer,
  healTrouble,
} from '../src/testing/fault-acts.js'
import type { Fault, OwnFault } from './faults.js'
import type { Item } from './plan.js'
import type { Tab } from './world/tab.js'
import type { World } from './world/world.js'

type Act<K extends OwnFault['fault']> = (world: World, fault: Extract<OwnFault, { fault: K }>) => void

const acts: { readonly [K in OwnFault['fault']]: Act<K> } = {
  'double-dial'(world, { tab, count, isShadowFirst, closeMs }) {
    const doubling = world.tabs[tab]?.doubling
    if (doubling !== undefined) Object.assign(doubling, { count, isShadowFirst, closeMs })
  },
  'throttle-tab'(world, { tab, everyMs, forMs }) {
    const page = world.tabs[tab]?.page ?? null
    if (page === null) return
    page.throttle.everyMs = everyMs
    world.after(forMs, () => {
      page.throttle.everyMs = 0
    })
  },
  newer(world, { tab, side, forMs }) {
    const dialect = world.tabs[tab]?.dialect
    if (dialect === undefined) return
    const set = (isNewer: boolean) => {
      if (side !== 'server') dialect.client = isNewer
      if (side !== 'client') dialect.server = isNewer
    }
    set(true)
    world.after(forMs, () => set(false))
  },
  stranger: (world, { script, room, salt }) => world.strangers.come({ script, room, salt }),
  'auth-fails'(world, { tab, forMs }) {
    const own = world.tabs[tab]
    if (own === undefined) return
    own.isAuthFailing = true
    world.after(forMs, () => {
      own.isAuthFailing = false
    })
  },
  'storage-fails'(world, { tab, forMs }) {
    const kept = world.tabs[tab]?.kept
    if (kept === undefined) return
    kept.isFailing = true
    world.after(forMs, () => {
      kept.isFailing = false
    })
  },
  'outbox-fails'(world, { tab, forMs }) {
    const outbox = world.tabs[tab]?.profile.outbox
    if (outbox === undefined) return
    outbox.isFailing = true
    world.after(forMs, () => {
      outbox.isFailing = false
    })
  },
  rebirth(world, { survival, isUnderneath, downMs }) {
    if (isUnderneath) return world.shared.rebirth(survival)
    for (const server of world.servers) server.crash()
    world.shared.rebirth(survival)
    for (const [index, server] of world.servers.entries()) {
      world.after(downMs + index * 37, () => server.start())
    }
  },
  'back-up': (world) => world.shared.backUp(),
  'hook-fails'(world, { hook, how, share, forMs }) {
    world.hooks.fail(hook, { how, share })
    world.after(forMs, () => world.hooks.fail(hook, null))
  },
}

export function doFault(world: World, item: Item & Fault): void {
  // One row per kind; the compiler cannot see that both sides of the call are the same one.
  if (isOwn(item)) (acts[item.fault] as Act<OwnFault['fault']>)(world, item as never)
  else doCommonFault(stageOf(world), item)
}

function isOwn(fault: Fault): fault is OwnFault {
  return Object.hasOwn(acts, fault.fault)
}

/** A world as the faults of holdfast/testing see it. */
function stageOf(world: World): FaultStage {
  const tabOf = (name: string) => world.tabs.find((tab) => tab.name === name) ?? null
  return {
    clock: {
      after(delayMs, run) {
        world.after(delayMs, run)
        return () => {}
      },
    },
    line: (name) => tabOf(name)?.page?.line ?? null,
    lines: () => world.tabs.flatMap(({ page }) => (page === null ? [] : [page.line])),
    lasting: (name, set) => lasting(world, tabOf(name), set),
    server: (name) => world.servers.find((server) => server.name === name) ?? null,
    troubles: (server) =>
      world.troubles.filter((_, index) => server === undefined || world.servers[index]?.name === server),
    usual: world.config.store,
  }
}

/** Goes on over reloads of the page. */
function lasting(world: World, own: Tab | null, set: Parameters<FaultStage['lasting']>[1]): () => void {
  const apply = (tab: Tab) => {
    if (tab === own && tab.page !== null) set(tab.page.line, true)
  }
  if (own !== null) apply(own)
  world.onLoad.add(apply)
  return () => {
    world.onLoad.delete(apply)
    if (own !== null && own.page !== null) set(own.page.line, false)
  }
}

/** Nothing is broken any more and nothing breaks from here on; what was lost stays lost. */
export function heal(world: World): void {
  const { troubles, config, hooks, servers } = world
  world.faultsOver()
  for (const trouble of troubles) {
    healTrouble(trouble, { lateMs: [0, Math.min(5, config.store.lateMs[1])], hintLoss: 0 })
  }
  hooks.heal()
  for (const server of servers) healServer(server)
  world.strangers.go()
  world.banned.clear()
  world.onLoad.clear()
  for (const tab of world.tabs) {
    tab.kept.isFailing = tab.profile.outbox.isFailing = false
    tab.isAuthFailing = false
    tab.dialect.client = tab.dialect.server = false
    tab.doubling.count = 0
    tab.load()
    if (tab.page === null) continue
    tab.page.throttle.everyMs = 0
    healLine(tab.page.line)
  }
}
