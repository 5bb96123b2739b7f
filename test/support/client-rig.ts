// Clients and a server of the client's own tests, over the network in memory.

import { expect } from 'vitest'
import {
  type ConnectOptions,
  connect,
  memoryStorage,
  type Room,
  type RoomEvents,
  type SessionEvents,
} from '../../src/client/node.js'
import type { ServerFrame } from '../../src/protocol/frames.js'
import { createNetwork, type Network } from '../../src/testing/memory-network.js'
import { createSeededChance } from '../../src/testing/seeded-chance.js'
import { createTestServer, type TestServerOptions } from '../../src/testing/test-server.js'
import { createVirtualClock } from '../../src/testing/virtual-clock.js'

let network: Network | null = null

/** To be called after each test: the client kept the rules of the transport. */
export function checkNetwork(): void {
  expect(network?.violations ?? []).toEqual([])
  network = null
}

const sessionEvents: readonly (keyof SessionEvents)[] = [
  'resume',
  'new-session',
  'reconnect-failed',
  'signed-out',
  'superseded',
  'error',
]

/** A world with one server; clients by name, each with a line, a storage and a log of what it was told. */
export async function setUp(options: Partial<TestServerOptions> = {}) {
  const clock = createVirtualClock()
  const chance = createSeededChance(7)
  const net = createNetwork({ clock, chance })
  network = net
  const start = async (more: Partial<TestServerOptions> = {}) => {
    const starting = createTestServer({ clock, chance, network: net, ...options, ...more })
    await clock.settle()
    return starting
  }
  const server = await start()
  const storages = new Map<string, ReturnType<typeof memoryStorage>>()
  const client = (name: string, more: ConnectOptions = {}) => {
    const line = net.line(name)
    const storage = storages.get(name) ?? memoryStorage()
    storages.set(name, storage)
    const session = connect('ws://server.test', { dial: line.dial, clock: line.clock, chance, storage, ...more })
    const told: string[] = []
    for (const event of sessionEvents) session.on(event, (what) => told.push(`${event} ${short(what)}`))
    return { line, session, told, storage }
  }
  const frames: ServerFrame[] = []
  net.watch(({ direction, frame }) => {
    if (direction === 'down' && typeof frame === 'string') frames.push(JSON.parse(frame))
  })
  return { clock, chance, server, start, client, frames, network: net }
}

function short(what: object): string {
  if ('session' in what && 'rooms' in what) return (what.session as { kind: string }).kind
  return 'reason' in what ? `${what.reason}` : 'attempts' in what ? `${what.attempts}` : ''
}

/** What a room hands over: data of entries, names of other events. */
export function hear(room: Room): unknown[] {
  const heard: unknown[] = []
  room.on('entry', ({ data }) => heard.push(data))
  for (const event of ['gap', 'removed', 'denied'] as const) {
    room.on<keyof RoomEvents>(event, (what) => heard.push(`${event} ${(what as { reason: string }).reason}`))
  }
  return heard
}

export function settle(promise: Promise<unknown>): { value: unknown } {
  const box: { value: unknown } = { value: 'pending' }
  void promise.then((value) => {
    box.value = value
  })
  return box
}

/** How each of these ended. */
export const kinds = (boxes: readonly { value: unknown }[]) => {
  return boxes.map(({ value }) => {
    const result = value as { kind?: string; reason?: string }
    return result.reason ?? result.kind ?? value
  })
}
