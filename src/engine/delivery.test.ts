// Delivery is replay: what a room's readers get, live, behind, after a drop and over a change of epoch.

import { describe, expect, test } from 'vitest'
import { Client, type Node, startNode, testRoom, watchStore, within } from '../../test/support/engine-rig.js'
import { memoryStore } from '../store/memory.js'
import type { Append, Store } from '../store/store.js'
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import type { EngineSettings } from './engine.js'

interface Setting {
  readonly clock: VirtualClock
  readonly store: Store
  readonly node: Node
}

async function setting(settings: Partial<EngineSettings> = {}, store: Store = memoryStore()): Promise<Setting> {
  const clock = createVirtualClock()
  return { clock, store, node: await startNode({ clock, store, settings }) }
}

async function joined({ clock, node }: Setting, user: string, room = 'r'): Promise<Client> {
  const client = new Client(node, user)
  await within(clock, client.dial())
  expect(await within(clock, client.join(room))).toMatchObject({ kind: 'joined' })
  return client
}

function appendOf(index: number, size = 1, room = 'r'): Append {
  const entry = { atMs: 0, by: null, mark: null, key: null, tag: `tag${index}`, data: `"${'x'.repeat(size)}"` }
  return { room, entry, fence: null, producer: null, retention: testRoom.retention, durability: 'memory' }
}

/** Entries of somebody else, straight into the store. */
async function fill(store: Store, count: number, size = 1, room = 'r'): Promise<void> {
  for (let index = 1; index <= count; index++) await store.append(appendOf(index, size, room))
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)
}

describe('live', () => {
  test('[DLV-1] a publish reaches every reader once, in order; joined and live come first', async () => {
    const at = await setting()
    const [ann, bob] = [await joined(at, 'ann'), await joined(at, 'bob')]
    for (const data of ['a', 'b', { c: 1 }]) await within(at.clock, ann.publish('r', data))
    await within(at.clock, ann.publish('r', new Uint8Array([1, 2, 3])))
    await at.clock.settle()
    for (const client of [ann, bob]) {
      expect(client.data('r')).toEqual(['a', 'b', { c: 1 }, new Uint8Array([1, 2, 3])])
      expect(client.wire.frames.map(({ type }) => type).slice(0, 2)).toEqual(['joined', 'live'])
      expect(client.violations).toEqual([])
    }
    expect(ann.wire.of('entry')[0]).toMatchObject({ by: { session: ann.current.id, user: 'ann' }, mark: 'mark-1' })
    expect(at.node.reports).toEqual([])
  })

  test('[DLV-2] entries of one turn leave in one write per connection, from the same bytes', async () => {
    const at = await setting()
    const clients = await Promise.all(['ann', 'bob', 'cid'].map((user) => joined(at, user)))
    const before = clients.map(({ wire }) => wire.writes.length)
    const published = range(1, 20).map((index) => clients[0]?.publish('r', index))
    await at.clock.settle()
    await Promise.all(published)
    for (const [index, { wire }] of clients.entries()) expect(wire.writes.length - (before[index] ?? 0)).toBe(1)
    const chunks = clients.map(({ wire }) => wire.chunks.at(-1)?.given)
    expect(new Set(chunks.map((chunk) => chunk?.buffer)).size).toBe(1)
    expect(chunks.every((chunk) => chunk === chunks[0])).toBe(true)
  })

  test('[DLV-3] a join at the head of an empty room has a position and is live at once', async () => {
    const at = await setting()
    const ann = await joined(at, 'ann')
    expect(ann.wire.of('joined')).toMatchObject([
      { verdict: { kind: 'complete', from: 0, to: 0 }, position: { offset: 0 } },
    ])
    expect(ann.place('r').liveCount).toBe(1)
  })

  test('[DLV-4] last: n starts n entries before the head; more than there are starts at the first', async () => {
    const at = await setting()
    await fill(at.store, 5)
    const ann = new Client(at.node, 'ann')
    await within(at.clock, ann.dial())
    await within(at.clock, ann.join('r', { last: 2 }))
    await within(at.clock, ann.join('s', { last: 9 }))
    expect(ann.offsets('r')).toEqual([4, 5])
    const bob = new Client(at.node, 'bob')
    await within(at.clock, bob.dial())
    await within(at.clock, bob.join('r', { last: 9 }))
    expect(bob.offsets('r')).toEqual(range(1, 5))
    expect(bob.wire.of('joined')[0]?.verdict).toEqual({ kind: 'complete', from: 0, to: 5 })
  })

  test('[DLV-5] [I52] a room is followed while it is read; nobody there, it leaves memory after a while', async () => {
    const watched = watchStore(memoryStore())
    const at = await setting({ roomLingerMs: 1_000 }, watched.store)
    const followsBefore = watched.countOf('follow')
    const ann = await joined(at, 'ann')
    ann.drop()
    await at.clock.advance(500)
    await within(at.clock, ann.dial())
    await within(at.clock, ann.join('r'))
    expect(watched.countOf('follow') - followsBefore).toBe(1)
    ann.drop()
    await at.clock.advance(1_500)
    await within(at.clock, ann.dial())
    await within(at.clock, ann.join('r'))
    expect(watched.countOf('follow') - followsBefore).toBe(2)
  })

  test('[A35] a join that is refused makes no room and follows nothing', async () => {
    const watched = watchStore(memoryStore())
    const at = await setting({ roomsPerSessionMax: 3 }, watched.store)
    const ann = new Client(at.node, 'ann')
    await within(at.clock, ann.dial())
    const followsBefore = watched.countOf('follow')
    const joins = range(1, 50).map((index) => ann.join(`r${index}`))
    await at.clock.settle()
    const kinds = (await Promise.all(joins)).map(({ kind }) => kind)
    expect(kinds).toEqual([...range(1, 3).map(() => 'joined'), ...range(4, 50).map(() => 'limit')])
    expect(watched.countOf('follow') - followsBefore).toBe(3)
    ann.drop()
    expect(await within(at.clock, ann.join('r1'))).toEqual({ kind: 'closed' })
  })
})

describe('behind', () => {
  test('[I13] [S67] publishing during a replay of 5,000 entries: each once, in order, live told once', async () => {
    const at = await setting({ tailEntriesMax: 200 })
    await fill(at.store, 5_000, 200)
    const [ann, bob] = [new Client(at.node, 'ann'), await joined(at, 'bob')]
    await within(at.clock, ann.dial(at.node, { writtenAfterMs: 20 }))
    const join = ann.join('r', { last: 5_000 })
    for (let index = 1; index <= 300; index++) {
      const published = bob.publish('r', index)
      await at.clock.advance(index % 3)
      await published
    }
    expect(ann.place('r').liveCount).toBe(0)
    await within(at.clock, join)
    await at.clock.advance(500)
    const first = ann.wire.of('joined')[0]?.position.offset ?? 0
    expect(ann.offsets('r')).toEqual(range(first + 1, 5_300))
    expect(bob.offsets('r')).toEqual(range(5_001, 5_300))
    expect(ann.place('r').liveCount).toBe(1)
    const types = ann.wire.frames.map(({ type }) => type)
    expect(types.indexOf('live')).toBeGreaterThan(5_000)
    expect([...ann.violations, ...ann.place('r').gaps, ...ann.wire.violations]).toEqual([])
  })

  test('[DLV-6] [I51] the next page is read only when the page before it was written', async () => {
    const watched = watchStore(memoryStore())
    const at = await setting({ tailEntriesMax: 10 }, watched.store)
    await fill(at.store, 2_000, 100)
    const ann = new Client(at.node, 'ann')
    await within(at.clock, ann.dial())
    ann.wire.stall()
    const join = ann.join('r', { last: 2_000 })
    await at.clock.advance(5_000)
    const readCount = watched.countOf('read')
    await at.clock.advance(5_000)
    expect(watched.countOf('read') - readCount).toBeLessThanOrEqual(5) // the control log's own poll
    ann.wire.unstall()
    await within(at.clock, join)
    expect(ann.offsets('r')).toEqual(range(1, 2_000))
  })

  test('[DLV-7] a live reader that falls behind the tail goes on from the store, and is live again', async () => {
    const at = await setting({ tailEntriesMax: 50, pageEntriesMax: 20 })
    const [ann, bob] = [await joined(at, 'ann'), await joined(at, 'bob')]
    ann.wire.stall()
    for (let index = 1; index <= 500; index++) await within(at.clock, bob.publish('r', index))
    expect(ann.offsets('r').length).toBeLessThan(5)
    ann.wire.unstall()
    await at.clock.advance(1_000)
    expect(ann.offsets('r')).toEqual(range(1, 500))
    await within(at.clock, bob.publish('r', 'more'))
    await at.clock.settle()
    expect(ann.data('r').at(-1)).toBe('more')
    expect([...ann.violations, ...ann.place('r').gaps]).toEqual([])
    expect(ann.place('r').liveCount).toBe(1)
  })

  test('[DLV-8] [I08] [F68] beyond retention a gap tells what is missing, in the middle of delivery too', async () => {
    const retention = { ...testRoom.retention, entriesMax: 30 }
    const clock = createVirtualClock()
    const options = { ...testRoom, retention }
    const settings = { tailEntriesMax: 10, pageEntriesMax: 10 }
    const node = await startNode({ clock, store: memoryStore(), settings, rooms: () => options })
    const at = { clock, node, store: node.engine.store }
    const [ann, bob] = [await joined(at, 'ann'), await joined(at, 'bob')]
    await within(clock, bob.publish('r', 0))
    await clock.settle()
    ann.wire.stall()
    for (let index = 1; index <= 200; index++) await within(clock, bob.publish('r', index))
    ann.wire.unstall()
    await clock.advance(1_000)
    const [gap] = ann.place('r').gaps
    expect(gap).toMatchObject({ reason: 'trimmed', to: 171 })
    expect(ann.offsets('r')).toEqual([...range(1, (gap?.from ?? 0) - 1), ...range(172, 201)])
    expect(ann.violations).toEqual([])
  })

  test('[DLV-9] too far behind to be replayed: one gap, and delivery goes on at the head', async () => {
    const clock = createVirtualClock()
    const options = { ...testRoom, replayMax: 100 }
    const node = await startNode({ clock, store: memoryStore(), rooms: () => options })
    const at = { clock, node, store: node.engine.store }
    const [ann, bob] = [await joined(at, 'ann'), await joined(at, 'bob')]
    ann.drop()
    for (let index = 1; index <= 150; index++) await within(clock, bob.publish('r', index))
    await within(clock, ann.dial())
    await within(clock, ann.join('r'))
    await within(clock, bob.publish('r', 'new'))
    await clock.settle()
    expect(ann.place('r').gaps).toMatchObject([{ reason: 'too-far-behind', from: 1, to: 150 }])
    expect(ann.data('r')).toEqual(['new'])
    expect(ann.place('r').liveCount).toBe(2)
  })

  test('[DLV-10] who comes back within the tail costs a verdict of the store, shared by equals, and no entries', async () => {
    const watched = watchStore(memoryStore())
    const at = await setting({ tailEntriesMax: 300 }, watched.store)
    const bob = await joined(at, 'bob')
    const clients = await Promise.all(range(1, 20).map((index) => joined(at, `user${index}`)))
    for (const client of clients) client.drop()
    for (let index = 1; index <= 200; index++) await within(at.clock, bob.publish('r', index))
    await at.clock.advance(100)
    watched.calls.clear()
    const back = clients.map(async (client) => {
      await client.dial()
      return client.join('r')
    })
    await at.clock.settle()
    await Promise.all(back)
    expect([watched.countOf('read'), watched.countOf('enter')]).toEqual([1, 0])
    expect(watched.calls.get('read')?.[0]).toMatchObject([{ entriesMax: 0 }])
    for (const client of clients) expect(client.offsets('r')).toEqual(range(1, 200))
  })

  test('[DLV-11] many who come back to a room that was not in memory share the pages of the first', async () => {
    const watched = watchStore(memoryStore())
    const at = await setting({}, watched.store)
    await fill(at.store, 200)
    const first = new Client(at.node, 'first')
    await within(at.clock, first.dial())
    await within(at.clock, first.join('r', { last: 150 }))
    watched.calls.clear()
    for (let index = 1; index <= 10; index++) {
      const client = new Client(at.node, `user${index}`)
      await within(at.clock, client.dial())
      await within(at.clock, client.join('r', { last: 150 }))
      expect(client.offsets('r')).toEqual(range(51, 200))
    }
    for (const [ask] of watched.calls.get('read') ?? []) expect(ask).toMatchObject({ entriesMax: 0 })
  })

  test('[DLV-26] [I51] [F67] behind in many rooms, a connection that takes nothing holds four pages and no more', async () => {
    const watched = watchStore(memoryStore())
    const at = await setting({ tailEntriesMax: 10, pageEntriesMax: 20 }, watched.store)
    const rooms = range(1, 60).map((index) => `r${index}`)
    for (const room of rooms) await fill(at.store, 50, 100, room)
    const ann = new Client(at.node, 'ann')
    await within(at.clock, ann.dial())
    ann.wire.stall()
    watched.calls.clear()
    const joins = rooms.map((room) => ann.join(room, { last: 50 }))
    await at.clock.advance(2_000)
    const given = (watched.calls.get('read') ?? []) as { entriesMax: number; room: string }[][]
    expect(given.filter(([ask]) => ask?.entriesMax === 20 && ask.room.startsWith('r'))).toHaveLength(4)
    ann.wire.unstall()
    await within(at.clock, Promise.all(joins), 30_000)
    for (const room of rooms) expect(ann.offsets(room)).toEqual(range(1, 50))
    expect(ann.violations).toEqual([])
  })

  test('[DLV-12] one room is replayed beside another: neither waits for the other', async () => {
    const at = await setting({ pageEntriesMax: 50, writeBytesMax: 20_000, tailEntriesMax: 20 })
    await fill(at.store, 1_000, 200, 'far')
    await fill(at.store, 1_000, 200, 'wide')
    const ann = new Client(at.node, 'ann')
    await within(at.clock, ann.dial(at.node, { writtenAfterMs: 5 }))
    const joins = [ann.join('far', { last: 1_000 }), ann.join('wide', { last: 1_000 }), ann.join('near')]
    await at.clock.advance(20)
    expect(ann.place('near').liveCount).toBe(1)
    await within(at.clock, Promise.all(joins))
    const rooms = ann.wire.of('entry').map(({ room }) => room)
    expect(rooms.lastIndexOf('far') - rooms.lastIndexOf('wide')).toBeLessThan(200)
    expect(ann.offsets('far')).toEqual(ann.offsets('wide'))
    expect(Math.max(...ann.wire.writes)).toBeLessThanOrEqual(20_000)
  })
})

describe('rights over the past', () => {
  test('[DLV-13] [I16] since-join: nothing of before the first join, everything since, also after a drop', async () => {
    const clock = createVirtualClock()
    const node = await startNode({
      clock,
      store: memoryStore(),
      rooms: () => ({ ...testRoom, history: 'since-join' }),
    })
    const at = { clock, node, store: node.engine.store }
    await fill(at.store, 5)
    const ann = new Client(node, 'ann')
    await within(clock, ann.dial())
    await within(clock, ann.join('r', { last: 5 }))
    expect(ann.offsets('r')).toEqual([])
    await fill(at.store, 2)
    ann.drop()
    await fill(at.store, 2)
    await within(clock, ann.dial())
    await within(clock, ann.join('r', { last: 100 }))
    expect(ann.offsets('r').slice(-4)).toEqual([6, 7, 8, 9])
    expect(ann.wire.of('joined')[0]?.verdict).toMatchObject({ kind: 'complete', from: 5 })
  })

  test('[DLV-13] a permit may be narrower than the membership; below it the gap is not-permitted', async () => {
    const at = await setting()
    await fill(at.store, 9)
    const ann = new Client(at.node, 'ann')
    await within(at.clock, ann.dial())
    await within(at.clock, ann.join('r', { last: 9 }))
    const { outlet } = ann
    const since = { ...(ann.place('r').position ?? { epoch: '', tag: '' }), offset: 2, tag: 'tag2' }
    const join = at.node.engine.join(ann.current, { room: 'r', since }, { readableFrom: 6 }, (answer) =>
      outlet?.send({ type: 'joined', room: 'r', verdict: answer.verdict, position: answer.position }),
    )
    expect(await within(at.clock, join)).toMatchObject({
      verdict: { kind: 'gap', reason: 'not-permitted', from: 3, to: 5, next: { offset: 5 } },
    })
    expect(ann.offsets('r').slice(-4)).toEqual([6, 7, 8, 9])
  })
})
