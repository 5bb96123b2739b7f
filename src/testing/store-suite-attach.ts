// The store suite: creating and resuming, over lost replies, late dials and changed rights.

import {
  accepted,
  acquire,
  attach,
  controls,
  created,
  holdFor,
  ownerOf,
  resume,
  suite,
  user,
  withStore,
} from './store-suite-parts.js'

const ann = { user: user('ann') }

export const attachRules = suite(({ describe, test, expect }, open) => {
  const on = (body: Parameters<typeof withStore>[1]) => withStore(open, body)

  describe('resuming', () => {
    test(
      '[ATT-1, S36, S38, S39] the right secret brings the session back: rooms kept, secret moved on, generation raised',
      on(async (suite) => {
        const { store } = suite
        const row = await created(store, 's1')
        await store.enter(ownerOf(row), 'a', { readableFrom: 2, graceMs: 5_000 })
        await store.detach(ownerOf(row))
        await holdFor(suite, 3_000)
        const details = { node: 'n2', connection: 'c2', instance: 'i2', holdMs: 60_000 }
        const answer = accepted(await resume(store, ['first-s1', 'h2'], 7, details))
        expect(answer).toMatchObject({ kind: 'resumed', downMs: 3_000, superseded: null })
        expect(answer.row).toMatchObject({
          id: 's1',
          user: 'ann',
          claims: { role: 'player' },
          lastAttempt: 7,
          generation: row.generation + 1,
          instance: 'i2',
          holdMs: 60_000,
          secrets: { current: 'h2', previous: 'first-s1' },
          rooms: { a: { readableFrom: 2 } },
          status: { state: 'live', node: 'n2', connection: 'c2' },
        })
        expect(await store.session('s1')).toEqual(answer.row)
      }),
    )

    test(
      '[ATT-1] claims are replaced when the hooks gave new ones, and kept otherwise',
      on(async ({ store }) => {
        await created(store, 's1')
        const kept = accepted(await resume(store, ['first-s1', 'h2'], 2))
        expect(kept.row.claims).toEqual({ role: 'player' })
        const given = accepted(await resume(store, ['h2', 'h3'], 3, { user: { user: 'ann', claims: [1] } }))
        expect(given.row.claims).toEqual([1])
      }),
    )

    test(
      '[ATT-2, I36, S6, S37, A39] a live session is taken over at once; the answer names who had it',
      on(async ({ store }) => {
        await created(store, 's1', { node: 'n1', connection: 'c1', instance: 'i1' })
        const answer = accepted(await resume(store, ['first-s1', 'h2'], 2, { node: 'n2' }))
        expect(answer.superseded).toEqual({ node: 'n1', connection: 'c1', instance: 'i1' })
        expect(answer.downMs).toBe(0)
      }),
    )

    test(
      '[ATT-2, I36, S37, A39] of many at once with one secret, the highest attempt ends as the owner',
      on(async ({ store }) => {
        await created(store, 's1')
        const attempts = [3, 2, 6, 4, 5]
        const answers = await Promise.all(
          attempts.map((attempt) => resume(store, ['first-s1', 'h2'], attempt, { instance: `i${attempt}` })),
        )
        const won = answers.flatMap((answer) => (answer.kind === 'resumed' ? answer.row.generation : []))
        expect(new Set(won).size).toBe(won.length)
        expect(await store.session('s1')).toMatchObject({ lastAttempt: 6, instance: 'i6' })
      }),
    )

    test(
      '[ATT-3, I37, A40] a lost welcome: the same pair again is the same resume, as often as it takes',
      on(async ({ store }) => {
        await created(store, 's1')
        let generation = 0
        for (const attempt of [2, 3, 4]) {
          const { kind, row } = accepted(await resume(store, ['first-s1', 'h2'], attempt))
          expect([kind, row.secrets.current, row.secrets.previous]).toEqual(['resumed', 'h2', 'first-s1'])
          expect(row.generation).toBeGreaterThan(generation)
          generation = row.generation
        }
        expect(accepted(await resume(store, ['h2', 'h3'], 5)).row.secrets.current).toBe('h3')
      }),
    )

    test(
      '[ATT-4, I35, I37] an attempt not above the last changes nothing and is told the last',
      on(async ({ store }) => {
        await created(store, 's1')
        const { row } = accepted(await resume(store, ['first-s1', 'h2'], 5))
        const before = await controls(store)
        for (const attempt of [5, 4, 0]) {
          for (const pair of [
            ['first-s1', 'h2'],
            ['h2', 'h3'],
            ['h2', 'other'],
          ] as const) {
            expect(await resume(store, pair, attempt)).toEqual({ kind: 'stale-attempt', lastAttempt: 5 })
          }
        }
        expect(await store.session('s1')).toEqual(row)
        expect(await controls(store)).toEqual(before)
      }),
    )

    test(
      '[ATT-5, S32, A42] another user than the session’s is refused; the session is unharmed',
      on(async ({ store }) => {
        const row = await created(store, 's1')
        for (const pair of [
          ['first-s1', 'h2'],
          ['first-s1', 'x'],
        ] as const) {
          expect(await resume(store, pair, 2, { user: user('bob') })).toEqual({ kind: 'user-mismatch' })
        }
        expect(await store.session('s1')).toEqual(row)
      }),
    )

    test(
      '[ATT-6, I56] rights that changed since the hooks looked: nothing happens, the hooks look again',
      on(async ({ store }) => {
        const row = await created(store, 's1')
        const { rightsVersion } = row
        await store.changeRights('ann')
        const changed = await resume(store, ['first-s1', 'h2'], 2, { rightsVersion })
        expect(changed).toEqual({ kind: 'rights-changed' })
        expect((await store.session('s1'))?.generation).toBe(row.generation)
        const seen = (await store.session('s1'))?.rightsVersion ?? null
        expect((await resume(store, ['first-s1', 'h2'], 2, { rightsVersion: seen })).kind).toBe('resumed')
      }),
    )

    test(
      '[ATT-6, I56] so it is for a new session: only its own user counts, and only what came since',
      on(async ({ store, copy, reopen }) => {
        await store.changeRights('ann')
        const backup = await copy()
        const rightsCount = await store.rightsCount()
        await store.changeRights('bob')
        expect((await attach(store, { rightsCount })).kind).toBe('created')
        await store.changeRights('ann')
        const changed = { kind: 'rights-changed' }
        expect(await attach(store, { rightsCount, nextHash: 'h2', newSession: 's2' })).toEqual(changed)
        expect(await attach(store, { rightsCount, attempt: 2, newSession: 's2' })).toEqual(changed)
        expect((await store.sessionsOf('ann')).map(({ generation }) => generation)).toEqual([1])

        const older = await reopen(backup)
        await older.changeRights('ann')
        expect(await attach(older, { rightsCount, nextHash: 'h2', newSession: 's2' })).toEqual(changed)
      }),
    )

    test(
      '[ATT-19, I29] generations rise over restarts, and over copies that have not seen the last ones',
      on(async ({ store, advance, copy, reopen }) => {
        await created(store, 's1')
        const backup = await copy()
        const resumed = async (on: typeof store, pair: readonly [string, string], attempt: number) =>
          accepted(await resume(on, pair, attempt)).row.generation
        const generations = [await resumed(store, ['first-s1', 'h2'], 2), await resumed(store, ['h2', 'h3'], 3)]
        for (const attempt of [4, 5]) {
          await advance(1_000)
          generations.push(await resumed(await reopen(backup), ['first-s1', `h${attempt}`], attempt))
        }
        expect(generations).toEqual([...new Set(generations)].sort((a, b) => a - b))
      }),
    )

    test(
      '[ATT-7, I33] a resume tells each lease it holds, and each it lost until the client has surely read it',
      on(async (suite) => {
        const { store } = suite
        const row = await created(store, 's1')
        await acquire(store, row, 'name:ann', { holdMs: 2_000 })
        await acquire(store, row, 'seat:1', { holdMs: 3_600_000 })
        await store.detach(ownerOf(row))
        await holdFor(suite, 3_000)
        const kept = { kind: 'kept', lease: await store.lease('seat:1') }
        const lost = { kind: 'lost', key: 'name:ann', reason: 'ran-out' }
        for (const attempt of [2, 3]) {
          expect(accepted(await resume(store, ['first-s1', 'h2'], attempt)).leases).toEqual([kept, lost])
        }
        expect(accepted(await resume(store, ['h2', 'h3'], 4)).leases).toEqual([kept])
      }),
    )

    test(
      '[ATT-7, ATT-9] so does a creation that is asked for again',
      on(async (suite) => {
        const { store } = suite
        const row = await created(store, 's1')
        await acquire(store, row, 'name:ann', { holdMs: 2_000 })
        await store.detach(ownerOf(row))
        await holdFor(suite, 3_000)
        const again = (attempt: number) => attach(store, { nextHash: 'first-s1', attempt, newSession: 's2' })
        const lost = { kind: 'lost', key: 'name:ann', reason: 'ran-out' }
        for (const attempt of [2, 3]) expect(accepted(await again(attempt)).leases).toEqual([lost])
        expect(accepted(await resume(store, ['first-s1', 'h2'], 4)).leases).toEqual([])
      }),
    )
  })

  describe('creating', () => {
    test(
      '[ATT-8, S41] without the named session a new one is made, and told why',
      on(async ({ store }) => {
        const unknown = accepted(await resume(store, ['x', 'h1'], 1, { ...ann, session: 'gone', newSession: 's1' }))
        expect([unknown.kind, unknown.row.id, unknown.row.newReason]).toEqual(['created', 's1', 'session-unknown'])
        const wrong = accepted(await resume(store, ['x', 'h2'], 2, { ...ann, newSession: 's2' }))
        expect([wrong.kind, wrong.row.id, wrong.row.newReason]).toEqual(['created', 's2', 'secret-unknown'])
        await store.end({ session: 's1', generation: null, reason: 'kicked' })
        const ended = accepted(await resume(store, ['h1', 'h3'], 3, { ...ann, newSession: 's3' }))
        expect([ended.kind, ended.row.id, ended.row.newReason]).toEqual(['created', 's3', 'session-ended'])
      }),
    )

    test(
      '[ATT-8, A47] a new session needs a user',
      on(async ({ store }) => {
        expect(await attach(store, { user: null })).toEqual({ kind: 'user-needed' })
        expect(await resume(store, ['x', 'h'], 1)).toEqual({ kind: 'user-needed' })
      }),
    )

    test(
      '[ATT-9, I37] a lost welcome: the same hello makes the same session, with the same reason',
      on(async ({ store }) => {
        const first = accepted(await resume(store, ['x', 'h1'], 1, { ...ann, session: 'gone', newSession: 's1' }))
        const again = accepted(await resume(store, ['x', 'h1'], 2, { ...ann, session: 'gone', newSession: 's2' }))
        expect([again.kind, again.row.id, again.row.newReason]).toEqual(['created', 's1', 'session-unknown'])
        expect(again.row.generation).toBeGreaterThan(first.row.generation)
        expect(again.superseded).toEqual({ node: 'n1', connection: 'c1', instance: 'i1' })
        expect((await store.sessionsOf('ann')).length).toBe(1)
      }),
    )

    test(
      '[ATT-9, I37] a late creating hello makes nothing: neither before nor after the session was resumed',
      on(async ({ store }) => {
        await attach(store, { attempt: 3 })
        const late = () => attach(store, { attempt: 2, newSession: 's2' })
        expect(await late()).toEqual({ kind: 'stale-attempt', lastAttempt: 3 })
        expect(await attach(store, { attempt: 3, newSession: 's2' })).toEqual({ kind: 'stale-attempt', lastAttempt: 3 })
        await resume(store, ['h1', 'h2'], 4)
        expect(await late()).toEqual({ kind: 'stale-attempt', lastAttempt: 4 })
        await store.end({ session: 's1', generation: null, reason: 'left' })
        expect(await late()).toEqual({ kind: 'stale-attempt', lastAttempt: 4 })
        expect(await resume(store, ['h1', 'h2'], 3, ann)).toEqual({ kind: 'stale-attempt', lastAttempt: 4 })
      }),
    )

    test(
      '[ATT-10, A70] once the session was resumed, the creating hello of a copy gets a session of its own',
      on(async ({ store }) => {
        await attach(store, { attempt: 1 })
        const { row } = accepted(await resume(store, ['h1', 'h2'], 2))
        const copy = accepted(await attach(store, { attempt: 9, newSession: 's2' }))
        expect([copy.kind, copy.row.id]).toEqual(['created', 's2'])
        expect(await store.session('s1')).toEqual(row)
        expect(accepted(await attach(store, { attempt: 10, newSession: 's3' })).row.id).toBe('s2')
      }),
    )

    test(
      '[ATT-10, I38] equal hashes of two users make two sessions',
      on(async ({ store }) => {
        await attach(store, { attempt: 1 })
        const other = accepted(await attach(store, { attempt: 1, user: user('bob'), newSession: 's2' }))
        expect([other.row.id, other.row.user]).toEqual(['s2', 'bob'])
        expect(accepted(await attach(store, { attempt: 2, newSession: 's3' })).row.id).toBe('s1')
      }),
    )
  })

  test(
    '[ATT-11, S45, S53] sessions survive a restart as they were: live ones are resumed, held ones too',
    on(async ({ store, reopen }) => {
      await created(store, 's1')
      const held = await created(store, 's2')
      await store.detach(ownerOf(held))
      const next = await reopen()
      expect((await resume(next, ['first-s1', 'h2'], 2)).kind).toBe('resumed')
      expect((await resume(next, ['first-s2', 'h2'], 2, { session: 's2' })).kind).toBe('resumed')
      expect((await next.sessionsOf('ann')).map(({ id }) => id).sort()).toEqual(['s1', 's2'])
    }),
  )
})
