// Coming back: reloads, crashes, leaving, lost replies, stores that forgot. Virtual time; nothing is scaled unless a
// test says so. Each runs with one server, and with two on one store.

import { connect, memoryStorage } from 'holdfast'
import { frameText } from 'holdfast/protocol'
import { memoryStore } from 'holdfast/server'
import { describe, expect, test } from 'vitest'
import { type Client, createWorld, range, type World, type WorldOptions } from './support/world.js'

const byName = { authenticate: (token: string | null) => (token === null ? null : { user: token }) }
const as = (user: string) => ({ auth: async () => user })

async function live(world: World, ...clients: Client[]) {
  await world.until('everybody to be live', () => clients.every(({ session }) => session.status.state === 'connected'))
  await world.until('rooms to be live', () => clients.every(({ rooms }) => rooms.every(({ room }) => room.isLive)))
}

async function rowOf(world: World, user: string) {
  const rows = await world.settled(world.store.sessionsOf(user))
  return rows.find(({ status }) => status.state !== 'ended')
}

for (const nodeCount of [1, 2]) {
  describe(`${nodeCount} server(s)`, () => {
    const setUp = async (options: WorldOptions = {}) => {
      const world = await createWorld({ nodeCount, ...byName, ...options })
      const ann = world.client('ann', as('ann'))
      const bob = world.client('bob', as('bob'))
      const [annRoom, bobRoom] = [ann.room('a', { presence: true }), bob.room('a', { presence: true })]
      await live(world, ann, bob)
      await world.clock.advance(1000)
      bobRoom.presence.splice(0)
      return { world, ann, bob, annRoom, bobRoom }
    }

    test('[S18] [I40] a refresh: the same session, silent; what was missed is read with last', async () => {
      const { world, ann, bobRoom } = await setUp()
      const session = ann.session.id
      const again = await ann.reload()
      for (const n of range(1, 3)) void bobRoom.room.publish(n)
      const room = again.room('a', { last: 50 })
      await live(world, again)
      await world.clock.advance(60_000)
      expect(again.session.id).toBe(session)
      expect(again.heard).toEqual(['resume resumed', 'live'])
      expect(room.data()).toEqual(range(1, 3))
      expect(bobRoom.presence).toEqual([])
    })

    test('[S18] a refresh whose old connection ends only after the new one has begun', async () => {
      const { world, ann, bobRoom } = await setUp()
      const session = ann.session.id
      ann.line.link.delay(5_000, 'up')
      const again = await ann.reload()
      const room = again.room('a')
      await live(world, again)
      await world.clock.advance(60_000)
      void bobRoom.room.publish('still here')
      await world.clock.advance(100)
      expect(again.session.id).toBe(session)
      expect(room.data()).toEqual(['still here'])
      expect((await rowOf(world, 'ann'))?.status.state).toBe('live')
      expect(bobRoom.presence).toEqual([])
    })

    test('[S20] a tab crashes: held through the hold, then one leave', async () => {
      const { world, ann, bobRoom } = await setUp()
      const leaves: string[] = []
      for (const server of world.servers)
        server.on('leave', ({ user, reason }) => void leaves.push(`${user} ${reason}`))
      ann.line.clock.kill()
      ann.line.cut()
      await world.clock.advance(14_000)
      expect(bobRoom.presence).toEqual([])
      await world.clock.advance(4_000)
      expect(bobRoom.presence).toEqual(['ann:held bob:live'])
      await world.clock.advance(100_000)
      expect(leaves).toEqual([])
      await world.clock.advance(10_000)
      expect(leaves).toEqual(['ann ran-out'])
      expect(bobRoom.presence).toEqual(['ann:held bob:live', 'bob:live'])
      await world.clock.advance(600_000)
      expect(leaves.length).toBe(1)
    })

    test('[S21] an explicit leave: told at once, no grace, nothing to resume', async () => {
      const { world, ann, bobRoom } = await setUp()
      const leaves: string[] = []
      for (const server of world.servers)
        server.on('leave', ({ user, reason }) => void leaves.push(`${user} ${reason}`))
      const session = ann.session.id
      expect(await world.settled(ann.session.leave(), 1_000)).toEqual({ kind: 'left' })
      await world.clock.advance(1_500)
      expect(bobRoom.presence).toEqual(['bob:live'])
      expect(leaves).toEqual(['ann left'])
      const again = await ann.reload()
      await live(world, again)
      expect(again.session.id).not.toBe(session)
      expect(again.heard[0]).toBe('new-session created')
      await world.clock.advance(300_000)
      expect(leaves).toEqual(['ann left'])
    })

    test('[S22] after disconnect nothing wakes it, until retryNow', async () => {
      let wake: (what: 'wake' | 'freeze' | 'thaw') => void = () => {}
      const world = await createWorld({ nodeCount, ...byName })
      const source = (tell: typeof wake) => {
        wake = tell
        return () => {}
      }
      const ann = world.client('ann', { ...as('ann'), wake: [source] })
      await live(world, ann)
      ann.session.disconnect()
      for (const what of ['wake', 'freeze', 'thaw', 'wake'] as const) {
        await world.clock.advance(1_000)
        wake(what)
      }
      await world.clock.advance(60_000)
      expect(ann.line.dialCount).toBe(1)
      expect(ann.session.status).toMatchObject({ state: 'suspended', reason: 'disconnected' })
      ann.session.retryNow()
      await live(world, ann)
      expect(ann.heard).toEqual(['new-session created', 'live', 'resume resumed', 'live'])
    })

    test('[S36] [I37] the welcome is lost, again and again: the same session, nothing lost', async () => {
      const { world, ann, annRoom, bobRoom } = await setUp()
      const session = ann.session.id
      let lostCount = 0
      const stop = ann.line.onDial((link) => {
        lostCount += 1
        link.loseReply((frame) => frame.type === 'welcome', lostCount % 2 === 0 ? { server: 'never' } : {})
      })
      ann.line.cut()
      for (const n of range(1, 5)) {
        void bobRoom.room.publish(n)
        await world.clock.advance(10_000)
      }
      expect(lostCount).toBeGreaterThanOrEqual(3)
      stop()
      await live(world, ann)
      await world.clock.advance(100)
      expect(ann.session.id).toBe(session)
      expect(annRoom.data()).toEqual(range(1, 5))
      ann.line.cut()
      await world.clock.advance(10)
      await live(world, ann)
      expect(ann.heard.filter((what) => what.startsWith('new-session'))).toEqual(['new-session created'])
    })

    test('[S38] back 1 ms after the drop, before anything was stored', async () => {
      const { world, ann, annRoom, bobRoom } = await setUp()
      const session = ann.session.id
      ann.line.cut()
      void bobRoom.room.publish('in between')
      await world.clock.advance(1)
      ann.session.retryNow()
      await world.until('ann to be back', () => ann.heard.includes('resume resumed'), 1_000)
      await world.clock.advance(100)
      expect(ann.session.id).toBe(session)
      expect(annRoom.data()).toEqual(['in between'])
      await world.clock.advance(60_000)
      expect((await rowOf(world, 'ann'))?.status.state).toBe('live')
      expect(bobRoom.presence).toEqual([])
    })

    test('[S39] a client that never received an event resumes, with its rooms', async () => {
      const world = await createWorld({ nodeCount, ...byName })
      const line = world.network.line('ann')
      const stop = line.onDial((link) => link.loseReply((frame) => frame.type !== 'welcome'))
      const ann = world.client('ann', as('ann'))
      const room = ann.room('a')
      await world.until('the welcome to be read', () => ann.session.id !== null)
      const session = ann.session.id
      stop()
      await live(world, ann)
      expect(ann.session.id).toBe(session)
      expect(ann.heard).toEqual(['new-session created', 'resume resumed', 'live'])
      expect(room.room.isLive).toBe(true)
    })

    test('[S40] idle for 24 h of a hold of 7 days, logs of 2 min: quiet rooms are complete, others told as gaps', async () => {
      const dayMs = 86_400_000
      const { world, ann, annRoom, bobRoom, bob } = await setUp({
        settings: { sessionHoldMs: 7 * dayMs, tickMs: 2_500 },
        rooms: { '*': { retention: { ageMs: 120_000 } } },
      })
      const quiet = ann.room('quiet')
      const other = bob.room('quiet')
      void other.room.publish('before')
      await world.until('the quiet room to be read', () => quiet.entries.length === 1)
      const session = ann.session.id
      ann.line.down()
      for (const n of range(1, 10)) void bobRoom.room.publish(n)
      await world.clock.advance(dayMs)
      ann.line.up()
      await live(world, ann)
      await world.clock.advance(100)
      expect(ann.session.id).toBe(session)
      expect(annRoom.gaps).toMatchObject([{ reason: 'trimmed', from: 1, to: 10 }])
      expect(annRoom.entries).toEqual([])
      expect(quiet.gaps).toEqual([])
      expect(quiet.data()).toEqual(['before'])
    }, 120_000)

    test('[S41] the store was wiped: a new session with its reason, once; rooms are joined again, with a gap', async () => {
      const { world, ann, annRoom } = await setUp()
      void annRoom.room.publish('lost with the store')
      await world.until('it to come back', () => annRoom.entries.length === 1)
      const session = ann.session.id
      for (const server of world.servers) server.crash()
      const fresh = memoryStore()
      await world.start({ store: fresh })
      await live(world, ann)
      await world.clock.advance(5_000)
      expect(ann.session.id).not.toBe(session)
      expect(ann.heard.slice(2)).toEqual(['new-session session-unknown', 'resume new', 'live'])
      expect(annRoom.gaps).toMatchObject([{ reason: 'epoch-changed' }])
      void annRoom.room.publish('goes on')
      await world.until('it to come back', () => annRoom.data().includes('goes on'))
    })

    test('[S42] [I12] the store lost its last entries: a gap, never a silent complete', async () => {
      const first = memoryStore()
      const { world, ann, annRoom, bob, bobRoom } = await setUp({ store: first })
      for (const n of range(1, 3)) void bobRoom.room.publish(n)
      await world.until('three to arrive', () => annRoom.entries.length === 3)
      const survived = first.snapshot()
      for (const n of range(4, 6)) void bobRoom.room.publish(n)
      await world.until('six to arrive', () => annRoom.entries.length === 6)
      for (const server of world.servers) server.crash()
      await world.start({ store: memoryStore({ from: survived }) })
      await live(world, ann, bob)
      await world.clock.advance(1_000)
      expect(ann.heard).toContain('resume resumed')
      expect(annRoom.gaps).toMatchObject([{ reason: 'ahead-of-log', from: 4, to: 6 }])
      void bobRoom.room.publish('new 4')
      await world.until('it to arrive', () => annRoom.data().at(-1) === 'new 4')
      expect(annRoom.entries.at(-1)?.position.offset).toBe(4)
    })

    test('[S39] a guest without auth is the same user after everything but his device key is lost', async () => {
      const world = await createWorld({ nodeCount })
      const storage = memoryStorage()
      const ann = world.client('ann', { storage })
      await live(world, ann)
      const { user } = ann.session
      ann.line.clock.kill()
      ann.line.cut()
      const emptied = { ...memoryStorage(), profile: storage.profile }
      const again = world.client('ann-2', { storage: emptied })
      await live(world, again)
      expect(again.session.user).toBe(user)
      expect(again.session.id).not.toBe(ann.session.id)
    })
  })
}

test('[S37] [I35] [I36] two attempts race on two nodes: one owner, the other closes, in both orders', async () => {
  for (const delays of [
    [0, 40],
    [40, 0],
    [0, 0],
  ]) {
    const world = await createWorld({ nodeCount: 2, ...byName })
    const ann = world.client('ann', as('ann'))
    const room = ann.room('a')
    await live(world, ann)
    let dial = 0
    ann.line.onDial((link) => {
      link.delay(delays[dial % 2]!, 'up')
      dial += 1
    })
    ann.line.via(world.servers[0]!.listener)
    ann.line.link.cut({ server: 'never' })
    await world.clock.advance(300)
    ann.line.via(world.servers[1]!.listener)
    // The second dial begins while the first is on its way, or being answered.
    ann.line.link.cut({ server: 'never', delivers: true })
    await live(world, ann)
    await world.clock.advance(2_500)
    const owners = world.servers.filter(({ sessions }) => sessions.size > 0)
    expect(owners.length).toBe(1)
    const publishing = room.room.publish('owner')
    expect(await world.settled(publishing)).toMatchObject({ kind: 'kept' })
    expect(ann.heard.filter((what) => what.startsWith('superseded'))).toEqual([])
  }
})

test('[S36] an abandoned hello arrives late, after a newer one succeeded: it changes nothing', async () => {
  const world = await createWorld({ nodeCount: 2, ...byName })
  const ann = world.client('ann', as('ann'))
  const room = ann.room('a')
  await live(world, ann)
  const stop = ann.line.onDial((link) => link.withhold())
  ann.line.cut()
  await world.until('a withheld dial', () => ann.line.dialCount === 2)
  await world.clock.advance(100)
  const withheld = ann.line.link
  stop()
  await world.until('a newer dial to succeed', () => ann.heard.includes('resume resumed'), 30_000)
  const before = await rowOf(world, 'ann')
  withheld.release()
  await world.clock.advance(5_000)
  const after = await rowOf(world, 'ann')
  expect(after).toEqual(before)
  expect(await world.settled(room.room.publish('fine'))).toMatchObject({ kind: 'kept' })
})

test('[S44] a server that no longer speaks the client’s version: it stops, and says why', async () => {
  const world = await createWorld(byName)
  const listener = world.network.listen('ws://new.test', ({ transport }) => ({
    received: () => {
      const bye = { type: 'bye', code: 4502, reason: 'unsupported-version', message: 'v2', retry: false, kept: true }
      transport.close(4502, 'unsupported-version', frameText(JSON.stringify(bye)))
    },
    closed() {},
  }))
  expect(listener.links).toEqual([])
  const line = world.network.line('old')
  const session = connect('ws://new.test', {
    dial: line.dial,
    clock: line.clock,
    chance: world.chance,
    storage: memoryStorage(),
  })
  await world.clock.advance(600_000)
  expect(session.status).toMatchObject({ state: 'suspended', reason: 'unsupported-version' })
  expect(line.dialCount).toBe(1)
})
