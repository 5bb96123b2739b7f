// `holdfast/store/lmdb`: the embedded durable store in a directory of its own.

import { mkdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../store.js'
import { countOf } from './count.js'
import { durableStore } from './durable.js'
import { DataError, versionOf } from './format.js'
import { checkHeader } from './header.js'
import type { FailPoint } from './journal.js'
import { kinds } from './keys.js'
import { lmdbDisk, type LmdbFile, openFile } from './lmdb-disk.js'
import { inUse, own } from './owner.js'

export { DataError, type DataProblem } from './format.js'

export interface LmdbOptions {
  /** The data directory; made if it is not there. One process at a time. */
  readonly path: string
  /** What is written behind at most; beyond it publishes are refused, retryably, until the disk has caught up. */
  readonly unwrittenBytesMax?: number
  /** Told of each batch that could not be kept; `isFatal`: a flush failed, nothing is written any more. */
  readonly onFault?: (error: Error, isFatal: boolean) => void
  /** For tests that end the process there. */
  readonly onPoint?: (point: FailPoint) => void
}

export interface LmdbStore extends Store {
  /** What the directory had when it was opened: rooms with history, sessions that are not over. */
  counts(): { readonly rooms: number; readonly sessions: number }
}

/** The file in the data directory. LMDB keeps its lock table beside it. */
export const dataFile = 'holdfast.mdb'

/** Directories that this process has open: LMDB itself must not open a file twice. */
const opened = new Set<string>()

/**
 * Opens a data directory. Throws DataError: in use, not ours, newer than this release, damaged. Each opening is a new
 * life of the store: a new epoch that continues the last one.
 */
export async function openLmdbStore(options: LmdbOptions): Promise<LmdbStore> {
  const { path, ...rest } = options
  const directory = await directoryOf(path)
  if (opened.has(directory)) throw inUse(path, process.pid)
  opened.add(directory)
  try {
    const file = await openChecked(join(directory, dataFile))
    const ownership = await ownOf(file, path)
    const disk = lmdbDisk(file, () => ownership.check())
    const close = async () => {
      try {
        ownership.release()
      } catch {
        // The disk is full or broken; a process that has ended is known to be gone all the same.
      }
      await disk.close()
      opened.delete(directory)
    }
    const sessions = countOf(file, kinds.session) - countOf(file, kinds.ending)
    const counts = { rooms: countOf(file, kinds.room), sessions }
    return { ...durableStore({ ...rest, disk: { ...disk, close } }), counts: () => counts }
  } catch (error) {
    opened.delete(directory)
    throw error
  }
}

/** Opened, and known to be ours, or empty. */
export async function openChecked(path: string, options: { readonly isReadOnly?: boolean } = {}): Promise<LmdbFile> {
  if (await exists(path)) await checkHeader(path)
  let file: LmdbFile
  try {
    file = openFile(path, options)
  } catch (error) {
    throw new DataError('unreadable', `${path} cannot be opened: ${messageOf(error)}`, { cause: error })
  }
  try {
    versionOf(lmdbDisk(file))
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

async function ownOf(file: LmdbFile, path: string) {
  try {
    return await own(file, path)
  } catch (error) {
    await file.close()
    throw error
  }
}

async function directoryOf(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true })
    return await realpath(path)
  } catch (error) {
    throw new DataError('unreadable', `${path} cannot be used as a data directory: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
