// The stores behind the hooks, with a real server on virtual time: what React does to them is subscribing and letting go.

import { afterEach, expect, test } from 'vitest'
import { checkNetwork, setUp } from '../../test/support/client-rig.js'
import { connect, type ConnectOptions, memoryStorage } from '../client/node.js'
import type { Message } from './message-log.js'
import { SessionSource } from './session-source.js'

afterEach(checkNetwork)

async function page(more: Parameters<typeof setUp>[0] & { options?: ConnectOptions } = {}) {
  const { options, ...server } = more
  const world = await setUp(server)
  const line = world.network.line('page')
  const own = { dial: line.dial, clock: line.clock, chance: world.chance, storage: memoryStorage(), ...options }
  const source = new SessionSource({ kind: 'own', url: 'ws://server.test', options: own, connect }, 1_000)
  const other = world.client('other')
  const seen: string[] = []
  const room = other.session.join('r', { presence: true })
  room.on('presence', ({ members }) => seen.push(members.map(({ state }) => state).join(' ')))
  return { ...world, line, source, own, other, room, seen }
}

const ignore = () => {}
const shown = (messages: readonly Message[]) =>
  messages.map((message) => (message.kind === 'gap' ? 'gap' : `${message.data} ${message.state}`))

test('[REACT-2] [S23] mounted, unmounted and mounted: one connection, one session, and others see one join', async () => {
  const { clock, source, line, seen } = await page()
  await clock.advance(1_000)
  seen.length = 0
  for (let mount = 0; mount < 3; mount++) {
    const off = source.holdRoom('r', { presence: true }, ignore)
    off()
    off()
  }
  const off = source.holdRoom('r', { presence: true }, ignore)
  await clock.advance(5_000)
  expect([line.dialCount, seen]).toEqual([1, ['live live']])
  const { session } = source.parts.person
  off()
  await clock.advance(900)
  const again = source.holdRoom('r', {}, ignore)
  await clock.advance(5_000)
  expect([line.dialCount, seen, source.parts.person.session]).toEqual([1, ['live live'], session])
  again()
  await clock.advance(1_001)
  expect(session?.status.state).toBe('closed')
  expect(source.parts.person.session).toBeNull()
})

test('[REACT-2] two providers of one server share session, rooms and what is shown', async () => {
  const { clock, source, own, line, room } = await page()
  const twin = new SessionSource({ kind: 'own', url: 'http://server.test?x=1', options: own, connect })
  const off = source.holdRoom('r', { last: 5 }, ignore)
  for (const text of ['a', 'b']) void room.publish(text)
  await clock.advance(1_000)
  const offTwin = twin.holdRoom('r', { last: 5 }, ignore)
  expect(twin.roomParts('r').messages).toBe(source.roomParts('r').messages)
  expect(twin.parts.person.session).toBe(source.parts.person.session)
  off()
  await clock.advance(5_000)
  void room.publish('c')
  await clock.advance(1_000)
  expect([shown(twin.roomParts('r').messages), line.dialCount]).toEqual([['a kept', 'b kept', 'c kept'], 1])
  offTwin()
  await clock.advance(5_000)
  expect(twin.parts.person.session).toBeNull()
  // And it can begin anew.
  twin.holdRoom('r', { last: 1 }, ignore)
  await clock.advance(1_000)
  expect(shown(twin.roomParts('r').messages)).toEqual(['c kept'])
})

test('[REACT-3] wishes of one turn are one join; a wider one reads further back, and nobody sees a leave', async () => {
  const { clock, source, room, seen, frames } = await page()
  for (let n = 1; n <= 9; n++) void room.publish(n)
  await clock.advance(1_000)
  source.holdRoom('r', {}, ignore)
  source.holdRoom('r', { last: 2 }, ignore)
  await clock.advance(1_000)
  expect(shown(source.roomParts('r').messages)).toEqual(['8 kept', '9 kept'])
  seen.length = 0
  source.holdRoom('r', { last: 4, presence: true }, ignore)
  void room.publish(10)
  await clock.advance(1_000)
  expect(shown(source.roomParts('r').messages).slice(-5)).toEqual(['6 kept', '7 kept', '8 kept', '9 kept', '10 kept'])
  expect(source.roomParts('r').members).toHaveLength(2)
  expect(source.room('r')?.loadOlder(100)).toBe(true)
  expect(source.room('r')?.loadOlder(100)).toBe(false)
  await clock.advance(1_000)
  expect(shown(source.roomParts('r').messages)).toEqual(Array.from({ length: 10 }, (_, index) => `${index + 1} kept`))
  expect(source.roomParts('r').hasOlder).toBe(false)
  expect(seen).toEqual([])
  expect(frames.some(({ type }) => type === 'left')).toBe(false)
})

test('[REACT-5] [S25] what is sent settles and is kept, though everything is unmounted at once', async () => {
  const { clock, source, line, room } = await page()
  const heard: unknown[] = []
  room.on('entry', ({ data }) => heard.push(data))
  const off = source.holdRoom('r', {}, ignore)
  await clock.advance(6_000)
  const { session } = source.parts.person
  line.down()
  await clock.advance(100)
  const results: unknown[] = []
  void source.publish('r', 'offline').then(({ kind }) => results.push(kind))
  off()
  await clock.advance(60_000)
  expect([results, session?.status.state]).toEqual([[], 'reconnecting'])
  line.up()
  await clock.advance(25_000)
  expect([results, heard]).toEqual([['kept'], ['offline']])
  expect(session?.status.state).toBe('closed')
})

test('[REACT-6] [S24] another token getter is asked from then on; the session and what waits stay', async () => {
  const tokens: string[] = []
  const auth = (name: string) => () => {
    tokens.push(name)
    return 'ann'
  }
  const authenticate = (token: string | null) => (token === null ? null : { user: token })
  const { clock, source, line, room } = await page({ authenticate, options: { auth: auth('old') } })
  void room
  source.holdRoom('r', {}, ignore)
  await clock.advance(6_000)
  const { id, session } = source.parts.person
  line.down()
  await clock.advance(100)
  const sent = source.publish('r', 'waiting')
  source.renewAuth(auth('new'))
  expect(shown(source.roomParts('r').messages)).toEqual(['waiting sending'])
  line.up()
  await clock.advance(25_000)
  expect(await sent).toMatchObject({ kind: 'kept' })
  expect(source.parts.person.id).toBe(id)
  expect(source.parts.person.session).toBe(session)
  expect([tokens[0], tokens.at(-1)]).toEqual(['old', 'new'])
})

test('[REACT-7] snapshots are the same objects until something in them changes', async () => {
  const { clock, source, room } = await page()
  let calls = 0
  source.holdRoom('r', { presence: true }, () => {
    calls += 1
  })
  await clock.advance(6_000)
  const before = { ...source.roomParts('r'), ...source.parts }
  const callsBefore = calls
  await clock.advance(60_000)
  expect({ ...source.roomParts('r'), ...source.parts }).toEqual(before)
  expect(calls).toBe(callsBefore)
  void room.publish('hi')
  await clock.advance(100)
  const after = source.roomParts('r')
  expect(after.messages).not.toBe(before.messages)
  expect([after.members, after.standing, after.signals]).toEqual([before.members, before.standing, before.signals])
  expect(after.members).toBe(before.members)
  expect(after.standing).toBe(before.standing)
})

test('[REACT-7] a long history is drawn a few times, not once per entry', async () => {
  const { clock, source, room } = await page()
  for (let n = 0; n < 500; n++) void room.publish(n)
  await clock.advance(5_000)
  let calls = 0
  source.holdRoom('r', { last: 500 }, () => {
    calls += 1
  })
  await clock.advance(5_000)
  expect(source.roomParts('r').messages).toHaveLength(500)
  expect(calls).toBeLessThan(20)
})

test('[REACT-4] a failed send can be sent again or dismissed; signals show for a moment; drops do not flicker', async () => {
  let isOpen = false
  const { clock, source, room, line } = await page({
    rooms: { '*': { canPublish: ({ kind }) => kind !== 'publish' || isOpen } },
  })
  source.holdRoom('r', { keepMs: 500 }, ignore)
  await clock.advance(6_000)
  const first = source.publish('r', 'hello')
  await clock.advance(100)
  expect(await first).toMatchObject({ kind: 'failed', reason: 'forbidden' })
  expect(shown(source.roomParts('r').messages)).toEqual(['hello failed'])
  isOpen = true
  const again = source.retry('r', first.mark)
  await clock.advance(100)
  expect(await again).toMatchObject({ kind: 'kept' })
  expect(source.retry('r', first.mark)).toBeNull()
  expect(shown(source.roomParts('r').messages)).toEqual(['hello kept'])

  room.signal('typing')
  await clock.advance(100)
  expect(source.roomParts('r').signals).toMatchObject([{ data: 'typing' }])
  await clock.advance(500)
  expect(source.roomParts('r').signals).toEqual([])

  const health: string[] = []
  source.hold(() => health.push(source.parts.connection.health))
  line.cut()
  await clock.advance(10_000)
  expect(new Set(health)).toEqual(new Set(['ok']))
})
