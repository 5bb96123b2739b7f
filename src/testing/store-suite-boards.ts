// The store suite: boards, keyed states with a version.

import type { BoardChange, ChangeBoard, Hint, Store } from '../store/store.js'
import { headOf, numbers, suite, withStore } from './store-suite-parts.js'

const item = (key: string, value: string | number, fence = 1) => ({ key, value, fence })

function change(store: Store, details: Partial<ChangeBoard>) {
  return store.changeBoard({ room: 'a', board: 'presence', set: [], removed: [], itemsMax: 100, ...details })
}

export const boardRules = suite(({ describe, test, expect }, open) => {
  const on = (body: Parameters<typeof withStore>[1]) => withStore(open, body)

  describe('boards', () => {
    test(
      '[BRD-1] each change that makes a difference has the next version; one that makes none keeps it',
      on(async ({ store }) => {
        const { version } = await store.board('a', 'presence')
        expect(await change(store, { set: [item('x', 1)] })).toEqual({ kind: 'changed', version: version + 1 })
        expect(await change(store, { set: [item('x', 1)] })).toEqual({ kind: 'changed', version: version + 1 })
        expect(await change(store, { removed: [{ key: 'y', fence: 1 }] })).toMatchObject({ version: version + 1 })
        expect(await change(store, { set: [item('x', 2), item('y', 1)] })).toMatchObject({ version: version + 2 })
        expect(await change(store, { removed: [{ key: 'x', fence: 1 }] })).toMatchObject({ version: version + 3 })
        expect(await store.board('a', 'presence')).toEqual({ version: version + 3, items: [item('y', 1)] })
      }),
    )

    test(
      '[BRD-1] values are compared as JSON',
      on(async ({ store }) => {
        const value = (role: string) => ({ list: [1, { b: null, role }], a: 'x' })
        await change(store, { set: [{ key: 'x', value: value('r'), fence: 1 }] })
        const { version } = await store.board('a', 'presence')
        const same = { a: 'x', list: [1, { role: 'r', b: null }] }
        expect(await change(store, { set: [{ key: 'x', value: same, fence: 1 }] })).toMatchObject({ version })
        for (const [index, different] of [[1, 2], [1], { 0: 1 }, { 0: 1, 1: null }, 'x', null].entries()) {
          const set = [{ key: 'y', value: different, fence: 1 }]
          expect(await change(store, { set })).toMatchObject({ version: version + 1 + index })
        }
        const other = { set: [{ key: 'x', value: value('other'), fence: 1 }] }
        expect(await change(store, other)).toMatchObject({ version: version + 7 })
      }),
    )

    test(
      '[BRD-2] a lower fence than the item’s changes nothing; a higher one alone is kept, and no new version',
      on(async ({ store }) => {
        await change(store, { set: [item('x', 'new', 5)] })
        const { version } = await store.board('a', 'presence')
        await change(store, { set: [item('x', 'late', 4)] })
        await change(store, { removed: [{ key: 'x', fence: 4 }] })
        expect(await store.board('a', 'presence')).toEqual({ version, items: [item('x', 'new', 5)] })
        expect(await change(store, { set: [item('x', 'new', 6)] })).toMatchObject({ version })
        await change(store, { set: [item('x', 'late', 5)] })
        expect((await store.board('a', 'presence')).items).toMatchObject([{ value: 'new' }])
      }),
    )

    test(
      '[BRD-3, I39] a removed item does not come back by a late change of its former fence',
      on(async ({ store }) => {
        await change(store, { set: [item('x', 1, 5)] })
        await change(store, { removed: [{ key: 'x', fence: 5 }] })
        await change(store, { set: [item('x', 1, 4)] })
        expect((await store.board('a', 'presence')).items).toEqual([])
        await change(store, { set: [item('x', 2, 5)] })
        expect((await store.board('a', 'presence')).items).toEqual([item('x', 2, 5)])
      }),
    )

    test(
      '[BRD-4, I51] one item more than itemsMax is refused, the whole change with it; replacing and removing go on',
      on(async ({ store }) => {
        const itemsMax = 2
        await change(store, { itemsMax, set: [item('x', 1), item('y', 1)] })
        const before = await store.board('a', 'presence')
        expect(await change(store, { itemsMax, set: [item('x', 2), item('z', 1)] })).toEqual({ kind: 'full' })
        expect(await store.board('a', 'presence')).toEqual(before)
        expect(await change(store, { itemsMax, set: [item('x', 2)] })).toMatchObject({ kind: 'changed' })
        const swap = { itemsMax, set: [item('z', 1)], removed: [{ key: 'y', fence: 1 }] }
        expect(await change(store, swap)).toMatchObject({ kind: 'changed' })
        expect(await change(store, { itemsMax: 1, set: [item('x', 3)] })).toMatchObject({ kind: 'changed' })
      }),
    )

    test(
      '[BRD-5, I41] followers of the room hear each change with its version: a snapshot and its changes agree',
      on(async ({ store, settle }) => {
        const heard: BoardChange[] = []
        const hear = (hint: Hint) => {
          if (hint.kind === 'board') heard.push(hint.change)
        }
        await store.follow('a', hear)
        const { version } = await store.board('a', 'presence')
        await Promise.all(numbers(1, 5).map((n) => change(store, { set: [item(`k${n % 2}`, n)] })))
        await change(store, {
          set: [item('k9', 0)],
          removed: [
            { key: 'k1', fence: 1 },
            { key: 'none', fence: 1 },
          ],
        })
        await change(store, { board: 'another', set: [item('x', 1)] })
        await settle()
        const mine = heard.filter(({ board }) => board === 'presence')
        expect(mine.map((one) => one.version)).toEqual(numbers(version + 1, version + 6))
        expect(mine.at(-1)).toEqual({ board: 'presence', version: version + 6, set: [item('k9', 0)], removed: ['k1'] })

        const items = new Map<string, unknown>()
        for (const { set, removed } of mine) {
          for (const key of removed) items.delete(key)
          for (const one of set) items.set(one.key, one)
        }
        const now = await store.board('a', 'presence')
        expect(new Set(items.values())).toEqual(new Set(now.items))
      }),
    )

    test(
      '[BRD-6] boards of a room are apart from one another, from other rooms, and from its log',
      on(async ({ store }) => {
        await change(store, { set: [item('x', 1)] })
        expect((await store.board('a', 'another')).items).toEqual([])
        expect((await store.board('b', 'presence')).items).toEqual([])
        expect((await headOf(store, 'a')).offset).toBe(0)
      }),
    )
  })
})
