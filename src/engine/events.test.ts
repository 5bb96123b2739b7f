// What is told once: leaves over nodes and crashes, events with stable ids, hold time, readiness.

import { describe, expect, test } from 'vitest'
import { Client, type Node, startNode, watchStore, within } from '../../test/support/engine-rig.js'
import { memoryStore } from '../store/memory.js'
import { StoreUnavailable } from '../store/store.js'
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import type { SessionEvent } from './engine.js'

async function joined(clock: VirtualClock, node: Node, user: string): Promise<Client> {
  const client = new Client(node, user)
  await within(clock, client.dial())
  await within(clock, client.join('r', { presence: true }))
  await clock.advance(50)
  return client
}

function leavesOf(events: readonly SessionEvent[]): SessionEvent[] {
  return events.filter(({ kind }) => kind === 'leave')
}

describe('leaves', () => {
  test('[EVT-9] [S20] a session that nobody came back to leaves once, on one node, after its hold', async () => {
    const clock = createVirtualClock()
    const store = memoryStore()
    const nodes = [await startNode({ clock, store, name: 'n1' }), await startNode({ clock, store, name: 'n2' })]
    const ann = await joined(clock, nodes[0] as Node, 'ann')
    const { id } = ann.current
    ann.drop()
    await clock.advance(119_000)
    expect(nodes.flatMap(({ events }) => leavesOf(events))).toEqual([])
    await clock.advance(5_000)
    expect(nodes.flatMap(({ events }) => leavesOf(events))).toEqual([
      { id: `${id}:1:leave`, kind: 'leave', session: id, user: 'ann', reason: 'ran-out', rooms: ['r'] },
    ])
    await clock.advance(120_000)
    expect(nodes.flatMap(({ events }) => leavesOf(events))).toHaveLength(1)
  })

  test('[EVT-10] [F21] a node that dies before its application has heard is repeated by another, with the same id', async () => {
    const clock = createVirtualClock()
    const store = memoryStore()
    const n1 = await startNode({ clock, store, name: 'n1', onEvent: ({ kind }) => hangOn(kind) })
    const ann = await joined(clock, n1, 'ann')
    ann.drop()
    await clock.advance(122_000)
    expect(leavesOf(n1.events)).toHaveLength(1)
    n1.clock.kill()
    const n2 = await startNode({ clock, store, name: 'n2' })
    await clock.advance(60_000)
    expect(leavesOf(n2.events)).toEqual(leavesOf(n1.events))
  })

  test('[EVT-11] [F31] an application that throws, or takes for ever, keeps nothing else from being told', async () => {
    const clock = createVirtualClock()
    const onEvent = ({ kind, user }: SessionEvent) => {
      if (kind !== 'leave') return undefined
      if (user === 'ann') throw new Error('the application')
      return user === 'bob' ? hangOn('leave') : Promise.reject(new Error('the application, later'))
    }
    const node = await startNode({ clock, store: memoryStore(), onEvent })
    for (const user of ['ann', 'bob', 'cid', 'dee']) {
      const client = await joined(clock, node, user)
      await within(clock, node.engine.end(client.current.id, 'left'))
    }
    await clock.advance(100_000)
    expect(leavesOf(node.events).map(({ user }) => user)).toEqual(['ann', 'bob', 'cid', 'dee'])
    expect(node.reports.map(String)).toEqual([
      'Error: the application',
      'Error: the application, later',
      'Error: the application, later',
    ])
  })

  test('[EVT-4] the leave is told when the boards of its rooms no longer show it, and only then settled', async () => {
    const clock = createVirtualClock()
    let isDown = false
    const watched = watchStore(memoryStore(), (operation) => isDown && operation === 'changeBoard')
    const node = await startNode({ clock, store: watched.store })
    const ann = await joined(clock, node, 'ann')
    isDown = true
    await within(clock, node.engine.end(ann.current.id, 'left'))
    await clock.advance(5_000)
    expect([leavesOf(node.events).length, watched.countOf('settleEvents')]).toEqual([0, 0])
    isDown = false
    await clock.advance(35_000)
    expect([leavesOf(node.events).length, watched.countOf('settleEvents')]).toEqual([1, 1])
    expect((await watched.store.board('r', 'presence')).items).toEqual([])
  })
})

describe('time', () => {
  test('[EVT-5] [S53] [I34] without ticks no hold runs: an outage of five minutes ends nobody', async () => {
    const clock = createVirtualClock()
    let isDown = false
    const watched = watchStore(memoryStore(), () => isDown)
    const node = await startNode({ clock, store: watched.store })
    const ann = await joined(clock, node, 'ann')
    ann.drop()
    await clock.advance(60_000)
    isDown = true
    await clock.advance(300_000)
    expect(node.engine.isReady).toBe(false)
    isDown = false
    await clock.advance(60_000)
    expect(leavesOf(node.events)).toEqual([])
    await within(clock, ann.dial())
    expect(node.events.at(-1)).toMatchObject({ kind: 'resume' })
    expect(node.engine.isReady).toBe(true)
  })

  test('[EVT-6] ticks never overlap, and one that is late does not make the next one come at once for ever', async () => {
    const clock = createVirtualClock()
    const memory = memoryStore()
    let underWay = 0
    let most = 0
    const slow = new Proxy(memory, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (key !== 'tick') return typeof value === 'function' ? value.bind(target) : value
        return async (ask: never) => {
          underWay += 1
          most = Math.max(most, underWay)
          await new Promise<void>((resolve) => void clock.after(1_700, resolve))
          underWay -= 1
          return target.tick(ask)
        }
      },
    })
    const node = await startNode({ clock, store: slow })
    await clock.advance(30_000)
    expect(most).toBe(1)
    expect(node.engine.isReady).toBe(true)
  })

  test('[EVT-7] a store that is away at the start: start is refused, and may be called again', async () => {
    const clock = createVirtualClock()
    let isDown = true
    const watched = watchStore(memoryStore(), () => isDown)
    const { createNode } = await import('../../test/support/engine-rig.js')
    const node = createNode({ clock, store: watched.store })
    const first = node.engine.start().catch((error: unknown) => error)
    expect(await within(clock, first)).toBeInstanceOf(StoreUnavailable)
    isDown = false
    await within(clock, node.engine.start())
    await clock.advance(100)
    expect(node.engine.isReady).toBe(true)
  })

  test('[EVT-8] the host is asked for one turn at a time and woken no earlier than needed', async () => {
    const clock = createVirtualClock()
    const node = await startNode({ clock, store: memoryStore() })
    const [ann] = [await joined(clock, node, 'ann')]
    await clock.advance(1_000)
    const { turns } = node.asked
    const published = Array.from({ length: 50 }, (_, index) => ann.publish('r', index))
    await clock.settle()
    await Promise.all(published)
    expect(node.asked.turns - turns).toBeLessThanOrEqual(3)
    const { wakes } = node.asked
    for (let index = 0; index < 50; index++) await within(clock, ann.publish('r', index))
    expect(node.asked.wakes - wakes).toBeLessThanOrEqual(2)
  })
})

function hangOn(kind: string): Promise<void> | undefined {
  return kind === 'leave' ? new Promise(() => {}) : undefined
}
