// How each fault is done in a world, and how everything is healed.

import type { MemoryLink } from '../src/testing/memory-link.js'
import type { Fault } from './faults.js'
import type { Item } from './plan.js'
import type { Page, Tab } from './world/tab.js'
import type { World } from './world/world.js'

type Act<K extends Fault['fault']> = (world: World, fault: Extract<Fault, { fault: K }>) => void

const acts: { readonly [K in Fault['fault']]: Act<K> } = {
  cut: (world, { tab, client, server, delivers }) => pageOf(world, tab)?.line.cut({ client, server, delivers }),
  'cut-at': (world, { tab, direction, bytes }) => linkOf(world, tab)?.cutAt({ bytes, direction }),
  'half-open': (world, { tab, direction }) =>
    direction === 'both' ? linkOf(world, tab)?.halfOpen() : linkOf(world, tab)?.halfOpen(direction),
  delay(world, { tab, ms, forMs, direction }) {
    const link = linkOf(world, tab)
    const set = (delayMs: number) => (direction === 'both' ? link?.delay(delayMs) : link?.delay(delayMs, direction))
    set(ms)
    world.clock.after(forMs, () => set(0))
  },
  bandwidth(world, { tab, bytesPerSec, forMs }) {
    const link = linkOf(world, tab)
    link?.bandwidth(bytesPerSec)
    world.clock.after(forMs, () => link?.bandwidth(Number.POSITIVE_INFINITY))
  },
  stall(world, { tab, direction, forMs }) {
    const link = linkOf(world, tab)
    link?.stall(direction)
    world.clock.after(forMs, () => link?.flow(direction))
  },
  'close-lost': (world, { tab, how }) =>
    how === 'swallowed' ? linkOf(world, tab)?.swallowClose() : linkOf(world, tab)?.loseCloseCode(),
  hang: (world, { tab, forMs }) => lasting(world, tab, forMs, (page, isOn) => page.line.hang(isOn)),
  refuse: (world, { tab, forMs }) => lasting(world, tab, forMs, (page, isOn) => page.line.refuse(isOn)),
  down: (world, { tab, forMs }) =>
    lasting(world, tab, forMs, (page, isOn) => (isOn ? page.line.down() : page.line.up())),
  'late-dial': (world, { tab, releaseMs }) =>
    onNextLink(world, tab, (link) => {
      link.withhold()
      world.clock.after(releaseMs, () => link.release())
    }),
  'lose-reply'(world, { tab, type, nth, isNext, serverHears }) {
    const prepare = (link: MemoryLink) => link.loseReply(nthOf(type, nth), { server: serverHears })
    if (isNext) onNextLink(world, tab, prepare)
    else onLink(world, tab, prepare)
  },
  'lose-request'(world, { tab, type, nth, isNext, serverHears }) {
    const prepare = (link: MemoryLink) => link.loseRequest(nthOf(type, nth), { server: serverHears })
    if (isNext) onNextLink(world, tab, prepare)
    else onLink(world, tab, prepare)
  },
  storm(world) {
    for (const tab of world.tabs) tab.page?.line.cut()
  },
  'pause-tab'(world, { tab, forMs }) {
    const clock = pageOf(world, tab)?.line.clock
    clock?.pause()
    world.clock.after(forMs, () => clock?.thaw())
  },
  'pause-server'(world, { server, forMs }) {
    const clock = world.servers[server]?.process
    clock?.pause()
    world.clock.after(forMs, () => clock?.thaw())
  },
  'skew-tab': (world, { tab, rate, wallOffsetMs }) => pageOf(world, tab)?.line.clock.skew({ rate, wallOffsetMs }),
  'skew-server': (world, { server, rate, wallOffsetMs }) =>
    world.servers[server]?.process?.skew({ rate, wallOffsetMs }),
  crash(world, { server, downMs }) {
    const process = world.servers[server]
    process?.crash()
    world.clock.after(downMs, () => process?.start())
  },
  stop(world, { server, downMs, killAfterMs }) {
    const process = world.servers[server]
    if (process === undefined) return
    const { node } = process
    void process.stop().then(() => world.clock.after(downMs, () => process.start()))
    if (killAfterMs === null) return
    world.clock.after(killAfterMs, () => {
      if (process.node !== node) return
      process.crash()
      world.clock.after(downMs, () => process.start())
    })
  },
  rebirth(world, { survival, isUnderneath, downMs }) {
    if (isUnderneath) return world.shared.rebirth(survival)
    for (const server of world.servers) server.crash()
    world.shared.rebirth(survival)
    for (const [index, server] of world.servers.entries()) {
      world.clock.after(downMs + index * 37, () => server.start())
    }
  },
  'back-up': (world) => world.shared.backUp(),
  'store-fails'(world, { share, when, forMs }) {
    world.trouble.failShare = share
    world.trouble.failWhen = when
    world.clock.after(forMs, () => {
      world.trouble.failShare = 0
    })
  },
  'store-slow'(world, { lateMs, forMs }) {
    world.trouble.lateMs = lateMs
    world.clock.after(forMs, () => {
      world.trouble.lateMs = world.config.store.lateMs
    })
  },
  'hints-lost'(world, { share, forMs }) {
    world.trouble.hintLoss = share
    world.clock.after(forMs, () => {
      world.trouble.hintLoss = world.config.store.hintLoss
    })
  },
  'storage-fails'(world, { tab, forMs }) {
    const kept = world.tabs[tab]?.kept
    if (kept === undefined) return
    kept.isFailing = true
    world.clock.after(forMs, () => {
      kept.isFailing = false
    })
  },
}

export function doFault(world: World, item: Item & Fault): void {
  // One row per kind; the compiler cannot see that both sides of the call are the same one.
  ;(acts[item.fault] as Act<Fault['fault']>)(world, item as never)
}

/** Nothing is broken any more and nothing breaks from here on; what was lost stays lost. */
export function heal(world: World): void {
  const { trouble, config } = world
  trouble.failShare = 0
  trouble.hintLoss = 0
  trouble.lateMs = [0, Math.min(5, config.store.lateMs[1])]
  world.banned.clear()
  world.onLoad.clear()
  for (const server of world.servers) {
    server.process?.thaw()
    server.process?.skew({ rate: 1 })
    server.start()
  }
  for (const tab of world.tabs) {
    tab.kept.isFailing = false
    tab.load()
    if (tab.page !== null) healLine(tab.page)
  }
}

function healLine({ line }: Page): void {
  line.clock.thaw()
  line.clock.skew({ rate: 1 })
  line.up()
  line.refuse(false)
  line.hang(false)
  for (const link of [...line.links]) {
    link.delay(0)
    link.bandwidth(Number.POSITIVE_INFINITY)
    link.flow('up')
    link.flow('down')
    link.release()
  }
}

function pageOf(world: World, tab: number): Page | null {
  return world.tabs[tab]?.page ?? null
}

/** The newest link that has not ended. */
function linkOf(world: World, tab: number): MemoryLink | undefined {
  return pageOf(world, tab)?.line.links.at(-1)
}

function onLink(world: World, tab: number, prepare: (link: MemoryLink) => void): void {
  const link = linkOf(world, tab)
  if (link === undefined) onNextLink(world, tab, prepare)
  else prepare(link)
}

/** Once, of whichever page dials next. */
function onNextLink(world: World, tab: number, prepare: (link: MemoryLink) => void): void {
  const line = pageOf(world, tab)?.line
  if (line === undefined) return
  const stop = line.onDial((link) => {
    stop()
    prepare(link)
  })
}

/** Goes on over reloads of the page. */
function lasting(world: World, index: number, forMs: number, set: (page: Page, isOn: boolean) => void): void {
  const own = world.tabs[index]
  if (own === undefined) return
  const apply = (tab: Tab) => {
    if (tab === own && tab.page !== null) set(tab.page, true)
  }
  apply(own)
  world.onLoad.add(apply)
  world.clock.after(forMs, () => {
    world.onLoad.delete(apply)
    if (own.page !== null) set(own.page, false)
  })
}

function nthOf(type: string, nth: number): (frame: { readonly type: string }) => boolean {
  let count = 0
  return (frame) => {
    if (frame.type === type) count += 1
    return count === nth
  }
}
