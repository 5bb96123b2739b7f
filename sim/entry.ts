// What a bundle of the simulator offers: to whoever imports it, and, called with `--worker`, to the process that
// forked it.

import { type Judged, judge } from './judge.js'
import { planOf } from './plan.js'
import { replay, report } from './report.js'
import type { SeedAsk, SeedResult } from './seeds.js'

/** Stands at the top of the bundle: how often each probe was hit. */
declare const simProbes: number[]

async function run({ seed, isTwice }: SeedAsk): Promise<SeedResult> {
  const { judged, hits } = await probed(seed)
  const { records, hash, violations, faultCount } = judged
  const isSame = !isTwice || (await judge(planOf(seed))).hash === hash
  const fallen = [...new Set(violations.map(({ id }) => id))]
  return {
    seed,
    steps: records.length,
    faults: faultCount,
    hash,
    isSame,
    violations: violations.slice(0, 20),
    fallen,
    hits,
  }
}

/** One seed, and the hits of every probe of the bundle, in their order. */
async function probed(seed: number): Promise<{ readonly judged: Judged; readonly hits: readonly number[] }> {
  simProbes.fill(0)
  const judged = await judge(planOf(seed))
  return { judged, hits: [...simProbes] }
}

if (process.argv.includes('--worker')) {
  process.on('message', (ask: SeedAsk) => {
    void run(ask).then((result) => process.send?.(result))
  })
}

export { judge, planOf, replay, report, run }
