// What was run, kept in the repository so that the trust page can tell it: the last recorded run of each command, with
// the commit it ran on. No dates: the commit has one.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Summary } from './seeds.js'

export interface Volume extends Omit<Summary, 'failed'> {
  readonly command: string
  /** Where the sources were not those of a commit, its name ends in `+`. */
  readonly commit: string
  /** How many of the seeds ran twice. */
  readonly twice: number
}

export type VolumeName = 'sim' | 'nightly'

const file = new URL('./volumes.json', import.meta.url)

/** Empty where nothing was recorded. */
export function readVolumes(): Partial<Record<VolumeName, Volume>> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<Record<VolumeName, Volume>>
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** What fell is recorded as it is. */
export function recordVolume(
  name: VolumeName,
  { failed: _, ...summary }: Summary,
  by: { readonly command: string; readonly twice: number },
): void {
  const volume: Volume = { ...by, commit: commitNow(), ...summary }
  writeFileSync(file, `${JSON.stringify({ ...readVolumes(), [name]: volume }, null, 2)}\n`)
}

/** Of the sources that a run depends on. */
export function commitNow(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  try {
    const isChanged = git('status', '--porcelain', '--', 'src', 'sim', ':!sim/volumes.json', ':!sim/bugs.txt') !== ''
    return `${git('rev-parse', '--short=12', 'HEAD')}${isChanged ? '+' : ''}`
  } catch {
    // Sources without a repository.
    return 'unknown'
  }
}
