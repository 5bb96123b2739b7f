// A store as one simulated process sees it: answers and hints arrive there like everything from outside. A paused
// process gets them when it wakes, a dead one never does.

import type { Store } from '../store/store.js'
import type { ProcessClock, VirtualClock } from './virtual-clock.js'

/** Calls take effect at once, in their order, for as long as the process lives. */
export function storeOfProcess(store: Store, process: ProcessClock, line: VirtualClock): Store {
  const arriving = (answer: Promise<unknown>) =>
    new Promise((resolve, reject) => {
      answer.then(
        (value) => process.arrive(0, () => resolve(value)),
        (error: unknown) => process.arrive(0, () => reject(error)),
      )
    })
  // The store's clock runs evenly, whoever opens it.
  const open: Store['open'] = (birth) => store.open({ ...birth, nowMs: line.nowMs })
  const follow: Store['follow'] = (room, hear) => store.follow(room, (hint) => void process.arrive(0, () => hear(hint)))
  const own: Readonly<Record<string | symbol, unknown>> = { open, follow }

  return new Proxy(store, {
    get(target, key) {
      const value: unknown = own[key] ?? Reflect.get(target, key)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) =>
        process.isKilled ? new Promise(() => {}) : arriving(Reflect.apply(value, target, args))
    },
  })
}
