// One seed, or one plan, run and judged.

import type { Violation } from './checks/check.js'
import { violationsOf } from './checks/table.js'
import { faultsOf, type Plan } from './plan.js'
import { simulate } from './simulate.js'
import type { TraceRecord } from './trace.js'

export interface Judged {
  readonly plan: Plan
  readonly records: readonly TraceRecord[]
  readonly hash: string
  readonly violations: readonly Violation[]
  readonly faultCount: number
}

export async function judge(plan: Plan): Promise<Judged> {
  const { records, hash } = await simulate(plan)
  return { plan, records, hash, violations: violationsOf(records, plan), faultCount: faultsOf(plan).length }
}
