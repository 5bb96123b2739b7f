// The store suite: hold time, the sweep, lost nodes, and events that are told once.

import type { StoreEvent } from '../store/store.js'
import {
  accepted,
  acquire,
  created,
  events,
  holdFor,
  numbers,
  ownerOf,
  resume,
  suite,
  tick,
  user,
  withStore,
} from './store-suite-parts.js'

export const holdRules = suite(({ describe, test, expect }, open) => {
  const on = (body: Parameters<typeof withStore>[1]) => withStore(open, body)

  describe('hold time', () => {
    test(
      '[HOLD-1] the first tick starts the clock; each one adds the time since the last, from any node',
      on(async ({ store, advance }) => {
        await advance(100_000)
        expect(await tick(store)).toEqual({ holdMs: 0, isFrozen: false, hasMore: false })
        await advance(3_000)
        expect(await tick(store, { nodes: ['n2'] })).toMatchObject({ holdMs: 3_000, isFrozen: false })
        await advance(1)
        expect(await tick(store)).toMatchObject({ holdMs: 3_001 })
        expect(await tick(store)).toMatchObject({ holdMs: 3_001 })
      }),
    )

    test(
      '[HOLD-2, I34, S51, S53] after more than 3 s without a tick it stands still, and stays so for freezeMs',
      on(async (suite) => {
        const { store, advance } = suite
        await tick(store)
        await advance(3_001)
        expect(await tick(store)).toMatchObject({ holdMs: 0, isFrozen: true })
        expect(await holdFor(suite, 14_000)).toMatchObject({ holdMs: 0, isFrozen: true })
        await advance(1_500)
        expect(await tick(store)).toMatchObject({ holdMs: 500, isFrozen: false })
      }),
    )

    test(
      '[HOLD-2] an outage within the freeze begins it anew',
      on(async (suite) => {
        await tick(suite.store)
        await suite.advance(10_000)
        await holdFor(suite, 10_000)
        await suite.advance(10_000)
        expect(await holdFor(suite, 15_000)).toMatchObject({ holdMs: 0, isFrozen: false })
        expect(await holdFor(suite, 1_000)).toMatchObject({ holdMs: 1_000 })
      }),
    )

    test(
      '[HOLD-3, I34, S53] opened anew it goes on where it stood, after one freeze: nobody’s hold ran meanwhile',
      on(async (suite) => {
        const row = await created(suite.store, 's1', { holdMs: 5_000 })
        await tick(suite.store)
        await suite.store.detach(ownerOf(row))
        await holdFor(suite, 4_000)
        await suite.advance(3_600_000)
        const store = await suite.reopen()
        const next = { ...suite, store }
        expect(await tick(store)).toMatchObject({ holdMs: 4_000, isFrozen: true })
        expect(await holdFor(next, 15_000)).toMatchObject({ holdMs: 4_000, isFrozen: false })
        expect((await store.session('s1'))?.status.state).toBe('held')
        await holdFor(next, 1_000)
        expect((await store.session('s1'))?.status).toEqual({ state: 'ended', reason: 'ran-out' })
      }),
    )
  })

  describe('the sweep', () => {
    test(
      '[HOLD-4, S2, I52] a session is over when its hold has passed since the drop, once',
      on(async (suite) => {
        const { store } = suite
        const row = await created(store, 's1', { holdMs: 5_000 })
        await store.enter(ownerOf(row), 'a', { readableFrom: 0, graceMs: 60_000 })
        await tick(store)
        await holdFor(suite, 60_000)
        expect((await store.session('s1'))?.status.state).toBe('live')
        await store.detach(ownerOf(row))
        await holdFor(suite, 4_000)
        expect((await store.session('s1'))?.status.state).toBe('held')
        await holdFor(suite, 60_000)
        expect(await events(store)).toMatchObject([
          { kind: 'ended', session: 's1', generation: row.generation, reason: 'ran-out', rooms: ['a'] },
        ])
      }),
    )

    test(
      '[HOLD-4, S1] a resume in time stops the clock; the next drop starts it anew',
      on(async (suite) => {
        const { store } = suite
        const row = await created(store, 's1', { holdMs: 5_000 })
        await tick(store)
        await store.detach(ownerOf(row))
        await holdFor(suite, 4_000)
        const resumed = accepted(await resume(store, ['first-s1', 'h2'], 2, { holdMs: 5_000 }))
        await holdFor(suite, 10_000)
        await store.detach(ownerOf(resumed.row))
        await holdFor(suite, 4_000)
        expect(accepted(await resume(store, ['h2', 'h3'], 3)).downMs).toBe(4_000)
      }),
    )

    test(
      '[HOLD-5, S84] the longest lease holds the whole session; when it is given up, the session’s own hold counts',
      on(async (suite) => {
        const { store } = suite
        const rows = [await created(store, 's1', { holdMs: 2_000 }), await created(store, 's2', { holdMs: 2_000 })]
        for (const row of rows) await acquire(store, row, `seat:${row.id}`, { holdMs: 10_000 })
        await tick(store)
        for (const row of rows) await store.detach(ownerOf(row))
        await holdFor(suite, 5_000)
        const { fence = 0 } = (await store.lease('seat:s2')) ?? {}
        await store.release({ key: 'seat:s2', session: 's2', fence })
        await holdFor(suite, 1_000)
        expect((await store.session('s2'))?.status).toEqual({ state: 'ended', reason: 'ran-out' })
        expect((await store.session('s1'))?.status.state).toBe('held')
        await events(store)
        await holdFor(suite, 4_000)
        expect((await events(store)).map(({ kind }) => kind)).toEqual(['freed', 'ended'])
      }),
    )

    test(
      '[HOLD-6, I40] each room’s grace is told once per drop, when it is over, and not at all after a resume in time',
      on(async (suite) => {
        const { store } = suite
        const row = await created(store, 's1')
        for (const [room, graceMs] of [
          ['a', 2_000],
          ['b', 2_000],
          ['c', 6_000],
        ] as const) {
          await store.enter(ownerOf(row), room, { readableFrom: 0, graceMs })
        }
        await tick(store)
        const dropFor = async (generation: number, ms: number) => {
          await store.detach({ session: 's1', generation })
          await holdFor(suite, ms)
          return (await events(store)).map((event) => [event.kind, event.kind === 'grace-over' ? event.rooms : null])
        }
        expect(await dropFor(row.generation, 1_000)).toEqual([])
        const second = accepted(await resume(store, ['first-s1', 'h2'], 2)).row
        expect(await dropFor(second.generation, 4_000)).toEqual([['grace-over', ['a', 'b']]])
        const third = accepted(await resume(store, ['h2', 'h3'], 3)).row
        expect(await dropFor(third.generation, 7_000)).toEqual([
          ['grace-over', ['a', 'b']],
          ['grace-over', ['c']],
        ])
      }),
    )

    test(
      '[HOLD-10, I31, I40] a drop between two ticks counts from its own moment: nothing is over too early',
      on(async ({ store, advance }) => {
        const row = await created(store, 's1', { holdMs: 2_000 })
        await store.enter(ownerOf(row), 'a', { readableFrom: 0, graceMs: 1_000 })
        await tick(store)
        await advance(900)
        await store.detach(ownerOf(row))
        const seen: unknown[] = []
        for (const waitMs of [100, 899, 1, 999, 1]) {
          await advance(waitMs)
          await tick(store)
          seen.push((await events(store)).map(({ kind }) => kind))
        }
        expect(seen).toEqual([[], [], ['grace-over'], [], ['ended']])
      }),
    )

    test(
      '[HOLD-7] one tick does at most rowsMax rows, and says when more is due',
      on(async (suite) => {
        const { store, advance } = suite
        const rows = await Promise.all(numbers(1, 7).map((n) => created(store, `s${n}`, { holdMs: 1_000 })))
        await tick(store)
        await Promise.all(rows.map((row) => store.detach(ownerOf(row))))
        await advance(1_000)
        const left: number[] = []
        const ask = { node: 'n1', nodeLeaseMs: 10_000, freezeMs: 15_000, rowsMax: 3 }
        for (let hasMore = true; hasMore; ) {
          hasMore = (await store.tick(ask)).hasMore
          left.push((await store.sessionsOf('ann')).length)
        }
        expect(left).toEqual([4, 1, 0])
      }),
    )
  })

  describe('nodes', () => {
    test(
      '[HOLD-8, S45] sessions of a node not heard of for nodeLeaseMs are held, from when that is found',
      on(async (suite) => {
        const { store } = suite
        await created(store, 's1', { node: 'n1' })
        await created(store, 's2', { node: 'n2' })
        await tick(store, { nodes: ['n1', 'n2'] })
        await holdFor(suite, 9_000, { nodes: ['n1'] })
        expect((await store.session('s2'))?.status.state).toBe('live')
        const { holdMs } = await holdFor(suite, 1_000, { nodes: ['n1'] })
        expect((await store.session('s2'))?.status).toEqual({ state: 'held', droppedAtMs: holdMs })
        expect((await store.session('s1'))?.status.state).toBe('live')
      }),
    )

    test(
      '[HOLD-8, S46] but not those that moved to another node before',
      on(async (suite) => {
        const { store } = suite
        await created(store, 's1', { node: 'n2' })
        await tick(store, { nodes: ['n1', 'n2'] })
        await resume(store, ['first-s1', 'h2'], 2, { node: 'n1' })
        await holdFor(suite, 20_000, { nodes: ['n1'] })
        expect((await store.session('s1'))?.status).toMatchObject({ state: 'live', node: 'n1' })
      }),
    )

    test(
      '[HOLD-8] also of a node that was never heard of',
      on(async (suite) => {
        const { store } = suite
        await tick(store)
        await created(store, 's2', { node: 'dead before its first tick' })
        await holdFor(suite, 9_000)
        expect((await store.session('s2'))?.status.state).toBe('live')
        await holdFor(suite, 1_000)
        expect((await store.session('s2'))?.status.state).toBe('held')
      }),
    )

    test(
      '[HOLD-8, I34, S53] when all nodes were down, none of them is lost before it had its time to come back',
      on(async (suite) => {
        const { store, advance } = suite
        await created(store, 's1', { node: 'n1' })
        await holdFor(suite, 5_000)
        await advance(600_000)
        await holdFor(suite, 15_000 + 4_000, { nodes: ['n2'] })
        expect((await store.session('s1'))?.status.state).toBe('live')
        await holdFor(suite, 6_000, { nodes: ['n2'] })
        expect((await store.session('s1'))?.status.state).toBe('held')
      }),
    )

    test(
      '[HOLD-9, S49] a node that ticks again is known again; what it lost stays held, what it attaches is live',
      on(async (suite) => {
        const { store } = suite
        const row = await created(store, 's1', { node: 'n2' })
        await holdFor(suite, 12_000, { nodes: ['n1'] })
        await holdFor(suite, 1_000, { nodes: ['n1', 'n2'] })
        expect((await store.session('s1'))?.status.state).toBe('held')
        expect(await store.detach(ownerOf(row))).toEqual({ kind: 'done' })
        await resume(store, ['first-s1', 'h2'], 2, { node: 'n2' })
        await holdFor(suite, 20_000, { nodes: ['n1', 'n2'] })
        expect((await store.session('s1'))?.status.state).toBe('live')
      }),
    )
  })

  describe('events', () => {
    test(
      '[EVT-1, S80, S88] an event is taken by one node, and by another only when its time is up unsettled',
      on(async ({ store, advance }) => {
        const row = await created(store, 's1')
        await store.end({ ...ownerOf(row), reason: 'kicked' })
        const taken: string[] = []
        const take = async (node: string) => {
          const some = await store.takeEvents({ node, having: taken, eventsMax: 9, takenMs: 1_000 })
          taken.push(...some.map(({ id }) => id))
          return some
        }
        const both = await Promise.all([take('n1'), take('n2')])
        expect(both.flat().length).toBe(1)
        await advance(999)
        expect(await take('n2')).toEqual([])
        await advance(1)
        const again = await take('n2')
        expect(again).toEqual(both.flat())
        for (const _ of [1, 2]) await store.settleEvents(again.map(({ id }) => id))
        await advance(10_000)
        expect(await take('n1')).toEqual([])
      }),
    )

    test(
      '[EVT-1, F20] what a node took and does not have, because the answer was lost, it is given again at once',
      on(async ({ store }) => {
        const row = await created(store, 's1')
        await store.end({ ...ownerOf(row), reason: 'kicked' })
        const take = (node: string, having: readonly string[]) =>
          store.takeEvents({ node, having, eventsMax: 9, takenMs: 30_000 })
        const lost = await take('n1', [])
        expect(lost.length).toBe(1)
        expect(await take('n2', [])).toEqual([])
        expect(await take('n1', [])).toEqual(lost)
        expect(
          await take(
            'n1',
            lost.map(({ id }) => id),
          ),
        ).toEqual([])
      }),
    )

    test(
      '[EVT-2] events come in the order of what happened, at most eventsMax at once, each with an id of its own',
      on(async ({ store }) => {
        const rows = await Promise.all(numbers(1, 5).map((n) => created(store, `s${n}`, { user: user(`u${n}`) })))
        for (const row of rows) await store.end({ ...ownerOf(row), reason: 'left' })
        const taken: StoreEvent[] = []
        for (const count of [2, 2, 1]) {
          const having = taken.map(({ id }) => id)
          const some = await store.takeEvents({ node: 'n1', having, eventsMax: 2, takenMs: 1_000 })
          expect(some.length).toBe(count)
          taken.push(...some)
        }
        expect(taken.map((event) => (event.kind === 'ended' ? event.session : ''))).toEqual(rows.map(({ id }) => id))
        expect(new Set(taken.map(({ id }) => id)).size).toBe(5)
      }),
    )

    test(
      '[EVT-3, S48] what was not settled survives a restart under the same id',
      on(async ({ store, reopen, advance }) => {
        const row = await created(store, 's1')
        await store.end({ ...ownerOf(row), reason: 'left' })
        const taken = await store.takeEvents({ node: 'n1', having: [], eventsMax: 9, takenMs: 1_000 })
        const next = await reopen()
        await advance(1_000)
        expect(await next.takeEvents({ node: 'n2', having: [], eventsMax: 9, takenMs: 1_000 })).toEqual(taken)
      }),
    )
  })
})
