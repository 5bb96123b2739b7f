import { expect, test, vi } from 'vitest'
import { createNetwork } from '../testing/memory-network.js'
import { createSeededChance } from '../testing/seeded-chance.js'
import { createTestServer, type TestServerOptions } from '../testing/test-server.js'
import { createVirtualClock } from '../testing/virtual-clock.js'
import { type ConnectOptions, connect, memoryStorage, type Session } from './node.js'

async function setUp(options: Partial<TestServerOptions> = {}) {
  const clock = createVirtualClock()
  const chance = createSeededChance(7)
  const network = createNetwork({ clock, chance })
  const starting = createTestServer({ clock, chance, network, ...options })
  await clock.settle()
  await starting
  const client = (name: string, more: ConnectOptions = {}) => {
    const line = network.line(name)
    const storage = memoryStorage()
    const session = connect('ws://server.test', { dial: line.dial, clock: line.clock, chance, storage, ...more })
    return { line, session, storage }
  }
  return { clock, client }
}

test('[STAT-2] health tells the first connection, and long drops: reconnecting after a second, lost after thirty', async () => {
  const { clock, client } = await setUp()
  const { session, line } = client('ann')
  const health: string[] = []
  session.on('health', (event) => health.push(event.health))
  expect(session.health).toBe('connecting')
  await clock.advance(10_000)
  line.down()
  await clock.advance(999)
  expect(health).toEqual(['ok'])
  await clock.advance(1)
  expect(session.health).toBe('reconnecting')
  await clock.advance(29_000)
  expect(session.health).toBe('lost')
  line.up()
  await clock.advance(20_100)
  expect(health).toEqual(['ok', 'reconnecting', 'lost', 'ok'])
})

test('[STAT-3] [S24] equal calls share one session; the last close closes it; a new token getter is taken over', async () => {
  const { clock, client } = await setUp({ authenticate: (token) => (token === null ? null : { user: token }) })
  const first = client('ann', { auth: async () => 'ann' })
  const { dial, clock: lineClock } = first.line
  const later = vi.fn(async () => 'ann')
  const second: Session = connect('http://server.test/', {
    dial,
    clock: lineClock,
    storage: first.storage,
    auth: later,
  })
  await clock.advance(6_000)
  expect(second.id).toBe(first.session.id)
  expect([first.line.dialCount, second.stats.dials]).toEqual([1, 1])
  first.session.close()
  first.session.close()
  await clock.advance(1_000)
  expect(second.status.state).toBe('connected')
  first.line.cut()
  await clock.advance(6_000)
  expect(later).toHaveBeenCalled()
  second.close()
  const third = connect('ws://server.test/v1/connect', { dial, clock: lineClock, storage: first.storage })
  await clock.advance(1_000)
  expect([third.id, third.status.state]).toEqual([second.id, 'connected'])
  third.close()
  await clock.advance(1_000)
  expect(third.status.state).toBe('closed')
})

test('[STAT-3] leave asked for twice, by two holders, settles for both', async () => {
  const { clock, client } = await setUp()
  const { session, line, storage } = client('ann')
  const other = connect('ws://server.test', { dial: line.dial, clock: line.clock, storage })
  await clock.advance(1_000)
  const answers: unknown[] = []
  for (const holder of [session, session, other]) void holder.leave().then(({ kind }) => answers.push(kind))
  await clock.advance(1_000)
  void session.leave().then(({ kind }) => answers.push(kind))
  await clock.advance(1_000)
  expect(answers).toEqual(['left', 'left', 'left', 'left'])
})

test('[STAT-5] listening to an event that there is not is a mistake of the caller', async () => {
  const { session } = (await setUp()).client('ann')
  expect(() => session.on('resumed' as 'resume', () => {})).toThrow(/^on takes the name of an event: status, .*; not/)
})

test('[STAT-4] status tells the attempt, the wait and the reason', async () => {
  const { clock, client } = await setUp()
  const { session, line } = client('ann', { reconnect: { minMs: 1_000, jitter: 0, attemptsMax: 2 } })
  expect(session.status).toEqual({ state: 'connecting', attempt: 1, nextAttemptInMs: null, reason: null })
  await clock.advance(6_000)
  expect(session.status).toEqual({ state: 'connected', attempt: 0, nextAttemptInMs: null, reason: null })
  line.down()
  await clock.advance(400)
  const waiting = { state: 'reconnecting', attempt: 1, nextAttemptInMs: 600, reason: 'connection-lost' }
  expect(session.status).toEqual(waiting)
  await clock.advance(5_000)
  expect(session.status).toMatchObject({ state: 'suspended', reason: 'reconnect-failed' })
})

test('[STAT-6] [S23] closed and connected again in one turn, the connection is the same', async () => {
  const { clock, client } = await setUp()
  const { session, line, storage } = client('ann')
  await clock.advance(1_000)
  session.close()
  const again = connect('ws://server.test', { dial: line.dial, clock: line.clock, storage })
  await clock.advance(1_000)
  expect([again.id, again.status.state, line.dialCount]).toEqual([session.id, 'connected', 1])
  const heard: string[] = []
  again.on('status', ({ state }) => heard.push(state))
  again.close()
  again.close()
  await clock.advance(1_000)
  expect([again.status.state, heard, line.links.length]).toEqual(['closed', [], 0])
})
