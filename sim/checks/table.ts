// Every invariant of the catalogue: checked here, checked as a part of another, or not yet, and why.

import type { Plan } from '../plan.js'
import { truthOf } from '../truth.js'
import type { TraceRecord } from '../trace.js'
import type { Invariant, Violation } from './check.js'
import { boundInvariants } from './bounds.js'
import { deliveryInvariants } from './delivery.js'
import { endInvariants } from './ending.js'
import { logInvariants } from './log.js'
import { presenceInvariants } from './presence.js'
import { publishInvariants } from './publishing.js'
import { sessionInvariants } from './sessions.js'

export const invariants: readonly Invariant[] = [
  ...logInvariants,
  ...deliveryInvariants,
  ...publishInvariants,
  ...sessionInvariants,
  ...presenceInvariants,
  ...boundInvariants,
  ...endInvariants,
]

/** Not a check of its own, because these say the same or more. */
export const coveredBy: Readonly<Record<string, string>> = {
  I07: 'I08, I11: a trimmed range is never skipped without a gap, and a gap is never told of what is kept',
  I13: 'I08, I09, I10: an entry between replay and live would be missing, twice or out of order',
  I14: 'I10: the position is that of the last entry handed over',
  I21: 'I18, I19: what was refused as unknown is not in a log twice, what was refused otherwise not at all',
  I22: 'I17: every fourth seed runs on the durable store over a disk in memory; real files are torn by the crash test',
  I23: 'I03, I11: the same; what survived is read again in the next life',
  I36: 'I29, I35: one owner in the end, by a generation above all others',
  I55: 'I54: secrets of all clients are looked for in logs, frames and the store of every run',
  I61: 'the runner: runs of one seed are compared by the hash of their traces',
}

export const notYet: Readonly<Record<string, string>> = {
  I25: 'needs a store that fails over by itself; new lives of the memory store are checked by I11 and I15',
  I26: 'one store at a time; memory and durable store are compared by a test of their own',
  I27: 'needs a store whose keys can vanish one by one',
  I28: 'needs names and seats: no client can ask for a lease yet',
  I32: 'needs names and seats',
  I33: 'needs names and seats',
  I42: 'needs inboxes',
  I43: 'needs inboxes',
  I44: 'needs inboxes',
  I45: 'needs mailboxes',
  I46: 'needs mailboxes',
  I47: 'needs mailboxes',
  I48: 'needs mailboxes',
  I49: 'needs mailboxes',
  I50: 'needs connection quality',
}

/** In order of the step at which they show. */
export function violationsOf(records: readonly TraceRecord[], plan: Plan): Violation[] {
  const truth = truthOf(records)
  return invariants
    .flatMap(({ id, broken }) => broken(truth, plan).map((one) => ({ id, ...one })))
    .toSorted((a, b) => a.step - b.step)
}
