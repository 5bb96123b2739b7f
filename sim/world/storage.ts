// What a browser or a disk keeps for a client, with the life of the page in between: writes of a page that dies may
// or may not be kept, and storage may fail.

import type { ClientStorage, Slots } from '../../src/client/storage.js'
import { createOutboxDisk, openOutboxDisk, type OutboxDisk, type PageOutbox } from '../../src/testing/memory-outbox.js'
import type { SeededChance } from '../../src/testing/seeded-chance.js'
import type { ProcessClock } from '../../src/testing/virtual-clock.js'

/** One tab's, or one profile's. It outlives pages. */
export interface Kept {
  readonly values: Map<string, string>
  /** Everything that was ever stored: none of it may be seen elsewhere. */
  readonly history: Set<string>
  /** Publishes that are not settled, of all tabs that share it. It fails by itself. */
  readonly outbox: OutboxDisk
  isFailing: boolean
}

export function newKept(): Kept {
  return { values: new Map(), history: new Set(), outbox: createOutboxDisk(), isFailing: false }
}

export interface StorageParts {
  readonly session: Kept
  readonly profile: Kept
  readonly clock: ProcessClock
  readonly chance: SeededChance
  readonly lateMsMax: number
}

/** As one page sees it: its answers come in the page's own time. */
export function storageOf(parts: StorageParts): ClientStorage & { readonly outbox: PageOutbox } {
  const { session, profile, clock, chance, lateMsMax } = parts
  const slots = (kept: Kept): Slots => {
    const run = <T>(act: () => T): Promise<T> =>
      new Promise((resolve, reject) => {
        const isEarly = chance.fraction() < 0.5
        if (isEarly && !kept.isFailing) {
          const value = act()
          clock.after(chance.fraction() * lateMsMax, () => resolve(value))
          return
        }
        clock.after(chance.fraction() * lateMsMax, () => {
          if (kept.isFailing) reject(new Error('sim: the storage is full'))
          else resolve(act())
        })
      })
    return {
      get: (key) => run(() => kept.values.get(key) ?? null),
      set: (key, value) =>
        run(() => {
          kept.history.add(value)
          kept.values.set(key, value)
        }),
      remove: (key) => run(() => void kept.values.delete(key)),
    }
  }
  const own = chance.fork('outbox')
  const outbox = openOutboxDisk(profile.outbox, {
    clock,
    delayMs: () => own.fraction() * lateMsMax,
    isEarly: () => own.fraction() < 0.5,
  })
  return { session: slots(session), profile: slots(profile), outbox, kind: 'persistent' }
}
