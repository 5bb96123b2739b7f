// The store suite: what a returning position is told, within one life of the store and over several.

import type { Position } from '../protocol/position.js'
import type { Page } from '../store/store.js'
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

export const gapRules = suite(({ describe, test, expect }, open) => {
  const on = (body: Parameters<typeof withStore>[1]) => withStore(open, body)

  describe('gaps', () => {
    test(
      '[GAP-1, S42, I12] a position ahead of the log is told so; delivery goes on at the head',
      on(async ({ store }) => {
        const head = await appendAll(store, 'a', ['1', '2'])
        const page = await readAfter(store, 'a', { ...head, offset: 5 })
        const verdict = { kind: 'gap', reason: 'ahead-of-log', from: 3, to: 5 }
        expect(page).toEqual({ verdict, start: head, entries: [], head })
      }),
    )

    test(
      '[GAP-2, I12] a right offset with a wrong tag is a fork: nobody knows how much is missing',
      on(async ({ store }) => {
        const last = await appendAll(store, 'a', ['1', '2', '3'])
        for (const offset of [0, 1, 3]) {
          const page = await readAfter(store, 'a', { ...last, offset, tag: 'wrong' }, { last: 2 })
          expect(shortOf(page)).toEqual(['gap', 'forked', 'unknown', 1, ['2', '3']])
        }
      }),
    )

    test(
      '[GAP-3, S56] an epoch the room does not know cannot be compared',
      on(async ({ store }) => {
        const last = await appendAll(store, 'a', ['1', '2', '3'])
        const page = await readAfter(store, 'a', { ...last, epoch: 'elsewhere' }, { last: 1 })
        expect(shortOf(page)).toEqual(['gap', 'epoch-changed', 'unknown', 2, ['3']])
        const none = await readAfter(store, 'never written', { ...last, epoch: 'elsewhere' }, { last: 1 })
        expect(shortOf(none)).toEqual(['gap', 'epoch-changed', 'unknown', 0, []])
      }),
    )

    test(
      '[GAP-4, I07] below the trim point: from the position to the last trimmed entry, then what is kept',
      on(async ({ store }) => {
        const retention = { ...roomy, entriesMax: 2 }
        const first = await appendAll(store, 'a', ['1'], { retention })
        const second = await appendAll(store, 'a', ['2'], { retention })
        await appendAll(store, 'a', ['3', '4'], { retention })
        const page = await readAfter(store, 'a', first)
        expect(shortOf(page)).toEqual(['gap', 'trimmed', [2, 2], 2, ['3', '4']])
        expect(shortOf(await readAfter(store, 'a', second))).toEqual(['complete', 2, ['3', '4']])
        const wrong = await readAfter(store, 'a', { ...second, tag: 'wrong' })
        expect(shortOf(wrong)).toEqual(['gap', 'forked', 'unknown', 4, []])
        const trimmed = await appendAll(store, 'a', numbers(5, 200).map(String), { retention })
        await appendAll(store, 'a', ['201', '202'], { retention })
        expect(shortOf(await readAfter(store, 'a', trimmed))).toEqual(['complete', 200, ['201', '202']])
      }),
    )

    test(
      '[GAP-5, S68] more missing than replayMax: all but the last ones are named, and skipped',
      on(async ({ store }) => {
        const first = await appendAll(store, 'a', ['1'])
        await appendAll(store, 'a', numbers(2, 10).map(String))
        expect((await readAfter(store, 'a', first, { replayMax: 9 })).verdict).toEqual({ kind: 'complete' })
        const page = await readAfter(store, 'a', first, { replayMax: 8, last: 2 })
        expect(shortOf(page)).toEqual(['gap', 'too-far-behind', [2, 8], 8, ['9', '10']])
        const bounded = await readAfter(store, 'a', first, { replayMax: 8, last: 500 })
        expect(shortOf(bounded)).toEqual(['gap', 'too-far-behind', [2, 2], 2, numbers(3, 10).map(String)])
      }),
    )

    test(
      '[GAP-6, I16] below readableFrom nothing is given; where it cuts, it is told',
      on(async ({ store }) => {
        const first = await appendAll(store, 'a', ['1'])
        const third = await appendAll(store, 'a', ['2', '3'])
        await appendAll(store, 'a', ['4', '5'])
        const cut = await readAfter(store, 'a', first, { readableFrom: 4 })
        expect(shortOf(cut)).toEqual(['gap', 'not-permitted', [2, 3], 3, ['4', '5']])
        expect(shortOf(await readAfter(store, 'a', third, { readableFrom: 4 }))).toEqual(['complete', 3, ['4', '5']])
        const wrong = await readAfter(store, 'a', { ...first, tag: 'wrong' }, { readableFrom: 5, last: 10 })
        expect(shortOf(wrong)).toEqual(['gap', 'forked', 'unknown', 4, ['5']])
        expect(shortOf(await readAfter(store, 'a', first, { readableFrom: 6 }))).toEqual([
          'gap',
          'not-permitted',
          [2, 5],
          5,
          [],
        ])
      }),
    )

    test(
      '[GAP-6] when rights, retention and the replay limit all cut, the furthest one is named',
      on(async ({ store }) => {
        const retention = { ...roomy, entriesMax: 6 }
        const first = await appendAll(store, 'a', ['1'], { retention })
        await appendAll(store, 'a', numbers(2, 10).map(String), { retention })
        const trimmed = await readAfter(store, 'a', first, { readableFrom: 3 })
        expect(trimmed.verdict).toEqual({ kind: 'gap', reason: 'trimmed', from: 2, to: 4 })
        const shut = await readAfter(store, 'a', first, { readableFrom: 8 })
        expect(shut.verdict).toEqual({ kind: 'gap', reason: 'not-permitted', from: 2, to: 7 })
        const far = await readAfter(store, 'a', first, { readableFrom: 3, replayMax: 2, last: 1 })
        expect(far.verdict).toEqual({ kind: 'gap', reason: 'too-far-behind', from: 2, to: 9 })
      }),
    )

    test(
      '[GAP-7, A43] offsets that are no offsets are answered as an unknown epoch',
      on(async ({ store }) => {
        const last = await appendAll(store, 'a', ['1'])
        for (const offset of [-1, 0.5, 2 ** 64, Number.NaN, Number.POSITIVE_INFINITY]) {
          const page = await readAfter(store, 'a', { ...last, offset })
          expect(shortOf(page)).toEqual(['gap', 'epoch-changed', 'unknown', 1, []])
        }
      }),
    )
  })

  describe('epochs', () => {
    test(
      '[GAP-8, I15, S60] over a restart the surviving prefix is complete, and the new epoch is told',
      on(async ({ store, reopen }) => {
        const first = await appendAll(store, 'a', ['1'])
        const third = await appendAll(store, 'a', ['2', '3'])
        const next = await reopen()
        const page = await readAfter(next, 'a', first)
        expect(shortOf(page)).toEqual(['complete', 1, ['2', '3']])
        expect(
          new Set([page.start, page.head, ...page.entries.map(({ position }) => position)].map(epochOf)).size,
        ).toBe(1)
        expect(page.head.epoch === first.epoch).toBe(false)
        expect(await append(next, 'a', '4')).toMatchObject({ position: { offset: 4, epoch: page.head.epoch } })
        expect(shortOf(await readAfter(next, 'a', third))).toEqual(['complete', 3, ['4']])
        expect((await readAfter(next, 'a', { ...first, tag: 'wrong' })).verdict).toMatchObject({ reason: 'forked' })
      }),
    )

    test(
      '[GAP-9, I02, I15] behind the surviving end: the lost entries are named, newer ones with their offsets are given',
      on(async ({ store, copy, reopen }) => {
        await appendAll(store, 'a', ['1', '2'])
        const backup = await copy()
        const fourth = await appendAll(store, 'a', ['lost 3', 'lost 4'])
        const next = await reopen(backup)
        await appendAll(next, 'a', ['3', '4', '5'])
        const page = await readAfter(next, 'a', fourth)
        expect(shortOf(page)).toEqual(['gap', 'ahead-of-log', [3, 4], 2, ['3', '4', '5']])
        const third = { ...fourth, offset: 3, tag: 'tag of lost 3' }
        expect(shortOf(await readAfter(next, 'a', third))).toEqual(['gap', 'ahead-of-log', [3, 3], 2, ['3', '4', '5']])
      }),
    )

    test(
      '[GAP-9, GAP-4] when even the surviving end was trimmed, the gap reaches to the trim point',
      on(async ({ store, copy, reopen }) => {
        await appendAll(store, 'a', ['1', '2'])
        const backup = await copy()
        const third = await appendAll(store, 'a', ['lost 3'])
        const next = await reopen(backup)
        await appendAll(next, 'a', ['3', '4', '5', '6', '7'], { retention: { ...roomy, entriesMax: 2 } })
        expect(shortOf(await readAfter(next, 'a', third))).toEqual(['gap', 'ahead-of-log', [3, 5], 5, ['6', '7']])
      }),
    )

    test(
      '[GAP-10] who saw an empty room has missed nothing, over any restart, also when it was never written since',
      on(async ({ store, reopen }) => {
        const empty = await headOf(store, 'a')
        await appendAll(store, 'b', ['1'])
        const second = await reopen()
        expect(shortOf(await readAfter(second, 'a', empty))).toEqual(['complete', 0, []])
        const emptyAgain = await headOf(second, 'a')
        const third = await reopen()
        await appendAll(third, 'a', ['1'])
        expect(shortOf(await readAfter(third, 'a', empty))).toEqual(['complete', 0, ['1']])
        expect(shortOf(await readAfter(third, 'a', emptyAgain))).toEqual(['complete', 0, ['1']])
        const forged = await readAfter(third, 'a', { ...empty, tag: 'wrong' })
        expect(forged.verdict).toMatchObject({ kind: 'gap', reason: 'forked' })
      }),
    )

    test(
      '[GAP-11] a room knows its last eight epochs, also those in which it was only read',
      on(async ({ store, reopen }) => {
        const told: Position[] = [await appendAll(store, 'a', ['1'])]
        let present = store
        for (const life of numbers(1, 9)) {
          present = await reopen()
          // Every second life leaves the room alone; what it would have told is known all the same.
          if (life % 2 === 0) told.push(await headOf(present, 'a'))
        }
        const verdicts = []
        for (const position of told) verdicts.push((await readAfter(present, 'a', position)).verdict.kind)
        expect(verdicts).toEqual(['gap', 'complete', 'complete', 'complete', 'complete'])
        expect(dataOf(await readLast(present, 'a', 1))).toEqual(['1'])
      }),
    )

    test(
      '[GAP-11] replayed entries of old epochs are told in the present one, so they can be continued from for longer',
      on(async ({ store, reopen }) => {
        await appendAll(store, 'a', ['1'])
        let present = store
        for (const _ of numbers(1, 8)) present = await reopen()
        const [entry] = (await readLast(present, 'a', 1)).entries
        present = await reopen()
        if (entry === undefined) throw new Error('the entry is gone')
        expect(shortOf(await readAfter(present, 'a', entry.position))).toEqual(['complete', 1, []])
      }),
    )

    test(
      '[GAP-12, S41, S56] an empty store is another epoch: told, never complete',
      on(async ({ store, reopen }) => {
        const last = await appendAll(store, 'a', ['1', '2'])
        const zero = await headOf(store, 'b')
        const next = await reopen(null)
        for (const [room, position] of [
          ['a', last],
          ['b', zero],
        ] as const) {
          const { verdict } = await readAfter(next, room, position)
          expect(verdict).toMatchObject({ kind: 'gap', reason: 'epoch-changed' })
        }
      }),
    )
  })

  test(
    '[GAP-4, LOG-6] an emptied log still proves continuity: at its end complete, below it trimmed',
    on(async ({ store, advance }) => {
      const retention = { ...roomy, ageMs: 10 }
      const first = await appendAll(store, 'a', ['1'], { retention })
      const second = await appendAll(store, 'a', ['2'], { retention })
      await advance(10)
      expect(shortOf(await readAfter(store, 'a', second))).toEqual(['complete', 2, []])
      expect(shortOf(await readAfter(store, 'a', first))).toEqual(['gap', 'trimmed', [2, 2], 2, []])
      await appendAll(store, 'a', ['3'], { retention })
      expect(offsetsOf(await readAfter(store, 'a', second))).toEqual([3])
    }),
  )
})

function epochOf(position: Position): string {
  return position.epoch
}

/** `complete` or the gap with its range, where delivery starts, and what is delivered. */
function shortOf({ verdict, start, entries }: Page): readonly unknown[] {
  const data = entries.map((entry) => entry.data)
  if (verdict.kind === 'complete') return ['complete', start.offset, data]
  const range = verdict.to < verdict.from ? 'unknown' : [verdict.from, verdict.to]
  return ['gap', verdict.reason, range, start.offset, data]
}
