// Rare branches, each with a name: how often the simulator came through is counted, and one that it never came through
// in a night is a hole in it. The counting is put in when the simulator is bundled; the code knows nothing of it.

import { type Edit, placeOf } from './patches.js'
import { clientProbes } from './probes/client.js'
import { engineProbes } from './probes/engine.js'
import { serverProbes } from './probes/server.js'
import { storeProbes } from './probes/store.js'

export interface Probe {
  readonly name: string
  /** Relative to the repository. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  /** What of it is meant, where `find` needs more to be told apart. */
  readonly part?: string
  /** Counted before that statement, or when that condition is true, or false. */
  readonly where: 'before' | 'when' | 'unless'
}

export const probes: readonly Probe[] = [...storeProbes, ...engineProbes, ...serverProbes, ...clientProbes]

/** Throws StalePatch. On one line, so that lines stay where they are. */
export function editOfProbe(text: string, { name, file, find, part = find, where }: Probe, index: number): Edit {
  const from = placeOf(text, { file, find }, `probe ${name}`) + find.indexOf(part)
  const to = from + part.length
  const hit = `simHit(${index})`
  switch (where) {
    case 'before':
      checkStatement(text.slice(0, from), name)
      return { from, to: from, text: `${hit};` }
    case 'when':
      checkCondition(text.slice(0, from), name)
      return { from, to, text: `((${part}) && ${hit})` }
    case 'unless':
      checkCondition(text.slice(0, from), name)
      return { from, to, text: `((${part}) || !${hit})` }
  }
}

/** A count before the one statement of an `if` would take its place. */
function checkStatement(before: string, name: string): void {
  const [line = '', above = ''] = before.split('\n').reverse()
  if (line.trim() === '' && !isOpenHead(above.trim())) return
  throw new Error(`the probe ${name} does not stand before a statement of its own: count its condition`)
}

/** A bracket at the start of a line would make it go on with the line before. */
function checkCondition(before: string, name: string): void {
  const [line = ''] = before.split('\n').reverse()
  if (line.trim() === '') throw new Error(`the probe ${name} does not stand within a statement: name a part of it`)
}

/** `if (…)` and nothing behind it. */
function isOpenHead(line: string): boolean {
  if (line === ')' || line === 'else') return true
  if (!/^(\} )?(else )?(if|for|while) \(/.test(line)) return false
  let depth = 0
  for (const [at, char] of [...line].entries()) {
    depth += Number(char === '(') - Number(char === ')')
    if (char === ')' && depth === 0) return at === line.length - 1
  }
  return true
}
