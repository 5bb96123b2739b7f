// Makes a failing plan small: leaves out ever smaller parts of its work and faults for as long as the same invariant
// still falls (delta debugging), then makes the world itself plainer.

import type { Config } from './config.js'
import { judge } from './judge.js'
import type { Plan } from './plan.js'

export interface Shrunk {
  readonly plan: Plan
  readonly runCount: number
}

export interface ShrinkOptions {
  /** Runs the plan at most so many times. Default 150. */
  readonly runsMax?: number
  /** After each run. */
  readonly progress?: (runCount: number, itemCount: number) => void
}

export async function shrink(plan: Plan, id: string, options: ShrinkOptions = {}): Promise<Shrunk> {
  const { runsMax = 150, progress = () => {} } = options
  let runCount = 0
  let itemCount = plan.items.length
  const falls = async (candidate: Plan) => {
    if (runCount >= runsMax) return false
    runCount += 1
    const isFallen = (await judge(candidate)).violations.some((violation) => violation.id === id)
    if (isFallen) itemCount = candidate.items.length
    progress(runCount, itemCount)
    return isFallen
  }
  const calm = await calmer(plan, falls)
  const small = await fewerItems(calm, falls)
  return { plan: await calmer(small, falls), runCount }
}

type Falls = (candidate: Plan) => Promise<boolean>

async function fewerItems(plan: Plan, falls: Falls): Promise<Plan> {
  let smallest = plan
  for (let size = Math.ceil(plan.items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = smallest.items.length - size; from > -size; from -= size) {
      const at = Math.max(0, from)
      const items = smallest.items.filter((_, index) => index < at || index >= from + size)
      const candidate = { ...smallest, items }
      if (items.length < smallest.items.length && (await falls(candidate))) smallest = candidate
    }
  }
  return smallest
}

const plainer: readonly ((config: Config) => Partial<Config>)[] = [
  () => ({ serverCount: 1 }),
  () => ({ latencyMs: [5, 5] }),
  ({ store }) => ({ store: { ...store, hintLoss: 0, hintRepeat: 0 } }),
  ({ store }) => ({ store: { ...store, lateMs: [0, 0], hintLateMs: [0, 0] } }),
  ({ rooms }) => ({ rooms: rooms.slice(0, 1) }),
  ({ client }) => ({ client: { ...client, storageLateMs: 0 } }),
]

async function calmer(plan: Plan, falls: Falls): Promise<Plan> {
  let calmest = plan
  for (const change of plainer) {
    const candidate = { ...calmest, config: { ...calmest.config, ...change(calmest.config) } }
    if (JSON.stringify(candidate.config) !== JSON.stringify(calmest.config) && (await falls(candidate))) {
      calmest = candidate
    }
  }
  return calmest
}
