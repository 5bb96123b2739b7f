// The data directory: one process, our form, whole files; over kills.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { append, dataOf, headOf, readAfter, readLast } from '../../testing/store-suite-parts.js'
import type { Store } from '../store.js'
import { encodeJson } from './codec.js'
import { migrate, versionOf } from './format.js'
import { dataFile, openLmdbStore } from './index.js'
import { metaKeys, namedKey } from './keys.js'
import { memoryDisk } from './memory-disk.js'

const root = mkdtempSync(join(tmpdir(), 'holdfast-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

async function opened(path: string, life = 1): Promise<Store> {
  const store = await openLmdbStore({ path })
  await store.open({ epoch: `e${life}`, tag: `b${life}`, nowMs: () => 0, wallMs: life })
  return store
}

const problemOf = (error: unknown) => (error as { problem?: unknown }).problem

/** A process that has the directory, and writes one entry more whenever it is told to. */
async function holder(path: string) {
  const index = fileURLToPath(new URL('./index.ts', import.meta.url))
  const script = `
    const { openLmdbStore } = await import(${JSON.stringify(index)})
    const store = await openLmdbStore({ path: ${JSON.stringify(path)} })
    await store.open({ epoch: 'other', tag: 'b', nowMs: () => 0, wallMs: 0 })
    const retention = { entriesMax: 100000, bytesMax: 1e9, ageMs: 1e9, producersMax: 9, producerAgeMs: 1e9 }
    for (let n = 1; ; n++) {
      const entry = { tag: 't' + n, atMs: 0, by: null, mark: null, key: null, data: String(n) }
      await store.append({ room: 'a', entry, fence: null, producer: null, retention, durability: 'process' })
      console.log(n)
    }`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let last = 0
  const first = new Promise<void>((resolve) => {
    child.stdout.on('data', (text) => {
      last = Number(String(text).trim().split('\n').at(-1))
      resolve()
    })
  })
  await first
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  return {
    kill: async () => {
      child.kill('SIGKILL')
      await ended
      return last
    },
  }
}

test('[DISK-5, DISK-7, S47] a directory has one process, until it is killed; what it acknowledged is there', async () => {
  const path = join(root, 'killed')
  const other = await holder(path)
  expect(await openLmdbStore({ path }).catch(problemOf)).toBe('in-use')
  const acked = await other.kill()
  const store = await opened(path)
  const { offset } = await headOf(store, 'a')
  expect(offset).toBeGreaterThanOrEqual(acked)
  const page = await readAfter(store, 'a', { epoch: 'other', offset: acked, tag: `t${acked}` })
  expect(page.verdict).toEqual({ kind: 'complete' })
  await store.close()
}, 30_000)

test('[DISK-5] nor does this process open it twice; after close it is free', async () => {
  const path = join(root, 'twice')
  const store = await opened(path)
  expect(await openLmdbStore({ path }).catch(problemOf)).toBe('in-use')
  await append(store, 'a', '1', { durability: 'disk' })
  await store.close()
  const again = await opened(path, 2)
  expect(dataOf(await readLast(again, 'a', 9))).toEqual(['1'])
  await again.close()
})

test('[DISK-6] what is not ours, cut short or of a newer release is refused, and says so', async () => {
  const foreign = join(root, 'foreign')
  await (await opened(foreign)).close()
  writeFileSync(
    join(foreign, dataFile),
    'this is a diary, not a database; it has to be somewhat longer than a page'.repeat(99),
  )
  expect(await openLmdbStore({ path: foreign }).catch(problemOf)).toBe('foreign')

  const short = join(root, 'short')
  const store = await opened(short)
  for (const n of [1, 2, 3]) await append(store, `r${n}`, 'x'.repeat(20_000), { durability: 'disk' })
  await store.close()
  truncateSync(join(short, dataFile), 16_384)
  expect(await openLmdbStore({ path: short }).catch(problemOf)).toBe('damaged')

  const file = join(root, 'file')
  writeFileSync(file, '')
  expect(await openLmdbStore({ path: file }).catch(problemOf)).toBe('unreadable')
})

test('[DISK-6] data of an older form are brought to the present one step by step; of a newer one they are refused', async () => {
  const key = namedKey(0x7f, 'thing')
  const disk = memoryDisk()
  await disk.commit([{ key: metaKeys.format, value: encodeJson({ holdfast: 1 }) }]).flushed
  const step = (from: number) => ({ from, writes: () => [{ key, value: encodeJson(from + 1) }] })
  await migrate(disk, { to: 3, steps: [step(1), step(2)] })
  expect(versionOf(disk)).toBe(3)
  expect(disk.get(key)).toEqual(new Uint8Array(encodeJson(3)))
  expect(await migrate(disk, { to: 2, steps: [] }).catch(problemOf)).toBe('newer')
  expect(await migrate(disk, { to: 5, steps: [step(4)] }).catch(problemOf)).toBe('unreadable')
})
