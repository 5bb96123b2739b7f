// The store suite: used secrets. The honest client is never locked out and never alarmed; a second party is seen at
// its first act.

import type { Store } from '../store/store.js'
import {
  accepted,
  acquire,
  controls,
  created,
  events,
  numbers,
  resume,
  suite,
  user,
  withStore,
} from './store-suite-parts.js'

const ann = { user: user('ann') }
const proven = { ...ann, mayTakeOver: true }

/** Session s1 at secret h`steps`; its attempts were 2 … steps + 1. */
async function movedOn(store: Store, steps: number) {
  await created(store, 's1')
  for (const step of numbers(1, steps)) {
    accepted(await resume(store, [step === 1 ? 'first-s1' : `h${step - 1}`, `h${step}`], step + 1))
  }
}

export const secretRules = suite(({ describe, test, expect }, open) => {
  const on = (body: Parameters<typeof withStore>[1]) => withStore(open, body)

  describe('used secrets', () => {
    test(
      '[ATT-12, I37] an abandoned dial that arrives late is stale, however many steps ago it was: no alarm',
      on(async ({ store }) => {
        await movedOn(store, 7)
        const before = await store.session('s1')
        for (const step of numbers(2, 7)) {
          const late = await resume(store, [`h${step - 1}`, `h${step}`], step)
          expect(late).toEqual({ kind: 'stale-attempt', lastAttempt: 8 })
        }
        expect(await store.session('s1')).toEqual(before)
        expect((await resume(store, ['h7', 'h8'], 9)).kind).toBe('resumed')
      }),
    )

    for (const [what, attempt] of [
      ['a later', 99],
      ['a stale', 1],
    ] as const) {
      test(
        `[ATT-13, I37, A40] a used secret with a next of its own is the alarm, also at ${what} attempt`,
        on(async ({ store }) => {
          await movedOn(store, 3)
          const { generation = 0 } = (await store.session('s1')) ?? {}
          expect(await resume(store, ['h2', 'thief'], attempt)).toEqual({ kind: 'secret-reused' })
          expect((await store.session('s1'))?.status).toEqual({ state: 'ended', reason: 'revoked' })
          expect((await controls(store)).at(-1)).toEqual({
            kind: 'ended',
            session: 's1',
            generation,
            reason: 'revoked',
          })
          expect(await events(store)).toMatchObject([{ kind: 'ended', session: 's1', reason: 'revoked' }])
        }),
      )
    }

    test(
      '[ATT-13, I37] so is an old pair at a new attempt: its owner would know the next one',
      on(async ({ store }) => {
        await movedOn(store, 3)
        expect(await resume(store, ['h1', 'h2'], 5)).toEqual({ kind: 'secret-reused' })
      }),
    )

    test(
      '[ATT-14, A41] a secret is known as used for nine steps; before that it is unknown',
      on(async ({ store }) => {
        await movedOn(store, 10)
        const older = await resume(store, ['first-s1', 'x'], 99, { ...ann, newSession: 's2' })
        expect(accepted(older).row.newReason).toBe('secret-unknown')
        expect(await resume(store, ['h1', 'x'], 99, ann)).toEqual({ kind: 'secret-reused' })
      }),
    )

    test(
      '[ATT-15, A38] whoever proves a revoked session is told so; others and other users get a new one',
      on(async ({ store }) => {
        await movedOn(store, 2)
        await store.end({ session: 's1', generation: null, reason: 'revoked' })
        for (const pair of [
          ['h2', 'h3'],
          ['h1', 'h2'],
          ['h1', 'x'],
        ] as const) {
          expect(await resume(store, pair, 9, ann)).toEqual({ kind: 'revoked' })
        }
        const wrong = await resume(store, ['x', 'h3'], 9, { ...ann, newSession: 's2' })
        expect(accepted(wrong).row.newReason).toBe('secret-unknown')
        const other = await resume(store, ['h2', 'h3'], 9, { user: user('bob'), newSession: 's3' })
        expect(accepted(other).row.newReason).toBe('session-ended')
      }),
    )

    test(
      '[ATT-16, A37] unknown, cut, other sessions’ and empty secrets are all the same: unknown',
      on(async ({ store }) => {
        await created(store, 's1')
        await created(store, 's2')
        for (const [index, secret] of ['', 'first-s', 'first-s11', 'first-s2', 'x'].entries()) {
          const details = { ...ann, newSession: `new${index}` }
          const answer = accepted(await resume(store, [secret, `n${index}`], 9, details))
          expect([answer.kind, answer.row.newReason]).toEqual(['created', 'secret-unknown'])
        }
        expect((await store.session('s1'))?.status.state).toBe('live')
      }),
    )
  })

  describe('a proven user', () => {
    test(
      '[ATT-17, S32] with a proof of the same user a used secret is a takeover, and its repetition the same again',
      on(async ({ store }) => {
        await movedOn(store, 3)
        await acquire(store, accepted(await resume(store, ['h3', 'h4'], 5)).row, 'name:ann')
        const taken = accepted(await resume(store, ['h1', 'own'], 6, proven))
        expect(taken).toMatchObject({ kind: 'resumed', row: { id: 's1' }, leases: [{ kind: 'kept' }] })
        // The welcome was lost, and the token has run out since.
        expect((await resume(store, ['h1', 'own'], 7)).kind).toBe('resumed')
        expect((await resume(store, ['own', 'own2'], 8)).kind).toBe('resumed')
        expect(await resume(store, ['h1', 'own'], 6)).toEqual({ kind: 'stale-attempt', lastAttempt: 8 })
      }),
    )

    test(
      '[ATT-17] the party that was taken over now holds the used secret itself',
      on(async ({ store }) => {
        await movedOn(store, 3)
        await resume(store, ['h1', 'own'], 6, proven)
        expect((await resume(store, ['h3', 'h4'], 7, proven)).kind).toBe('resumed')
        expect(await resume(store, ['own', 'own2'], 8)).toEqual({ kind: 'secret-reused' })
      }),
    )

    test(
      '[ATT-17, ATT-4] a takeover is refused as stale like any other',
      on(async ({ store }) => {
        await movedOn(store, 3)
        const before = await store.session('s1')
        expect(await resume(store, ['h1', 'own'], 4, proven)).toEqual({ kind: 'stale-attempt', lastAttempt: 4 })
        expect(await store.session('s1')).toEqual(before)
      }),
    )
  })

  describe('a store that was set back', () => {
    test(
      '[ATT-18, I37] the previous secret is tried when the first is unknown, and its lost welcome too',
      on(async ({ store, copy, reopen }) => {
        await movedOn(store, 2)
        const backup = await copy()
        await resume(store, ['h2', 'h3'], 4)
        const next = await reopen(backup)
        for (const attempt of [5, 6]) {
          const answer = accepted(await resume(next, ['h3', 'h4'], attempt, { previousHash: 'h2' }))
          expect([answer.kind, answer.row.secrets.current]).toEqual(['resumed', 'h4'])
        }
        expect((await resume(next, ['h4', 'h5'], 7, { previousHash: 'h3' })).kind).toBe('resumed')
        const late = await resume(next, ['h3', 'h4'], 5, { previousHash: 'h2' })
        expect(late).toEqual({ kind: 'stale-attempt', lastAttempt: 7 })
      }),
    )

    test(
      '[ATT-18] a previous secret raises no alarm: when it is a used one, the secret is unknown',
      on(async ({ store }) => {
        await movedOn(store, 3)
        const details = { ...ann, previousHash: 'h1', newSession: 's2' }
        const answer = accepted(await resume(store, ['x', 'y'], 9, details))
        expect(answer.row.newReason).toBe('secret-unknown')
        expect((await store.session('s1'))?.status.state).toBe('live')
      }),
    )
  })
})
