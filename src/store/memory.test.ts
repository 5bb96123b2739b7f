// The store suite on the memory store, undisturbed and disturbed, and what only this driver promises.

import { describe, expect, test } from 'vitest'
import { disturbStore } from '../testing/disturbed-store.js'
import { createSeededChance } from '../testing/seeded-chance.js'
import { type SuiteStore, storeSuite } from '../testing/store-suite.js'
import {
  append,
  created,
  holdFor,
  numbers,
  ownerOf,
  readLast,
  resume,
  roomy,
  user,
  withStore,
} from '../testing/store-suite-parts.js'
import { type MemorySnapshot, type MemoryStore, memoryStore } from './memory.js'
import { emptyBoardsMax } from './memory-boards.js'
import { endedKeptMs, endedMax } from './session.js'
import type { Store } from './store.js'

const hop = () => new Promise<void>((resolve) => setImmediate(resolve))

async function hops(count: number): Promise<void> {
  for (let left = Math.round(count); left > 0; left--) await hop()
}

/** Stores of one test: each life has an epoch of its own. `wrap` stands between the suite and the store. */
async function openMemory(wrap: (store: Store) => Store): Promise<SuiteStore> {
  let nowMs = 1_000
  let life = 0
  let memory: MemoryStore
  const openFrom = async (from: MemorySnapshot | null): Promise<Store> => {
    life += 1
    memory = memoryStore(from === null ? {} : { from })
    const store = wrap(memory)
    await store.open({ epoch: `epoch ${life}`, tag: `birth ${life}`, nowMs: () => nowMs, wallMs: 1.7e12 + nowMs })
    return store
  }
  return {
    store: await openFrom(null),
    advance: async (ms) => {
      nowMs += ms
    },
    settle: () => hops(50),
    copy: async () => memory.snapshot(),
    reopen: async (data) => {
      await memory.close()
      return openFrom(data === undefined ? memory.snapshot() : (data as MemorySnapshot | null))
    },
  }
}

storeSuite({ describe, test, expect }, 'memory', () => openMemory((store) => store))

for (const seed of [1, 2, 3]) {
  storeSuite({ describe, test, expect }, `memory, answers late, seed ${seed}`, () => {
    const { fraction } = createSeededChance(seed)
    const answerLateMs = [0, 4] as const
    return openMemory((store) => disturbStore(store, { random: fraction, sleep: hops, answerLateMs }))
  })
}

describe('memory only', () => {
  const on = (body: (suite: SuiteStore) => Promise<void>) => withStore(() => openMemory((store) => store), body)

  test(
    '[SES-8, I52] an ended session is forgotten after 24 h of hold time',
    on(async (suite) => {
      const { store } = suite
      await store.end({ ...ownerOf(await created(store, 's1')), reason: 'left' })
      await holdFor(suite, endedKeptMs - 3_000, { everyMs: 3_000 })
      expect((await store.session('s1'))?.status).toEqual({ state: 'ended', reason: 'left' })
      await holdFor(suite, 3_000)
      expect(await store.session('s1')).toBe(null)
      const answer = await resume(store, ['first-s1', 'h2'], 2, { user: user('ann') })
      expect(answer).toMatchObject({ kind: 'created', row: { newReason: 'session-unknown' } })
    }),
  )

  test(
    '[SES-8, I51] at most 10 000 ended sessions are kept, the latest ones',
    on(async ({ store }) => {
      for (const n of numbers(1, endedMax + 1)) {
        await store.end({ ...ownerOf(await created(store, `s${n}`)), reason: 'left' })
      }
      expect(await store.session('s1')).toBe(null)
      expect((await store.session('s2'))?.status.state).toBe('ended')
    }),
  )

  test(
    '[LOG-4, A35] rooms that are only read, joined or followed leave nothing behind',
    on(async ({ store, copy }) => {
      const before = JSON.stringify(sizesOf(await copy()))
      for (const n of numbers(1, 50)) {
        await readLast(store, `r${n}`, 5)
        await store.heads([`r${n}`])
        await store.board(`r${n}`, 'presence')
        const following = await store.follow(`r${n}`, () => {})
        following.close()
      }
      expect(JSON.stringify(sizesOf(await copy()))).toBe(before)
    }),
  )

  test(
    '[LOG-6, I52] entries and producers age also in rooms that nobody uses any more',
    on(async (suite) => {
      const retention = { ...roomy, ageMs: 5_000, producerAgeMs: 5_000 }
      for (const n of numbers(1, 200)) await append(suite.store, `r${n}`, '1', { retention, producer: {} })
      await holdFor(suite, 10_000)
      const { rooms } = (await suite.copy()) as MemorySnapshot
      const kept = [...rooms.values()].filter((room) => room.kept.length > room.first || room.producers.size > 0)
      expect(kept.length).toBe(0)
    }),
  )

  test(
    '[LOG-5, I51] keys of trimmed entries are not remembered',
    on(async ({ store, copy }) => {
      for (const n of numbers(1, 300)) {
        await append(store, 'a', '1', { key: `k${n % 290}`, retention: { ...roomy, entriesMax: 20 } })
      }
      const { rooms } = (await copy()) as MemorySnapshot
      expect(rooms.get('a')?.keyed.size).toBe(20)
    }),
  )

  test(
    '[BRD-1, I51] of many empty boards only the last are kept, and no version is ever given twice',
    on(async ({ store, copy }) => {
      const change = (board: string, set: readonly string[], removed: readonly string[]) =>
        store.changeBoard({
          room: 'a',
          board,
          set: set.map((key) => ({ key, value: 1, fence: 1 })),
          removed: removed.map((key) => ({ key, fence: 1 })),
          itemsMax: 9,
        })
      await change('first', ['x'], [])
      await change('first', [], ['x'])
      const { version } = await store.board('a', 'first')
      for (const n of numbers(1, emptyBoardsMax)) await change(`b${n}`, [], ['none'])
      const { boards } = ((await copy()) as MemorySnapshot).boards
      expect(boards.size).toBe(emptyBoardsMax)
      expect(await change('first', ['y'], [])).toEqual({ kind: 'changed', version: version + 1 })
    }),
  )
})

function sizesOf(copy: unknown): readonly number[] {
  const { rooms, boards, control } = copy as MemorySnapshot
  return [rooms.size, boards.boards.size, boards.empty.size, control.sessions.size, control.floors.size]
}
