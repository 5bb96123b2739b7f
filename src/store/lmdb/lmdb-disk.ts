// The disk of an LMDB file, by the package lmdb: reads from the memory map, writes on its thread. It knows nothing of
// what the bytes mean.
//
// The package tells a commit only when it is flushed. That it is there is seen in the data themselves: each batch writes
// its number, which is looked for whenever the package's thread reports progress, and each millisecond in any case.

import { statfsSync } from 'node:fs'
import { open, type RootDatabase } from 'lmdb'
import { afterMs, nextTurn } from './clock.js'
import type { Commit, Disk, Write } from './disk.js'
import { metaKeys, numberOf, writeNumber } from './keys.js'

/** Less than this is not enough for a transaction. */
const fullBytes = 256 * 1_024

export type LmdbFile = RootDatabase<Buffer, Uint8Array>

export function openFile(path: string, options: { readonly isReadOnly?: boolean } = {}): LmdbFile {
  return open<Buffer, Uint8Array>({
    path,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    maxDbs: 1,
    cache: false,
    noMemInit: true,
    readOnly: options.isReadOnly === true,
  })
}

/** `guard` is asked before each batch, and throws when the file is no longer ours to write. */
export function lmdbDisk(file: LmdbFile, guard: () => void = () => {}): Disk {
  let batch = readBatch(file)
  let hasFailed = false
  let progress: Progress | null = null

  const commit = (writes: readonly Write[]): Commit => {
    batch += 1
    let written: Promise<unknown>
    try {
      file.resetReadTxn()
      guard()
      written = put(file, writes, batch)
    } catch (error) {
      written = Promise.reject(error)
    }
    written.catch(() => {
      hasFailed = true
    })
    progress ??= progressOf(file)
    return commitOf(file, { written, batch, progress })
  }

  return {
    get: (key) => valueAt(file, key),
    *scan(prefix) {
      for (const { key, value } of file.getRange({ start: prefix, end: behind(prefix) })) yield { key, value }
    },
    keyFrom(key) {
      for (const found of file.getKeys({ start: key, limit: 1 })) return found
      return undefined
    },
    commit,
    close: () => (hasFailed ? closeFailed(file) : file.close()),
  }
}

/** All of one turn is one transaction, which ends with the number of the batch. */
function put(file: LmdbFile, writes: readonly Write[], batch: number): Promise<unknown> {
  const promises = new Set<Promise<unknown>>()
  for (const { key, value } of writes) {
    promises.add(value === null ? file.remove(key) : file.put(key, Buffer.isBuffer(value) ? value : Buffer.from(value)))
  }
  const number = Buffer.alloc(6)
  writeNumber(number, 0, batch)
  const written = file.put(metaKeys.batch, number)
  for (const promise of promises) promise.catch(() => {})
  // The package makes promises that it gives to nobody; one that fails unheard would end the process.
  const hear = () => void file.committed.then(nothing, nothing)
  hear()
  queueMicrotask(hear)
  nextTurn(hear)
  return written
}

function nothing(): void {}

interface UnderWay {
  readonly written: Promise<unknown>
  readonly batch: number
  readonly progress: Progress
}

function commitOf(file: LmdbFile, { written, batch, progress }: UnderWay): Commit {
  const flushed = written.then(nothing, async (error: unknown) => {
    throw await causeOf(error, file)
  })
  const isVisible = () => {
    file.resetReadTxn()
    return readBatch(file) >= batch
  }
  const visible = new Promise<void>((resolve, reject) => {
    let isOver = false
    const end = () => {
      isOver = true
      progress.looks.delete(look)
      resolve()
    }
    const look = () => {
      if (!isOver && isVisible()) end()
    }
    const again = () => {
      look()
      if (!isOver) afterMs(1, again)
    }
    progress.looks.add(look)
    if (!progress.isReported) afterMs(1, again)
    flushed.then(end, (error: unknown) => {
      if (!isOver && !isVisible()) reject(error)
      end()
    })
  })
  return { visible, flushed }
}

interface Progress {
  readonly looks: Set<() => void>
  readonly isReported: boolean
}

interface Thread {
  readonly startWriting?: (address: number, report: (status: number) => unknown) => unknown
}

/**
 * The package's thread reports when a transaction can be read, and the package tells nobody: it is overheard. Where it
 * cannot be, in another version of the package, there is a look each millisecond.
 */
function progressOf(file: LmdbFile): Progress {
  const looks = new Set<() => void>()
  const thread = (file as { readonly env?: Thread }).env
  const start = thread?.startWriting
  if (thread === undefined || start === undefined) return { looks, isReported: false }
  const overheard: Thread['startWriting'] = (address, report) =>
    start.call(thread, address, (status) => {
      const answer = report(status)
      for (const look of [...looks]) look()
      return answer
    })
  Object.defineProperty(thread, 'startWriting', { value: overheard })
  return { looks, isReported: true }
}

/** The package waits for the flush of its last transaction, also when that one has failed: for ever. */
async function closeFailed(file: LmdbFile): Promise<void> {
  // Its thread may be about to end.
  await new Promise<void>((resolve) => afterMs(10, resolve))
  Object.defineProperty(file, '_endWrites', { value: undefined })
  await file.close()
}

/** The package gives one buffer again and again, which says by `length` alone how much of it is meant. */
function valueAt(file: LmdbFile, key: Uint8Array): Uint8Array | undefined {
  const value = file.getBinaryFast(key)
  return value?.subarray(0, value.length)
}

/** Rises with every batch. */
export function readBatch(file: LmdbFile): number {
  const value = valueAt(file, metaKeys.batch)
  return value === undefined ? 0 : numberOf(value)
}

/** The first key that does not begin so. */
function behind(prefix: Uint8Array): Uint8Array {
  const end = Uint8Array.from(prefix)
  for (let index = end.length - 1; index >= 0; index--) {
    const byte = end[index] ?? 0
    if (byte === 0xff) continue
    end[index] = byte + 1
    return end.subarray(0, index + 1)
  }
  return Uint8Array.of(0xff, 0xff, 0xff)
}

/** The package hides the cause in a promise, which nobody else may leave unheard. */
async function causeOf(error: unknown, file: LmdbFile): Promise<Error> {
  const { commitError } = error as { commitError?: Promise<unknown> }
  const late = new Promise<unknown>((resolve) => afterMs(100, () => resolve(error)))
  const cause = await Promise.race([
    commitError?.then(
      () => error,
      (found: unknown) => found,
    ) ?? error,
    late,
  ])
  if (isFull(file)) return new Error('no space left on device (ENOSPC)', { cause })
  return cause instanceof Error ? cause : new Error(String(cause))
}

/** LMDB says `input/output error` when only a part of a page fitted. */
function isFull(file: LmdbFile): boolean {
  try {
    const { path } = (file as { readonly env?: { readonly path?: string } }).env ?? {}
    if (path === undefined) return false
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize < fullBytes
  } catch {
    return false
  }
}
