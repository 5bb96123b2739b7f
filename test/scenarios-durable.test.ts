// Restarts on the durable store: its real rules over a disk in memory, which keeps what was written when the server is
// gone. Virtual time.

import { createWorld, range, type Client, type World, type WorldOptions } from './support/world.js'
import { expect, test } from 'vitest'
import type { Store } from 'holdfast/server'
import { durableStore, type DurableOptions } from '../src/store/lmdb/durable.js'
import type { FailPoint } from '../src/store/lmdb/journal.js'
import { memoryDisk, type MemoryDisk } from '../src/store/lmdb/memory-disk.js'
import { append, dataOf, readLast } from '../src/testing/store-suite-parts.js'

const byName = { authenticate: (token: string | null) => (token === null ? null : { user: token }) }
const as = (user: string) => ({ auth: async () => user })
const kept = { '*': { durability: 'process' } } as const

interface Durable {
  readonly disk: MemoryDisk
  readonly world: World
  /** The process is gone in the middle of whatever it did. */
  crash(): void
  /** A new one, on what the disk has, or on a copy. */
  restart(from?: MemoryDisk): Promise<Store>
}

async function durable(options: WorldOptions = {}, store: Partial<DurableOptions> = {}): Promise<Durable> {
  let disk = memoryDisk()
  const world = await createWorld({ ...byName, rooms: kept, store: durableStore({ disk, ...store }), ...options })
  return {
    world,
    get disk() {
      return disk
    },
    crash: () => world.servers.at(-1)?.crash(),
    async restart(from = disk.copy()) {
      disk = from
      const next = durableStore({ disk })
      await world.start({ store: next })
      return next
    },
  }
}

async function live(world: World, ...clients: Client[]): Promise<void> {
  await world.until('everybody to be live', () =>
    clients.every(
      ({ session, rooms }) => session.status.state === 'connected' && rooms.every(({ room }) => room.isLive),
    ),
  )
}

async function people(world: World, count: number, room = 'a'): Promise<readonly Client[]> {
  const clients = range(1, count).map((n) => world.client(`p${n}`, as(`p${n}`)))
  for (const client of clients) client.room(room, { presence: true })
  await live(world, ...clients)
  await world.clock.advance(1_000)
  for (const { rooms } of clients) rooms[0]?.presence.splice(0)
  return clients
}

const resumes = ({ heard }: Client) => heard.filter((what) => /resume|new-session/.test(what))

test('[S38] back 1 ms after the drop, before a word of it is written: the same session', async () => {
  let isSlow = false
  let waiting: (() => void)[] = []
  const slow = async () => {
    if (isSlow) await new Promise<void>((resolve) => waiting.push(resolve))
  }
  const store = durableStore({ disk: memoryDisk(slow) })
  const { world } = await durable({ store, latencyMs: 0 })
  const ann = world.client('ann', { ...as('ann'), reconnect: { minMs: 1, maxMs: 1 } })
  ann.room('a')
  await live(world, ann)
  const { id } = ann.session
  isSlow = true
  ann.line.cut()
  await world.clock.advance(1)
  isSlow = false
  for (const go of waiting.splice(0)) go()
  waiting = []
  await live(world, ann)
  expect(ann.session.id).toBe(id)
  expect(resumes(ann)).toEqual(['new-session created', 'resume resumed'])
})

test('[S53] [I34] [DISK-11] five minutes without a server: who was there is there, nobody left, no hold ran', async () => {
  const rig = await durable({ settings: { sessionHoldMs: 60_000, freezeMs: 15_000 } })
  const { world } = rig
  const clients = await people(world, 5)
  const ids = clients.map(({ session }) => session.id)
  const left: string[] = []
  rig.crash()
  await world.clock.advance(300_000)
  const store = await rig.restart()
  world.servers.at(-1)?.on('leave', ({ user }) => void left.push(user))
  await live(world, ...clients)
  await world.clock.advance(120_000)
  expect(clients.map(({ session }) => session.id)).toEqual(ids)
  const everybody = 'p1:live p2:live p3:live p4:live p5:live'
  for (const { rooms } of clients) expect(rooms[0]?.presence).toEqual([everybody])
  expect(left).toEqual([])

  // Who does not come back is held for his whole hold, which begins when time passes again.
  rig.crash()
  clients[0]?.line.clock.kill()
  await world.clock.advance(300_000)
  await rig.restart()
  world.servers.at(-1)?.on('leave', ({ user }) => void left.push(user))
  await world.clock.advance(70_000)
  expect(left).toEqual([])
  await world.clock.advance(30_000)
  expect(left).toEqual(['p1'])
  await store.close()
})

test('[S87] everybody in the room refreshes at once, while the server restarts too: all seats are kept, nobody blinks', async () => {
  const rig = await durable()
  const { world } = rig
  const clients = await people(world, 40)
  const ids = clients.map(({ session }) => session.id)
  const seats = async (store: Store) => Promise.all(ids.map((id) => store.lease(`seat:${id}`)))
  for (const id of ids) {
    const row = await world.store.session(id ?? '')
    if (row === null) throw new Error('no row')
    const owner = { session: row.id, generation: row.generation }
    const ask = { ...owner, key: `seat:${id}`, kind: 'seat', holdMs: 3_600_000, data: null }
    expect((await world.store.acquire(ask)).kind).toBe('granted')
  }
  const before = await seats(world.store)
  rig.crash()
  const again = await Promise.all(clients.map((client) => client.reload()))
  for (const client of again) client.room('a', { presence: true })
  const store = await rig.restart()
  await live(world, ...again)
  await world.clock.advance(60_000)
  expect(again.map(({ session }) => session.id)).toEqual(ids)
  const after = await seats(store)
  expect(after.map((seat) => [seat?.session, seat?.fence])).toEqual(before.map((seat) => [seat?.session, seat?.fence]))
  for (const { rooms } of again) expect(rooms[0]?.presence.at(-1)?.split(' ').length).toBe(40)
  for (const { rooms } of again) expect(rooms[0]?.presence.join(' ')).not.toContain('held')
})

test('[S47] the server ends between keeping a publish and answering it: it is there once, and gets its first answer', async () => {
  let mustEnd = false
  const rig = await durable({
    wrapStore: (store) => ({
      ...store,
      async append(ask) {
        const appended = await store.append(ask)
        if (!mustEnd) return appended
        mustEnd = false
        rig.crash()
        return new Promise<never>(() => {})
      },
    }),
  })
  const { world } = rig
  const [ann] = await people(world, 1)
  const room = ann?.rooms[0]
  if (room === undefined) throw new Error('nobody came')
  expect(await world.settled(room.room.publish(1))).toMatchObject({ kind: 'kept', duplicate: false })
  mustEnd = true
  const publication = room.room.publish(2)
  await world.until('the server to end', () => !mustEnd)
  const store = await rig.restart()
  expect(await world.settled(publication)).toMatchObject({ kind: 'kept', duplicate: true, position: { offset: 2 } })
  expect(await world.settled(room.room.publish(3))).toMatchObject({ kind: 'kept', position: { offset: 3 } })
  expect(dataOf(await readLast(store, 'a', 9))).toEqual(['1', '2', '3'])
  expect(room.data()).toEqual([1, 2, 3])
})

test('[S48] [I18] an entry and the record that tells its repetition apart are there together, or neither is', async () => {
  const copies = new Map<FailPoint, MemoryDisk>()
  let disk: MemoryDisk | null = null
  const onPoint = (point: FailPoint) => {
    if (disk !== null) copies.set(point, disk.copy())
  }
  const first = memoryDisk()
  const store = durableStore({ disk: first, onPoint })
  await store.open({ epoch: 'e1', tag: 'b1', nowMs: () => 0, wallMs: 0 })
  disk = first
  const publish = (to: Store, again: boolean) =>
    append(to, 'a', 'x', { durability: 'disk', producer: { seq: 1, prev: 0, again } })
  await publish(store, false)
  const answers: Record<string, string> = {}
  for (const [point, copy] of copies) {
    const next = durableStore({ disk: copy })
    await next.open({ epoch: 'e2', tag: 'b2', nowMs: () => 0, wallMs: 1 })
    // Nothing of it was acknowledged, so that a first time is asked for: what is there is found all the same.
    answers[point] = (await publish(next, false)).kind
    expect(dataOf(await readLast(next, 'a', 9))).toEqual(['x'])
  }
  expect(answers).toEqual({
    gathered: 'appended',
    committing: 'appended',
    visible: 'duplicate',
    flushed: 'duplicate',
  })
})

test('[DISK-12] [I02] [I24] a store set back to an older copy: complete on what survived, else a gap; no place has two entries', async () => {
  const rig = await durable()
  const { world } = rig
  const [ann, bob] = await people(world, 2)
  if (ann === undefined || bob === undefined) throw new Error('nobody came')
  const [annRoom, bobRoom] = [ann.rooms[0], bob.rooms[0]]
  if (annRoom === undefined || bobRoom === undefined) throw new Error('no room')
  for (const n of range(1, 3)) await world.settled(annRoom.room.publish(n))
  await world.until('bob to have three', () => bobRoom.entries.length === 3)
  const older = rig.disk.copy()
  bob.session.disconnect()
  for (const n of range(4, 6)) await world.settled(annRoom.room.publish(n))
  rig.crash()
  await rig.restart(older)
  bob.session.retryNow()
  await live(world, ann, bob)
  await world.clock.advance(1_000)
  for (const n of range(7, 9)) await world.settled(bobRoom.room.publish(n))
  await world.until('all to arrive', () => annRoom.entries.length === 9 && bobRoom.entries.length === 6)

  expect(resumes(ann)).toContain('resume resumed')
  expect(resumes(bob)).toContain('resume resumed')
  expect(bobRoom.gaps).toEqual([])
  expect(annRoom.gaps).toMatchObject([{ reason: 'ahead-of-log', from: 4, to: 6 }])
  const places = new Map<string, unknown>()
  for (const { position, data } of [...annRoom.entries, ...bobRoom.entries]) {
    const place = `${position.epoch} ${position.offset}`
    expect(places.get(place) ?? data, place).toEqual(data)
    places.set(place, data)
  }
  expect(bobRoom.data()).toEqual([1, 2, 3, 7, 8, 9])
})
