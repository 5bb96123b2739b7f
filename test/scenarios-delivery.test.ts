// Entries and publishes through drops: nothing lost, nothing twice, everything told. Virtual time; nothing is scaled
// unless a test says so. Each runs with one server, and with two on one store.

import { describe, expect, test } from 'vitest'
import { type Client, createWorld, range, type RoomRecord, type World, type WorldOptions } from './support/world.js'

const byName = { authenticate: (token: string | null) => (token === null ? null : { user: token }) }
const as = (user: string) => ({ auth: async () => user })

async function live(world: World, ...clients: Client[]) {
  await world.until('everybody to be live', () => clients.every(({ session }) => session.status.state === 'connected'))
  await world.until('rooms to be live', () => clients.every(({ rooms }) => rooms.every(({ room }) => room.isLive)))
}

const arrived = (world: World, record: RoomRecord, count: number, withinMs?: number) =>
  world.until(`${count} entries`, () => record.entries.length >= count, withinMs)

for (const nodeCount of [1, 2]) {
  describe(`${nodeCount} server(s)`, () => {
    const setUp = async (options: WorldOptions = {}) => {
      const world = await createWorld({ nodeCount, ...byName, ...options })
      const ann = world.client('ann', as('ann'))
      const bob = world.client('bob', as('bob'))
      const [annRoom, bobRoom] = [ann.room('a'), bob.room('a')]
      await live(world, ann, bob)
      return { world, ann, bob, annRoom, bobRoom }
    }

    test('[S63] 100 publishes made offline arrive in order, before any later one', async () => {
      const { world, ann, annRoom, bobRoom } = await setUp()
      ann.line.down()
      await world.clock.advance(1_000)
      const publications = range(1, 100).map((n) => annRoom.room.publish(n))
      await world.clock.advance(5_000)
      ann.line.up()
      ann.session.retryNow()
      await live(world, ann)
      publications.push(annRoom.room.publish(101))
      await arrived(world, bobRoom, 101)
      expect(bobRoom.data()).toEqual(range(1, 101))
      for (const publication of publications)
        expect(await publication).toMatchObject({ kind: 'kept', duplicate: false })
    })

    test('[S64] [F16] an acknowledgement is lost: sent again, applied once, the first answer', async () => {
      const asked: unknown[] = []
      const rooms = {
        '*': {
          canPublish: ({ data }: { data: unknown }) => {
            asked.push(data)
            return true
          },
        },
      }
      const { world, ann, annRoom, bobRoom } = await setUp({ rooms })
      ann.line.link.loseReply((frame) => frame.type === 'published')
      const publication = annRoom.room.publish('once')
      expect(await world.settled(publication)).toMatchObject({ kind: 'kept', position: { offset: 1 }, duplicate: true })
      await world.clock.advance(1_000)
      expect([annRoom.data(), bobRoom.data()]).toEqual([['once'], ['once']])
      expect(ann.line.dialCount).toBe(2)
    })

    test('[S65] a hook that throws: refused, not tried again, the outbox moves on', async () => {
      const asked: unknown[] = []
      const rooms = {
        '*': {
          canPublish: ({ data }: { data: unknown }) => {
            asked.push(data)
            if (data === 2) throw new Error('the hook is broken')
            return true
          },
        },
      }
      const { world, annRoom, bobRoom } = await setUp({ rooms })
      const publications = [1, 2, 3].map((n) => annRoom.room.publish(n))
      await arrived(world, bobRoom, 2)
      const results = await Promise.all(publications)
      expect(results.map(({ kind }) => kind)).toEqual(['kept', 'failed', 'kept'])
      expect(results[1]).toMatchObject({ reason: 'hook-failed' })
      expect(bobRoom.data()).toEqual([1, 3])
      await world.clock.advance(60_000)
      expect(asked.filter((data) => data === 2)).toEqual([2])
      world.problems.splice(0)
    })

    test('[S66] a listener that throws has been given the entry: it is not handed over again', async () => {
      const { world, ann, bobRoom } = await setUp()
      const warned: object[] = []
      const eve = world.client('eve', { ...as('eve'), log: { info() {}, warn: (fields) => warned.push(fields) } })
      const handed: unknown[] = []
      const room = eve.session.join('a')
      room.on('entry', ({ data }) => {
        handed.push(data)
        if (data === 2) throw new Error('in the listener')
      })
      await live(world, eve, ann)
      await world.until('eve to be in', () => room.isLive)
      for (const n of range(1, 3)) void bobRoom.room.publish(n)
      await world.until('three to be handed over', () => handed.length === 3)
      eve.line.cut()
      await world.clock.advance(5_000)
      expect(handed).toEqual([1, 2, 3])
      expect(warned.length).toBe(1)
      expect(eve.session.stats.holes).toBe(0)
    })

    test('[S67] [I13] 20 000 missed entries are replayed while live ones come: in order, once, at a bounded cost', async () => {
      const retention = { entriesMax: 100_000, bytesMax: 100_000_000 }
      const { world, ann, annRoom } = await setUp({ rooms: { '*': { retention, replayMax: 100_000 } } })
      const server = world.servers[0]!.room('a')
      ann.line.down()
      await world.clock.advance(100)
      for (const start of range(0, 19)) {
        const batch = range(start * 1000 + 1, start * 1000 + 1000).map((n) => server.publish(n))
        await world.settled(Promise.all(batch))
      }
      ann.line.up()
      ann.session.retryNow()
      let n = 20_000
      while (annRoom.entries.length < n) {
        n += n < 20_200 ? 1 : 0
        if (n <= 20_200) void server.publish(n)
        await world.clock.advance(2)
      }
      await world.clock.advance(1_000)
      expect(annRoom.gaps).toEqual([])
      expect(annRoom.data().slice(0, n)).toEqual(range(1, n))
      expect(ann.session.stats).toMatchObject({ duplicates: 0, holes: 0 })
    }, 120_000)

    test('[S68] more missing than one replay may send: a gap and the snapshot hook, no flood', async () => {
      const { world, ann, bobRoom } = await setUp({ rooms: { '*': { replayMax: 100 } } })
      const eve = world.client('eve', as('eve'))
      const snapshots: unknown[] = []
      let release = () => {}
      const eveRoom = eve.room('a', {
        last: 10,
        snapshot: (gap) => {
          snapshots.push(gap)
          return new Promise((resolve) => {
            release = resolve
          })
        },
      })
      await live(world, eve, ann)
      void bobRoom.room.publish(0)
      await arrived(world, eveRoom, 1)
      eve.line.down()
      await world.clock.advance(100)
      for (const n of range(1, 300)) void bobRoom.room.publish(n)
      await arrived(world, bobRoom, 301)
      let frames = 0
      world.network.watch(({ line, direction }) => {
        if (line === 'eve' && direction === 'down') frames += 1
      })
      eve.line.up()
      await world.until('the gap', () => eveRoom.gaps.length === 1)
      void bobRoom.room.publish(301)
      await world.clock.advance(1_000)
      expect(eveRoom.gaps).toMatchObject([{ reason: 'too-far-behind', from: 2 }])
      expect(snapshots.length).toBe(1)
      expect(eveRoom.data()).toEqual([0])
      release()
      await world.clock.advance(100)
      expect(eveRoom.data()).toEqual([0, ...range(291, 301)])
      expect(frames).toBeLessThan(40)
    })

    test('[S70] [I53] a slow link that drains is never dropped; a stalled one is, and resumes; others do not notice', async () => {
      const { world, ann, bob, annRoom, bobRoom } = await setUp()
      const drops: string[] = []
      for (const server of world.servers) server.on('drop', ({ user, reason }) => void drops.push(`${user} ${reason}`))
      ann.line.link.bandwidth(2_000, 'down')
      const text = 'x'.repeat(500)
      const latenessMs: number[] = []
      bobRoom.room.on('entry', ({ data }) => {
        latenessMs.push(world.clock.nowMs() - (data as { atMs: number }).atMs)
      })
      for (const n of range(1, 300)) {
        void bobRoom.room.publish({ n, text, atMs: world.clock.nowMs() })
        await world.clock.advance(250)
      }
      await arrived(world, annRoom, 300, 300_000)
      expect(drops).toEqual([])
      expect(ann.line.dialCount).toBe(1)
      expect(Math.max(...latenessMs)).toBeLessThan(200)

      ann.line.link.stall('down')
      for (const n of range(301, 400)) {
        void bobRoom.room.publish({ n, text, atMs: world.clock.nowMs() })
        await world.clock.advance(1_000)
      }
      await arrived(world, annRoom, 400, 120_000)
      expect(drops.length).toBeGreaterThan(0)
      expect(annRoom.entries.map(({ data }) => (data as { n: number }).n)).toEqual(range(1, 400))
      expect(Math.max(...latenessMs)).toBeLessThan(200)
      expect([annRoom.gaps, bob.line.dialCount]).toEqual([[], 1])
    })

    test('[S71] an offline publish past its ttl expires here, is reported, and never sent', async () => {
      const { world, ann, annRoom, bobRoom } = await setUp()
      ann.line.down()
      await world.clock.advance(1_000)
      const short = annRoom.room.publish('short', { ttlMs: 10_000 })
      const long = annRoom.room.publish('long')
      expect(await world.settled(short, 11_000)).toMatchObject({ kind: 'failed', reason: 'expired' })
      await world.clock.advance(50_000)
      ann.line.up()
      expect(await world.settled(long)).toMatchObject({ kind: 'kept' })
      await world.clock.advance(1_000)
      expect(bobRoom.data()).toEqual(['long'])
    })

    test('[S72] a full outbox rejects, or drops the oldest: told either way', async () => {
      const world = await createWorld({ nodeCount, ...byName })
      const strict = world.client('strict', { ...as('s'), outbox: { itemsMax: 3 } })
      const loose = world.client('loose', { ...as('l'), outbox: { itemsMax: 3, overflow: 'drop-oldest' } })
      const rooms = [strict.room('a'), loose.room('b')] as const
      await live(world, strict, loose)
      for (const client of [strict, loose]) client.line.down()
      await world.clock.advance(1_000)
      const results = rooms.map(({ room }) => range(1, 5).map((n) => room.publish(n)))
      for (const client of [strict, loose]) client.line.up()
      await live(world, strict, loose)
      await world.clock.advance(5_000)
      const [a, b] = [await Promise.all(results[0]!), await Promise.all(results[1]!)]
      const kindOf = (result: (typeof a)[number]) => (result.kind === 'kept' ? 'kept' : result.reason)
      expect(a.map(kindOf)).toEqual(['kept', 'kept', 'kept', 'outbox-full', 'outbox-full'])
      expect(b.map(kindOf)).toEqual(['dropped', 'dropped', 'kept', 'kept', 'kept'])
      expect([rooms[0].data(), rooms[1].data()]).toEqual([
        [1, 2, 3],
        [3, 4, 5],
      ])
    })

    test('[S74] a snapshot is read, something is published, then joined with since: nothing is lost between', async () => {
      const { world, ann, annRoom, bobRoom } = await setUp()
      for (const n of range(1, 5)) void bobRoom.room.publish(n)
      await arrived(world, annRoom, 5)
      const snapshot = { data: annRoom.data(), since: annRoom.room.position! }
      for (const n of range(6, 8)) void bobRoom.room.publish(n)
      await arrived(world, annRoom, 8)
      const eve = world.client('eve', as('eve'))
      const room = eve.room('a', { since: snapshot.since })
      await live(world, eve, ann)
      await world.clock.advance(100)
      expect([...snapshot.data, ...room.data()]).toEqual(range(1, 8))
      expect(room.gaps).toEqual([])
    })

    test('[S76] [I21] a publish retried after the dedupe window is answered unknown, and not applied again', async () => {
      const rooms = { '*': { retention: { producerAgeMs: 60_000, ageMs: 3_600_000 } } }
      const { world, ann, annRoom, bobRoom } = await setUp({ rooms, settings: { sessionHoldMs: 3_600_000 } })
      ann.line.link.loseReply((frame) => frame.type === 'published' || frame.type === 'entry')
      const publication = annRoom.room.publish('once')
      await arrived(world, bobRoom, 1)
      ann.line.down()
      for (const n of range(1, 10)) {
        await world.clock.advance(60_000)
        void bobRoom.room.publish(n)
      }
      ann.line.up()
      const result = await world.settled(publication)
      await world.clock.advance(1_000)
      expect(bobRoom.data()).toEqual(['once', ...range(1, 10)])
      expect(result).toMatchObject({ kind: 'failed', reason: 'unknown' })
      expect(annRoom.data().filter((data) => data === 'once').length).toBe(1)
    })

    test('[I05] [I06] [I18] two senders on flapping links: everything once, each sender’s order kept, all see one order', async () => {
      const { world, ann, bob, annRoom, bobRoom } = await setUp({ seed: 7 })
      const publications = range(1, 100).flatMap((n) => [annRoom.room.publish(`a${n}`), bobRoom.room.publish(`b${n}`)])
      const chance = world.chance.fork('flaps')
      for (let round = 0; round < 60; round++) {
        await world.clock.advance(chance.below(800))
        const client = chance.fraction() < 0.5 ? ann : bob
        const direction = chance.fraction() < 0.5 ? 'up' : 'down'
        client.line.link.cutAt(
          { bytes: chance.below(3000), direction },
          chance.fraction() < 0.3 ? { server: 'never' } : {},
        )
      }
      await world.until(
        'both to have everything',
        () => annRoom.entries.length >= 200 && bobRoom.entries.length >= 200,
        300_000,
      )
      for (const publication of publications) {
        const result = await world.settled(publication)
        expect(result).toMatchObject({ kind: 'kept' })
      }
      expect(annRoom.data()).toEqual(bobRoom.data())
      for (const sender of ['a', 'b']) {
        const own = annRoom.data().filter((data) => String(data).startsWith(sender))
        expect(own).toEqual(range(1, 100).map((n) => `${sender}${n}`))
      }
    })
  })
}
