// A world in memory: servers on one store, clients, a network between them, one virtual time. What a client is handed
// is written down and checked for the promises that always hold.

import { afterEach, expect } from 'vitest'
import { connect, type ConnectOptions, type Entry, type Gap, type JoinOptions, type Room, type Session } from 'holdfast'
import { memoryStorage } from 'holdfast'
import { memoryStore, type Store } from 'holdfast/server'
import {
  createNetwork,
  createSeededChance,
  createTestServer,
  createVirtualClock,
  type Line,
  type Network,
  type NetworkOptions,
  type SeededChance,
  type TestServer,
  type TestServerOptions,
  type VirtualClock,
} from 'holdfast/testing'

export interface WorldOptions extends Partial<Omit<TestServerOptions, 'clock' | 'chance' | 'network'>> {
  readonly seed?: number
  /** Servers on one store, behind one URL. Default 1. */
  readonly nodeCount?: number
  readonly latencyMs?: NetworkOptions['latencyMs']
  /** What the servers see instead of the store itself. */
  readonly wrapStore?: (store: Store, clock: VirtualClock, chance: SeededChance) => Store
}

export interface World {
  readonly clock: VirtualClock
  readonly chance: SeededChance
  readonly network: Network
  readonly store: Store
  readonly servers: TestServer[]
  readonly url: string
  /** Errors and warnings of all servers, and what clients were handed out of order; expected empty afterwards. */
  readonly problems: string[]
  /** One more server on the same store (or another). */
  start(more?: Partial<TestServerOptions>): Promise<TestServer>
  client(name: string, options?: ConnectOptions): Client
  /** Moves time on until it is true; throws when it does not come true within `withinMs` (default 60 s). */
  until(what: string, isTrue: () => boolean, withinMs?: number): Promise<void>
  /** Moves time on until the promise settles, and gives what it settled with. */
  settled<T>(promise: Promise<T>, withinMs?: number): Promise<T>
}

export interface Client {
  readonly name: string
  readonly session: Session
  readonly line: Line
  /** Kinds of session events in their order, with what matters of them. */
  readonly heard: string[]
  readonly rooms: RoomRecord[]
  room(name: string, options?: JoinOptions): RoomRecord
  /** A new page in the same tab: the old one goes without a goodbye, storage stays. */
  reload(options?: ConnectOptions): Promise<Client>
}

export interface RoomRecord {
  readonly room: Room
  readonly entries: Entry[]
  readonly gaps: Gap[]
  /** Offsets and gaps as they came. */
  readonly order: (Entry | Gap)[]
  /** What members saw of each other: `user:state` lists, without repetitions. */
  readonly presence: string[]
  data(): unknown[]
}

const open: World[] = []

afterEach(() => {
  for (const world of open.splice(0)) {
    expect(world.network.violations).toEqual([])
    expect(world.problems).toEqual([])
  }
})

const url = 'ws://server.test'

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const { seed = 1, nodeCount = 1, latencyMs = 5, store: inner = memoryStore(), wrapStore, ...rest } = options
  const clock = createVirtualClock()
  const chance = createSeededChance(seed)
  const network = createNetwork({ clock, chance: chance.fork('network'), latencyMs })
  const store = wrapStore?.(inner, clock, chance.fork('store')) ?? inner
  const servers: TestServer[] = []
  const problems: string[] = []
  const note = (fields: object, message: string) => {
    const { doing, error } = fields as { doing?: string; error?: string }
    problems.push(`${message}: ${doing ?? ''} ${error ?? JSON.stringify(fields)}`)
  }
  const log = { info: () => {}, warn: note, error: note }
  const world: World = {
    clock,
    chance,
    network,
    store,
    servers,
    url,
    problems,
    async start(more = {}) {
      const number = servers.length + 1
      const starting = createTestServer({
        clock,
        chance: chance.fork(`server ${number}`),
        network,
        url,
        store,
        log,
        node: `node-${number}`,
        ...rest,
        ...more,
      })
      await clock.settle()
      const server = await settled(clock, starting)
      servers.push(server)
      return server
    },
    client: (name, more) => createClient(world, name, more),
    until: (what, isTrue, withinMs) => until(clock, what, isTrue, withinMs),
    settled: (promise, withinMs) => settled(clock, promise, withinMs),
  }
  for (let count = 0; count < nodeCount; count++) await world.start()
  open.push(world)
  return world
}

async function settled<T>(clock: VirtualClock, promise: Promise<T>, withinMs?: number): Promise<T> {
  let isSettled = false
  const note = () => {
    isSettled = true
  }
  promise.then(note, note)
  await until(clock, 'the promise to settle', () => isSettled, withinMs)
  return promise
}

async function until(clock: VirtualClock, what: string, isTrue: () => boolean, withinMs = 60_000): Promise<void> {
  const deadlineMs = clock.nowMs() + withinMs
  await clock.settle()
  for (let stepMs = 1; !isTrue(); stepMs = Math.min(stepMs * 2, 25)) {
    if (clock.nowMs() >= deadlineMs) throw new Error(`waited ${withinMs} ms for ${what}`)
    await clock.advance(Math.min(stepMs, deadlineMs - clock.nowMs()))
  }
}

function createClient(world: World, name: string, options: ConnectOptions = {}): Client {
  const line = world.network.line(name)
  const storage = options.storage ?? memoryStorage()
  const session = connect(world.url, {
    dial: line.dial,
    clock: line.clock,
    chance: world.chance.fork(`client ${name} ${line.dialCount}`),
    claims: null,
    wake: [],
    ...options,
    storage,
  })
  const heard: string[] = []
  session.on('live', () => heard.push('live'))
  session.on('resume', (event) => heard.push(`resume ${event.session.kind}`))
  session.on('new-session', ({ reason }) => heard.push(`new-session ${reason}`))
  session.on('superseded', ({ reason }) => heard.push(`superseded ${reason}`))
  session.on('signed-out', () => heard.push('signed-out'))
  session.on('reconnect-failed', ({ attempts }) => heard.push(`reconnect-failed ${attempts}`))
  session.on('error', ({ error }) => heard.push(`error ${error instanceof Error ? error.message : error}`))
  const rooms: RoomRecord[] = []
  return {
    name,
    session,
    line,
    heard,
    rooms,
    room(roomName, roomOptions) {
      const record = recordOf(session.join(roomName, roomOptions), `${name} in ${roomName}`, world.problems)
      rooms.push(record)
      return record
    },
    async reload(more) {
      session.close()
      await world.clock.settle()
      return createClient(world, name, { ...options, ...more, storage })
    },
  }
}

function recordOf(room: Room, who: string, problems: string[]): RoomRecord {
  const entries: Entry[] = []
  const gaps: Gap[] = []
  const order: (Entry | Gap)[] = []
  const presence: string[] = []
  let last: number | null = null
  room.on('entry', (entry) => {
    const { offset } = entry.position
    // Checked as it comes: no hole, no repetition, no step back.
    if (last !== null && offset !== last + 1) problems.push(`${who}: entry ${offset} came after ${last}`)
    last = offset
    entries.push(entry)
    order.push(entry)
  })
  room.on('gap', (gap) => {
    last = gap.next.offset
    gaps.push(gap)
    order.push(gap)
  })
  room.on('presence', ({ members }) => {
    const now = members.map(({ user, state }) => `${user}:${state}`).toSorted()
    if (presence.at(-1) !== now.join(' ')) presence.push(now.join(' '))
  })
  return { room, entries, gaps, order, presence, data: () => entries.map(({ data }) => data) }
}

/** Counts from `from` to `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
