// The disk of an LMDB file, by the package lmdb: reads from the memory map, writes on its thread. It knows nothing of
// what the bytes mean.
//
// The package tells a commit only when it is flushed, so that a batch is there is seen in the data themselves: each
// writes its number, and the number is looked for until it, or the end of the commit, comes.

import { open, type RootDatabase } from 'lmdb'
import { afterMs, nextTurn } from './clock.js'
import type { Commit, Disk, Write } from './disk.js'
import { metaKeys, numberOf, writeNumber } from './keys.js'

export type LmdbFile = RootDatabase<Buffer, Uint8Array>

/** Looks at once this often, then each millisecond. */
const quickLooksMax = 2_000

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
    return commitOf(file, written, batch)
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
    close: () => file.close(),
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

function commitOf(file: LmdbFile, written: Promise<unknown>, batch: number): Commit {
  let isOver = false
  const end = () => {
    isOver = true
  }
  const flushed = written.then(end, (error: unknown) => {
    end()
    throw causeOf(error)
  })
  const isVisible = () => {
    file.resetReadTxn()
    return readBatch(file) >= batch
  }
  const seen = new Promise<void>((resolve) => {
    let looksCount = 0
    const look = () => {
      if (isOver) return
      if (isVisible()) return resolve()
      looksCount += 1
      if (looksCount < quickLooksMax) nextTurn(look)
      else afterMs(1, look)
    }
    nextTurn(look)
  })
  const visible = flushed.catch((error: unknown) => {
    if (!isVisible()) throw error
  })
  return { visible: Promise.race([seen, visible]), flushed }
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
function causeOf(error: unknown): Error {
  const { commitError } = error as { commitError?: Promise<unknown> }
  commitError?.catch(() => {})
  return error instanceof Error ? error : new Error(String(error))
}
