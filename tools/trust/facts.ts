// What the trust page is made of: tables of the simulator, recorded runs, and which tests name which invariant or fault.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Caught, parseRecord } from '../../sim/bugs/record.js'
import { bugs } from '../../sim/bugs/table.js'
import type { Bug } from '../../sim/bugs/bug.js'
import { coveredBy, invariants, notYet } from '../../sim/checks/table.js'
import { type FaultRow, faultTable } from '../../sim/faults-table.js'
import { probes } from '../../sim/probes.js'
import { readVolumes, type Volume } from '../../sim/volumes.js'
import { points } from '../../test/crash/points.js'
import { type CrashVolumes, readCrashVolumes } from '../../test/crash/volumes.js'

export interface Facts {
  /** Each with what the simulator says of it. */
  readonly checks: ReadonlyMap<string, { readonly kind: 'checked' | 'within' | 'not'; readonly words: string }>
  readonly faults: readonly FaultRow[]
  readonly bugs: readonly (Bug & { readonly caught: Caught | null })[]
  readonly probeNames: readonly string[]
  readonly volumes: Partial<Record<'sim' | 'nightly', Volume>>
  readonly crashes: CrashVolumes
  /** Where the crash test kills a server. */
  readonly crashPoints: readonly string[]
  /** Test files by the ids that stand in their titles. */
  readonly named: ReadonlyMap<string, readonly string[]>
  /** Seeds that once found something: they run with every `npm test`. */
  readonly keptSeeds: number
}

export function gather(root: string): Facts {
  const checks = new Map<string, { kind: 'checked' | 'within' | 'not'; words: string }>()
  for (const [id, words] of Object.entries(notYet)) checks.set(id, { kind: 'not', words })
  for (const [id, words] of Object.entries(coveredBy)) checks.set(id, { kind: 'within', words })
  for (const { id, holds, excuses } of invariants) {
    checks.set(id, { kind: 'checked', words: excuses === undefined ? holds : `${holds}. Excused: ${excuses}` })
  }
  const recorded = existsSync(join(root, 'sim/bugs.txt'))
    ? parseRecord(readFileSync(join(root, 'sim/bugs.txt'), 'utf8'))
    : []
  return {
    checks,
    faults: faultTable,
    bugs: bugs.map((bug) => ({ ...bug, caught: recorded.find(({ name }) => name === bug.name) ?? null })),
    probeNames: probes.map(({ name }) => name),
    volumes: readVolumes(),
    crashes: readCrashVolumes(),
    crashPoints: points,
    named: namedIn(root),
    keptSeeds: readFileSync(join(root, 'sim/seeds.txt'), 'utf8')
      .split('\n')
      .filter((line) => /^\d/.test(line)).length,
  }
}

function namedIn(root: string): ReadonlyMap<string, readonly string[]> {
  const named = new Map<string, string[]>()
  for (const file of [...testsBelow(root, 'test'), ...testsBelow(root, 'src')]) {
    const text = readFileSync(join(root, file), 'utf8')
    for (const id of new Set([...text.matchAll(/\[([IF]\d\d)\]/g)].map(([, found]) => found ?? ''))) {
      named.set(id, [...(named.get(id) ?? []), file])
    }
  }
  return named
}

function testsBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) return testsBelow(root, path)
      return /\.test\.tsx?$/.test(entry.name) ? [path] : []
    })
}
