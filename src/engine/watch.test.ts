// Slow readers, silence and beats: who is judged, when, and that it harms nobody else.

import { describe, expect, test } from 'vitest'
import { advanceAlive, Client, type Node, startNode, Wire, within } from '../../test/support/engine-rig.js'
import { memoryStore } from '../store/memory.js'
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import type { EngineSettings } from './engine.js'

async function setting(settings: Partial<EngineSettings> = {}) {
  const clock = createVirtualClock()
  const node = await startNode({ clock, store: memoryStore(), settings })
  return { clock, node }
}

async function joined(clock: VirtualClock, node: Node, user: string, writtenAfterMs = 0): Promise<Client> {
  const client = new Client(node, user)
  await within(clock, client.dial(node, { writtenAfterMs }))
  await within(clock, client.join('r'))
  return client
}

describe('slow readers', () => {
  test('[DLV-14] [I53] [S70] a stalled reader stalls only itself, and resumes where it stopped', async () => {
    const { clock, node } = await setting()
    const [ann, bob] = [await joined(clock, node, 'ann'), await joined(clock, node, 'bob')]
    ann.wire.stall()
    for (let index = 1; index <= 40; index++) {
      await within(clock, bob.publish('r', index))
      await clock.settle()
      expect(bob.data('r').at(-1)).toBe(index)
      bob.outlet?.heard()
      await clock.advance(1_000)
    }
    expect(ann.wire.closed).toEqual({ code: 4101, reason: 'slow' })
    expect(ann.wire.bye).toMatchObject({ retry: true, kept: true })
    node.engine.closed(ann.outlet as never, 'closed')
    await clock.settle()
    expect(node.events.at(-1)).toMatchObject({ kind: 'drop', reason: 'slow', user: 'ann' })
    await within(clock, ann.dial())
    await within(clock, ann.join('r'))
    expect(ann.data('r').at(-1)).toBe(40)
    expect([...ann.violations, ...ann.place('r').gaps]).toEqual([])
    expect(bob.wire.closed).toBe(null)
  })

  test('[DLV-14] progress is a finished write or any byte heard: a reader that beats is not slow yet', async () => {
    const { clock, node } = await setting({ slowMs: 10_000 })
    const [ann, bob] = [await joined(clock, node, 'ann'), await joined(clock, node, 'bob')]
    ann.wire.stall()
    await within(clock, bob.publish('r', 'x'))
    await advanceAlive(clock, [ann, bob], 35_000)
    expect(ann.wire.closed).toBe(null)
    await advanceAlive(clock, [ann, bob], 6_000)
    expect(ann.wire.closed?.reason).toBe('slow')
    expect(bob.wire.closed).toBe(null)
  })

  test('[DLV-15] one write at a time, bounded; narrow after one that took more than its turn', async () => {
    const settings = { writeBytesMax: 40_000, narrowWriteBytesMax: 5_000 }
    const { clock, node } = await setting(settings)
    const bob = await joined(clock, node, 'bob')
    const ann = await joined(clock, node, 'ann', 10)
    ann.wire.writes.length = 0
    const published = Array.from({ length: 200 }, () => bob.publish('r', 'x'.repeat(500)))
    await clock.advance(2_000)
    await Promise.all(published)
    expect(ann.data('r')).toHaveLength(200)
    expect(bob.wire.writes.some((bytes) => bytes > 30_000)).toBe(true)
    expect(Math.max(...bob.wire.writes)).toBeLessThanOrEqual(40_000)
    expect(Math.max(...ann.wire.writes.slice(1))).toBeLessThanOrEqual(5_000)
    expect([...ann.wire.violations, ...bob.wire.violations]).toEqual([])
  })

  test('[DLV-15] one entry larger than a write leaves alone, and nothing waits for ever', async () => {
    const { clock, node } = await setting({ writeBytesMax: 5_000, narrowWriteBytesMax: 1_000 })
    const [ann, bob] = [await joined(clock, node, 'ann', 60), await joined(clock, node, 'bob')]
    for (const size of [10, 20_000, 10]) await within(clock, bob.publish('r', 'x'.repeat(size)))
    await clock.advance(1_000)
    expect(ann.data('r').map((data) => String(data).length)).toEqual([10, 20_000, 10])
  })

  test('[DLV-16] [I51] answers that nobody takes end the connection at their bound', async () => {
    const { clock, node } = await setting({ controlBytesMax: 10_000 })
    const ann = await joined(clock, node, 'ann')
    ann.wire.stall()
    for (let id = 0; id < 500 && ann.outlet?.isOpen; id++) {
      ann.outlet.send({ type: 'refused', id, reason: 'forbidden', message: 'no', retry: false })
      await clock.settle()
    }
    expect(ann.wire.closed?.reason).toBe('slow')
  })

  test('[DLV-16] answers leave in order, before entries of the same turn, and before the bye', async () => {
    const { clock, node } = await setting()
    const ann = await joined(clock, node, 'ann')
    const published = ann.publish('r', 'x').then(() => {
      ann.outlet?.send({ type: 'left', id: 1, room: 'a' })
      ann.outlet?.send({ type: 'left', id: 2, room: 'b' })
    })
    await clock.settle()
    await published
    ann.outlet?.send({ type: 'left', id: 3, room: 'c' })
    ann.outlet?.close({ reason: 'drain', afterMs: 7 })
    ann.outlet?.send({ type: 'left', id: 4, room: 'd' })
    await clock.settle()
    expect(ann.wire.of('left').map(({ id }) => id)).toEqual([1, 2, 3])
    expect(ann.wire.frames.at(-1)).toMatchObject({ type: 'bye', code: 4000, reason: 'drain', afterMs: 7, kept: true })
  })

  test('[DLV-16] a signal is for who can take it now, and not for who sent it', async () => {
    const { clock, node } = await setting()
    const clients = [
      await joined(clock, node, 'ann'),
      await joined(clock, node, 'bob'),
      await joined(clock, node, 'cid'),
    ]
    const [ann, bob, cid] = clients as [Client, Client, Client]
    cid.wire.stall()
    await within(clock, bob.publish('r', 'x'))
    await clock.settle()
    node.engine.signal('r', { session: ann.current.id, user: 'ann' }, { typing: true })
    await clock.settle()
    cid.wire.unstall()
    await clock.settle()
    expect(bob.wire.of('signalled')).toMatchObject([{ by: { user: 'ann' }, data: { typing: true } }])
    expect([...ann.wire.of('signalled'), ...cid.wire.of('signalled')]).toEqual([])
    expect(cid.data('r')).toEqual(['x'])
  })
})

describe('beats', () => {
  test('[DLV-18] every interval, from a random phase on; each tells what this connection was sent since', async () => {
    const { clock, node } = await setting()
    const [ann, bob] = [await joined(clock, node, 'ann'), await joined(clock, node, 'bob')]
    await within(clock, bob.publish('r', 'x'))
    await advanceAlive(clock, [ann, bob], 26_000)
    await within(clock, bob.publish('r', 'y'))
    await within(clock, bob.publish('r', 'z'))
    await advanceAlive(clock, [ann, bob], 50_000)
    const beats = ann.wire.of('beat')
    expect(beats).toHaveLength(3)
    expect(beats.map(({ sent }) => sent)).toEqual([[['r', 1]], [['r', 3]], []])
    expect(beats.every(({ everyMs }) => everyMs === 25_000)).toBe(true)
  })

  test('[DLV-18] a beat never tells more than what was written before it', async () => {
    const { clock, node } = await setting()
    const [ann, bob] = [await joined(clock, node, 'ann'), await joined(clock, node, 'bob')]
    await within(clock, bob.publish('r', 'x'))
    await clock.settle()
    ann.wire.stall()
    for (let index = 0; index < 5; index++) await within(clock, bob.publish('r', index))
    await advanceAlive(clock, [ann, bob], 25_000)
    ann.wire.unstall()
    await clock.settle()
    let offset = 0
    for (const frame of ann.wire.frames) {
      if (frame.type === 'entry') offset = frame.offset
      if (frame.type === 'beat') expect(frame.sent).toEqual([['r', offset]])
    }
    expect(ann.wire.of('beat')).toHaveLength(1)
    expect(offset).toBe(6)
  })

  test('[DLV-27] a beat of the client is answered at once, and the next one is due an interval later', async () => {
    const { clock, node } = await setting()
    const ann = await joined(clock, node, 'ann')
    ann.current.outlet.answerBeat()
    await clock.settle()
    expect(ann.wire.of('beat')).toHaveLength(1)
    await advanceAlive(clock, [ann], 24_000)
    expect(ann.wire.of('beat')).toHaveLength(1)
    await advanceAlive(clock, [ann], 2_000)
    expect(ann.wire.of('beat')).toHaveLength(2)
  })

  test('[DLV-19] silence beyond the heartbeat and its timeout is a drop, a byte in time is life', async () => {
    const { clock, node } = await setting()
    const [ann, bob] = [await joined(clock, node, 'ann'), await joined(clock, node, 'bob')]
    await advanceAlive(clock, [bob], 34_000)
    expect(ann.wire.closed).toBe(null)
    await advanceAlive(clock, [bob], 2_000)
    expect(ann.wire.closed).toEqual({ code: 4002, reason: 'heartbeat-lost' })
    node.engine.closed(ann.outlet as never, 'closed')
    await clock.settle()
    expect(node.events.at(-1)).toMatchObject({ kind: 'drop', reason: 'heartbeat-lost' })
    await advanceAlive(clock, [bob], 60_000)
    expect(bob.wire.closed).toBe(null)
  })

  test('[DLV-19] [S4] a process that was paused hears first what has come, and judges then', async () => {
    const { clock, node } = await setting()
    const [ann, bob] = [await joined(clock, node, 'ann'), await joined(clock, node, 'bob')]
    node.clock.pause()
    for (let count = 0; count < 60; count++) node.clock.arrive(0, () => ann.outlet?.heard())
    await clock.advance(60_000)
    node.clock.thaw()
    await clock.settle()
    expect([ann.wire.closed, bob.wire.closed]).toEqual([null, null])
    await clock.advance(1_000)
    expect(ann.wire.closed).toBe(null)
    expect(bob.wire.closed?.reason).toBe('heartbeat-lost')
  })

  test('[DLV-19] a lagging process tells a longer interval, at most four times the set one', async () => {
    const { clock, node } = await setting({ heartbeatMs: 5_000, heartbeatTimeoutMs: 30_000 })
    const ann = await joined(clock, node, 'ann')
    for (let count = 0; count < 8; count++) {
      node.clock.pause()
      await clock.advance(5_000)
      node.clock.thaw()
      node.clock.arrive(0, () => ann.outlet?.heard())
      await clock.advance(500)
    }
    const told = ann.wire.of('beat').map(({ everyMs }) => everyMs)
    expect(Math.max(...told)).toBeGreaterThan(5_000)
    expect(Math.max(...told)).toBeLessThanOrEqual(20_000)
  })

  test('[DLV-20] a connection without a session gets no beats and is not judged for silence', async () => {
    const { clock, node } = await setting()
    const ann = new Client(node, 'ann')
    const wire = new Wire(node.clock)
    node.engine.open(wire.transport)
    await clock.advance(120_000)
    expect([wire.frames, wire.closed]).toEqual([[], null])
    expect(ann.session).toBe(null)
  })

  test('[DLV-20] the heads of all rooms with readers are asked for once per beat, in one flight', async () => {
    const { clock, node } = await setting()
    const asked: number[] = []
    const { store } = node.engine
    const heads = store.heads.bind(store)
    Object.assign(store, {
      heads: (rooms: readonly string[]) => {
        asked.push(rooms.length)
        return heads(rooms)
      },
    })
    const ann = new Client(node, 'ann')
    await within(clock, ann.dial())
    for (let index = 0; index < 100; index++) await within(clock, ann.join(`r${index}`))
    await advanceAlive(clock, [ann], 50_000)
    expect(asked).toEqual([100, 100])
  })
})
