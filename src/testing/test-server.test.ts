import { afterEach, expect, test } from 'vitest'
import type { Link } from '../client/link.js'
import type { ClientFrame, ServerFrame } from '../protocol/frames.js'
import { sha256 } from '../protocol/sha256.js'
import { memoryStore } from '../store/memory.js'
import { createNetwork, type Network } from './memory-network.js'
import { createSeededChance } from './seeded-chance.js'
import { createTestServer, type TestServerOptions } from './test-server.js'
import { createVirtualClock } from './virtual-clock.js'

let network: Network

afterEach(() => {
  expect(network.violations).toEqual([])
})

async function setUp(options: Partial<TestServerOptions> = {}) {
  const clock = createVirtualClock()
  const chance = createSeededChance(1)
  network = createNetwork({ clock, chance })
  const start = async (more: Partial<TestServerOptions> = {}) => {
    const starting = createTestServer({ clock, chance, network, ...options, ...more })
    await clock.settle()
    return starting
  }
  const dial = (name: string) => {
    const heard: ServerFrame[] = []
    const closed: number[] = []
    const link: Link = network.dial(name)('ws://server.test/v1/connect', {
      opened() {},
      received: (frame) => heard.push(JSON.parse(`${frame}`)),
      closed: (code) => closed.push(code),
    })
    return { heard, closed, say: (frame: ClientFrame) => link.send(JSON.stringify(frame)) }
  }
  return { clock, start, dial }
}

const hello = (name: string, attempt: number, session?: { id: string; secret: string }): ClientFrame => ({
  type: 'hello',
  version: 1,
  features: [],
  instance: name,
  attempt,
  nextHash: sha256(`secret ${name} ${session === undefined ? 0 : attempt}`),
  device: `device-${name}-0123456789`,
  rooms: [{ room: 'a' }],
  ...(session === undefined ? {} : { session }),
})

const types = (frames: readonly ServerFrame[]) => frames.map(({ type }) => type)

test('a client is welcomed, joins, hears what is published, and is held when its link breaks', async () => {
  const { clock, start, dial } = await setUp()
  const server = await start()
  const ann = dial('ann')
  await clock.advance(20)
  ann.say(hello('ann', 1))
  await clock.advance(20)
  expect(types(ann.heard).filter((type) => type !== 'presence')).toEqual(['welcome', 'joined', 'live', 'live'])
  const publishing = server.room('a').publish({ n: 1 })
  await clock.advance(20)
  expect((await publishing).offset).toBe(1)
  expect(ann.heard.findLast(({ type }) => type === 'entry')).toMatchObject({ room: 'a', offset: 1, data: { n: 1 } })
  expect(server.sessions.size).toBe(1)

  network.line('ann').cut()
  await clock.advance(20)
  expect(server.sessions.size).toBe(0)
  const welcome = ann.heard[0] as Extract<ServerFrame, { type: 'welcome' }>
  const rows = server.sessionsOf(welcome.user)
  await clock.settle()
  expect((await rows).map(({ status }) => status.state)).toEqual(['held'])
})

test('a crashed server says and stores nothing more; its session resumes on another', async () => {
  const { clock, start, dial } = await setUp({ store: memoryStore() })
  const first = await start({ node: 'first' })
  const ann = dial('ann')
  await clock.advance(20)
  ann.say(hello('ann', 1))
  await clock.advance(20)
  const { session: id } = ann.heard[0] as Extract<ServerFrame, { type: 'welcome' }>
  const second = await start({ node: 'second' })
  first.crash()
  await clock.advance(20)
  expect(ann.closed).toEqual([1006])

  const again = dial('ann')
  await clock.advance(20)
  again.say(hello('ann', 2, { id, secret: 'secret ann 0' }))
  await clock.advance(20)
  expect(again.heard[0]).toMatchObject({ type: 'welcome', session: id, verdict: { kind: 'resumed' } })
  expect(second.sessions.has(id)).toBe(true)
  await clock.advance(60_000)
  expect(second.sessions.has(id)).toBe(false) // this client sends no beats
})

test('a stopped server says goodbye and has everything held', async () => {
  const { clock, start, dial } = await setUp({ store: memoryStore() })
  const server = await start()
  const ann = dial('ann')
  await clock.advance(20)
  ann.say(hello('ann', 1))
  await clock.advance(20)
  const stopping = server.stop()
  await clock.advance(5_000)
  await stopping
  expect(ann.heard.at(-1)).toMatchObject({ type: 'bye', reason: 'drain', kept: true })
  expect(ann.closed).toEqual([4000])
  const { user } = ann.heard[0] as Extract<ServerFrame, { type: 'welcome' }>
  expect((await server.store.sessionsOf(user)).map(({ status }) => status.state)).toEqual(['held'])
})
