// What tells our data from others, and how older forms become the present one. It knows nothing of files.

import { decodeJson, encodeJson } from './codec.js'
import type { Disk, Write } from './disk.js'
import { kinds, metaKeys, prefixOf } from './keys.js'

/** Raised when anything on the disk changes its form; `migrations` then gets a row. */
export const formatVersion = 1

export type DataProblem = 'foreign' | 'newer' | 'damaged' | 'in-use' | 'missing' | 'occupied' | 'unreadable'

/** The directory cannot be opened; the message says what to do. */
export class DataError extends Error {
  override readonly name = 'DataError'
  readonly problem: DataProblem

  constructor(problem: DataProblem, message: string, options?: ErrorOptions) {
    super(message, options)
    this.problem = problem
  }
}

/** From the version named to the next one: what is to be written, in one batch with the new number. */
export interface Migration {
  readonly from: number
  writes(disk: Disk): readonly Write[]
}

export const migrations: readonly Migration[] = []

/** The version of what is there; null: nothing is. Throws for what is not ours. */
export function versionOf(disk: Disk): number | null {
  const value = disk.get(metaKeys.format)
  if (value === undefined) {
    if (isEmpty(disk)) return null
    throw new DataError('foreign', 'this LMDB file is not a Holdfast store; name another directory')
  }
  const { holdfast } = decodeJson(value) as { holdfast?: unknown }
  if (typeof holdfast !== 'number') throw new DataError('foreign', 'this LMDB file is not a Holdfast store')
  return holdfast
}

/** Whoever takes an empty directory writes his name first. */
function isEmpty(disk: Disk): boolean {
  const first = disk.keyFrom(prefixOf(0))
  if (first === undefined) return true
  if (first[0] !== kinds.meta || disk.keyFrom(prefixOf(kinds.meta + 1)) !== undefined) return false
  for (const { key } of disk.scan(prefixOf(kinds.meta))) {
    if (![metaKeys.owner, metaKeys.batch].some((own) => Buffer.compare(own, key) === 0)) return false
  }
  return true
}

/** Brings the data to the present version, one step and one flushed batch at a time. */
export async function migrate(
  disk: Disk,
  { to = formatVersion, steps = migrations }: { readonly to?: number; readonly steps?: readonly Migration[] } = {},
): Promise<void> {
  let version = versionOf(disk)
  if (version === null) {
    await disk.commit([formatWrite(to)]).flushed
    return
  }
  if (version > to) {
    const message = `these data have version ${version}, this release knows versions up to ${to}; install a newer release`
    throw new DataError('newer', message)
  }
  for (; version < to; version++) {
    const step = steps.find(({ from }) => from === version)
    if (step === undefined) {
      throw new DataError(
        'unreadable',
        `version ${version} of these data is no longer read; use an older release first`,
      )
    }
    await disk.commit([...step.writes(disk), formatWrite(version + 1)]).flushed
  }
}

function formatWrite(version: number): Write {
  return { key: metaKeys.format, value: encodeJson({ holdfast: version }) }
}

/** Names of kinds, for people. */
export const kindNames: ReadonlyMap<number, string> = new Map(Object.entries(kinds).map(([name, kind]) => [kind, name]))
