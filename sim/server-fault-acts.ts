// How each fault of servers, their applications and their store is done in a world, and how they are healed.

import type { Fault } from './faults.js'
import type { StoreTrouble, World } from './world/world.js'

export type Act<K extends Fault['fault']> = (world: World, fault: Extract<Fault, { fault: K }>) => void

type ServerFault =
  | 'pause-server'
  | 'skew-server'
  | 'crash'
  | 'stop'
  | 'rebirth'
  | 'back-up'
  | 'store-fails'
  | 'store-slow'
  | 'hints-lost'
  | 'hook-fails'

export const serverActs: { readonly [K in ServerFault]: Act<K> } = {
  'pause-server'(world, { server, forMs }) {
    const clock = world.servers[server]?.process
    clock?.pause()
    world.after(forMs, () => clock?.thaw())
  },
  'skew-server'(world, { server, rate, wallOffsetMs, forMs }) {
    const clock = world.servers[server]?.process
    clock?.skew({ rate, wallOffsetMs })
    if (forMs !== null) world.after(forMs, () => clock?.skew({ rate: 1 }))
  },
  crash(world, { server, downMs }) {
    const process = world.servers[server]
    process?.crash()
    world.after(downMs, () => process?.start())
  },
  stop(world, { server, downMs, killAfterMs }) {
    const process = world.servers[server]
    if (process === undefined) return
    const { node } = process
    void process.stop().then(() => world.after(downMs, () => process.start()))
    if (killAfterMs === null) return
    world.after(killAfterMs, () => {
      if (process.node !== node) return
      process.crash()
      world.after(downMs, () => process.start())
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
  'store-fails'(world, { server, which, share, when, forMs }) {
    troubled(world, server, forMs, (trouble, isOn) => {
      Object.assign(trouble, { failShare: isOn ? share : 0, failWhen: when, failsReads: which === 'all' })
    })
  },
  'store-slow'(world, { server, lateMs, forMs }) {
    troubled(world, server, forMs, (trouble, isOn) => {
      trouble.lateMs = isOn ? lateMs : world.config.store.lateMs
    })
  },
  'hints-lost'(world, { server, share, forMs }) {
    troubled(world, server, forMs, (trouble, isOn) => {
      trouble.hintLoss = isOn ? share : world.config.store.hintLoss
    })
  },
  'hook-fails'(world, { hook, how, share, forMs }) {
    world.hooks.fail(hook, { how, share })
    world.after(forMs, () => world.hooks.fail(hook, null))
  },
}

/** Of one server's way to the store, or of all. */
function troubled(
  world: World,
  server: number | null,
  forMs: number,
  set: (trouble: StoreTrouble, isOn: boolean) => void,
): void {
  const troubles = world.troubles.filter((_, index) => server === null || index === server)
  for (const trouble of troubles) set(trouble, true)
  world.after(forMs, () => {
    for (const trouble of troubles) set(trouble, false)
  })
}

export function healServers({ troubles, config, hooks, servers }: World): void {
  for (const trouble of troubles) {
    trouble.failShare = 0
    trouble.hintLoss = 0
    trouble.lateMs = [0, Math.min(5, config.store.lateMs[1])]
  }
  hooks.heal()
  for (const server of servers) {
    server.process?.thaw()
    server.process?.skew({ rate: 1, wallOffsetMs: 0 })
    server.start()
  }
}
