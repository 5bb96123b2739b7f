// The last recorded run of kills and of power cuts, kept in the repository so that the trust page can tell it.

import { readFileSync, writeFileSync } from 'node:fs'
import { commitNow } from '../../sim/volumes.js'
import type { CrashResult } from './crash.js'

export interface CrashVolume extends Omit<CrashResult, 'differences'> {
  readonly command: string
  /** Where the sources were not those of a commit, its name ends in `+`. */
  readonly commit: string
}

export type CrashVolumes = Partial<Record<'kills' | 'power', CrashVolume>>

const file = new URL('./volumes.json', import.meta.url)

/** Empty where nothing was recorded. */
export function readCrashVolumes(): CrashVolumes {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as CrashVolumes
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** What differed is recorded as it is. */
export function recordCrash(
  name: keyof CrashVolumes,
  { differences: _, ...result }: CrashResult,
  command: string,
): void {
  const volume: CrashVolume = { command, commit: commitNow(), ...result }
  writeFileSync(file, `${JSON.stringify({ ...readCrashVolumes(), [name]: volume }, null, 2)}\n`)
}
