// One owner: takeovers on one node and over two, drops that are stored whatever the store does, ends and rights.

import { describe, expect, test } from 'vitest'
import { Client, type Node, type NodeOptions, startNode, watchStore, within } from '../../test/support/engine-rig.js'
import { memoryStore } from '../store/memory.js'
import { controlRoom, type Store, StoreUnavailable } from '../store/store.js'
import { disturbStore } from '../testing/disturbed-store.js'
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock.js'

async function oneNode(options: Partial<NodeOptions> = {}) {
  const clock = options.clock ?? createVirtualClock()
  const node = await startNode({ store: memoryStore(), ...options, clock })
  return { clock, node }
}

async function twoNodes(disturb: (store: Store) => Store = (store) => store, clock = createVirtualClock()) {
  const memory = memoryStore()
  const store = disturb(memory)
  const n1 = await startNode({ clock, store, name: 'n1' })
  const n2 = await startNode({ clock, store, name: 'n2' })
  return { clock, memory, n1, n2 }
}

async function joined(clock: VirtualClock, client: Client, node: Node): Promise<void> {
  await within(clock, client.dial(node))
  await within(clock, client.join('r'))
}

function kindsOf(node: Node): string[] {
  return node.events.map(({ kind }) => kind)
}

describe('takeover', () => {
  test('[OWN-1] [S6] on one node the older connection is told at once; it drops nothing', async () => {
    const { clock, node } = await oneNode()
    const ann = new Client(node, 'ann')
    await joined(clock, ann, node)
    const [oldOutlet, oldWire] = [ann.outlet, ann.wire]
    await joined(clock, ann, node)
    expect(oldWire.bye).toMatchObject({ code: 4400, instance: ann.instance, kept: true, retry: false })
    expect(node.engine.sessions.get(ann.current.id)).toBe(ann.current)
    node.engine.closed(oldOutlet as never, 'closed')
    await clock.advance(2_000)
    expect(kindsOf(node)).toEqual(['connect', 'resume'])
    expect(node.events.at(-1)).toMatchObject({ tookOver: true, downMs: 0 })
    expect((await node.engine.row(ann.current.id))?.status.state).toBe('live')
  })

  test('[OWN-15] fenced by a write from a future that a store has lost, a session comes again until it may write', async () => {
    const { clock, node } = await oneNode()
    const ann = new Client(node, 'ann')
    await joined(clock, ann, node)
    const publish = () =>
      within(clock, node.engine.publish(ann.current, 'r', { producer: null, mark: 'm', key: null, data: 1 }))
    await within(clock, node.engine.store.touch({ session: ann.current.id, generation: 3 }, ['r']))
    for (let generation = 1; generation < 3; generation++) {
      expect(ann.current.generation).toBe(generation)
      expect(await publish()).toMatchObject({ kind: 'fenced' })
      await clock.advance(10_000)
      expect(ann.wire.bye).toMatchObject({ reason: 'moved', kept: true, retry: true })
      await joined(clock, ann, node)
    }
    expect(await publish()).toMatchObject({ kind: 'appended' })
  })

  test('[OWN-2] [S37] [I35] over two nodes the newest attach wins, the loser hears of it and can write nothing', async () => {
    const { clock, n1, n2 } = await twoNodes()
    const ann = new Client(n1, 'ann')
    await joined(clock, ann, n1)
    const [oldSession, oldWire] = [ann.current, ann.wire]
    await joined(clock, ann, n2)
    await within(clock, n2.engine.touch(ann.current, ['r']))
    await clock.advance(100)
    expect(oldWire.bye).toMatchObject({ reason: 'superseded', instance: ann.instance })
    expect([n1.engine.sessions.size, n2.engine.sessions.size]).toEqual([0, 1])
    const late = n1.engine.publish(oldSession, 'r', { producer: null, mark: 'm', key: null, data: 'late' })
    expect(await within(clock, late)).toMatchObject({ kind: 'fenced' })
    expect([kindsOf(n1), kindsOf(n2)]).toEqual([['connect'], ['resume']])
  })

  test('[OWN-12] a lost hint of the control log costs one tick, never an owner too many', async () => {
    const random = () => 0.5
    const lossy = (store: Store) => disturbStore(store, { random, hintLoss: 1 })
    const { clock, n1, n2 } = await twoNodes(lossy)
    const ann = new Client(n1, 'ann')
    await joined(clock, ann, n1)
    const oldWire = ann.wire
    await joined(clock, ann, n2)
    await clock.advance(1_100)
    expect(oldWire.bye?.reason).toBe('superseded')
  })

  test('[OWN-13] the control log may be faster than the answer of an attach', async () => {
    const clock = createVirtualClock()
    const memory = memoryStore()
    let lateMs = 0
    const slow: Store = new Proxy(memory, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (key !== 'attach') return typeof value === 'function' ? value.bind(target) : value
        return async (ask: never) => {
          const attached = await target.attach(ask)
          const waitMs = lateMs
          await new Promise<void>((resolve) => void clock.after(waitMs, resolve))
          return attached
        }
      },
    })
    const n1 = await startNode({ clock, store: slow, name: 'n1' })
    const n2 = await startNode({ clock, store: memory, name: 'n2' })
    const ann = new Client(n2, 'ann')
    await joined(clock, ann, n2)
    lateMs = 2_000
    const dialled = ann.dial(n1)
    const abandoned = ann.wire
    await clock.advance(500)
    await joined(clock, ann, n2)
    await clock.advance(3_000)
    await dialled
    expect(abandoned.bye).toMatchObject({ reason: 'superseded', instance: ann.instance })
    expect([n1.engine.sessions.size, n2.engine.sessions.size]).toEqual([0, 1])
  })

  test('[OWN-14] a hole in the control log: every session of the node is asked for', async () => {
    const { clock, memory, n1, n2 } = await twoNodes()
    const ann = new Client(n1, 'ann')
    await joined(clock, ann, n1)
    const oldWire = ann.wire
    n1.clock.pause()
    await joined(clock, ann, n2)
    for (let count = 0; count < 12_000; count++) await memory.changeRights('somebody')
    await clock.advance(500)
    n1.clock.thaw()
    await clock.advance(2_000)
    const [head] = await memory.heads([controlRoom])
    expect(head?.offset).toBeGreaterThan(12_000)
    expect(oldWire.bye?.reason).toBe('superseded')
  })
})

describe('drops', () => {
  test('[OWN-3] [S38] the end of the connection is stored at once; the session is held, then resumed', async () => {
    const { clock, node } = await oneNode()
    const ann = new Client(node, 'ann')
    await joined(clock, ann, node)
    await clock.advance(3_000)
    const { id } = ann.current
    ann.drop()
    ann.drop()
    await clock.settle()
    expect((await node.engine.row(id))?.status.state).toBe('held')
    await clock.advance(2_000)
    await joined(clock, ann, node)
    expect(ann.current.id).toBe(id)
    expect(node.events).toMatchObject([
      { id: `${id}:1:connect`, kind: 'connect', reason: 'created' },
      { id: `${id}:1:drop`, kind: 'drop', reason: 'closed', liveMs: 3_000 },
      { id: `${id}:2:resume`, kind: 'resume', downMs: 2_000, tookOver: false },
    ])
  })

  test('[OWN-4] while the store is away a drop is repeated until it is stored, and told once', async () => {
    let isDown = false
    const watched = watchStore(memoryStore(), () => isDown)
    const { clock, node } = await oneNode({ store: watched.store })
    const clients = Array.from({ length: 200 }, (_, index) => new Client(node, `user${index}`))
    await Promise.all(clients.map((client) => joined(clock, client, node)))
    isDown = true
    for (const client of clients) client.drop()
    await clock.advance(30_000)
    expect(kindsOf(node).filter((kind) => kind === 'drop')).toEqual([])
    expect(watched.countOf('detach')).toBeLessThan(1_000)
    expect(node.engine.isReady).toBe(false)
    isDown = false
    await clock.advance(6_000)
    expect(kindsOf(node).filter((kind) => kind === 'drop')).toHaveLength(200)
    const rows = await Promise.all(clients.map(({ current }) => node.engine.row(current.id)))
    expect(new Set(rows.map((row) => row?.status.state))).toEqual(new Set(['held']))
    expect(node.engine.isReady).toBe(true)
  })

  test('[OWN-4] who comes back before his drop could be stored was never dropped', async () => {
    let isDown = false
    const watched = watchStore(memoryStore(), (operation) => isDown && operation === 'detach')
    const { clock, node } = await oneNode({ store: watched.store })
    const ann = new Client(node, 'ann')
    await joined(clock, ann, node)
    isDown = true
    ann.drop()
    await clock.advance(1_000)
    await joined(clock, ann, node)
    isDown = false
    await clock.advance(10_000)
    expect(kindsOf(node)).toEqual(['connect', 'resume'])
    expect((await node.engine.row(ann.current.id))?.status.state).toBe('live')
  })

  test('[OWN-5] [F60] an attach that the store did not answer in time is refused; what it did is undone', async () => {
    for (const isApplied of [false, true]) {
      const clock = createVirtualClock()
      const memory = memoryStore()
      let isHung = false
      const store = new Proxy(memory, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key, target)
          if (key !== 'attach') return typeof value === 'function' ? value.bind(target) : value
          return async (ask: never) => {
            if (!isHung) return target.attach(ask)
            if (isApplied) await target.attach(ask)
            return new Promise(() => {})
          }
        },
      })
      const { node } = await oneNode({ clock, store })
      const ann = new Client(node, 'ann')
      await joined(clock, ann, node)
      const { id } = ann.current
      const old = ann.wire
      isHung = true
      const dialled = ann.dial().catch((error: unknown) => error)
      await clock.advance(5_100)
      expect(await dialled).toBeInstanceOf(StoreUnavailable)
      await clock.advance(2_000)
      expect(old.bye?.reason ?? null).toBe(isApplied ? 'superseded' : null)
      expect((await memory.session(id))?.status.state).toBe(isApplied ? 'held' : 'live')
      isHung = false
      await joined(clock, ann, node)
      expect(ann.current.id).toBe(id)
    }
  })

  test('[OWN-6] [S49] [S50] a node thought lost finds its sessions held, and lets their clients come back', async () => {
    const { clock, n1, n2 } = await twoNodes()
    const ann = new Client(n1, 'ann')
    await joined(clock, ann, n1)
    n1.clock.pause()
    await clock.advance(20_000)
    expect((await n2.engine.row(ann.current.id))?.status.state).toBe('held')
    n1.clock.thaw()
    n1.clock.arrive(0, () => ann.outlet?.heard())
    await clock.advance(1_000)
    expect(ann.wire.bye).toMatchObject({ reason: 'moved', kept: true, retry: true })
  })

  test('[OWN-7] closing says goodbye to everybody and returns when every drop is stored', async () => {
    const { clock, node } = await oneNode()
    const [ann, bob] = [new Client(node, 'ann'), new Client(node, 'bob')]
    await joined(clock, ann, node)
    await joined(clock, bob, node)
    await within(clock, node.engine.close({ reason: 'drain', message: 'a new version' }))
    for (const client of [ann, bob]) {
      expect(client.wire.bye).toMatchObject({ code: 4000, message: 'a new version', kept: true })
      expect((await node.engine.store.session(client.current.id))?.status.state).toBe('held')
    }
    expect(kindsOf(node).slice(-2)).toEqual(['drop', 'drop'])
    expect(node.engine.isReady).toBe(false)
  })

  test('[OWN-7] closing does not wait for a store that is away', async () => {
    let isDown = false
    const watched = watchStore(memoryStore(), () => isDown)
    const { clock, node } = await oneNode({ store: watched.store })
    const ann = new Client(node, 'ann')
    await joined(clock, ann, node)
    isDown = true
    await within(clock, node.engine.close({ reason: 'drain' }), 6_000)
    expect(ann.wire.bye?.reason).toBe('drain')
  })
})

describe('ends and rights', () => {
  test('[OWN-8] ended anywhere, the connection is told how, after the answers that were due to it', async () => {
    const { clock, n1, n2 } = await twoNodes()
    for (const reason of ['left', 'kicked', 'revoked'] as const) {
      const ann = new Client(n1, 'ann')
      await joined(clock, ann, n1)
      const ended = n2.engine.end(ann.current.id, reason)
      ann.outlet?.send({ type: 'left', id: 1, room: null })
      await within(clock, ended)
      await clock.advance(100)
      expect(ann.wire.frames.at(-2)?.type).toBe('left')
      expect(ann.wire.bye).toMatchObject({ reason, kept: false, ended: reason })
      n1.engine.closed(ann.outlet as never, 'closed')
      await clock.advance(2_000)
      const leaves = [...n1.events, ...n2.events].filter(({ kind }) => kind === 'leave')
      expect(leaves.filter(({ session }) => session === ann.current.id)).toMatchObject([{ reason, rooms: ['r'] }])
    }
    expect([...n1.events, ...n2.events].some(({ kind }) => kind === 'drop')).toBe(false)
  })

  test('[OWN-9] [I56] removed from a room on another node: told, nothing more of it, back only from the return on', async () => {
    const { clock, n1, n2 } = await twoNodes()
    const [ann, bob] = [new Client(n1, 'ann'), new Client(n1, 'bob')]
    await joined(clock, ann, n1)
    await joined(clock, bob, n1)
    await within(clock, bob.publish('r', 'before'))
    await within(clock, n2.engine.room('r').remove('ann'))
    await clock.advance(100)
    await within(clock, bob.publish('r', 'meanwhile'))
    await clock.settle()
    expect(ann.wire.of('removed')).toEqual([{ type: 'removed', room: 'r', reason: 'removed' }])
    expect([ann.data('r'), [...ann.current.rooms]]).toEqual([['before'], []])
    await within(clock, ann.join('r'))
    await within(clock, bob.publish('r', 'after'))
    await clock.settle()
    expect(ann.data('r')).toEqual(['before', 'after'])
    expect(ann.place('r').gaps).toMatchObject([{ reason: 'not-permitted', from: 2, to: 2 }])
    expect(bob.data('r')).toEqual(['before', 'meanwhile', 'after'])
  })

  test('[OWN-9] an old removal does not take out who has come back since', async () => {
    const random = () => 0.5
    const lossy = (store: Store) => disturbStore(store, { random, hintLoss: 1 })
    const { clock, memory, n1 } = await twoNodes(lossy)
    const ann = new Client(n1, 'ann')
    await joined(clock, ann, n1)
    await memory.remove('r', 'ann')
    await memory.enter({ session: ann.current.id, generation: ann.current.generation }, 'r', {
      readableFrom: 0,
      graceMs: 15_000,
    })
    await clock.advance(3_000)
    expect(ann.wire.of('removed')).toEqual([])
    expect([...ann.current.rooms]).toEqual(['r'])
  })

  test('[OWN-10] changed rights: the host is asked to authorise every session of the user again, on every node', async () => {
    const { clock, memory, n1, n2 } = await twoNodes()
    const clients = [new Client(n1, 'ann'), new Client(n2, 'ann'), new Client(n2, 'bob')]
    for (const client of clients) await joined(clock, client, client.node)
    await memory.changeRights('ann')
    await clock.advance(100)
    expect([n1.reauthorised, n2.reauthorised]).toEqual([[clients[0]?.current.id], [clients[1]?.current.id]])
    const [ann] = clients
    if (ann === undefined) throw new Error('no ann')
    await within(clock, n1.engine.remove(ann.current, 'r', 'rights-revoked'))
    expect(ann.wire.of('removed')).toMatchObject([{ reason: 'rights-revoked' }])
    expect((await memory.session(ann.current.id))?.rooms).toEqual({})
  })

  test('[OWN-11] rooms of before that a client does not ask for again are left after a while', async () => {
    const { clock, node } = await oneNode({ settings: { heartbeatMs: 10_000, roomsPerSessionMax: 2 } })
    const ann = new Client(node, 'ann')
    await joined(clock, ann, node)
    await within(clock, ann.join('s'))
    ann.drop()
    await within(clock, ann.dial())
    await within(clock, ann.join('s'))
    expect([...ann.current.rooms].sort()).toEqual(['r', 's'])
    // A new room takes the place of one that nobody asked for.
    expect(await within(clock, ann.join('t'))).toMatchObject({ kind: 'joined' })
    expect(await within(clock, ann.join('u'))).toEqual({ kind: 'limit' })
    expect([...ann.current.rooms].sort()).toEqual(['s', 't'])
    ann.drop()
    await within(clock, ann.dial())
    for (let second = 0; second < 16; second++) {
      ann.outlet?.heard()
      await clock.advance(1_000)
    }
    expect([...ann.current.rooms]).toEqual([])
    expect((await node.engine.row(ann.current.id))?.rooms).toEqual({})
  })
})
