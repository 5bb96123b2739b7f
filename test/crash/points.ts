// The steps between which the crash test kills a server: around each operation of the store that changes something, and
// inside its batches. It knows nothing of what the steps do.

import type { FailPoint } from '../../src/store/lmdb/journal.js'
import type { Store } from '../../src/store/store.js'

/** What the server asks of the store when it publishes, resumes, claims, leaves, sweeps. */
const operations = [
  'append',
  'attach',
  'enter',
  'touch',
  'detach',
  'end',
  'exit',
  'acquire',
  'changeBoard',
  'tick',
  'takeEvents',
  'settleEvents',
] as const satisfies readonly (keyof Store)[]

const batchSteps = ['gathered', 'committing', 'visible', 'flushed'] as const satisfies readonly FailPoint[]

/** `.asked`: nothing is done yet. `.answered`: it is done, and nobody was told. */
export type Point = `${(typeof operations)[number]}.${'asked' | 'answered'}` | `batch.${FailPoint}`

export const points: readonly Point[] = [
  ...operations.flatMap((name) => [`${name}.asked`, `${name}.answered`] as const),
  ...batchSteps.map((step) => `batch.${step}` as const),
]

export function isPoint(name: string): name is Point {
  return (points as readonly string[]).includes(name)
}

/** The store, with `reached` called at each point of its operations. */
export function pointedStore(store: Store, reached: (point: Point) => void): Store {
  const pointed = { ...store }
  for (const name of operations) {
    const act = store[name] as (...asked: readonly unknown[]) => Promise<unknown>
    Object.assign(pointed, {
      async [name](...asked: readonly unknown[]) {
        reached(`${name}.asked`)
        const answer = await act(...asked)
        reached(`${name}.answered`)
        return answer
      },
    })
  }
  return pointed
}
