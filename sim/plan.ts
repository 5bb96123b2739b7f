// What will be done in a run, as plain data: work and faults, each at its time. Drawn from the seed; any part of it
// can be left out and the rest run again, which is how a failure is made small.

import { createSeededChance } from '../src/testing/seeded-chance.js'
import { type Config, drawConfig, drawDisk } from './config.js'
import { drawFaults } from './fault-draws.js'
import type { Fault } from './faults.js'
import { drawScenes } from './scenes.js'
import { drawWork, type Work } from './workload.js'

export type Item = { readonly atMs: number } & (Work | Fault)

export interface Plan {
  readonly seed: number
  readonly config: Config
  /** In order of time. */
  readonly items: readonly Item[]
}

export function planOf(seed: number): Plan {
  const chance = createSeededChance(seed).fork('plan')
  const config = drawConfig(chance.fork('config'), drawDisk(seed, chance.fork('disk')))
  const items = [
    ...drawWork(chance.fork('work'), config),
    ...drawFaults(chance.fork('faults'), config),
    ...drawScenes(chance.fork('scenes'), config),
  ]
  return { seed, config, items: items.toSorted((a, b) => a.atMs - b.atMs) }
}

export function faultsOf(plan: Plan): readonly Item[] {
  return plan.items.filter((item) => 'fault' in item)
}
