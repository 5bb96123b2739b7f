// Whether each planted bug is caught: by the seed that is recorded, or by the first of many. A bug counts as caught
// only where the code without it breaks nothing.

import { type Bundle, bundle } from '../bundle.js'
import { secondsSince } from '../seeds.js'
import type { Bug } from './bug.js'
import type { Caught } from './record.js'
import { SeedProcess } from './seed-process.js'

export interface HuntAsk {
  readonly bugs: readonly Bug[]
  readonly workerCount: number
  /** One line for people. */
  readonly progress: (line: string) => void
  /** How one bug is caught; null: it is not. */
  readonly hunt: (bug: Bug, quarry: Quarry) => Promise<Caught | null>
}

export interface Hunted {
  readonly bugs: number
  readonly caught: number
  readonly missed: readonly string[]
  readonly seconds: number
  readonly list: readonly Caught[]
}

/** What a hunt runs: the code with the bug, and the code without it. */
export interface Quarry {
  /** Ids of what falls, and how long the run was. Null: it did not come to an end. */
  run(seed: number): Promise<{ readonly fallen: readonly string[]; readonly steps: number } | null>
  /** True: nothing falls without the bug. */
  isClean(seed: number): Promise<boolean>
}

/** So many catching seeds are compared, and so many more are tried for them: the cheapest is recorded. */
const comparedMax = 2
const furtherMax = 3

export async function hunt(ask: HuntAsk): Promise<Hunted> {
  const startMs = Date.now()
  const healthy = await bundle()
  const list: Caught[] = []
  const waiting = [...ask.bugs]
  const cleanSeeds = new Map<number, Promise<boolean>>()
  const lane = async () => {
    const base = new SeedProcess(healthy.file)
    const isClean = (seed: number) => {
      const known = cleanSeeds.get(seed) ?? base.run(seed).then((result) => result?.fallen.length === 0)
      cleanSeeds.set(seed, known)
      return known
    }
    try {
      for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
        const caught = await huntOne(bug, ask.hunt, isClean)
        if (caught !== null) list.push(caught)
        ask.progress(lineOf(bug, caught))
      }
    } finally {
      base.close()
    }
  }
  try {
    await Promise.all(Array.from({ length: ask.workerCount }, lane))
  } finally {
    healthy.remove()
  }
  const order = ask.bugs.map(({ name }) => name)
  return {
    bugs: ask.bugs.length,
    caught: list.length,
    missed: order.filter((name) => !list.some((caught) => caught.name === name)),
    seconds: secondsSince(startMs),
    list: list.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name)),
  }
}

async function huntOne(bug: Bug, how: HuntAsk['hunt'], isClean: Quarry['isClean']): Promise<Caught | null> {
  const planted: Bundle = await bundle(bug)
  const seeds = new SeedProcess(planted.file)
  try {
    return await how(bug, { run: (seed) => seeds.run(seed), isClean })
  } finally {
    seeds.close()
    planted.remove()
  }
}

function lineOf(bug: Bug, caught: Caught | null): string {
  if (caught === null) return `${bug.name}: not caught`
  return `${bug.name}: ${caught.invariant} by seed ${caught.seed}, ${caught.seedsNeeded} seeds needed`
}

/** The recorded seed still catches it, by the invariant that is recorded. */
export function replayOf(recorded: readonly Caught[]): HuntAsk['hunt'] {
  return async (bug, quarry) => {
    const caught = recorded.find(({ name }) => name === bug.name)
    if (caught === undefined || !bug.expected.includes(caught.invariant)) return null
    const result = await quarry.run(caught.seed)
    const isCaught = result?.fallen.includes(caught.invariant) === true
    return isCaught && (await quarry.isClean(caught.seed)) ? caught : null
  }
}

/** Seeds 1 to `seedsMax`, in their order, until one makes an expected invariant fall. */
export function searchOf(seedsMax: number): HuntAsk['hunt'] {
  return async (bug, quarry) => {
    const found: (Caught & { readonly steps: number })[] = []
    let last = seedsMax
    for (let seed = 1; seed <= last && found.length < comparedMax; seed++) {
      const result = await quarry.run(seed)
      const invariant = bug.expected.find((id) => result?.fallen.includes(id))
      if (result === null || invariant === undefined || !(await quarry.isClean(seed))) continue
      if (found.length === 0) last = Math.min(seedsMax, seed + furtherMax)
      const seedsNeeded = found[0]?.seed ?? seed
      found.push({ name: bug.name, seed, invariant, seedsNeeded, steps: result.steps })
    }
    const [cheapest] = found.toSorted((a, b) => a.steps - b.steps)
    if (cheapest === undefined) return null
    const { steps: _, ...caught } = cheapest
    return caught
  }
}
