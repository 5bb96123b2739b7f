// Who has a data directory: one process at a time, also when the last one was killed. The record lies in the file itself
// and is read and written in one write transaction, which LMDB gives to one process at a time and takes back from a dead
// one. A process is known by its id and the time it began, so that an id used again is not taken for the old one.

import { readFileSync, readlinkSync } from 'node:fs'
import { sleepMs } from './clock.js'
import { decodeJson, encodeJson } from './codec.js'
import { DataError } from './format.js'
import { metaKeys } from './keys.js'
import { type LmdbFile, readBatch } from './lmdb-disk.js'

interface Process {
  readonly pid: number
  /** In ticks since the system began; null: this system does not tell. */
  readonly began: string | null
  readonly boot: string | null
  /** Process ids of another one (a container) mean nothing here. */
  readonly pidSpace: string | null
}

interface Owner extends Process {
  readonly nonce: string
}

export interface Ownership {
  /** Throws when the file was taken by another process. */
  check(): void
  release(): void
}

/** A server writes at least once a second, so a file that stands still for this long is nobody's. */
const watchMs = 3_000

/** Throws `in-use` while another process that is alive has it. */
export async function own(file: LmdbFile, path: string): Promise<Ownership> {
  const holder = ownerOf(file)
  if (holder !== null && isElsewhere(holder)) await watch(file, path)
  const own = thisProcess()
  // A process that opens it twice has written between.
  const owner: Owner = { ...own, nonce: `${own.pid} ${own.began} ${readBatch(file)}` }
  const found = file.transactionSync(() => {
    const present = ownerOf(file)
    if (present !== null && isAlive(present)) return present
    file.putSync(metaKeys.owner, Buffer.from(encodeJson(owner)))
    return null
  })
  if (found !== null) throw inUse(path, found.pid)

  const isOurs = () => ownerOf(file)?.nonce === owner.nonce
  return {
    check() {
      if (!isOurs()) throw new DataError('in-use', `${path} was taken by another process`)
    },
    release() {
      if (isOurs()) file.transactionSync(() => file.removeSync(metaKeys.owner))
    },
  }
}

/** The process that has it, if it is alive; for tools. */
export function holderOf(file: LmdbFile): number | null {
  const holder = ownerOf(file)
  return holder !== null && (isElsewhere(holder) || isAlive(holder)) ? holder.pid : null
}

export function inUse(path: string, pid: number): DataError {
  return new DataError(
    'in-use',
    `${path} is in use by process ${pid}; stop that server first, or name another directory`,
  )
}

function ownerOf(file: LmdbFile): Owner | null {
  const value = file.getBinary(metaKeys.owner)
  return value === undefined ? null : (decodeJson(value) as Owner)
}

async function watch(file: LmdbFile, path: string): Promise<void> {
  const before = readBatch(file)
  await sleepMs(watchMs)
  file.resetReadTxn()
  if (readBatch(file) !== before) {
    throw new DataError('in-use', `${path} is in use by a process of another container; stop it first`)
  }
}

function isElsewhere({ boot, pidSpace }: Process): boolean {
  const own = thisProcess()
  return boot === own.boot && pidSpace !== own.pidSpace
}

/** Of this process itself only a dead one of the same id is found here: what it has open is known beside the file. */
function isAlive(process: Process): boolean {
  const own = thisProcess()
  if (process.boot !== own.boot || process.pidSpace !== own.pidSpace || process.pid === own.pid) return false
  try {
    globalThis.process.kill(process.pid, 0)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ESRCH') return false
  }
  return process.began === null || process.began === beganOf(process.pid)
}

function thisProcess(): Process {
  const { pid } = process
  return {
    pid,
    began: beganOf(pid),
    boot: read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidSpace: read(() => readlinkSync('/proc/self/ns/pid')),
  }
}

/** Field 22 of proc(5); the name in the second field may hold anything, so it is counted from its end. */
function beganOf(pid: number): string | null {
  return read(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  })
}

function read(from: () => string | null): string | null {
  try {
    return from()
  } catch {
    return null
  }
}
