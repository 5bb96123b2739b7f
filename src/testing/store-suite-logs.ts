// The store suite: rooms, their entries, what is kept of them, who hears of them.

import type { Hint } from '../store/store.js'
import {
  append,
  appendAll,
  dataOf,
  headOf,
  numbers,
  offsetsOf,
  readAfter,
  readLast,
  roomy,
  suite,
  withStore,
} from './store-suite-parts.js'

export const logRules = suite(({ describe, test, expect }, open) => {
  const on = (body: Parameters<typeof withStore>[1]) => withStore(open, body)

  describe('logs', () => {
    test(
      '[LOG-1, I01] entries of a room are numbered 1, 2, 3, … in the order of the calls',
      on(async ({ store }) => {
        const asked = numbers(1, 20).flatMap((n) => [append(store, 'a', `a${n}`), append(store, 'b', `b${n}`)])
        const answers = await Promise.all(asked)
        const offsets = answers.map((answer) => (answer.kind === 'appended' ? answer.position.offset : answer.kind))
        expect(offsets).toEqual(numbers(1, 20).flatMap((n) => [n, n]))
        expect(dataOf(await readLast(store, 'a', 100))).toEqual(numbers(1, 20).map((n) => `a${n}`))
      }),
    )

    test(
      '[LOG-2, I08] reading after a position gives exactly the entries behind it',
      on(async ({ store }) => {
        const second = await appendAll(store, 'a', ['1', '2'])
        await appendAll(store, 'a', ['3', '4'])
        const page = await readAfter(store, 'a', second)
        expect(page).toMatchObject({ verdict: { kind: 'complete' }, start: second, head: { offset: 4 } })
        expect(offsetsOf(page)).toEqual([3, 4])
        expect(dataOf(await readAfter(store, 'a', page.head))).toEqual([])
      }),
    )

    test(
      '[LOG-2] what was appended comes back unchanged: text, bytes, author, mark, key, time',
      on(async ({ store }) => {
        const by = { session: 's', user: 'ann' }
        const entry = { tag: 't', atMs: 77, by, mark: 'm', key: 'k', data: new Uint8Array([0, 255, 10]) }
        await store.append({ room: 'a', entry, fence: null, producer: null, retention: roomy, durability: 'memory' })
        await append(store, 'a', '"ünï \u{1f9ad}"')
        const [bytes, text] = (await readLast(store, 'a', 9)).entries
        expect({ ...bytes, position: 0, data: [...(bytes?.data ?? [])] }).toEqual({
          position: 0,
          atMs: 77,
          by,
          mark: 'm',
          key: 'k',
          data: [0, 255, 10],
        })
        expect(text).toMatchObject({ by: null, mark: null, key: null, data: '"ünï \u{1f9ad}"' })
      }),
    )

    test(
      '[LOG-3] the last n entries: none at the head, all when n is more than there are; never a gap',
      on(async ({ store }) => {
        await appendAll(store, 'a', ['1', '2', '3'])
        expect(dataOf(await readLast(store, 'a', 0))).toEqual([])
        expect(dataOf(await readLast(store, 'a', 2))).toEqual(['2', '3'])
        const page = await readLast(store, 'a', 50, { readableFrom: 3 })
        expect(page).toMatchObject({ verdict: { kind: 'complete' }, start: { offset: 2 } })
        expect(dataOf(page)).toEqual(['3'])
      }),
    )

    test(
      '[LOG-4] a room never written stands at offset 0 of the epoch, with the birth tag, and can be continued from',
      on(async ({ store }) => {
        const head = await headOf(store, 'a')
        expect(head.offset).toBe(0)
        expect(await headOf(store, 'b')).toEqual(head)
        expect(await readLast(store, 'a', 10)).toEqual({
          verdict: { kind: 'complete' },
          start: head,
          entries: [],
          head,
        })
        await appendAll(store, 'a', ['1'])
        expect(dataOf(await readAfter(store, 'a', head))).toEqual(['1'])
      }),
    )

    test(
      '[LOG-5] a later entry with the same key empties the older one: its offset and tag stay',
      on(async ({ store }) => {
        const first = await appendAll(store, 'a', ['old'], { key: 'k' })
        await appendAll(store, 'a', ['other'], { key: 'other' })
        await appendAll(store, 'a', ['new'], { key: 'k' })
        const page = await readLast(store, 'a', 10)
        expect(dataOf(page)).toEqual([null, 'other', 'new'])
        expect(page.entries[0]?.position).toEqual(first)
        expect(dataOf(await readAfter(store, 'a', first))).toEqual(['other', 'new'])
      }),
    )

    test(
      '[LOG-9] heads come in the order asked, of any number of rooms',
      on(async ({ store }) => {
        await appendAll(store, 'a', ['1', '2'])
        await appendAll(store, 'c', ['1'])
        expect((await store.heads(['c', 'b', 'a', 'a'])).map(({ offset }) => offset)).toEqual([1, 0, 2, 2])
        expect(await store.heads([])).toEqual([])
      }),
    )
  })

  describe('pages', () => {
    test(
      '[LOG-7] a page has at most entriesMax entries and bytesMax bytes, but always one if there is one',
      on(async ({ store }) => {
        await appendAll(store, 'a', ['12345', '12345', '1', '12345'])
        expect(offsetsOf(await readLast(store, 'a', 9, { entriesMax: 3 }))).toEqual([1, 2, 3])
        expect(offsetsOf(await readLast(store, 'a', 9, { bytesMax: 11 }))).toEqual([1, 2, 3])
        expect(offsetsOf(await readLast(store, 'a', 9, { bytesMax: 1 }))).toEqual([1])
      }),
    )

    test(
      '[LOG-7] a page of no entries is the verdict and the head',
      on(async ({ store }) => {
        const first = await appendAll(store, 'a', ['1'])
        await appendAll(store, 'a', ['2'])
        const page = await readAfter(store, 'a', first, { entriesMax: 0 })
        expect(page).toMatchObject({ verdict: { kind: 'complete' }, start: first, entries: [], head: { offset: 2 } })
      }),
    )

    test(
      '[LOG-7, I03] pages put behind one another give the whole log once',
      on(async ({ store }) => {
        await appendAll(store, 'a', numbers(1, 25).map(String))
        const seen: unknown[] = []
        let page = await readLast(store, 'a', 100, { entriesMax: 4 })
        while (page.entries.length > 0) {
          seen.push(...dataOf(page))
          page = await readAfter(store, 'a', page.entries.at(-1)?.position ?? page.head, { entriesMax: 4 })
        }
        expect(seen).toEqual(numbers(1, 25).map(String))
      }),
    )
  })

  describe('retention', () => {
    test(
      '[LOG-6, I07] trims by count, bytes and age, whichever is reached first; the trim point keeps its tag',
      on(async ({ store, advance }) => {
        await appendAll(store, 'count', ['1', '2', '3', '4'], { retention: { ...roomy, entriesMax: 2 } })
        expect(offsetsOf(await readLast(store, 'count', 9))).toEqual([3, 4])

        await appendAll(store, 'bytes', ['12345', '12345', '12345'], { retention: { ...roomy, bytesMax: 10 } })
        expect(offsetsOf(await readLast(store, 'bytes', 9))).toEqual([2, 3])

        const retention = { ...roomy, ageMs: 1_000 }
        const last = await appendAll(store, 'age', ['1', '2'], { retention })
        await advance(999)
        expect(offsetsOf(await readLast(store, 'age', 9))).toEqual([1, 2])
        await advance(1)
        expect(await readLast(store, 'age', 9)).toMatchObject({ entries: [], start: last, head: last })
        expect(await readAfter(store, 'age', last)).toMatchObject({ verdict: { kind: 'complete' } })
      }),
    )

    test(
      '[LOG-6] the newest entry is kept however large it is',
      on(async ({ store }) => {
        await appendAll(store, 'a', ['1', 'a long one'], { retention: { ...roomy, bytesMax: 3 } })
        expect(dataOf(await readLast(store, 'a', 9))).toEqual(['a long one'])
      }),
    )

    test(
      '[LOG-6, LOG-5] an emptied body takes no room',
      on(async ({ store }) => {
        const retention = { ...roomy, bytesMax: 12 }
        await appendAll(store, 'a', ['12345', '12345', '12345'], { key: 'k', retention })
        expect(dataOf(await readLast(store, 'a', 9))).toEqual([null, null, '12345'])
      }),
    )
  })

  describe('fences', () => {
    test(
      '[LOG-8, I30, S49] a generation below the highest one seen is fenced and changes nothing',
      on(async ({ store }) => {
        const fence = { session: 's', generation: 3 }
        expect(await append(store, 'a', '1', { fence })).toMatchObject({ kind: 'appended' })
        const late = await append(store, 'a', '2', { fence: { session: 's', generation: 2 } })
        expect(late).toEqual({ kind: 'fenced', generation: 3 })
        expect(await append(store, 'a', '3', { fence })).toMatchObject({ kind: 'appended', position: { offset: 2 } })
        expect(await append(store, 'a', '4', { fence: { session: 'other', generation: 1 } })).toMatchObject({
          kind: 'appended',
        })
        expect(await append(store, 'b', '1', { fence: { session: 's', generation: 1 } })).toMatchObject({
          kind: 'appended',
        })
      }),
    )

    test(
      '[LOG-8, I35] a duplicate raises the fence too',
      on(async ({ store }) => {
        await append(store, 'a', '1', { fence: { session: 's', generation: 1 }, producer: {} })
        const again = await append(store, 'a', '1', { fence: { session: 's', generation: 2 }, producer: {} })
        expect(again).toMatchObject({ kind: 'duplicate' })
        const late = await append(store, 'a', '2', { fence: { session: 's', generation: 1 } })
        expect(late).toEqual({ kind: 'fenced', generation: 2 })
      }),
    )

    test(
      '[LOG-8, S37] touch raises it without an entry, also in rooms never written, and never lowers it',
      on(async ({ store }) => {
        await store.touch({ session: 's', generation: 5 }, ['a', 'b'])
        await store.touch({ session: 's', generation: 4 }, ['a'])
        for (const room of ['a', 'b']) {
          const late = await append(store, room, '1', { fence: { session: 's', generation: 4 } })
          expect(late).toEqual({ kind: 'fenced', generation: 5 })
          expect((await headOf(store, room)).offset).toBe(0)
        }
      }),
    )

    test(
      '[LOG-8] the fence of a session that writes is never forgotten',
      on(async ({ store, advance }) => {
        const retention = { ...roomy, producerAgeMs: 1_000 }
        const write = (generation: number) =>
          append(store, 'a', '1', { retention, fence: { session: 's', generation } })
        for (const _ of [1, 2, 3]) {
          expect(await write(2)).toMatchObject({ kind: 'appended' })
          await advance(900)
        }
        expect(await write(1)).toEqual({ kind: 'fenced', generation: 2 })
      }),
    )
  })

  describe('followers', () => {
    test(
      '[LOG-10] a follower hears what is appended from then on, never within the call, until it closes',
      on(async ({ store, settle }) => {
        const heard: Hint[] = []
        await append(store, 'a', 'before')
        const following = await store.follow('a', (hint) => heard.push(hint))
        const asked = append(store, 'a', 'x')
        expect(heard).toEqual([])
        await asked
        await append(store, 'b', 'elsewhere')
        await append(store, 'a', 'y')
        await settle()
        const entries = heard.flatMap((hint) => (hint.kind === 'entries' ? hint.entries : []))
        expect(entries).toEqual((await readLast(store, 'a', 2)).entries)

        const last = append(store, 'a', 'z')
        following.close()
        following.close()
        await last
        await append(store, 'a', 'z')
        await settle()
        expect(heard.flatMap((hint) => (hint.kind === 'entries' ? hint.entries : [])).length).toBe(2)
      }),
    )

    test(
      '[LOG-11] a signal is heard by all who follow the room now, and never kept',
      on(async ({ store, settle }) => {
        const heard: unknown[] = []
        const hear = (who: string) => (hint: Hint) => heard.push([who, hint])
        await store.follow('a', hear('one'))
        await store.follow('a', hear('two'))
        await store.follow('b', hear('elsewhere'))
        const by = { session: 's', user: 'ann' }
        await store.signal('a', by, '"typing"')
        await settle()
        const hint = { kind: 'signal', by, data: '"typing"' }
        expect(heard).toEqual([
          ['one', hint],
          ['two', hint],
        ])
        expect((await headOf(store, 'a')).offset).toBe(0)
      }),
    )
  })

  test(
    '[LOG-12] after close every operation rejects as unavailable; close is idempotent',
    on(async ({ store }) => {
      await store.close()
      await store.close()
      const refused = (error: unknown) => (error instanceof Error ? error.name : error)
      expect(await append(store, 'a', '1').catch(refused)).toBe('StoreUnavailable')
      expect(await readLast(store, 'a', 1).catch(refused)).toBe('StoreUnavailable')
      expect(await store.sessionsOf('ann').catch(refused)).toBe('StoreUnavailable')
    }),
  )
})
