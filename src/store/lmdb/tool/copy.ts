// Copies of a data directory: a backup, also while a server writes, and the same data without free pages. A copy is
// written beside its place, made whole, flushed, and only then given its name.

import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sleepMs } from '../clock.js'
import { DataError } from '../format.js'
import { metaKeys } from '../keys.js'
import { type LmdbFile, openFile } from '../lmdb-disk.js'
import type { Progress } from './records.js'

export interface Copied {
  readonly fileBytesBefore: number
  readonly fileBytes: number
}

interface Copying {
  readonly file: LmdbFile
  /** Of the file. */
  readonly from: string
  readonly tell: (progress: Progress) => void
}

const lookMs = 200

/** The data as they are at the beginning, into a directory that is new or empty. Free pages stay behind. */
export async function backup(copying: Copying, { to, name }: { readonly to: string; readonly name: string }) {
  await mkdir(to, { recursive: true })
  if ((await readdir(to)).length > 0) {
    throw new DataError('occupied', `${to} is not empty; name a new directory for the backup`)
  }
  return copyTo(copying, join(to, name))
}

/** For whoever has the directory for himself. Ends with the file closed. */
export async function compact(copying: Copying): Promise<Copied> {
  return copyTo(copying, copying.from, () => copying.file.close())
}

async function copyTo(copying: Copying, place: string, beforeNaming: () => Promise<void> = async () => {}) {
  const { file, from, tell } = copying
  const part = `${place}.part`
  await removed(part)
  const fileBytesBefore = await sizeOf(from)
  let isOver = false
  const copied = file.backup(part, true).finally(() => {
    isOver = true
  })
  copied.catch(() => {})
  while (!isOver) {
    tell({ doing: 'bytes', done: await sizeOf(part), of: fileBytesBefore })
    await Promise.race([copied.catch(() => {}), sleepMs(lookMs)])
  }
  try {
    await copied
    await makeFree(part)
    await flush(part)
    await beforeNaming()
    await rename(part, place)
    // The lock table tells of the file that had this name; nobody has it open.
    await rm(`${place}-lock`, { force: true })
    await flush(join(place, '..'))
  } catch (error) {
    await removed(part)
    throw error
  }
  const fileBytes = await sizeOf(place)
  tell({ doing: 'bytes', done: fileBytes, of: fileBytes })
  return { fileBytesBefore, fileBytes }
}

/** The copy says who has the original; nobody has the copy. */
async function makeFree(path: string): Promise<void> {
  const copy = openFile(path)
  copy.transactionSync(() => copy.removeSync(metaKeys.owner))
  await copy.flushed
  await copy.close()
  await rm(`${path}-lock`, { force: true })
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function removed(part: string): Promise<void> {
  await rm(part, { force: true })
  await rm(`${part}-lock`, { force: true })
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}
