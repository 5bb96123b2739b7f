// Whether a data directory is sound: offsets dense, tags and lineage in order, producers in step with entries, sessions,
// leases, boards and the queue in step with each other. It changes nothing, and knows nothing of files.

import type { Disk } from '../disk.js'
import { formatVersion, versionOf, DataError } from '../format.js'
import { metaKeys } from '../keys.js'
import { verifyBoards } from './boards.js'
import { verifyControl } from './control.js'
import { verifyLogs } from './logs.js'
import { type Finding, isCount, isObject, type Progress, Records } from './records.js'

export interface Verification {
  readonly rooms: number
  readonly entries: number
  readonly producers: number
  readonly sessions: number
  readonly leases: number
  readonly boards: number
  readonly events: number
  /** All of them; the first hundred are told. */
  readonly findingsCount: number
  readonly findings: readonly Finding[]
}

/** Reads everything. Throws DataError for what is not ours, or too broken to be read on. */
export function verify(disk: Disk, tell: (progress: Progress) => void = () => {}): Verification {
  checkVersion(disk)
  const records = new Records(disk, tell)
  records.checkKinds()
  const state = records.object(metaKeys.state, 'the state') ?? {}
  for (const name of ['nowMs', 'lastRoom', 'fence', 'generationFloor', 'rightsCount', 'versionFloor']) {
    records.check(typeof state[name] === 'number', 'the state', `has no number ${name}`)
  }
  verifyLives(records)
  const logs = verifyLogs(records, isCount(state['lastRoom']) ? state['lastRoom'] : 0)
  const control = verifyControl(records, isCount(state['fence']) ? state['fence'] : 0)
  const boards = verifyBoards(records)
  const { findings, findingsCount } = records
  return { ...logs, ...control, boards, findingsCount, findings }
}

/** Throws for what was never a store of ours, or is of another release. */
export function checkVersion(disk: Disk): void {
  const version = versionOf(disk)
  if (version === null) throw new DataError('missing', 'there is a file, but no server has kept anything in it yet')
  if (version > formatVersion) {
    throw new DataError(
      'newer',
      `these data have version ${version}, this release knows ${formatVersion}; install a newer one`,
    )
  }
  if (version < formatVersion) {
    throw new DataError(
      'unreadable',
      `these data have the older version ${version}; start the server once, it brings them forward`,
    )
  }
}

function verifyLives(records: Records): void {
  const lives = records.object(metaKeys.lives, 'the lives')
  if (lives === null) return
  const { present, past } = lives
  records.check(isObject(present) && typeof present['epoch'] === 'string', 'the lives', 'have no present epoch')
  records.check(Array.isArray(past), 'the lives', 'have no past')
}
