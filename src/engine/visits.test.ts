import { afterEach, describe, expect, test, vi } from 'vitest'
import { startNode, testRoom, within, type Node } from '../../test/support/engine-rig.js'
import type { Position } from '../protocol/position.js'
import { positionOfToken } from '../protocol/events.js'
import { memoryStore } from '../store/memory.js'
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import { serverSentEvents } from './encoding.js'
import type { EngineSettings, RoomOptions } from './engine.js'
import type { Transport } from './transport.js'

afterEach(() => void vi.restoreAllMocks())

/** A stream as its other end sees it. */
class Pipe {
  text = ''
  readonly chunks: Uint8Array[] = []
  closedAs: string | null = null
  isDestroyed = false
  #isStalled = false
  #held: (() => void)[] = []
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  readonly transport: Transport = {
    write: (chunks, written) => {
      if (this.closedAs !== null) return false
      this.chunks.push(...chunks)
      const take = () => {
        for (const chunk of chunks) this.text += new TextDecoder().decode(chunk)
        written()
      }
      if (this.#isStalled) this.#held.push(take)
      else this.#clock.after(0, take)
      return true
    },
    close: (_code, reason, last) => {
      this.closedAs = reason
      if (last !== null) this.text += new TextDecoder().decode(last)
    },
    destroy: () => {
      this.isDestroyed = true
    },
    pause() {},
    resume() {},
  }

  stall(): void {
    this.#isStalled = true
  }

  unstall(): void {
    this.#isStalled = false
    for (const take of this.#held.splice(0)) take()
  }

  get blocks(): string[] {
    return this.text.split('\n\n').slice(0, -1)
  }

  /** Data of entries, `gap from-to` for gaps. */
  get told(): unknown[] {
    return this.blocks.flatMap((block) => {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (data === undefined || block.startsWith('event: live')) return []
      const json = JSON.parse(data)
      if (block.startsWith('event: gap')) return [`gap ${json.from}-${json.to}`]
      return block.startsWith('event: bye') ? [`bye ${json.reason}`] : [json.data]
    })
  }

  get lastPosition(): Position | undefined {
    const id = [...this.text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? ''
    return positionOfToken(id) ?? undefined
  }
}

async function rig(settings: Partial<EngineSettings> = {}, room: Partial<RoomOptions> = {}) {
  const clock = createVirtualClock()
  const store = memoryStore()
  const rooms = (name: string) => (name.startsWith('$') ? null : { ...testRoom, ...room })
  const node: Node = await startNode({ clock, store, settings, rooms })
  const { visits } = node.engine
  return {
    clock,
    node,
    visits,
    async listen(ask: { since?: Position | undefined; last?: number; user?: string } = {}) {
      const pipe = new Pipe(clock)
      const { since, last = 0, user = 'ann' } = ask
      const listening = visits.listen(
        { user, room: 'a', readableFrom: 'retained' },
        { since, last, rightsHeard: visits.rightsHeard, open: () => pipe.transport },
      )
      expect((await within(clock, listening)).kind).toBe('listening')
      await clock.advance(5)
      return pipe
    },
    async publish(from: number, to: number) {
      for (let data = from; data <= to; data++) await within(clock, node.engine.room('a').publish(data))
      await clock.advance(20)
    },
  }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)

describe('streams of a node', () => {
  test('[SSE-3] a hundred streams cost one encoding of each entry, and are given the same bytes', async () => {
    const encoded = vi.spyOn(serverSentEvents, 'entry')
    const { listen, publish } = await rig()
    const first = await listen()
    await publish(1, 30)
    expect(encoded).toHaveBeenCalledTimes(30)
    const others = []
    for (let count = 1; count < 100; count++) others.push(await listen({ last: 30 }))
    expect(encoded).toHaveBeenCalledTimes(30)
    await publish(31, 40)
    expect(encoded).toHaveBeenCalledTimes(40)
    for (const pipe of [first, ...others]) expect(pipe.told).toEqual(numbers(1, 40))
    const [one, two] = others
    expect(one?.chunks.at(-1)?.buffer).toBe(two?.chunks.at(-1)?.buffer)
  })

  test('[SSE-3] the first stream of a room that sockets read takes its entries from their tail', async () => {
    const { listen, publish, node, clock } = await rig()
    const socketReader = await listen()
    await publish(1, 10)
    const reads = vi.spyOn(node.engine.store, 'read')
    const encoded = vi.spyOn(serverSentEvents, 'entry')
    // The encoding is forgotten when nobody reads it at a beat; the room stays for a while.
    for (const outlet of node.engine.visits.streams) node.engine.closed(outlet, 'closed')
    expect(socketReader.told).toEqual(numbers(1, 10))
    await clock.advance(26_000)
    const back = await listen({ last: 10 })
    expect(back.told).toEqual(numbers(1, 10))
    expect(encoded).toHaveBeenCalledTimes(10)
    expect(reads.mock.calls.filter(([ask]) => ask.room === 'a' && ask.entriesMax > 0)).toEqual([])
  })

  test('[SSE-5] what is trimmed under a stream that stands still is a gap in its middle', async () => {
    const retention = { ...testRoom.retention, entriesMax: 5 }
    const { listen, publish, clock } = await rig({ tailEntriesMax: 3, slowMs: 60_000 }, { retention })
    const [stuck, quick] = [await listen(), await listen()]
    await publish(1, 2)
    stuck.stall()
    await publish(3, 30)
    expect(quick.told).toEqual(numbers(1, 30))
    stuck.unstall()
    await clock.advance(100)
    await publish(31, 31)
    const [gap] = stuck.told.filter((told) => typeof told === 'string')
    expect(gap).toMatch(/^gap 4-25$/)
    expect(stuck.told).toEqual([1, 2, 3, 'gap 4-25', ...numbers(26, 31)])
    expect(stuck.lastPosition?.offset).toBe(31)
  })

  test('[SSE-4] a stream that takes nothing is slow; it comes back where it stopped', async () => {
    const { listen, publish, clock, visits } = await rig({ slowMs: 5_000 })
    const [stuck, quick] = [await listen(), await listen()]
    await publish(1, 2)
    stuck.stall()
    await publish(3, 9)
    await clock.advance(6_000)
    expect([stuck.closedAs, quick.closedAs]).toEqual(['slow', null])
    expect(quick.told).toEqual(numbers(1, 9))
    const again = await listen({ since: stuck.lastPosition })
    expect([...stuck.told, ...again.told]).toEqual([1, 2, 'bye slow', ...numbers(3, 9)])
    expect(visits.streams.length).toBeGreaterThan(0)
  })

  test('[SSE-7] beats come, and nobody is dropped for being silent', async () => {
    const { listen, clock } = await rig({ heartbeatMs: 1_000, heartbeatTimeoutMs: 500 })
    const stream = await listen()
    await clock.advance(60_000)
    expect(stream.closedAs).toBeNull()
    expect(stream.blocks.filter((block) => block === ':').length).toBeGreaterThan(50)
  })

  test('[SSE-6] a right that changes while a stream is on its way is noticed', async () => {
    const { clock, node, visits, listen } = await rig()
    const pipe = new Pipe(clock)
    const { rightsHeard } = visits
    await within(clock, node.engine.store.changeRights('ann'))
    await clock.advance(20)
    const ask = { since: undefined, last: 0, rightsHeard, open: () => pipe.transport }
    const visitor = { user: 'ann', room: 'a', readableFrom: 'retained' } as const
    expect(await within(clock, visits.listen(visitor, ask))).toEqual({ kind: 'rights-changed' })

    const [anns, bobs] = [await listen(), await listen({ user: 'bob' })]
    await within(clock, node.engine.store.changeRights('ann'))
    await clock.advance(20)
    expect([anns.closedAs, bobs.closedAs]).toEqual(['rights-changed', null])
    visits.doubtAll()
    expect(bobs.closedAs).toBe('moved')
  })
})
