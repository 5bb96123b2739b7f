// Plays a script of faults: each step at its time. It knows nothing of how a fault is done.

import type { Clock } from '../protocol/time.js'
import type { Fault, FaultScript, FaultStep } from './fault.js'
import { type FaultProblem, InvalidFaultScript, readFaults } from './fault-check.js'

/** What faults are done to. */
export interface Playground {
  readonly clock: Pick<Clock, 'after'>
  /** Does it now; false when there was nothing to act upon. */
  act(fault: Fault): boolean
  /** Why this fault cannot be played here at all, for people; null when it can. */
  refuses(fault: Fault): string | null
}

export interface Playing {
  /** Steps whose time has come. */
  readonly done: readonly FaultStep[]
  /** Those of them that found nothing to act upon, such as a line without a link: expected empty in a good test. */
  readonly idle: readonly FaultStep[]
  /** Steps that have not begun do not. What they broke stays until its time is over. Idempotent. */
  stop(): void
}

/** From now on. Throws `InvalidFaultScript` before anything is done. */
export function playFaults(ground: Playground, given: unknown): Playing {
  const script = readFaults(given)
  const problems = refusedBy(ground, script)
  if (problems.length > 0) throw new InvalidFaultScript(problems)

  const done: FaultStep[] = []
  const idle: FaultStep[] = []
  const cancels = script.map((step) =>
    ground.clock.after(step.atMs, () => {
      done.push(step)
      if (!ground.act(step)) idle.push(step)
    }),
  )
  return {
    done,
    idle,
    stop() {
      for (const cancel of cancels) cancel()
    },
  }
}

function refusedBy(ground: Playground, script: FaultScript): FaultProblem[] {
  return script.flatMap((fault, step) => {
    const allowed = ground.refuses(fault)
    return allowed === null ? [] : [{ step, field: 'fault', found: JSON.stringify(fault).slice(0, 80), allowed }]
  })
}
