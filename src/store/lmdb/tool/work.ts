// The process in which a tool reads a data directory: damaged pages can end a process, and its parent tells so. It does
// one thing it is asked, says how far it is and what came out, and ends.

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from '../format.js'
import { dataFile, openChecked } from '../index.js'
import { lmdbDisk } from '../lmdb-disk.js'
import { own } from '../owner.js'
import { backup, compact } from './copy.js'
import { inspect, inspectRoom } from './inspection.js'
import type { Progress } from './records.js'
import { checkVersion, verify } from './verification.js'

export type Work =
  | { readonly do: 'inspect'; readonly path: string; readonly room: string | null }
  | { readonly do: 'verify'; readonly path: string }
  | { readonly do: 'compact'; readonly path: string }
  | { readonly do: 'backup'; readonly path: string; readonly to: string }

export type Told =
  | { readonly is: 'progress'; readonly progress: Progress }
  | { readonly is: 'done'; readonly result: object }
  | { readonly is: 'failed'; readonly problem: string; readonly message: string }

process.once('message', (work: Work) => {
  run(work).then(
    (result) => end({ is: 'done', result }),
    (error: unknown) => end({ is: 'failed', ...failureOf(error, work.path) }),
  )
})

async function run(work: Work): Promise<object> {
  const from = join(work.path, dataFile)
  await checkThere(work.path, from)
  const file = await openChecked(from, { isReadOnly: work.do !== 'compact' })
  if (work.do === 'inspect') return work.room === null ? inspect(file) : inspectRoom(file, work.room)
  if (work.do === 'verify') return verify(lmdbDisk(file), tell)
  checkVersion(lmdbDisk(file))
  if (work.do === 'backup') {
    const copied = await backup({ file, from, tell }, { to: work.to, name: dataFile })
    return { ...copied, ...(await verified(join(work.to, dataFile))) }
  }
  // Held until the process ends: no server starts in between.
  await own(file, work.path)
  return { ...(await compact({ file, from, tell })), ...(await verified(from)) }
}

/** A copy that nobody has read is no copy. */
async function verified(path: string) {
  const copy = await openChecked(path, { isReadOnly: true })
  const { findings, findingsCount } = verify(lmdbDisk(copy), tell)
  await copy.close()
  return { findingsCount, findings }
}

async function checkThere(path: string, file: string): Promise<void> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw new DataError('unreadable', `${file} cannot be read: ${error.message}`)
  })
  if (found === null) {
    throw new DataError('missing', `${path} has no ${dataFile}; name the data directory of a server`)
  }
  if (found.size === 0) throw new DataError('damaged', `${file} is empty; restore a backup, or remove it`)
}

function tell(progress: Progress): void {
  process.send?.({ is: 'progress', progress } satisfies Told)
}

function end(told: Told): void {
  process.send?.(told, () => process.exit(0))
}

function failureOf(error: unknown, path: string): { readonly problem: string; readonly message: string } {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof DataError) return { problem: error.problem, message }
  // LMDB's own words for pages that make no sense.
  const isBroken = /MDB_|corrupt|Invalid|not found/i.test(message)
  return { problem: isBroken ? 'damaged' : 'failed', message: `${path}: ${message}` }
}
