// A process that runs the seeds it is sent, one after the other, and answers each.

import { judge } from './judge.js'
import { planOf } from './plan.js'
import type { SeedAsk, SeedResult } from './seeds.js'

async function run({ seed, isTwice }: SeedAsk): Promise<SeedResult> {
  const { records, hash, violations, faultCount } = await judge(planOf(seed))
  const isSame = !isTwice || (await judge(planOf(seed))).hash === hash
  return { seed, steps: records.length, faults: faultCount, hash, isSame, violations: violations.slice(0, 20) }
}

/** Until its parent lets go of it. */
export function serve(): void {
  process.on('message', (ask: SeedAsk) => {
    void run(ask).then((result) => process.send?.(result))
  })
}
