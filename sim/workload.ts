// What people and applications do: which work a seed draws, and how each piece is done in a world.

import type { SeededChance } from '../src/testing/seeded-chance.js'
import type { Config } from './config.js'
import { between, isDrawn, pick } from './draw.js'
import { payloadOf } from './payload.js'
import type { Item } from './plan.js'
import type { Tab } from './world/tab.js'
import type { World } from './world/world.js'

export type Work =
  | { readonly work: 'load'; readonly tab: number }
  | {
      readonly work: 'join'
      readonly tab: number
      readonly room: string
      readonly last: number
      readonly presence: boolean
    }
  /** `rejoin` leaves and joins in one turn. */
  | { readonly work: 'leave' | 'rejoin'; readonly tab: number; readonly room: string }
  | {
      readonly work: 'publish'
      readonly tab: number
      readonly room: string
      readonly count: number
      readonly key: string | null
      readonly ttlMs: number | null
      readonly bytes: number
      readonly isBinary: boolean
      readonly echoes: number
    }
  /** F67: all rooms at once. */
  | { readonly work: 'join-all'; readonly tab: number }
  /** F64: joins and leaves, over and over. */
  | {
      readonly work: 'churn'
      readonly tab: number
      readonly room: string
      readonly count: number
      readonly everyMs: number
    }
  | { readonly work: 'track'; readonly tab: number; readonly room: string; readonly value: number | null }
  | { readonly work: 'signal'; readonly tab: number; readonly room: string; readonly count: number }
  | { readonly work: 'disconnect' | 'retry' | 'wake' | 'freeze' | 'thaw'; readonly tab: number }
  /** The page goes (`close`), dies (`kill`), or dies unheard (`vanish`), and is loaded again. */
  | {
      readonly work: 'reload'
      readonly tab: number
      readonly how: 'close' | 'kill' | 'vanish'
      readonly awayMs: number
      /** The next page asks for no room. */
      readonly isEmpty?: boolean
    }
  /** Leaves for good; comes back as a new session. */
  | { readonly work: 'depart'; readonly tab: number; readonly awayMs: number }
  | {
      readonly work: 'server-publish'
      readonly server: number
      readonly room: string
      readonly id: string | null
      readonly key: string | null
    }
  | { readonly work: 'kick' | 'revoke'; readonly tab: number; readonly server: number }
  | {
      readonly work: 'ban'
      readonly tab: number
      readonly room: string
      readonly server: number
      readonly forMs: number
    }
  /** Somebody's rights change, so often. */
  | {
      readonly work: 'rights'
      readonly tab: number
      readonly server: number
      readonly count: number
      readonly everyMs: number
    }
  | { readonly work: 'remove'; readonly tab: number; readonly room: string; readonly server: number }

type Drawn = { readonly atMs: number } & Work

/** How often each kind of work comes, relative to the others. */
const weights = {
  publish: 30,
  join: 6,
  leave: 3,
  rejoin: 1,
  track: 4,
  signal: 3,
  disconnect: 1,
  retry: 2,
  wake: 1,
  freeze: 1,
  thaw: 1,
  reload: 2,
  depart: 0.5,
  'server-publish': 4,
  kick: 0.2,
  revoke: 0.1,
  'join-all': 0.5,
  churn: 0.3,
  ban: 0.3,
  remove: 0.2,
} as const satisfies Record<string, number>

type Weighed = keyof typeof weights

export function drawWork(chance: SeededChance, config: Config): Drawn[] {
  const drawn: Drawn[] = []
  for (const tab of config.tabs.keys()) {
    const own = chance.fork(`tab ${tab}`)
    const startMs = between(own, 0, isDrawn(own, 0.8) ? 2_000 : config.runMs / 2)
    drawn.push({ atMs: startMs, work: 'load', tab })
    for (const { name } of config.rooms) {
      if (isDrawn(own, 0.8)) drawn.push({ atMs: startMs + between(own, 0, 3_000), ...drawJoin(own, tab, name) })
    }
    const count = between(own, 6, 40)
    for (let at = 0; at < count; at++) {
      drawn.push(...drawOne(own, config, tab).map((work) => ({ atMs: between(own, 500, config.runMs), ...work })))
    }
  }
  return drawn
}

function drawOne(chance: SeededChance, config: Config, tab: number): Work[] {
  const hot = config.hasHotRoom && isDrawn(chance, 0.9) ? config.rooms[0] : undefined
  const room = (hot ?? pick(chance, config.rooms)).name
  const server = chance.below(config.serverCount)
  const work = weighed(chance)
  switch (work) {
    case 'publish':
      return [drawPublish(chance, tab, room)]
    case 'join':
      return [drawJoin(chance, tab, room)]
    case 'leave':
    case 'rejoin':
      return [{ work, tab, room }]
    case 'track':
      return [{ work, tab, room, value: isDrawn(chance, 0.2) ? null : chance.below(100) }]
    case 'signal':
      return [{ work, tab, room, count: between(chance, 1, 3) }]
    case 'reload':
      return [{ work, tab, how: pick(chance, ['close', 'kill', 'vanish']), awayMs: between(chance, 0, 3_000) }]
    case 'depart':
      return [{ work, tab, awayMs: between(chance, 100, 4_000) }]
    case 'server-publish':
      return [{ work, server, room, id: isDrawn(chance, 0.5) ? `id${chance.below(6)}` : null, key: drawKey(chance) }]
    case 'kick':
    case 'revoke':
      return [{ work, tab, server }]
    case 'churn':
      return [{ work, tab, room, count: between(chance, 2, 12), everyMs: between(chance, 0, 400) }]
    case 'ban':
      return [{ work, tab, room, server, forMs: between(chance, 1_000, 10_000) }]
    case 'remove':
      return [{ work, tab, room, server }]
    default:
      return [{ work, tab }]
  }
}

function drawJoin(chance: SeededChance, tab: number, room: string): Work {
  return { work: 'join', tab, room, last: pick(chance, [0, 0, 3, 50]), presence: isDrawn(chance, 0.7) }
}

function drawPublish(chance: SeededChance, tab: number, room: string): Work {
  return {
    work: 'publish',
    tab,
    room,
    count: isDrawn(chance, 0.15) ? between(chance, 5, 30) : 1,
    key: drawKey(chance),
    ttlMs: isDrawn(chance, 0.1) ? between(chance, 50, 3_000) : null,
    bytes: isDrawn(chance, 0.1) ? between(chance, 200, 4_000) : 0,
    isBinary: isDrawn(chance, 0.15),
    echoes: isDrawn(chance, 0.15) ? 1 : 0,
  }
}

function drawKey(chance: SeededChance): string | null {
  return isDrawn(chance, 0.25) ? `k${chance.below(3)}` : null
}

function weighed(chance: SeededChance): Weighed {
  const kinds = Object.keys(weights) as Weighed[]
  const sum = kinds.reduce((total, kind) => total + weights[kind], 0)
  let left = chance.fraction() * sum
  for (const kind of kinds) {
    left -= weights[kind]
    if (left < 0) return kind
  }
  return 'publish'
}

// Doing it.

type Act<K extends Work['work']> = (world: World, work: Extract<Work, { work: K }>) => void

const acts: { readonly [K in Work['work']]: Act<K> } = {
  load: (world, { tab }) => tabOf(world, tab)?.load(),
  join: (world, { tab, room, last, presence }) => tabOf(world, tab)?.join(room, { last, presence }),
  leave: (world, { tab, room }) => tabOf(world, tab)?.leave(room),
  'join-all'(world, { tab }) {
    for (const { name } of world.config.rooms) tabOf(world, tab)?.join(name, { last: 5, presence: true })
  },
  churn(world, { tab, room, count, everyMs }) {
    for (let at = 0; at < count; at++) {
      world.clock.after(at * everyMs, () => {
        const one = tabOf(world, tab)
        if (one?.page?.rooms.has(room) === true) one.leave(room)
        else one?.join(room, { last: 3, presence: at % 4 < 2 })
      })
    }
  },
  rejoin(world, { tab, room }) {
    const one = tabOf(world, tab)
    const presence = one?.page?.rooms.get(room)?.hasPresence ?? false
    one?.leave(room)
    one?.join(room, { last: 0, presence })
  },
  publish(world, { tab, room, count, key, ttlMs, bytes, isBinary, echoes }) {
    for (let index = 0; index < count; index++) {
      const options = { ...(key !== null && { key }), ...(ttlMs !== null && { ttlMs }) }
      tabOf(world, tab)?.publish(room, { ...options, bytes, isBinary, echoes: count === 1 ? echoes : 0 })
    }
  },
  track(world, { tab, room, value }) {
    const presence = tabOf(world, tab)?.page?.rooms.get(room)?.room.presence
    if (value === null) presence?.untrack()
    else presence?.track({ value })
  },
  signal(world, { tab, room, count }) {
    for (let index = 0; index < count; index++) tabOf(world, tab)?.page?.rooms.get(room)?.room.signal({ index })
  },
  disconnect: (world, { tab }) => tabOf(world, tab)?.page?.session.disconnect(),
  retry: (world, { tab }) => tabOf(world, tab)?.page?.session.retryNow(),
  wake: (world, { tab }) => tabOf(world, tab)?.page?.tell('wake'),
  freeze: (world, { tab }) => tabOf(world, tab)?.page?.tell('freeze'),
  thaw: (world, { tab }) => tabOf(world, tab)?.page?.tell('thaw'),
  reload(world, { tab, how, awayMs, isEmpty = false }) {
    const one = tabOf(world, tab)
    if (one === undefined || one.page === null) return
    const rooms = [...(isEmpty ? [] : one.page.rooms)].map(([name, { hasPresence }]) => ({
      name,
      presence: hasPresence,
    }))
    if (how === 'close') one.close()
    else one.kill({ isHeard: how === 'kill' })
    world.clock.after(how === 'close' ? awayMs + 60 : awayMs, () => {
      one.load()
      for (const { name, presence } of rooms) one.join(name, { last: 20, presence })
    })
  },
  depart(world, { tab, awayMs }) {
    const one = tabOf(world, tab)
    if (one === undefined) return
    void one.leaveSession().then(() => world.clock.after(100 + awayMs, () => one.load()))
  },
  'server-publish'(world, { server, room, id, key }) {
    const options = { ...(id !== null && { id }), ...(key !== null && { key }) }
    // The same id carries the same data; a different key of it is refused as another payload.
    world.servers[server]?.server
      ?.room(room)
      .publish(payloadOf(id === null ? { n: 0 } : { n: -2, event: id }), options)
      .catch(() => {})
  },
  kick(world, { tab, server }) {
    const session = tabOf(world, tab)?.page?.session.id ?? null
    if (session !== null) world.servers[server]?.server?.kick({ session }).catch(() => {})
  },
  revoke(world, { tab, server }) {
    const session = tabOf(world, tab)?.page?.session.id ?? null
    if (session !== null) world.servers[server]?.server?.revoke({ session }).catch(() => {})
  },
  ban(world, { tab, room, server, forMs }) {
    const user = tabOf(world, tab)?.page?.session.user ?? null
    if (user === null) return
    world.banned.add(`${user} ${room}`)
    world.servers[server]?.server?.changeRights(user).catch(() => {})
    world.clock.after(forMs, () => world.banned.delete(`${user} ${room}`))
  },
  rights(world, { tab, server, count, everyMs }) {
    const user = tabOf(world, tab)?.page?.session.user ?? null
    if (user === null) return
    for (let at = 0; at < count; at++) {
      world.clock.after(at * everyMs, () => world.servers[server]?.server?.changeRights(user).catch(() => {}))
    }
  },
  remove(world, { tab, room, server }) {
    const user = tabOf(world, tab)?.page?.session.user ?? null
    if (user !== null)
      world.servers[server]?.server
        ?.room(room)
        .remove(user)
        .catch(() => {})
  },
}

export function doWork(world: World, item: Item & Work): void {
  // One row per kind; the compiler cannot see that both sides of the call are the same one.
  ;(acts[item.work] as Act<Work['work']>)(world, item as never)
}

function tabOf(world: World, index: number): Tab | undefined {
  return world.tabs[index]
}
