// What the command `npm run sim` says while it works and at the end: the progress line, failures with their way back,
// and the smallest plan found for one.

import { mkdirSync, writeFileSync } from 'node:fs'
import { failureText } from './failure.js'
import { type Judged, judge } from './judge.js'
import { type Plan, planOf } from './plan.js'
import type { SeedResult, Summary } from './seeds.js'
import { shrink } from './shrink.js'
import { lineOf } from './trace.js'

export interface Showing {
  readonly trace: boolean
  readonly mustShrink: boolean
}

/** So many failed seeds are replayed and told in full; of the rest a line each. */
const toldMax = 3
const plansFolder = 'artefacts/sim'

/** Answers whether something fell. `again` is the command by which it was asked for. */
export async function replay(plan: Plan, again: string, { trace, mustShrink }: Showing): Promise<boolean> {
  const judged = await judge(plan)
  if (trace) for (const [step, record] of judged.records.entries()) print(lineOf(record, step))
  const [first] = judged.violations
  if (first === undefined) {
    print(`seed ${plan.seed}: nothing fell in ${judged.records.length} steps, trace ${judged.hash.slice(0, 16)}`)
    return false
  }
  print(failureText(judged, again))
  if (mustShrink) await printSmallest(plan, first.id)
  return true
}

async function printSmallest(plan: Plan, id: string): Promise<void> {
  const { plan: small, runCount } = await shrink(plan, id, {
    progress: (runs, itemCount) => tell(`\rshrinking: ${runs} runs, ${itemCount} of ${plan.items.length} items left `),
  })
  tell('\n')
  const path = `${plansFolder}/${id}-${plan.seed}.json`
  mkdirSync(plansFolder, { recursive: true })
  writeFileSync(path, `${JSON.stringify(small, null, 1)}\n`)
  const again = `npm run sim -- --plan ${path}`
  print(`\nThe smallest found for ${id} in ${runCount} runs: ${small.items.length} of ${plan.items.length} items`)
  print(JSON.stringify(small.config))
  for (const item of small.items) print(`  ${JSON.stringify(item)}`)
  const judged: Judged = await judge(small)
  print(failureText(judged, again, 40))
}

/** The exit code. */
export async function report(summary: Summary, how: { readonly isJson: boolean; readonly mustShrink: boolean }) {
  const { failed, ...told } = summary
  const code = summary.violations === 0 && summary.determinism === 'same' ? 0 : 1
  if (how.isJson) {
    const brief = failed.map(({ seed, isSame, violations }) => ({ seed, isSame, violations, replay: commandOf(seed) }))
    print(JSON.stringify({ ...told, failed: brief }))
    return code
  }
  tell('\n')
  for (const [index, result] of failed.entries()) {
    if (!result.isSame) print(`SIM I61 two runs of seed ${result.seed} differ  ${commandOf(result.seed)} --trace`)
    if (index >= toldMax) printBriefly(result)
    else if (result.violations.length > 0) {
      await replay(planOf(result.seed), commandOf(result.seed), {
        trace: false,
        mustShrink: how.mustShrink && index === 0,
      })
    }
  }
  const { seeds, steps, faults, violations, determinism, seconds, probes, neverHit } = summary
  print('probes: how often each rare branch was taken')
  for (const [name, count] of Object.entries(probes)) print(`  ${String(count).padStart(9)}  ${name}`)
  print(`never hit: ${neverHit.length === 0 ? 'none' : neverHit.join(' · ')}`)
  print(
    `sim: ${seeds} seeds, ${steps} steps, ${faults} faults, ${violations} violations, determinism: ${determinism}, ${seconds} s`,
  )
  return code
}

function printBriefly({ seed, violations }: SeedResult): void {
  const [first] = violations
  if (first !== undefined) print(`SIM ${first.id} ${first.what}  seed ${seed}  step ${first.step}  ${commandOf(seed)}`)
}

export function commandOf(seed: number): string {
  return `npm run sim -- --seed ${seed}`
}

/** A line on stderr that is written over: how far, how fast, how long still, how many failed. */
export function createProgress(nowMs: () => number): (done: number, count: number, failedCount: number) => void {
  const startMs = nowMs()
  let toldMs = Number.NEGATIVE_INFINITY
  return (done, count, failedCount) => {
    const now = nowMs()
    if (done < count && now - toldMs < 500) return
    toldMs = now
    const perSecond = done / Math.max(0.001, (now - startMs) / 1000)
    const leftSeconds = Math.ceil((count - done) / perSecond)
    tell(
      `\rsim: ${done} of ${count} seeds, ${perSecond.toFixed(1)}/s, ${leftSeconds} s to go, ${failedCount} failed `.padEnd(
        78,
      ),
    )
  }
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function tell(text: string): void {
  process.stderr.write(text)
}
