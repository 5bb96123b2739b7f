// What the durable store promises while its disk is slow, full or broken. The disk is one in memory, so that each step
// can be held or failed; and a real file that must not grow.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { append, created, dataOf, headOf, ownerOf, readLast, resume } from '../../testing/store-suite-parts.js'
import type { Hint, Store } from '../store.js'
import { durableStore } from './durable.js'
import { openLmdbStore } from './index.js'
import { type MemoryDisk, memoryDisk } from './memory-disk.js'

interface Rig {
  readonly store: Store
  readonly disk: MemoryDisk
  readonly faults: string[]
  /** The next step of that kind waits until it is let go, well or not. */
  hold(step: 'commit' | 'flush'): { go(error?: Error): void }
}

const noSpace = new Error('no space left on device')

async function rig(): Promise<Rig> {
  const held = new Map<string, Promise<void>>()
  const faults: string[] = []
  const disk = memoryDisk(async (step) => {
    const gate = held.get(step)
    held.delete(step)
    await gate
  })
  const onFault = (error: Error, isFatal: boolean) => faults.push(`${isFatal ? 'fatal: ' : ''}${error.message}`)
  const store = durableStore({ disk, onFault })
  await store.open({ epoch: 'e', tag: 'b', nowMs: () => 0, wallMs: 0 })
  const hold: Rig['hold'] = (step) => {
    let go: (error?: Error) => void = () => {}
    held.set(
      step,
      new Promise((resolve, reject) => {
        go = (error) => (error === undefined ? resolve() : reject(error))
      }),
    )
    return { go: (error) => go(error) }
  }
  return { store, disk, faults, hold }
}

const turns = () => new Promise<void>((resolve) => setImmediate(resolve))
const nameOf = (error: unknown) => (error instanceof Error ? error.name : error)

describe('levels', () => {
  for (const [durability, lastStep] of [
    ['process', 'commit'],
    ['disk', 'flush'],
  ] as const) {
    test(`[DISK-1, I42] at ${durability} nobody is answered, told or shown before the ${lastStep}`, async () => {
      const { store, hold } = await rig()
      const seen: string[] = []
      await store.follow('a', (hint: Hint) => seen.push(hint.kind))
      const { go } = hold(lastStep)
      const answer = append(store, 'a', 'x', { durability }).then(() => seen.push('answered'))
      const shown = readLast(store, 'a', 9).then((page) => seen.push(`shown ${dataOf(page)}`))
      for (let turn = 0; turn < 5; turn++) await turns()
      expect(seen).toEqual([])
      go()
      await Promise.all([answer, shown])
      await turns()
      expect([...seen].sort()).toEqual(['answered', 'entries', 'shown x'])
    })
  }

  test('[DISK-1] what is acknowledged at disk is there after a power cut, whatever was not flushed is not', async () => {
    const { store, disk, hold } = await rig()
    await append(store, 'a', 'kept', { durability: 'disk' })
    hold('flush')
    await append(store, 'a', 'torn', { durability: 'process' })
    const after = durableStore({ disk: disk.copy('flushed') })
    await after.open({ epoch: 'e2', tag: 'b2', nowMs: () => 0, wallMs: 0 })
    expect(dataOf(await readLast(after, 'a', 9))).toEqual(['kept'])
    const killed = durableStore({ disk: disk.copy('visible') })
    await killed.open({ epoch: 'e2', tag: 'b2', nowMs: () => 0, wallMs: 0 })
    expect(dataOf(await readLast(killed, 'a', 9))).toEqual(['kept', 'torn'])
  })

  test('[DISK-1] a room in memory waits for no disk, and is kept from its first entry at a higher level on', async () => {
    const { store, disk, hold } = await rig()
    hold('commit')
    expect(await append(store, 'a', '1', { durability: 'memory' })).toMatchObject({ kind: 'appended' })
    const { store: other, disk: otherDisk } = await rig()
    await append(other, 'a', '1', { durability: 'memory' })
    await append(other, 'a', '2', { durability: 'process' })
    await other.close()
    const after = durableStore({ disk: otherDisk.copy() })
    await after.open({ epoch: 'e2', tag: 'b2', nowMs: () => 0, wallMs: 0 })
    expect(dataOf(await readLast(after, 'a', 9))).toEqual(['1', '2'])
    expect(disk).toBeDefined()
  })
})

describe('faults', () => {
  test('[DISK-2, S62] a full disk refuses publishers retryably, reads go on, the retry succeeds', async () => {
    const { store, hold, faults } = await rig()
    await append(store, 'a', '1', { durability: 'process' })
    const { go } = hold('commit')
    const producer = { seq: 1, prev: 0 }
    const first = append(store, 'a', '2', { durability: 'process', producer }).catch(nameOf)
    const later = append(store, 'b', 'x', { durability: 'process' }).catch(nameOf)
    const shown = readLast(store, 'a', 9)
    go(noSpace)
    expect([await first, await later]).toEqual(['StoreUnavailable', 'StoreUnavailable'])
    expect(dataOf(await shown)).toEqual(['1'])
    expect(faults).toEqual(['no space left on device'])
    const again = { ...producer, again: true }
    expect(await append(store, 'a', '2', { durability: 'process', producer: again })).toMatchObject({
      kind: 'appended',
    })
    expect((await headOf(store, 'a')).offset).toBe(2)
  })

  test('[DISK-2] claim, take-over and sweep that fail leave memory as it was; the retry succeeds', async () => {
    const { store, hold } = await rig()
    const row = await created(store, 's1')
    const failing = async (act: () => Promise<unknown>) => {
      const { go } = hold('commit')
      const answer = act().catch(nameOf)
      go(noSpace)
      expect(await answer).toBe('StoreUnavailable')
    }
    const claim = () => store.acquire({ ...ownerOf(row), key: 'name', kind: 'name', holdMs: 9, data: null })
    await failing(claim)
    expect(await store.lease('name')).toBe(null)
    expect(await claim()).toMatchObject({ kind: 'granted' })

    const takeOver = () => resume(store, ['first-s1', 'h2'], 2)
    await failing(takeOver)
    expect(await store.session('s1')).toEqual(row)
    expect(await takeOver()).toMatchObject({ kind: 'resumed', superseded: { connection: 'c1' } })

    const before = await store.heads(['$control'])
    const end = () => store.end({ session: 's1', generation: null, reason: 'kicked' })
    await failing(end)
    expect((await store.sessionsOf('ann')).length).toBe(1)
    expect(await store.heads(['$control'])).toEqual(before)
    expect(await end()).toEqual({ kind: 'done' })
  })

  test('[DISK-3, S62] a failed flush closes the store for writing; what it held is told to nobody; reads go on', async () => {
    const { store, hold, faults } = await rig()
    await append(store, 'a', '1', { durability: 'disk' })
    const heard: Hint[] = []
    await store.follow('a', (hint) => heard.push(hint))
    const { go } = hold('flush')
    const lost = append(store, 'a', '2', { durability: 'disk' }).catch(nameOf)
    await turns()
    go(new Error('input/output error'))
    expect(await lost).toBe('StoreUnavailable')
    expect(await append(store, 'a', '3', { durability: 'process' }).catch(nameOf)).toBe('StoreUnavailable')
    expect(dataOf(await readLast(store, 'a', 9))).toEqual(['1'])
    expect(heard).toEqual([])
    expect(faults.length).toBe(1)
    expect(faults[0]).toMatch(/^fatal: closed for writing/)
  })

  test('[DISK-3, I51] while the disk is behind, no more than a bound is taken', async () => {
    const disk = memoryDisk(() => new Promise(() => {}))
    const free = memoryDisk()
    let isStuck = false
    const store = durableStore({
      disk: { ...free, commit: (writes) => (isStuck ? disk.commit(writes) : free.commit(writes)) },
      unwrittenBytesMax: 100,
    })
    await store.open({ epoch: 'e', tag: 'b', nowMs: () => 0, wallMs: 0 })
    isStuck = true
    append(store, 'a', 'x'.repeat(101), { durability: 'process' }).catch(() => {})
    expect(await append(store, 'a', 'y', { durability: 'process' }).catch(nameOf)).toBe('StoreUnavailable')
  })
})

describe('a batch is committed while the one before it is flushed', () => {
  test('[DISK-1] at process it is answered; at disk not before both are flushed', async () => {
    const { store, hold } = await rig()
    const { go } = hold('flush')
    const seen: string[] = []
    const first = append(store, 'a', '1', { durability: 'disk' }).then(() => seen.push('first'))
    await turns()
    await append(store, 'b', '2', { durability: 'process' })
    const third = append(store, 'c', '3', { durability: 'disk' }).then(() => seen.push('third'))
    await turns()
    expect(seen).toEqual([])
    go()
    await Promise.all([first, third])
    expect(seen).toEqual(['first', 'third'])
  })

  test('[DISK-2] one that fails takes nothing of the one that is there', async () => {
    const { store, hold } = await rig()
    const flush = hold('flush')
    const first = append(store, 'a', '1', { durability: 'disk' })
    await turns()
    const { go } = hold('commit')
    const second = append(store, 'a', '2', { durability: 'disk' }).catch(nameOf)
    await turns()
    go(noSpace)
    expect(await second).toBe('StoreUnavailable')
    flush.go()
    expect(await first).toMatchObject({ kind: 'appended' })
    expect(dataOf(await readLast(store, 'a', 9))).toEqual(['1'])
    expect(await append(store, 'a', '3', { durability: 'disk' })).toMatchObject({ position: { offset: 2 } })
  })

  test('[DISK-3] a failed flush takes with it what was not answered, also what is there already', async () => {
    const { store, hold } = await rig()
    const { go } = hold('flush')
    const answers = [append(store, 'a', '1', { durability: 'disk' }).catch(nameOf)]
    await turns()
    answers.push(append(store, 'a', '2', { durability: 'disk' }).catch(nameOf))
    await append(store, 'b', 'kept', { durability: 'process' })
    go(new Error('input/output error'))
    expect(await Promise.all(answers)).toEqual(['StoreUnavailable', 'StoreUnavailable'])
    expect((await headOf(store, 'a')).offset).toBe(0)
    expect(dataOf(await readLast(store, 'b', 9))).toEqual(['kept'])
    await store.close()
  })

  test('[DISK-1, I51] what one turn asks for is written in several batches, each of them whole', async () => {
    const { store, disk } = await rig()
    let commits = 0
    const { commit } = disk
    Object.assign(disk, { commit: (writes: Parameters<typeof commit>[0]) => ++commits && commit(writes) })
    const asked = Array.from({ length: 3_000 }, (_, n) => append(store, `r${n % 7}`, `${n}`, { durability: 'process' }))
    await Promise.all(asked)
    expect(commits).toBeGreaterThan(1)
    expect((await headOf(store, 'r0')).offset).toBe(429)
  })
})

/** Files of the process it starts are bounded as by a full disk: `write` fails with EFBIG. */
async function onSmallDisk(path: string): Promise<readonly string[]> {
  const index = fileURLToPath(new URL('./index.ts', import.meta.url))
  const script = `
    const { openLmdbStore } = await import(${JSON.stringify(index)})
    const store = await openLmdbStore({ path: ${JSON.stringify(path)} })
    await store.open({ epoch: 'e', tag: 'b', nowMs: () => 0, wallMs: 0 })
    const retention = { entriesMax: 100000, bytesMax: 1e9, ageMs: 1e9, producersMax: 9, producerAgeMs: 1e9 }
    const ask = (n, size) => ({ room: 'a', fence: null, producer: null, retention, durability: 'disk',
      entry: { tag: 't' + n, atMs: 0, by: null, mark: null, key: null, data: 'x'.repeat(size) } })
    let kept = 0
    const refused = async () => { for (;;) { await store.append(ask(kept, 30000)); kept++ } }
    await refused().catch((error) => console.log(error.name + ': ' + error.message))
    const from = { kind: 'last', count: 9 }
    const limits = { readableFrom: 0, entriesMax: 9, bytesMax: 1e6, replayMax: 99 }
    console.log((await store.read({ room: 'a', from, ...limits })).head.offset === kept)
    await store.close()
    console.log(kept)`
  const run = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', script]
  const child = spawn('sh', ['-c', 'ulimit -f 4096; exec "$@"', 'sh', ...run], { stdio: ['ignore', 'pipe', 'ignore'] })
  let told = ''
  child.stdout.on('data', (text) => {
    told += text
  })
  const code = await new Promise<string>((resolve) =>
    child.on('close', (number, signal) => resolve(`${number ?? signal}`)),
  )
  return [...told.trim().split('\n'), `exit ${code}`]
}

test('[DISK-2, S62] on a real file that cannot grow the refusal says why, reads go on, the store closes', async () => {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-'))
  try {
    const [refusal, isRead, kept, exit] = await onSmallDisk(path)
    expect(refusal).toMatch(/^StoreUnavailable: nothing was kept: .*(space left|too large|output error)/)
    expect(isRead).toBe('true')
    // The package's thread may abort the process at its very end, when all is said and closed.
    expect(exit).toMatch(/^exit (0|SIGABRT|SIGSEGV)$/)
    const after = await openLmdbStore({ path })
    await after.open({ epoch: 'e2', tag: 'b2', nowMs: () => 0, wallMs: 0 })
    expect((await headOf(after, 'a')).offset).toBe(Number(kept))
    await after.close()
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}, 60_000)
