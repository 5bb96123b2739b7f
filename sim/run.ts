// The command `npm run sim`: many seeds in two processes, or one seed or plan again. It says what fell and how to see
// it again.

import { readFileSync } from 'node:fs'
import { readOptions } from '../tools/options.js'
import { inSimulator } from './bundle.js'
import { StalePatch } from './patches.js'
import { type Plan, planOf } from './plan.js'
import { WrongOption, wholeOf } from './options.js'
import { commandOf, createProgress } from './report.js'
import { runSeeds } from './seeds.js'
import { recordVolume } from './volumes.js'

const help = `npm run sim [-- options]

Runs the real server, client and store on virtual time over a network in memory, breaks them as each seed says, and
checks every invariant. The same seed gives the same run.

  --seeds N    how many seeds (default 200)
  --from N     the first one (default 1)
  --twice N    how many of them run twice, to compare their traces (default 50)
  --workers N  processes (default 2, or as many as there are cores)
  --seed N     only this one; a failure is made small, printed and kept as a plan
  --plan FILE  only this plan, as a failure that was made small leaves it in artefacts/sim
  --trace      with --seed or --plan: prints everything that happened
  --no-shrink  prints a failure as it is
  --record     keeps what came of it in sim/volumes.json, for the trust page
  --json       one object: seeds, steps, faults, violations, determinism, seconds, failed, probes, neverHit
  --help       this text

Exit code: 0 nothing fell, 1 something did, 2 a wrong option.
`

async function main(): Promise<number | null> {
  const read = readOptions('npm run sim', help, {
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      twice: { type: 'string' },
      workers: { type: 'string' },
      seed: { type: 'string' },
      plan: { type: 'string' },
      trace: { type: 'boolean' },
      'no-shrink': { type: 'boolean' },
      record: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (read === null) return null
  const { values } = read
  const [seeds, from, twice, workers, seed] = (['seeds', 'from', 'twice', 'workers', 'seed'] as const).map((name) =>
    wholeOf(name, values[name]),
  ) as [number, number, number, number, number]
  const showing = { trace: values.trace === true, mustShrink: values['no-shrink'] !== true }
  const replayed = async (plan: Plan, again: string) =>
    (await inSimulator(({ replay }) => replay(plan, again, showing))) ? 1 : 0
  if (values.seed !== undefined) return replayed(planOf(seed), commandOf(seed))
  if (values.plan !== undefined) return replayed(planIn(values.plan), `npm run sim -- --plan ${values.plan}`)
  const isJson = values.json === true
  const summary = await runSeeds({
    seeds: Array.from({ length: seeds }, (_, index) => from + index),
    twiceCount: twice,
    workerCount: workers,
    progress: isJson ? () => {} : createProgress(() => performance.now()),
  })
  if (values.record === true) {
    const command = `npm run sim -- --seeds ${seeds}${from === 1 ? '' : ` --from ${from}`}`
    recordVolume('sim', summary, { command, twice: Math.min(twice, seeds) })
  }
  return inSimulator(({ report }) => report(summary, { isJson, mustShrink: showing.mustShrink }))
}

function planIn(path: string): Plan {
  const plan = readPlan(path)
  if (typeof plan.seed === 'number' && Array.isArray(plan.items) && typeof plan.config === 'object') return plan as Plan
  throw new WrongOption(`--plan ${path}: not a plan, which is a JSON object with seed, config and items`)
}

function readPlan(path: string): Partial<Plan> {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) ?? {}) as Partial<Plan>
  } catch (error) {
    throw new WrongOption(`--plan ${path}: ${error instanceof Error ? error.message : error}`)
  }
}

async function run(): Promise<number | null> {
  try {
    return await main()
  } catch (error) {
    // A patch that no longer fits the code is told as a sentence, with the place.
    if (!(error instanceof WrongOption) && !(error instanceof StalePatch)) throw error
    process.stderr.write(`npm run sim: ${error.message}\n`)
    return 2
  }
}

const code = await run()
if (code !== null) process.exitCode = code
