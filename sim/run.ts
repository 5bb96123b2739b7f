// The command `npm run sim`: many seeds in two processes, or one seed again. It says what fell and how to see it again.

import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { readOptions } from '../tools/options.js'
import { failureText } from './failure.js'
import { judge } from './judge.js'
import { type Plan, planOf } from './plan.js'
import { runSeeds, type SeedResult, type Summary } from './seeds.js'
import { shrink } from './shrink.js'
import { lineOf } from './trace.js'
import { serve } from './worker.js'

const help = `npm run sim [-- options]

Runs the real server, client and store on virtual time over a network in memory, breaks them as each seed says, and
checks every invariant. The same seed gives the same run.

  --seeds N    how many seeds (default 200)
  --from N     the first one (default 1)
  --twice N    how many of them run twice, to compare their traces (default 50)
  --workers N  processes (default 2, or as many as there are cores)
  --seed N     only this one; a failure is made small and printed
  --trace      with --seed: prints everything that happened
  --no-shrink  prints a failure as it is
  --json       one object: seeds, steps, faults, violations, determinism, seconds
  --help       this text

Exit code: 0 nothing fell, 1 something did, 2 a wrong option.
`

const shownMax = 5

async function main(): Promise<number | null> {
  const read = readOptions('npm run sim', help, {
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      twice: { type: 'string' },
      workers: { type: 'string' },
      seed: { type: 'string' },
      trace: { type: 'boolean' },
      'no-shrink': { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (read === null) return null
  const { values } = read
  const mustShrink = values['no-shrink'] !== true
  if (values.seed !== undefined) return replay(Number(values.seed), { trace: values.trace === true, mustShrink })
  const summary = await runSeeds({
    seeds: Array.from({ length: Number(values.seeds ?? 200) }, (_, index) => Number(values.from ?? 1) + index),
    twiceCount: Number(values.twice ?? 50),
    workerCount: Number(values.workers ?? Math.min(2, availableParallelism())),
    script: fileURLToPath(import.meta.url),
    progress: values.json === true ? () => {} : progress,
  })
  return report(summary, { isJson: values.json === true, mustShrink })
}

async function replay(seed: number, how: { readonly trace: boolean; readonly mustShrink: boolean }): Promise<number> {
  const plan = planOf(seed)
  const judged = await judge(plan)
  if (how.trace) for (const [step, record] of judged.records.entries()) print(lineOf(record, step))
  if (judged.violations.length === 0) {
    print(`seed ${seed}: nothing fell in ${judged.records.length} steps, trace ${judged.hash.slice(0, 16)}`)
    return 0
  }
  print(failureText(judged))
  if (how.mustShrink) await printSmallest(plan, judged.violations[0]?.id ?? '')
  return 1
}

async function printSmallest(plan: Plan, id: string): Promise<void> {
  const { plan: small, runCount } = await shrink(plan, id)
  const judged = await judge(small)
  print(`\nThe smallest found for ${id} in ${runCount} runs: ${small.items.length} of ${plan.items.length} items`)
  print(JSON.stringify(small.config))
  for (const item of small.items) print(`  ${JSON.stringify(item)}`)
  print(failureText(judged, 40))
}

async function report(summary: Summary, how: { readonly isJson: boolean; readonly mustShrink: boolean }) {
  const { failed, ...told } = summary
  const code = summary.violations === 0 && summary.determinism === 'same' ? 0 : 1
  if (how.isJson) {
    print(JSON.stringify({ ...told, failed: failed.map(({ seed, violations }) => ({ seed, violations })) }))
    return code
  }
  process.stderr.write('\n')
  for (const [index, result] of failed.entries()) await show(result, how.mustShrink && index === 0)
  const { seeds, steps, faults, violations, determinism, seconds } = summary
  print(
    `sim: ${seeds} seeds, ${steps} steps, ${faults} faults, ${violations} violations, determinism: ${determinism}, ${seconds} s`,
  )
  return code
}

async function show({ seed, violations }: SeedResult, mustShrink: boolean): Promise<void> {
  if (mustShrink) await replay(seed, { trace: false, mustShrink })
  else {
    for (const { id, step, what } of violations.slice(0, shownMax)) {
      print(`SIM ${id} ${what}  seed ${seed}  step ${step}  npm run sim -- --seed ${seed}`)
    }
  }
}

function progress(done: number, count: number, failedCount: number): void {
  if (done % 10 === 0 || done === count)
    process.stderr.write(`\rsim: ${done} of ${count} seeds, ${failedCount} failed `)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

if (process.argv.includes('--worker')) serve()
else process.exitCode = (await main()) ?? process.exitCode
