// Space on a real disk: what retention takes is used again, whoever does or does not touch the room.

import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { append, offsetsOf, readLast, roomy, tick } from '../../testing/store-suite-parts.js'
import { memoryStore } from '../memory.js'
import type { Store } from '../store.js'
import { dataFile, openChecked, openLmdbStore } from './index.js'
import { inspect } from './tool/inspection.js'

const root = mkdtempSync(join(tmpdir(), 'holdfast-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

async function opened(path: string, nowMs: () => number): Promise<Store> {
  const store = await openLmdbStore({ path })
  await store.open({ epoch: 'e', tag: 'b', nowMs, wallMs: 0 })
  return store
}

test('[DISK-10] under a steady stream with retention the file stops growing', { timeout: 30_000 }, async () => {
  const path = join(root, 'stream')
  const store = await opened(path, () => 0)
  const retention = { ...roomy, entriesMax: 100 }
  const sizes: number[] = []
  for (let n = 1; n <= 2_000; n += 20) {
    const some = Array.from({ length: 20 }, (_, index) => ({
      tag: `t${n + index}`,
      retention,
      durability: 'process' as const,
    }))
    await Promise.all(some.map((details) => append(store, 'a', 'x'.repeat(4_000), details)))
    sizes.push(statSync(join(path, dataFile)).size)
  }
  expect(offsetsOf(await readLast(store, 'a', 1_000))).toHaveLength(100)
  await store.close()
  // 400 kB are kept at once, 8 MB were written.
  expect(sizes.at(-1)).toBeLessThan(2_500_000)
  expect(sizes.at(-1)).toBe(sizes[Math.floor(sizes.length / 2)])
})

test('[DISK-10] rooms that nobody touches lose what is too old, a few with each tick', async () => {
  const path = join(root, 'untouched')
  let nowMs = 0
  const store = await opened(path, () => nowMs)
  const kept = { durability: 'process', retention: { ...roomy, ageMs: 1_000 } } as const
  await Promise.all(
    Array.from({ length: 300 }, (_, n) => append(store, `room ${n}`, 'x'.repeat(4_000), { ...kept, tag: `t${n}` })),
  )
  nowMs = 2_000
  for (let n = 0; n < 6; n++) await tick(store)
  await store.close()
  const file = await openChecked(join(path, dataFile), { isReadOnly: true })
  const { entries, rooms, fileBytes, freeBytes } = inspect(file)
  await file.close()
  expect([rooms, entries]).toEqual([300, 0])
  expect(freeBytes).toBeGreaterThan(0.8 * fileBytes)
})

const stores: readonly { readonly name: string; open(nowMs: () => number): Promise<Store> }[] = [
  { name: 'lmdb', open: (nowMs) => opened(join(root, 'steps'), nowMs) },
  {
    name: 'memory',
    async open(nowMs) {
      const store = memoryStore()
      await store.open({ epoch: 'e', tag: 'b', nowMs, wallMs: 0 })
      return store
    },
  },
]

for (const { name, open } of stores) {
  test(`[LOG-13] what a quiet room has too much goes in bounded steps (${name})`, async () => {
    let nowMs = 0
    const store = await open(() => nowMs)
    const details = {
      durability: store.durabilities.at(1) ?? 'memory',
      retention: { ...roomy, entriesMax: 10_000, ageMs: 1_000 },
    }
    await Promise.all(
      Array.from({ length: 3_500 }, (_, n) => append(store, 'a', 'x', { ...details, tag: `t${n + 1}` })),
    )
    const trimmedTo = async () => {
      const at = { epoch: 'e', offset: 1, tag: 't1' }
      const page = await store.read({
        ...{ room: 'a', from: { kind: 'position', position: at, last: 0 } },
        ...{ readableFrom: 0, entriesMax: 0, bytesMax: 1, replayMax: 10_000 },
      })
      return page.verdict.kind === 'gap' ? page.verdict.to : 1
    }
    expect(await trimmedTo()).toBe(1)

    // As soon as they are too old nobody is given them, however many are still there.
    nowMs = 1_000
    expect(await trimmedTo()).toBe(3_500)
    nowMs = 0
    await append(store, 'a', 'x', { ...details, tag: 'few', retention: { ...details.retention, entriesMax: 10 } })
    const seen = [await trimmedTo()]
    for (let n = 0; n < 4; n++) {
      await tick(store)
      seen.push(await trimmedTo())
    }
    expect(seen).toEqual([1_000, 2_000, 3_000, 3_491, 3_491])
    await store.close()
  })
}
