// The machine's clock, timers and randomness throw while a simulation runs: whoever touches them would make two runs
// of one seed differ. What was touched is remembered, because a throw may be swallowed.

import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

type Holder = Record<string, unknown>

const holders: readonly (readonly [name: string, holder: object, keys: readonly string[]])[] = [
  ['Date', Date, ['now']],
  ['Math', Math, ['random']],
  ['performance', performance, ['now']],
  ['process', process, ['hrtime', 'uptime']],
  ['globalThis', globalThis, ['setTimeout', 'setInterval', 'setImmediate']],
  ['crypto', globalThis.crypto, ['getRandomValues', 'randomUUID']],
  ['node:crypto', crypto, ['randomBytes', 'randomInt', 'randomUUID', 'randomFill', 'randomFillSync']],
]

export interface Poison {
  /** Everything works again. Idempotent. Answers what was touched. */
  remove(): readonly string[]
}

/** One at a time. */
export function poisonGlobals(): Poison {
  const touched = new Set<string>()
  const restores: (() => void)[] = []
  for (const [name, holder, keys] of holders) {
    for (const key of keys) restores.push(replace(holder as Holder, key, forbidden(`${name}.${key}`, touched)))
  }
  syncBuiltinESMExports()
  return {
    remove() {
      for (const restore of restores.splice(0)) restore()
      syncBuiltinESMExports()
      return [...touched]
    },
  }
}

function forbidden(name: string, touched: Set<string>) {
  return () => {
    touched.add(name)
    throw new Error(`${name} was touched inside the simulation: take time and chance as arguments`)
  }
}

function replace(holder: Holder, key: string, value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(holder, key)
  Object.defineProperty(holder, key, { value, configurable: true, writable: true })
  return () => {
    if (own === undefined) delete holder[key]
    else Object.defineProperty(holder, key, own)
  }
}
