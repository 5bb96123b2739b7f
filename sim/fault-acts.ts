// How each fault of clients and their links is done in a world, and how everything is healed.

import type { MemoryLink } from '../src/testing/memory-link.js'
import type { Fault } from './faults.js'
import type { Item } from './plan.js'
import { type Act, healServers, serverActs } from './server-fault-acts.js'
import type { Page, Tab } from './world/tab.js'
import type { World } from './world/world.js'

const acts: { readonly [K in Fault['fault']]: Act<K> } = {
  ...serverActs,
  cut: (world, { tab, client, server, delivers }) => pageOf(world, tab)?.line.cut({ client, server, delivers }),
  'cut-at': (world, { tab, direction, bytes }) => linkOf(world, tab)?.cutAt({ bytes, direction }),
  'half-open': (world, { tab, direction }) =>
    direction === 'both' ? linkOf(world, tab)?.halfOpen() : linkOf(world, tab)?.halfOpen(direction),
  delay(world, { tab, ms, forMs, direction }) {
    const link = linkOf(world, tab)
    const set = (delayMs: number) => (direction === 'both' ? link?.delay(delayMs) : link?.delay(delayMs, direction))
    set(ms)
    world.after(forMs, () => set(0))
  },
  bandwidth(world, { tab, bytesPerSec, forMs }) {
    const link = linkOf(world, tab)
    link?.bandwidth(bytesPerSec)
    world.after(forMs, () => link?.bandwidth(Number.POSITIVE_INFINITY))
  },
  stall(world, { tab, direction, forMs }) {
    const link = linkOf(world, tab)
    link?.stall(direction)
    world.after(forMs, () => link?.flow(direction))
  },
  'close-lost': (world, { tab, how }) =>
    how === 'swallowed' ? linkOf(world, tab)?.swallowClose() : linkOf(world, tab)?.loseCloseCode(),
  hang: (world, { tab, forMs }) => lasting(world, tab, forMs, (page, isOn) => page.line.hang(isOn)),
  refuse: (world, { tab, forMs }) => lasting(world, tab, forMs, (page, isOn) => page.line.refuse(isOn)),
  down: (world, { tab, forMs }) =>
    lasting(world, tab, forMs, (page, isOn) => (isOn ? page.line.down() : page.line.up())),
  'handshake-stall': (world, { tab, direction, forMs }) =>
    onNextLink(world, tab, (link) => {
      link.stall(direction)
      world.after(forMs, () => link.flow(direction))
    }),
  swizzle(world, { tabs, everyMs, heldMs }) {
    for (const [index, tab] of tabs.entries()) {
      const letGoMs = heldMs + 2 * (tabs.length - 1 - index) * everyMs
      world.after(index * everyMs, () => clog(world, tab, letGoMs))
    }
  },
  'double-dial'(world, { tab, count, isShadowFirst, closeMs }) {
    const doubling = world.tabs[tab]?.doubling
    if (doubling !== undefined) Object.assign(doubling, { count, isShadowFirst, closeMs })
  },
  'late-dial': (world, { tab, releaseMs }) =>
    onNextLink(world, tab, (link) => {
      link.withhold()
      world.after(releaseMs, () => link.release())
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
    world.after(forMs, () => clock?.thaw())
  },
  'throttle-tab'(world, { tab, everyMs, forMs }) {
    const page = pageOf(world, tab)
    if (page === null) return
    page.throttle.everyMs = everyMs
    world.after(forMs, () => {
      page.throttle.everyMs = 0
    })
  },
  'skew-tab'(world, { tab, rate, wallOffsetMs, forMs }) {
    const clock = pageOf(world, tab)?.line.clock
    clock?.skew({ rate, wallOffsetMs })
    if (forMs !== null) world.after(forMs, () => clock?.skew({ rate: 1 }))
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
}

export function doFault(world: World, item: Item & Fault): void {
  // One row per kind; the compiler cannot see that both sides of the call are the same one.
  ;(acts[item.fault] as Act<Fault['fault']>)(world, item as never)
}

/** Nothing is broken any more and nothing breaks from here on; what was lost stays lost. */
export function heal(world: World): void {
  world.faultsOver()
  healServers(world)
  world.strangers.go()
  world.banned.clear()
  world.onLoad.clear()
  for (const tab of world.tabs) {
    tab.kept.isFailing = false
    tab.isAuthFailing = false
    tab.dialect.client = tab.dialect.server = false
    tab.doubling.count = 0
    tab.load()
    if (tab.page !== null) healLine(tab.page)
  }
}

function healLine({ line, throttle }: Page): void {
  throttle.everyMs = 0
  line.clock.thaw()
  line.clock.skew({ rate: 1, wallOffsetMs: 0 })
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

/** Nothing leaves or arrives, on the links that are there and on those dialled meanwhile. */
function clog(world: World, tab: number, forMs: number): void {
  const line = pageOf(world, tab)?.line
  if (line === undefined) return
  const clogged: MemoryLink[] = []
  const stall = (link: MemoryLink) => {
    clogged.push(link)
    link.stall('up')
    link.stall('down')
  }
  for (const link of line.links) stall(link)
  const stop = line.onDial(stall)
  world.after(forMs, () => {
    stop()
    for (const link of clogged) {
      link.flow('up')
      link.flow('down')
    }
  })
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
  world.after(forMs, () => {
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
