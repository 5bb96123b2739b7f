// What is wrong with a store at the moment, changed while it runs: the place where faults of a script meet a disturbed
// store.

import type { Chance, Clock } from '../protocol/time.js'
import type { Disturbance, StoreOperation } from './disturbed-store.js'

export interface StoreTrouble {
  /** Share of calls that fail. */
  failShare: number
  failWhen: 'before' | 'after' | 'either'
  /** False: only writes fail. */
  failsReads: boolean
  lateMs: readonly [number, number]
  hintLoss: number
  /** While it hangs, what waits for its end; else null. */
  hanging: (() => void)[] | null
}

export function noTrouble(of: { readonly lateMs?: readonly [number, number]; readonly hintLoss?: number } = {}) {
  const { lateMs = [0, 0], hintLoss = 0 } = of
  const trouble: StoreTrouble = {
    failShare: 0,
    failWhen: 'either',
    failsReads: true,
    lateMs,
    hintLoss,
    hanging: null,
  }
  return trouble
}

/** These change nothing. */
const reads: ReadonlySet<StoreOperation> = new Set([
  'read',
  'heads',
  'follow',
  'board',
  'session',
  'sessionsOf',
  'lease',
])

/** Idempotent. */
export function endHang(trouble: StoreTrouble): void {
  const waiting = trouble.hanging ?? []
  trouble.hanging = null
  for (const run of waiting) run()
}

/** One for each server: `chance` draws for its calls alone. */
export function disturbanceOf(
  trouble: StoreTrouble,
  by: { readonly clock: Clock; readonly chance: Chance } & Pick<Disturbance, 'hintLateMs' | 'hintRepeat'>,
): Disturbance {
  const { clock, chance, ...hints } = by
  const random = () => chance.fraction()
  return {
    ...hints,
    random,
    sleep: (ms) =>
      new Promise((resolve) => {
        clock.after(ms, () => (trouble.hanging === null ? resolve() : void trouble.hanging.push(resolve)))
      }),
    get answerLateMs() {
      return trouble.lateMs
    },
    get hintLoss() {
      return trouble.hintLoss
    },
    failures(operation) {
      if (random() >= trouble.failShare || (!trouble.failsReads && reads.has(operation))) return false
      // A driver closes a subscription that it could not confirm: nobody else could.
      if (operation === 'follow') return 'before'
      return trouble.failWhen === 'either' ? true : trouble.failWhen
    },
  }
}
