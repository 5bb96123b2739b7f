// What the network does to a session, on virtual time. Nothing is scaled: defaults are heartbeat 25 s + 10 s, session
// hold 120 s, presence grace 15 s. Each runs with one server, and with two on one store.

import { describe, expect, test } from 'vitest'
import { createWorld, range, type Client, type World } from './support/world.js'

const byName = { authenticate: (token: string | null) => (token === null ? null : { user: token }) }
const as = (user: string) => ({ auth: async () => user })

async function live(world: World, ...clients: Client[]) {
  await world.until('everybody to be live', () => clients.every(({ session }) => session.status.state === 'connected'))
  await world.until('rooms to be live', () => clients.every(({ rooms }) => rooms.every(({ room }) => room.isLive)))
}

async function publishAll(world: World, records: { room: Client['rooms'][number] }[], from: number, to: number) {
  for (const n of range(from, to)) for (const { room } of records) void room.room.publish(n)
  await world.clock.advance(100)
}

for (const nodeCount of [1, 2]) {
  describe(`${nodeCount} server(s)`, () => {
    const setUp = async () => {
      const world = await createWorld({ nodeCount, ...byName })
      const ann = world.client('ann', as('ann'))
      const bob = world.client('bob', as('bob'))
      const annRoom = ann.room('a', { presence: true })
      const bobRoom = bob.room('a', { presence: true })
      await live(world, ann, bob)
      await world.clock.advance(1000)
      bobRoom.presence.splice(0)
      return { world, ann, bob, annRoom, bobRoom }
    }

    test('[S1] Wi-Fi drops for 3 s: resumed, silent, every message once, in order', async () => {
      const { world, ann, annRoom, bobRoom } = await setUp()
      await publishAll(world, [{ room: bobRoom }], 1, 3)
      ann.line.down()
      for (const n of [4, 5, 6]) void bobRoom.room.publish(n)
      const mine = [7, 8].map((n) => annRoom.room.publish(n))
      await world.clock.advance(3000)
      ann.line.up()
      ann.session.retryNow()
      await live(world, ann)
      await world.clock.advance(100)
      expect(annRoom.data()).toEqual(range(1, 8))
      expect(bobRoom.data()).toEqual(range(1, 8))
      for (const publication of mine) expect(await publication).toMatchObject({ kind: 'kept', duplicate: false })
      expect(ann.heard).toEqual(['new-session created', 'live', 'resume resumed', 'live'])
      await world.clock.advance(60_000)
      expect(bobRoom.presence).toEqual([])
      expect(annRoom.gaps).toEqual([])
    })

    test('[S2] a laptop sleeps for 10 min and wakes elsewhere: away after the grace, resumed within 5 s of waking', async () => {
      const rooms = { '*': { retention: { ageMs: 3_600_000 } } }
      const world = await createWorld({ nodeCount, ...byName, rooms, settings: { sessionHoldMs: 3_600_000 } })
      const ann = world.client('ann', as('ann'))
      const bob = world.client('bob', as('bob'))
      const [annRoom, bobRoom] = [ann.room('a'), bob.room('a', { presence: true })]
      await live(world, ann, bob)
      await world.clock.advance(1000)
      bobRoom.presence.splice(0)
      ann.line.link.halfOpen()
      ann.line.clock.pause()
      await publishAll(world, [{ room: bobRoom }], 1, 20)
      await world.clock.advance(600_000)
      expect(bobRoom.presence).toEqual(['ann:held bob:live'])
      ann.line.clock.thaw()
      await world.until('ann to be back', () => annRoom.entries.length === 20, 5_000)
      await world.clock.advance(1000)
      expect(annRoom.data()).toEqual(range(1, 20))
      expect(ann.heard.filter((what) => what.startsWith('resume'))).toEqual(['resume resumed'])
      expect(bobRoom.presence).toEqual(['ann:held bob:live', 'ann:live bob:live'])
    })

    test('[S3] waking with a dead link that still looks open: found within the probe deadline', async () => {
      const { world, ann, bobRoom, annRoom } = await setUp()
      ann.line.clock.pause()
      ann.line.link.halfOpen()
      void bobRoom.room.publish('while asleep')
      await world.clock.advance(40_000)
      ann.line.clock.thaw()
      await world.until('ann to find out', () => ann.session.status.state !== 'connected', 3_000)
      await world.until('ann to be back', () => annRoom.data().includes('while asleep'), 3_000)
    })

    test('[S3] [DLV-27] a probe of a link that lives, idle for long, keeps it', async () => {
      const { world, ann } = await setUp()
      for (let look = 0; look < 5; look++) {
        await world.clock.advance(7_000)
        ann.session.retryNow()
        await world.clock.advance(3_000)
      }
      expect(ann.line.dialCount).toBe(1)
      expect(ann.session.status.state).toBe('connected')
    })

    test('[S4] waking after 30 s with the server’s beat already in the socket: no false death', async () => {
      const { world, ann, bobRoom, annRoom } = await setUp()
      // The server hears nothing for 30 s, which is less than heartbeat and timeout together: it keeps the link.
      ann.line.clock.pause()
      void bobRoom.room.publish('while asleep')
      await world.clock.advance(30_000)
      ann.line.clock.thaw()
      await world.clock.advance(5_000)
      expect(annRoom.data()).toEqual(['while asleep'])
      expect(ann.heard).toEqual(['new-session created', 'live'])
      expect(ann.line.dialCount).toBe(1)
    })

    test('[S5] a handshake that completed while the process slept is kept, not timed out', async () => {
      const world = await createWorld({ nodeCount, ...byName })
      // The server would wait 10 s for the hello, the client 3 s for the welcome.
      const ann = world.client('ann', { ...as('ann'), connectTimeoutMs: 3_000 })
      await world.clock.settle()
      ann.line.clock.pause()
      await world.clock.advance(8_000)
      ann.line.clock.thaw()
      await world.until('ann to be live', () => ann.heard.includes('live'), 3_000)
      expect(ann.line.dialCount).toBe(1)
    })

    test('[S6] the client sees the close, the server does not: taken over at once, nothing later of the old link', async () => {
      const { world, ann, bobRoom, annRoom } = await setUp()
      ann.line.cut({ server: 'never' })
      await world.until('ann to be back', () => ann.heard.includes('resume resumed'), 3_000)
      const { generation } = [...(await world.settled(world.servers[0]!.sessionsOf('ann')))][0]!
      await world.clock.advance(120_000)
      void bobRoom.room.publish('later')
      await world.clock.advance(1000)
      expect(annRoom.data()).toEqual(['later'])
      expect(ann.line.dialCount).toBe(2)
      expect((await world.settled(world.servers[0]!.sessionsOf('ann')))[0]!.generation).toBe(generation)
      expect(bobRoom.presence).toEqual([])
    })

    test('[S7] the server sees the close, the client does not: its watchdog finds it, nothing is attached twice', async () => {
      const { world, ann, bobRoom, annRoom } = await setUp()
      ann.line.cut({ client: 'never' })
      void bobRoom.room.publish('meanwhile')
      await world.until('ann to be back', () => ann.heard.includes('resume resumed'), 36_000)
      await world.clock.advance(1000)
      expect(annRoom.data()).toEqual(['meanwhile'])
      const owners = world.servers.filter(({ sessions }) => [...sessions.values()].some(({ user }) => user === 'ann'))
      expect(owners.length).toBe(1)
    })

    test('[S9] an upgrade that is accepted and then silent: connect timeout, and again', async () => {
      const world = await createWorld({ nodeCount, ...byName })
      const line = world.network.line('ann')
      const stop = line.onDial((link) => link.withhold())
      const ann = world.client('ann', as('ann'))
      await world.clock.advance(9_000)
      expect(line.dialCount).toBe(1)
      expect(ann.session.status.state).toBe('connecting')
      await world.clock.advance(2_000)
      expect(line.dialCount).toBe(2)
      stop()
      await world.until('ann to be live', () => ann.heard.includes('live'), 15_000)
    })

    test('[S9] an upgrade that is never answered: connect timeout, and again', async () => {
      const world = await createWorld({ nodeCount, ...byName })
      world.network.line('ann').hang(true)
      const ann = world.client('ann', as('ann'))
      await world.clock.advance(11_000)
      world.network.line('ann').hang(false)
      await world.until('ann to be live', () => ann.heard.includes('live'), 15_000)
    })

    test('[S11] in a silent room no direction is silent for 60 s', async () => {
      const { world } = await setUp()
      const last: Record<string, number> = {}
      const longest: Record<string, number> = {}
      world.network.watch(({ line, direction, atMs }) => {
        const key = `${line} ${direction}`
        longest[key] = Math.max(longest[key] ?? 0, atMs - (last[key] ?? atMs))
        last[key] = atMs
      })
      await world.clock.advance(1_200_000)
      expect(Object.keys(longest).toSorted()).toEqual(['ann down', 'ann up', 'bob down', 'bob up'])
      expect(Math.max(...Object.values(longest))).toBeLessThan(40_000)
    })

    test('[S12] a link that flaps 5 s up, 5 s down for 10 min: nothing lost or doubled, few dials, little noise', async () => {
      const { world, ann, annRoom, bobRoom } = await setUp()
      const n = 240
      for (const round of range(1, 60)) {
        ann.line.down()
        void bobRoom.room.publish(4 * round)
        void annRoom.room.publish(4 * round + 1)
        await world.clock.advance(5_000)
        ann.line.up()
        void bobRoom.room.publish(4 * round + 2)
        void annRoom.room.publish(4 * round + 3)
        await world.clock.advance(5_000)
      }
      await world.until('everything to arrive', () => annRoom.entries.length === n && bobRoom.entries.length === n)
      expect(annRoom.data()).toEqual(bobRoom.data())
      expect(new Set(annRoom.data()).size).toBe(n)
      expect(annRoom.gaps).toEqual([])
      expect(ann.line.dialCount).toBeLessThan(60 * 6)
      // At most one away and back per grace of 15 s.
      expect(bobRoom.presence.length).toBeLessThanOrEqual((2 * 600) / 15)
    })

    test('[S13] 2 s latency with jitter: no false death', async () => {
      const world = await createWorld({ nodeCount, ...byName, latencyMs: [1500, 2500] })
      const ann = world.client('ann', as('ann'))
      const bob = world.client('bob', as('bob'))
      const [annRoom, bobRoom] = [ann.room('a'), bob.room('a')]
      await live(world, ann, bob)
      for (const n of range(1, 30)) {
        void bobRoom.room.publish(n)
        await world.clock.advance(20_000)
      }
      await world.clock.advance(10_000)
      expect(annRoom.data()).toEqual(range(1, 30))
      expect([ann.line.dialCount, bob.line.dialCount]).toEqual([1, 1])
    })
  })
}

test('[S6] a proxy that swallows close frames: the client that closes and comes back is served at once', async () => {
  const world = await createWorld(byName)
  const ann = world.client('ann', as('ann'))
  const room = ann.room('a')
  await live(world, ann)
  ann.line.link.swallowClose()
  ann.session.disconnect()
  await world.clock.advance(1_000)
  ann.session.retryNow()
  await world.until('ann to be back', () => ann.heard.includes('resume resumed'), 3_000)
  void room.room.publish('here')
  await world.clock.advance(100_000)
  expect(room.data()).toEqual(['here'])
  expect(ann.line.dialCount).toBe(2)
})

test('[S10] the close code is lost behind a proxy (always 1006): the bye before it still tells what to do', async () => {
  const world = await createWorld({ ...byName, nodeCount: 2 })
  const ann = world.client('ann', as('ann'))
  await live(world, ann)
  ann.line.link.loseCloseCode()
  await world.settled(world.servers[0]!.kick({ user: 'ann' }))
  await world.clock.advance(1000)
  expect(ann.session.status).toMatchObject({ state: 'suspended', reason: 'kicked' })
  await world.clock.advance(600_000)
  expect(ann.line.dialCount).toBe(1)
})
