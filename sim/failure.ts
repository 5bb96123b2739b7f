// A failure as people read it: which invariant, where, what came right before, and the way back.

import type { Judged } from './judge.js'
import { lineOf } from './trace.js'

/** `again`: the command that shows it again. `eventsMax`: how many of the last events are shown. */
export function failureText({ plan, records, violations }: Judged, again: string, eventsMax = 12): string {
  const [first, ...others] = violations
  if (first === undefined) return `seed ${plan.seed}: nothing fell`
  const from = Math.max(0, first.step - eventsMax + 1)
  const events = records.slice(from, first.step + 1).map((record, index) => lineOf(record, from + index).slice(0, 300))
  return [
    `SIM ${first.id} ${first.what}  seed ${plan.seed}  step ${first.step}  ${again}`,
    ...events,
    ...others.slice(0, 8).map(({ id, what, step }) => `  also ${id} ${what}  step ${step}`),
  ].join('\n')
}
