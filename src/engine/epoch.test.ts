// A store that comes back as it was, or as it was some time ago: what live and returning readers are told.

import { describe, expect, test } from 'vitest'
import {
  Client,
  shownMembers,
  shownUsers,
  startNode,
  testRoom,
  within,
  watchStore,
} from '../../test/support/engine-rig.js'
import { type MemorySnapshot, memoryStore } from '../store/memory.js'
import type { Append, Hint, Store } from '../store/store.js'
import { createVirtualClock } from '../testing/virtual-clock.js'

/** A store whose driver lives on while what is behind it is replaced: a failover, a restore. */
function replaceableStore(now: () => number) {
  let inner = memoryStore()
  let epochCount = 1
  const followers: { room: string; hear: (hint: Hint) => void; close: () => void }[] = []
  const store = new Proxy({} as Store, {
    get(_, key) {
      if (key === 'follow') return follow
      const value: unknown = Reflect.get(inner, key, inner)
      return typeof value === 'function' ? value.bind(inner) : value
    },
  })
  const follow: Store['follow'] = async (room, hear) => {
    const following = await inner.follow(room, hear)
    const follower = { room, hear, close: () => following.close() }
    followers.push(follower)
    return { close: () => follower.close() }
  }
  const replace = async (from: MemorySnapshot) => {
    inner = memoryStore({ from })
    epochCount += 1
    await inner.open({ epoch: `epoch${epochCount}`, tag: `birth${epochCount}`, nowMs: now, wallMs: now() })
    for (const follower of followers) {
      const following = await inner.follow(follower.room, follower.hear)
      follower.close = () => following.close()
    }
  }
  return { store, replace, snapshot: () => inner.snapshot() }
}

async function setting() {
  const clock = createVirtualClock()
  const replaceable = replaceableStore(() => clock.nowMs())
  /** Operations that are not done. */
  const failing = new Set<string>()
  const { store } = watchStore(replaceable.store, (operation) => failing.has(operation))
  const node = await startNode({ clock, store })
  const ann = new Client(node, 'ann')
  await within(clock, ann.dial())
  await within(clock, ann.join('r'))
  const publish = async (data: string) => {
    await replaceable.store.append(appendOf(data))
    await clock.settle()
  }
  return { clock, node, ann, publish, failing, ...replaceable }
}

function appendOf(data: string): Append {
  const entry = {
    atMs: 0,
    by: null,
    mark: null,
    key: null,
    tag: `tag-${data.replaceAll(' ', '')}`,
    data: JSON.stringify(data),
  }
  return { room: 'r', entry, fence: null, producer: null, retention: testRoom.retention, durability: 'memory' }
}

describe('live readers', () => {
  test('[DLV-21] [I15] the store comes back with everything: delivery goes on, the new epoch stands in the entries', async () => {
    const { clock, ann, node, publish, replace, snapshot } = await setting()
    await publish('a')
    await replace(snapshot())
    await publish('b')
    await clock.advance(30_000)
    expect(ann.place('r').delivered.map(({ epoch, data }) => [epoch, data])).toEqual([
      [ann.place('r').delivered[0]?.epoch, 'a'],
      ['epoch2', 'b'],
    ])
    expect([...ann.place('r').gaps, ...ann.violations, ...node.reports]).toEqual([])
  })

  test('[DLV-21] [I15] [I24] entries were lost: the gap comes before any entry of the new epoch', async () => {
    const { clock, ann, publish, replace, snapshot } = await setting()
    await publish('a')
    const older = snapshot()
    await publish('lost 1')
    await publish('lost 2')
    await replace(older)
    await publish('b')
    await clock.advance(1_000)
    expect(ann.data('r')).toEqual(['a', 'lost 1', 'lost 2', 'b'])
    expect(ann.place('r').gaps).toMatchObject([{ reason: 'ahead-of-log', from: 2, to: 3 }])
    expect(ann.place('r').delivered.at(-1)).toMatchObject({ epoch: 'epoch2', offset: 2 })
    expect(ann.violations).toEqual([])
  })

  test('[DLV-21] [S56] the store comes back empty: a gap, then what is new', async () => {
    const { clock, ann, publish, replace } = await setting()
    await publish('a')
    await publish('b')
    await replace(memoryStore().snapshot())
    await publish('c')
    await clock.advance(1_000)
    expect(ann.place('r').gaps).toMatchObject([{ reason: 'epoch-changed' }])
    const types = ann.wire.frames.map((frame) => frame.type)
    expect(types.indexOf('gap')).toBeGreaterThan(types.indexOf('entry'))
    expect(ann.violations).toEqual([])
  })

  test('[DLV-22] without any hint the poll of heads tells of the change within a beat', async () => {
    const { clock, ann, publish, replace, snapshot } = await setting()
    await publish('a')
    const older = snapshot()
    await publish('lost')
    await replace(older)
    for (let count = 0; count < 26; count++) {
      ann.outlet?.heard()
      await clock.advance(1_000)
    }
    expect(ann.place('r').gaps).toMatchObject([{ reason: 'ahead-of-log', from: 2, to: 2 }])
  })

  test('[DLV-22] readers at different places are each told their own gap', async () => {
    const { clock, node, ann, publish, replace, snapshot } = await setting()
    await publish('a')
    const bob = new Client(node, 'bob')
    await within(clock, bob.dial())
    await within(clock, bob.join('r'))
    bob.wire.stall()
    const older = snapshot()
    await publish('lost 1')
    await publish('lost 2')
    await replace(older)
    await publish('b')
    bob.wire.unstall()
    await clock.advance(1_000)
    expect(ann.place('r').gaps).toMatchObject([{ from: 2, to: 3 }])
    for (const client of [ann, bob]) {
      expect(client.data('r').at(-1)).toBe('b')
      expect(client.violations).toEqual([])
    }
    expect(bob.data('r').filter((data) => String(data).startsWith('lost')).length).toBe(
      bob.place('r').gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0),
    )
  })
})

describe('returning readers', () => {
  test('[DLV-21] [I12] [A43] a position is judged: same history complete, lost history a gap, nonsense a gap', async () => {
    const { clock, node, ann, publish, replace, snapshot } = await setting()
    for (const data of ['a', 'b', 'c']) await publish(data)
    const kept = ann.place('r').position
    await replace(snapshot())
    await publish('d')
    await clock.settle()
    const cases = [
      { since: kept, gives: { kind: 'complete', from: 3, to: 4 } },
      { since: { epoch: 'epoch2', offset: 2, tag: 'tag-b' }, gives: { kind: 'complete', from: 2, to: 4 } },
      { since: { epoch: 'epoch2', offset: 2, tag: 'other' }, gives: { kind: 'gap', reason: 'forked' } },
      { since: { epoch: 'epoch2', offset: 99, tag: 'x' }, gives: { kind: 'gap', reason: 'ahead-of-log' } },
      { since: { epoch: 'never', offset: 2, tag: 'tag-b' }, gives: { kind: 'gap', reason: 'epoch-changed' } },
    ] as const
    for (const { since, gives } of cases) {
      const bob = new Client(node, 'bob')
      await within(clock, bob.dial())
      await within(clock, bob.join('r', { ...(since !== null && { since }) }))
      expect(bob.wire.of('joined')[0]?.verdict).toMatchObject(gives)
      expect(bob.place('r').liveCount).toBe(1)
      bob.drop()
    }
  })
})

describe('boards', () => {
  test('[OWN-14] a store that does not answer in its new life is asked again for every session', async () => {
    const { clock, ann, publish, replace, failing } = await setting()
    failing.add('session')
    await replace(memoryStore().snapshot())
    await publish('b')
    await clock.advance(8_000)
    expect(ann.wire.bye).toBe(null)
    failing.clear()
    await clock.advance(6_000)
    expect(ann.wire.bye).toMatchObject({ reason: 'session-invalid' })
  })

  test('[PRES-11] a store that was set back: members see the board as it is, and who is here says so again', async () => {
    const { clock, node, ann, publish, replace, snapshot } = await setting()
    await within(clock, ann.join('r', { presence: true }))
    const older = snapshot()
    const bob = new Client(node, 'bob')
    await within(clock, bob.dial())
    await within(clock, bob.join('r', { presence: true }))
    for (let x = 0; x < 20; x++) {
      node.engine.track(ann.current, 'r', { x })
      await clock.settle()
    }
    await publish('a')
    await clock.advance(100)
    expect(shownUsers(ann)).toEqual(['ann live', 'bob live'])
    await replace(older)
    await publish('b')
    await clock.advance(2_000)
    // Bob's session is one that the store has forgotten: its connection is closed, and nobody sees it any more.
    expect(bob.wire.bye).toMatchObject({ reason: 'session-invalid' })
    expect(shownUsers(ann)).toEqual(['ann live'])
    expect(shownMembers(ann.wire.frames).get(ann.current.id)?.data).toEqual({ x: 19 })
  })
})
