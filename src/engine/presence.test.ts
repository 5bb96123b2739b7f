// Presence: what members see of joins, drops shorter and longer than the grace, tracked data and ends.

import { describe, expect, test } from 'vitest'
import {
  advanceAlive,
  Client,
  type Node,
  shownMembers,
  shownUsers,
  startNode,
  testRoom,
  watchStore,
  within,
} from '../../test/support/engine-rig.js'
import { memoryStore } from '../store/memory.js'
import type { Store } from '../store/store.js'
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import type { RoomOptions } from './engine.js'

async function setting(options: { store?: Store; room?: Partial<RoomOptions>; nodes?: number } = {}) {
  const clock = createVirtualClock()
  const { store = memoryStore(), nodes: count = 1 } = options
  const rooms = () => ({ ...testRoom, ...options.room })
  const nodes: Node[] = []
  for (let index = 1; index <= count; index++) nodes.push(await startNode({ clock, store, rooms, name: `n${index}` }))
  const [node] = nodes
  if (node === undefined) throw new Error('no node')
  return { clock, store, node, nodes }
}

async function joined(clock: VirtualClock, node: Node, user: string | Client): Promise<Client> {
  const client = user instanceof Client ? user : new Client(node, user)
  await within(clock, client.dial(node))
  await within(clock, client.join('r', { presence: true }))
  await clock.advance(50)
  return client
}

describe('drops', () => {
  test('[PRES-1] [I40] [S1] a drop shorter than the grace is invisible: not one frame', async () => {
    const { clock, node } = await setting()
    const [ann, bob] = [await joined(clock, node, 'ann'), await joined(clock, node, 'bob')]
    const before = ann.wire.frames.length
    for (let count = 0; count < 5; count++) {
      bob.drop()
      await advanceAlive(clock, [ann], 10_000)
      await joined(clock, node, bob)
    }
    const told = ann.wire.frames.slice(before).filter(({ type }) => type.startsWith('presence'))
    expect(told).toEqual([])
    expect(shownUsers(ann)).toEqual(['ann live', 'bob live'])
    expect(shownUsers(bob)).toEqual(['ann live', 'bob live'])
  })

  test('[PRES-2] [S2] longer than the grace: once held, once live again, never gone in between', async () => {
    const { clock, node } = await setting()
    const [ann, bob] = [await joined(clock, node, 'ann'), await joined(clock, node, 'bob')]
    node.engine.track(bob.current, 'r', { mood: 'good' })
    await clock.advance(100)
    const before = ann.wire.frames.length
    bob.drop()
    await advanceAlive(clock, [ann], 14_000)
    expect(shownUsers(ann)).toEqual(['ann live', 'bob live'])
    await advanceAlive(clock, [ann], 3_000)
    expect(shownUsers(ann)).toEqual(['ann live', 'bob held'])
    await joined(clock, node, bob)
    expect(shownUsers(ann)).toEqual(['ann live', 'bob live'])
    const told = ann.wire.frames.slice(before).filter(({ type }) => type.startsWith('presence'))
    expect(told).toMatchObject([
      { set: [{ user: 'bob', state: 'held', data: { mood: 'good' } }], removed: [] },
      { set: [{ user: 'bob', state: 'live', data: { mood: 'good' } }], removed: [] },
    ])
  })

  test('[PRES-3] [S21] leaving the room, or the session, is seen at once; running out when it is over', async () => {
    const { clock, node } = await setting()
    const clients = [
      await joined(clock, node, 'ann'),
      await joined(clock, node, 'bob'),
      await joined(clock, node, 'cid'),
    ]
    const [ann, bob, cid] = clients as [Client, Client, Client]
    await within(clock, node.engine.leave(bob.current, 'r'))
    await clock.advance(50)
    expect(shownUsers(ann)).toEqual(['ann live', 'cid live'])
    await within(clock, node.engine.end(cid.current.id, 'left'))
    await clock.advance(50)
    expect(shownUsers(ann)).toEqual(['ann live'])
    const dee = await joined(clock, node, 'dee')
    dee.drop()
    await advanceAlive(clock, [ann], 119_000)
    expect(shownUsers(ann)).toEqual(['ann live', 'dee held'])
    await advanceAlive(clock, [ann], 3_000)
    expect(shownUsers(ann)).toEqual(['ann live'])
  })

  test('[PRES-4] what a dropped connection wished for late changes nothing of the newer one', async () => {
    const { clock, nodes, store } = await setting({ nodes: 2 })
    const [n1, n2] = nodes as [Node, Node]
    const [ann, bob] = [await joined(clock, n1, 'ann'), await joined(clock, n1, 'bob')]
    const old = bob.current
    await joined(clock, n2, bob)
    const held = { key: old.id, value: { user: 'bob', state: 'held' }, fence: old.generation }
    await store.changeBoard({ room: 'r', board: 'presence', set: [held], removed: [], itemsMax: 100 })
    await store.changeBoard({
      room: 'r',
      board: 'presence',
      set: [],
      removed: [{ key: old.id, fence: old.generation }],
      itemsMax: 100,
    })
    n1.engine.track(old, 'r', 'late')
    await clock.advance(100)
    expect(shownUsers(ann)).toEqual(['ann live', 'bob live'])
  })

  test('[PRES-5] removed by the server: off the board, also while nobody serves the session', async () => {
    const { clock, node } = await setting()
    const [ann, bob] = [await joined(clock, node, 'ann'), await joined(clock, node, 'bob')]
    bob.drop()
    await clock.settle()
    await within(clock, node.engine.room('r').remove('bob'))
    await clock.advance(50)
    expect(shownUsers(ann)).toEqual(['ann live'])
    expect(await within(clock, node.engine.room('r').members())).toEqual([
      { session: ann.current.id, user: 'ann', state: 'live' },
    ])
  })
})

describe('tracking', () => {
  test('[PRES-6] [S90] the last value of a turn is what is written; it survives a drop, null removes it', async () => {
    const watched = watchStore(memoryStore())
    const { clock, node } = await setting({ store: watched.store })
    const [ann, bob] = [await joined(clock, node, 'ann'), await joined(clock, node, 'bob')]
    const before = watched.countOf('changeBoard')
    for (let x = 0; x < 50; x++) node.engine.track(bob.current, 'r', { x })
    await clock.advance(50)
    expect(watched.countOf('changeBoard') - before).toBe(1)
    const dataOf = (client: Client) => shownMembers(client.wire.frames).get(bob.current.id)?.data
    expect(dataOf(ann)).toEqual({ x: 49 })
    bob.drop()
    await joined(clock, node, bob)
    expect([dataOf(ann), dataOf(bob)]).toEqual([{ x: 49 }, { x: 49 }])
    node.engine.track(bob.current, 'r', null)
    await clock.advance(50)
    expect(shownMembers(ann.wire.frames).get(bob.current.id)).toEqual({
      session: bob.current.id,
      user: 'bob',
      state: 'live',
    })
  })

  test('[PRES-7] changes gather for who is slow: one frame from what it knows to what is, shared by equals', async () => {
    const { clock, node } = await setting()
    const clients = await Promise.all(['ann', 'bob', 'cid'].map((user) => joined(clock, node, user)))
    const [ann, bob, cid] = clients as [Client, Client, Client]
    ann.wire.stall()
    await within(clock, bob.publish('r', 'fills the pipe'))
    for (let x = 0; x < 30; x++) {
      node.engine.track(cid.current, 'r', { x })
      await clock.advance(50)
    }
    const count = ann.wire.of('presence-changed').length
    ann.wire.unstall()
    await clock.advance(50)
    expect(ann.wire.of('presence-changed').length - count).toBe(1)
    expect(shownMembers(ann.wire.frames).get(cid.current.id)?.data).toEqual({ x: 29 })
    const bytes = (client: Client) => client.wire.chunks.at(-1)?.given
    node.engine.track(cid.current, 'r', 'all at one version')
    await clock.advance(50)
    expect(bytes(ann)).toBe(bytes(bob))
  })

  test('[PRES-8] who is further behind than is remembered gets the whole presence', async () => {
    const { clock, node } = await setting()
    const [ann, bob] = [await joined(clock, node, 'ann'), await joined(clock, node, 'bob')]
    ann.wire.stall()
    await within(clock, bob.publish('r', 'fills the pipe'))
    for (let x = 0; x < 1_300; x++) {
      node.engine.track(bob.current, 'r', { x })
      await clock.settle()
    }
    ann.wire.unstall()
    await clock.advance(50)
    expect(ann.wire.frames.at(-1)?.type).toBe('presence')
    expect(shownMembers(ann.wire.frames).get(bob.current.id)?.data).toEqual({ x: 1_299 })
  })

  test('[PRES-9] [I51] beyond membersMax one may join and is not listed; the others are', async () => {
    const { clock, node } = await setting({ room: { presence: { graceMs: 15_000, membersMax: 3 } } })
    const clients = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((user) => joined(clock, node, user)))
    await clock.advance(100)
    expect(clients.every((client) => client.place('r').isJoined)).toBe(true)
    expect(shownUsers(clients[4] as Client)).toHaveLength(3)
    await within(clock, node.engine.leave((clients[0] as Client).current, 'r'))
    node.engine.track((clients[4] as Client).current, 'r', 'me too')
    await clock.advance(100)
    expect(shownUsers(clients[1] as Client)).toHaveLength(3)
    expect(node.reports).toEqual([])
  })

  test('[PRES-10] a room without presence writes no board and tells none', async () => {
    const watched = watchStore(memoryStore())
    const { clock, node } = await setting({ store: watched.store, room: { presence: null } })
    const ann = await joined(clock, node, 'ann')
    node.engine.track(ann.current, 'r', { x: 1 })
    ann.drop()
    await clock.advance(130_000)
    expect(watched.countOf('changeBoard') + watched.countOf('board')).toBe(0)
    expect(node.events.at(-1)?.kind).toBe('leave')
  })
})
