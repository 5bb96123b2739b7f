// The store suite: publishes that come again. Applied once, answered as the first time, or honestly `unknown`.

import { append, appendAll, dataOf, headOf, numbers, readLast, roomy, suite, withStore } from './store-suite-parts.js'

export const producerRules = suite(({ describe, test, expect }, open) => {
  const on = (body: Parameters<typeof withStore>[1]) => withStore(open, body)

  describe('producers', () => {
    test(
      '[PROD-1, I18, I19, S64] a publish that comes again gets its first answer again and changes nothing',
      on(async ({ store }) => {
        const first = await append(store, 'a', '1', { producer: { seq: 1 } })
        await append(store, 'a', '2', { producer: { seq: 2, prev: 1 } })
        for (const again of [true, false]) {
          const answer = await append(store, 'a', '1', { tag: 'another', producer: { seq: 1, again } })
          expect(answer).toEqual({ ...first, kind: 'duplicate' })
        }
        expect(dataOf(await readLast(store, 'a', 9))).toEqual(['1', '2'])
      }),
    )

    test(
      '[PROD-1] sent twice at once, it is applied once',
      on(async ({ store }) => {
        const twice = numbers(1, 2).map((n) => append(store, 'a', '1', { tag: `t${n}`, producer: { again: n === 2 } }))
        expect((await Promise.all(twice)).map(({ kind }) => kind)).toEqual(['appended', 'duplicate'])
        expect((await headOf(store, 'a')).offset).toBe(1)
      }),
    )

    test(
      '[PROD-2, I19, A33] the same seq with another payload is refused: other text, bytes, or key',
      on(async ({ store }) => {
        await append(store, 'a', '1', { producer: {} })
        const mismatch = { kind: 'payload-mismatch' }
        expect(await append(store, 'a', '2', { producer: {} })).toEqual(mismatch)
        expect(await append(store, 'a', new Uint8Array([49]), { producer: {} })).toEqual(mismatch)
        expect(await append(store, 'a', '1', { key: 'k', producer: {} })).toEqual(mismatch)
        expect((await headOf(store, 'a')).offset).toBe(1)
      }),
    )

    test(
      '[PROD-3, I05] only what follows the last one is appended; the rest is told the last one',
      on(async ({ store }) => {
        await append(store, 'a', '1', { producer: { seq: 4 } })
        const early = await append(store, 'a', '3', { producer: { seq: 6, prev: 5 } })
        expect(early).toEqual({ kind: 'out-of-order', last: 4 })
        const fresh = await append(store, 'a', '3', { producer: { seq: 6, prev: 0 } })
        expect(fresh).toEqual({ kind: 'out-of-order', last: 4 })
        expect(await append(store, 'a', '2', { producer: { seq: 6, prev: 4 } })).toMatchObject({ kind: 'appended' })
        expect(dataOf(await readLast(store, 'a', 9))).toEqual(['1', '2'])
      }),
    )

    test(
      '[PROD-3] an item that its producer skipped can never take its place again',
      on(async ({ store }) => {
        await append(store, 'a', '1', { producer: { seq: 1 } })
        await append(store, 'a', '3', { producer: { seq: 3, prev: 1 } })
        expect(await append(store, 'a', '2', { producer: { seq: 2, prev: 1, again: true } })).toEqual({
          kind: 'unknown',
        })
        expect((await headOf(store, 'a')).offset).toBe(2)
      }),
    )

    test(
      '[PROD-4] the first answers of the last 32 are kept; older ones are duplicates without a position',
      on(async ({ store }) => {
        for (const seq of numbers(1, 40)) await append(store, 'a', `${seq}`, { producer: { seq, prev: seq - 1 } })
        const kept = await append(store, 'a', '9', { producer: { seq: 9, prev: 8, again: true } })
        expect(kept).toMatchObject({ kind: 'duplicate', position: { offset: 9 } })
        const older = await append(store, 'a', '8', { producer: { seq: 8, prev: 7, again: true } })
        expect(older).toEqual({ kind: 'duplicate', position: null })
      }),
    )

    test(
      '[PROD-5] a record starts with the first item; what was in flight behind a failed one must not start it',
      on(async ({ store }) => {
        const follower = await append(store, 'a', '2', { producer: { seq: 2, prev: 1 } })
        expect(follower).toEqual({ kind: 'out-of-order', last: 0 })
        expect(await append(store, 'a', '7', { producer: { seq: 7, prev: 0 } })).toMatchObject({ kind: 'appended' })
        expect(await append(store, 'a', '8', { producer: { seq: 8, prev: 7 } })).toMatchObject({ kind: 'appended' })
      }),
    )

    test(
      '[PROD-6] records are kept per user, producer and room',
      on(async ({ store }) => {
        const each = [
          await append(store, 'a', '1', { producer: {} }),
          await append(store, 'b', '1', { producer: {} }),
          await append(store, 'a', '1', { tag: 't2', producer: { user: 'bob' } }),
          await append(store, 'a', '1', { tag: 't3', producer: { producer: 'q' } }),
          await append(store, 'a', '1', { tag: 't4', producer: { user: 'annp', producer: '' } }),
        ]
        expect(each.map(({ kind }) => kind)).toEqual(each.map(() => 'appended'))
        expect((await headOf(store, 'a')).offset).toBe(4)
      }),
    )
  })

  describe('forgotten producers', () => {
    test(
      '[PROD-7, I21, S76] once the record may have been forgotten by age, a repetition is unknown, never applied',
      on(async ({ store, advance }) => {
        const retention = { ...roomy, producerAgeMs: 1_000 }
        await append(store, 'a', '1', { retention, producer: {} })
        await advance(999)
        expect(await append(store, 'a', '1', { retention, producer: { again: true } })).toMatchObject({
          kind: 'duplicate',
        })
        await advance(1_000)
        expect(await append(store, 'a', '1', { retention, producer: { again: true } })).toEqual({ kind: 'unknown' })
        expect((await headOf(store, 'a')).offset).toBe(1)
      }),
    )

    test(
      '[PROD-7, I51] at most producersMax records are kept: the one used longest ago goes',
      on(async ({ store }) => {
        const retention = { ...roomy, producersMax: 2 }
        const sent = (producer: string, again: boolean) =>
          append(store, 'a', producer, { retention, producer: { producer, again } })
        for (const producer of ['p', 'q']) await sent(producer, false)
        expect(await sent('p', true)).toMatchObject({ kind: 'duplicate' })
        await sent('r', false)
        expect((await sent('p', true)).kind).toBe('duplicate')
        expect((await sent('q', true)).kind).toBe('unknown')
        expect((await headOf(store, 'a')).offset).toBe(3)
      }),
    )

    test(
      '[PROD-8, I20] while the room has forgotten nobody, a repetition without a record was never applied: it is now',
      on(async ({ store }) => {
        await append(store, 'a', 'other', { producer: { producer: 'q' } })
        expect(await append(store, 'a', '1', { producer: { again: true } })).toMatchObject({ kind: 'appended' })
        const follower = await append(store, 'a', '9', { producer: { producer: 'r', seq: 9, prev: 8, again: true } })
        expect(follower).toEqual({ kind: 'out-of-order', last: 0 })
      }),
    )

    test(
      '[PROD-8, I20] nor was it when the room forgot nobody since the sender first sent it',
      on(async ({ store }) => {
        const retention = { ...roomy, producersMax: 1 }
        const before = await appendAll(store, 'a', ['0'])
        await append(store, 'a', '1', { retention, producer: { producer: 'q' } })
        const since = await headOf(store, 'a')
        const sent = (sentAfter: typeof since) =>
          append(store, 'a', '3', { retention, producer: { again: true, sentAfter } })
        // Of q, the room forgets what it wrote at offset 2.
        await append(store, 'a', '2', { retention, producer: { producer: 'r' } })
        expect(await sent(before)).toEqual({ kind: 'unknown' })
        expect(await sent({ ...since, epoch: 'elsewhere' })).toEqual({ kind: 'unknown' })
        expect(await sent({ ...since, offset: 99 })).toEqual({ kind: 'unknown' })
        expect(await sent(since)).toMatchObject({ kind: 'appended' })
      }),
    )

    test(
      '[PROD-9, S47, I18] records survive with the entries they belong to, and are lost only with them',
      on(async ({ store, copy, reopen }) => {
        const first = await append(store, 'a', '1', { producer: { seq: 1 } })
        const backup = await copy()
        const kept = await reopen()
        expect(await append(kept, 'a', '1', { producer: { seq: 1, again: true } })).toEqual({
          ...first,
          kind: 'duplicate',
        })
        await append(kept, 'a', '2', { producer: { seq: 2, prev: 1 } })
        const older = await reopen(backup)
        expect(await append(older, 'a', '2', { producer: { seq: 2, prev: 1, again: true } })).toMatchObject({
          kind: 'appended',
          position: { offset: 2 },
        })
      }),
    )
  })
})
