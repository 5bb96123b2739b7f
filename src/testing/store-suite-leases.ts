// The store suite: leases. One holder, fences that only rise, and a hold that runs only while the holder is away.

import type { Acquired } from '../store/store.js'
import {
  accepted,
  acquire,
  created,
  events,
  fenceOf,
  holdFor,
  ownerOf,
  resume,
  suite,
  tick,
  user,
  withStore,
} from './store-suite-parts.js'

const bob = { user: user('bob') }

export const leaseRules = suite(({ describe, test, expect }, open) => {
  const on = (body: Parameters<typeof withStore>[1]) => withStore(open, body)

  describe('leases', () => {
    test(
      '[LEASE-1, I28] a free lease is granted to one; the holder’s data come with it',
      on(async ({ store }) => {
        const [one, two] = [await created(store, 's1'), await created(store, 's2', bob)]
        const asked = [one, two].map((row) => acquire(store, row, 'seat:1', { kind: 'seat', data: { team: 'red' } }))
        const answers: readonly Acquired[] = await Promise.all(asked)
        expect(answers.map(({ kind }) => kind).sort()).toEqual(['granted', 'taken'])
        const granted = answers.find(({ kind }) => kind === 'granted')
        expect(granted).toEqual({ kind: 'granted', lease: await store.lease('seat:1') })
        expect(await store.lease('seat:1')).toMatchObject({ key: 'seat:1', kind: 'seat', data: { team: 'red' } })
        expect(answers.find(({ kind }) => kind === 'taken')).toEqual({ kind: 'taken', state: 'live' })
      }),
    )

    test(
      '[LEASE-2] the holder’s own goes on under its fence, with the new data: a lost grant is asked for again',
      on(async ({ store }) => {
        const row = await created(store, 's1')
        const fence = await fenceOf(acquire(store, row, 'k', { data: 1 }))
        expect(await fenceOf(acquire(store, row, 'k', { data: 2 }))).toBe(fence)
        expect(await store.lease('k')).toMatchObject({ fence, data: 2 })
      }),
    )

    test(
      '[LEASE-3, I29] every new term of any lease has a higher fence than all before it',
      on(async ({ store }) => {
        const [one, two] = [await created(store, 's1'), await created(store, 's2', bob)]
        const fences: number[] = []
        for (const row of [one, two, one, one]) {
          const fence = await fenceOf(acquire(store, row, 'a'))
          fences.push(fence, await fenceOf(acquire(store, row, `b${fence}`)))
          await store.release({ key: 'a', session: row.id, fence })
        }
        expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
      }),
    )

    test(
      '[LEASE-3, I29] also over restarts, and over a restored copy that has not seen the last grants',
      on(async ({ store, copy, reopen }) => {
        const row = await created(store, 's1')
        const fences = [await fenceOf(acquire(store, row, 'a'))]
        const backup = await copy()
        for (const key of ['b', 'c']) fences.push(await fenceOf(acquire(store, row, key)))
        fences.push(await fenceOf(acquire(await reopen(), row, 'd')))
        const lost = await reopen(backup)
        const last = await fenceOf(acquire(lost, row, 'd'))
        expect(last).toBeGreaterThan(fences[2] ?? 0)
      }),
    )

    test(
      '[LEASE-3, I29] also over two lives that began with the same copy',
      on(async ({ store, advance, copy, reopen }) => {
        const row = await created(store, 's1')
        const backup = await copy()
        const first = await fenceOf(acquire(await reopen(backup), row, 'a'))
        await advance(1_000)
        expect(await fenceOf(acquire(await reopen(backup), row, 'a'))).toBeGreaterThan(first)
      }),
    )

    test(
      '[LEASE-4, A50, I30] only the term in force can be released; an older one is told that it is fenced',
      on(async ({ store }) => {
        const [one, two] = [await created(store, 's1'), await created(store, 's2', bob)]
        const old = await fenceOf(acquire(store, one, 'k'))
        expect(await store.release({ key: 'k', session: 's1', fence: old })).toEqual({ kind: 'released' })
        expect(await store.release({ key: 'k', session: 's1', fence: old })).toEqual({ kind: 'not-held' })
        const fence = await fenceOf(acquire(store, two, 'k'))
        expect(await store.release({ key: 'k', session: 's1', fence: old })).toEqual({ kind: 'fenced' })
        expect(await store.release({ key: 'k', session: 's1', fence })).toEqual({ kind: 'not-held' })
        expect(await store.lease('k')).toMatchObject({ session: 's2', fence })
        expect(await events(store)).toMatchObject([{ kind: 'freed', lease: { fence: old }, reason: 'released' }])
      }),
    )
  })

  describe('held leases', () => {
    test(
      '[LEASE-5, I31, S91] while its holder is away a lease is taken, and says when it will be free',
      on(async (suite) => {
        const { store } = suite
        const [one, two] = [await created(store, 's1'), await created(store, 's2', bob)]
        await acquire(store, one, 'k', { holdMs: 10_000 })
        await tick(store)
        await store.detach(ownerOf(one))
        await holdFor(suite, 4_000)
        expect(await acquire(store, two, 'k')).toEqual({ kind: 'taken', state: 'held', freeInMs: 6_000 })
        expect(accepted(await resume(store, ['first-s1', 'h2'], 2)).leases).toMatchObject([{ kind: 'kept' }])
        await holdFor(suite, 20_000)
        expect(await acquire(store, two, 'k')).toEqual({ kind: 'taken', state: 'live' })
      }),
    )

    test(
      '[LEASE-6, I32, S84] one that ran out is freed once: by the sweep',
      on(async (suite) => {
        const { store } = suite
        const one = await created(store, 's1')
        const fence = await fenceOf(acquire(store, one, 'k', { holdMs: 5_000 }))
        await tick(store)
        await store.detach(ownerOf(one))
        await holdFor(suite, 4_000)
        expect(await store.lease('k')).toMatchObject({ fence })
        await holdFor(suite, 3_000)
        expect(await store.lease('k')).toBe(null)
        expect(await events(store)).toMatchObject([{ kind: 'freed', lease: { key: 'k', fence }, reason: 'ran-out' }])
        expect((await store.session('s1'))?.status.state).toBe('held')
      }),
    )

    test(
      '[LEASE-6, I32] or by the grant to another, which tells the same; the former holder is told why',
      on(async (suite) => {
        const { store } = suite
        const [one, two] = [await created(store, 's1'), await created(store, 's2', bob)]
        const old = await fenceOf(acquire(store, one, 'k', { holdMs: 5_000 }))
        const late = await created(store, 's3')
        const lateFence = await fenceOf(acquire(store, late, 'late', { holdMs: 5_000 }))
        await tick(store)
        await store.detach(ownerOf(one))
        await store.detach(ownerOf(late))
        await holdFor(suite, 4_000)
        // This tick makes both due, but has no time to sweep more than one.
        await suite.advance(1_000)
        await store.tick({ node: 'n1', nodeLeaseMs: 10_000, freezeMs: 15_000, rowsMax: 1 })
        const fences = [await fenceOf(acquire(store, two, 'k')), await fenceOf(acquire(store, two, 'late'))]
        expect(fences.every((fence) => fence > lateFence)).toBe(true)
        await tick(store)
        const told = (await events(store)).map((event) =>
          event.kind === 'freed' ? [event.lease.fence, event.reason] : event,
        )
        expect(told.sort()).toEqual([
          [old, 'ran-out'],
          [lateFence, 'ran-out'],
        ])
        for (const [session, key] of [
          ['s1', 'k'],
          ['s3', 'late'],
        ] as const) {
          const { leases } = accepted(await resume(store, [`first-${session}`, 'h2'], 2, { session }))
          expect(leases).toEqual([{ kind: 'lost', key, reason: 'ran-out' }])
        }
      }),
    )

    test(
      '[LEASE-7] another session of the same user gets it at once, but only while the holder is away',
      on(async ({ store }) => {
        const [one, two] = [await created(store, 's1'), await created(store, 's2')]
        const old = await fenceOf(acquire(store, one, 'k'))
        expect(await acquire(store, two, 'k')).toEqual({ kind: 'taken', state: 'live' })
        await store.detach(ownerOf(one))
        expect(await fenceOf(acquire(store, two, 'k'))).toBeGreaterThan(old)
        expect(await events(store)).toEqual([])
        const { leases } = accepted(await resume(store, ['first-s1', 'h2'], 2))
        expect(leases).toEqual([{ kind: 'lost', key: 'k', reason: 'taken' }])
      }),
    )

    test(
      '[LEASE-8, I34, S53] right after an outage nobody else is granted what is due: first hold time must move again',
      on(async (suite) => {
        const { store, advance } = suite
        const [one, two] = [await created(store, 's1'), await created(store, 's2', bob)]
        await acquire(store, one, 'k', { holdMs: 5_000 })
        await tick(store)
        await store.detach(ownerOf(one))
        await holdFor(suite, 4_000)
        await advance(600_000)
        expect(await acquire(store, two, 'k')).toMatchObject({ kind: 'taken', state: 'held' })
        expect(await tick(store)).toMatchObject({ isFrozen: true })
        expect(await acquire(store, two, 'k')).toEqual({ kind: 'taken', state: 'held', freeInMs: 16_000 })
        await holdFor(suite, 15_000)
        expect((await acquire(store, two, 'k')).kind).toBe('taken')
        await holdFor(suite, 1_000)
        expect((await acquire(store, two, 'k')).kind).toBe('granted')
      }),
    )

    test(
      '[LEASE-9, A51] a new term after a loss forgets the loss; the late word of the old term is fenced',
      on(async (suite) => {
        const { store } = suite
        const one = await created(store, 's1')
        const old = await fenceOf(acquire(store, one, 'k', { holdMs: 2_000 }))
        await tick(store)
        await store.detach(ownerOf(one))
        await holdFor(suite, 3_000)
        const { row } = accepted(await resume(store, ['first-s1', 'h2'], 2))
        expect(await fenceOf(acquire(store, row, 'k'))).toBeGreaterThan(old)
        expect(await store.release({ key: 'k', session: 's1', fence: old })).toEqual({ kind: 'fenced' })
        expect(accepted(await resume(store, ['first-s1', 'h2'], 3)).leases).toMatchObject([{ kind: 'kept' }])
      }),
    )
  })
})
