// Publishes: of sessions and of the server, once, fenced, typed; and what a refusal of the store leaves behind.

import { describe, expect, test } from 'vitest'
import { Client, type Node, startNode, testRoom, watchStore, within } from '../../test/support/engine-rig.js'
import type { Data } from '../protocol/frames.js'
import { memoryStore } from '../store/memory.js'
import { StoreUnavailable } from '../store/store.js'
import { disturbStore } from '../testing/disturbed-store.js'
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import { PublishRefused } from './publishing.js'

async function joined(clock: VirtualClock, node: Node, user: string): Promise<Client> {
  const client = new Client(node, user)
  await within(clock, client.dial())
  await within(clock, client.join('r'))
  return client
}

describe('the server', () => {
  test('[DLV-23] its publish reaches readers of every node, as nobody’s; an id makes it once', async () => {
    const clock = createVirtualClock()
    const store = memoryStore()
    const n1 = await startNode({ clock, store, name: 'n1' })
    const n2 = await startNode({ clock, store, name: 'n2' })
    const ann = await joined(clock, n1, 'ann')
    const first = await within(clock, n1.engine.room('r').publish({ text: 'hi' }, { id: 'one' }))
    const again = await within(clock, n2.engine.room('r').publish({ text: 'hi' }, { id: 'one' }))
    await within(clock, n2.engine.room('r').publish({ text: 'hi' }))
    await clock.settle()
    expect(again).toEqual(first)
    expect(ann.data('r')).toEqual([{ text: 'hi' }, { text: 'hi' }])
    expect(ann.wire.of('entry')[0]).toMatchObject({ by: null })
    expect('mark' in (ann.wire.of('entry')[0] ?? {})).toBe(false)
  })

  test('[DLV-23] the same id with other data is refused with its reason', async () => {
    const clock = createVirtualClock()
    const node = await startNode({ clock, store: memoryStore() })
    await within(clock, node.engine.room('r').publish('a', { id: 'one' }))
    const other = node.engine
      .room('r')
      .publish('b', { id: 'one' })
      .catch((error: unknown) => error)
    const refused = await within(clock, other)
    expect(refused).toBeInstanceOf(PublishRefused)
    expect(refused).toMatchObject({ reason: 'payload-mismatch' })
  })

  const unsendable: [string, unknown, { key?: string }?][] = [
    ['undefined', undefined],
    ['a function', () => 1],
    ['a bigint', 1n],
    ['half of an emoji', 'a😀'.slice(0, 2)],
    ['a key that reaches a prototype', { constructor: 1 }],
    ['depth', JSON.parse('['.repeat(40) + ']'.repeat(40))],
    ['an empty key', 'x', { key: '' }],
    ['more than a client reads', 'x'.repeat(4_194_304)],
  ]
  for (const [what, data, options] of unsendable) {
    test(`[DLV-28] ${what} is refused before it is in the log, where every member would break on it`, async () => {
      const clock = createVirtualClock()
      const node = await startNode({ clock, store: memoryStore(), name: 'n1' })
      const refused = node.engine.room('r').publish(data as Data, options)
      await expect(within(clock, refused)).rejects.toMatchObject({ name: 'PublishRefused' })
      const position = await within(clock, node.engine.room('r').publish('fine'))
      expect(position.offset).toBe(1)
    })
  }

  test('[DLV-23] a name that is no room is a mistake of the host', async () => {
    const clock = createVirtualClock()
    const node = await startNode({ clock, store: memoryStore() })
    await expect(node.engine.room('$control').publish('x')).rejects.toThrow('there is no room $control')
  })
})

describe('sessions', () => {
  test('[I18] [I19] [S64] a repeated publish has its first answer again and is delivered once', async () => {
    const clock = createVirtualClock()
    const node = await startNode({ clock, store: memoryStore() })
    const ann = await joined(clock, node, 'ann')
    const producer = { user: 'ann', producer: 'p', seq: 1, prev: 0, again: true }
    const ask = { producer, mark: 'm1', key: null, data: 'x' }
    const first = await within(clock, node.engine.publish(ann.current, 'r', ask))
    const again = await within(clock, node.engine.publish(ann.current, 'r', ask))
    await clock.settle()
    expect(first.kind).toBe('appended')
    expect(again).toMatchObject({ kind: 'duplicate', position: first.kind === 'appended' ? first.position : null })
    expect(ann.data('r')).toEqual(['x'])
  })

  test('[DLV-24] a publish reaches its own node without any hint, at once', async () => {
    const clock = createVirtualClock()
    const store = disturbStore(memoryStore(), { random: () => 0.5, hintLoss: 1 })
    const node = await startNode({ clock, store })
    const [ann, bob] = [await joined(clock, node, 'ann'), await joined(clock, node, 'bob')]
    await within(clock, ann.publish('r', 'x'))
    await clock.settle()
    expect([ann.data('r'), bob.data('r')]).toEqual([['x'], ['x']])
  })

  test('[DLV-24] an own answer beyond the tail, and no hint: the hole is read within a moment', async () => {
    const clock = createVirtualClock()
    const memory = memoryStore()
    const lossy = disturbStore(memory, { random: () => 0.5, hintLoss: 1 })
    const n1 = await startNode({ clock, store: lossy, name: 'n1' })
    const n2 = await startNode({ clock, store: memory, name: 'n2' })
    const [ann, bob] = [await joined(clock, n1, 'ann'), await joined(clock, n2, 'bob')]
    await within(clock, bob.publish('r', 'unheard'))
    await clock.advance(1_000)
    expect(ann.data('r')).toEqual([])
    await within(clock, ann.publish('r', 'mine'))
    await clock.advance(100)
    expect(ann.data('r')).toEqual(['unheard', 'mine'])
  })

  test('[DLV-25] an entry emptied by a later one with its key is void for who reads it from the store', async () => {
    const clock = createVirtualClock()
    const node = await startNode({ clock, store: memoryStore(), settings: { tailEntriesMax: 1 } })
    for (const data of ['old', 'new']) await within(clock, node.engine.room('r').publish(data, { key: 'k' }))
    const ann = new Client(node, 'ann')
    await within(clock, ann.dial())
    await within(clock, ann.join('r', { last: 2 }))
    expect(
      ann
        .place('r')
        .delivered.map(({ data }) => data)
        .at(-1),
    ).toBe('new')
    expect(ann.offsets('r')).toEqual([1, 2])
    expect(ann.violations).toEqual([])
  })
})

describe('a store that refuses its n-th call', () => {
  for (const when of ['before', 'after'] as const) {
    test(`[I54] [F16] [F17] ${when} its effect: typed, nothing hangs, and the same acts then go through`, async () => {
      for (let nth = 1; nth <= 30; nth++) {
        const clock = createVirtualClock()
        const memory = memoryStore()
        let count = Number.NEGATIVE_INFINITY
        const failures = () => {
          count += 1
          return count === nth ? when : false
        }
        const store = disturbStore(memory, { random: () => 0.3, failures })
        const node = await startNode({ clock, store, settings: { heartbeatMs: 100_000 } })
        const ann = new Client(node, 'ann')
        count = 0
        const acts: (() => Promise<unknown>)[] = [
          () => ann.dial(),
          () => ann.join('r', { presence: true }),
          () => node.engine.touch(ann.current, ['r']),
          () => node.engine.room('r').publish(nth, { id: 'once' }),
          () => node.engine.room('r').members(),
          () => node.engine.leave(ann.current, 'r'),
          () => ann.join('r'),
          () => node.engine.end(ann.current.id, 'left'),
        ]
        for (const act of acts) await within(clock, untilDone(clock, act))
        await clock.advance(60_000)
        expect(ann.data('r').filter((data) => data === nth).length).toBeLessThanOrEqual(1)
        expect((await memory.heads(['r']))[0]?.offset).toBe(1)
        expect(ann.violations).toEqual([])
        expect((await memory.board('r', 'presence')).items).toEqual([])
        expect(node.events.filter(({ kind }) => kind === 'leave')).toHaveLength(1)
        expect(node.reports).toEqual([])
      }
    })
  }

  test('[I54] a driver that breaks its contract is reported and answered as unavailable', async () => {
    const clock = createVirtualClock()
    const watched = watchStore(memoryStore())
    const node = await startNode({ clock, store: watched.store })
    const broken = new Proxy(watched.store, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (key !== 'append') return typeof value === 'function' ? value.bind(target) : value
        return () => {
          throw new TypeError('a mistake of the driver')
        }
      },
    })
    const other = await startNode({ clock, store: broken, name: 'n2', rooms: () => testRoom })
    const refused = await within(
      clock,
      other.engine
        .room('r')
        .publish('x')
        .catch((error: unknown) => error),
    )
    expect(refused).toBeInstanceOf(StoreUnavailable)
    expect(other.reports.map(String)).toEqual(['TypeError: a mistake of the driver'])
    expect(node.reports).toEqual([])
  })
})

/** What a client does with a retryable refusal. */
async function untilDone(clock: VirtualClock, act: () => Promise<unknown>): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      await act()
      return
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      await new Promise<void>((resolve) => void clock.after(200, resolve))
    }
  }
  throw new Error('never done')
}
