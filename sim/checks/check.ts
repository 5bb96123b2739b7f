// What an invariant is here: an id, its words, and a pure function from the truth of a trace to what breaks it.

import type { Plan } from '../plan.js'
import type { Truth } from '../truth.js'

export interface Broken {
  /** Where in the trace it shows. */
  readonly step: number
  /** For people: who, what, where. */
  readonly what: string
}

export interface Invariant {
  readonly id: string
  readonly holds: string
  /** What it does not judge, for the trust page. Absent: see its code. */
  readonly excuses?: string
  readonly broken: (truth: Truth, plan: Plan) => readonly Broken[]
}

export interface Violation extends Broken {
  readonly id: string
}
