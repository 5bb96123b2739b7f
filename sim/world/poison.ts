// The machine's clock, timers and randomness throw while a simulation runs: whoever touches them would make two runs
// of one seed differ. What was touched is remembered, because a throw may be swallowed.

import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'
import timersPromises from 'node:timers/promises'

type Holder = Record<string, unknown>

const holders: readonly (readonly [name: string, holder: object, keys: readonly string[]])[] = [
  ['Date', Date, ['now']],
  ['Math', Math, ['random']],
  ['performance', performance, ['now']],
  // Not nextTick: Node's own channels use it, and its order is that of the calls, as with promises.
  ['process', process, ['hrtime', 'uptime']],
  ['globalThis', globalThis, ['setTimeout', 'setInterval', 'setImmediate', 'MessageChannel', 'fetch']],
  ['node:timers', timers, ['setTimeout', 'setInterval', 'setImmediate']],
  ['node:timers/promises', timersPromises, ['setTimeout', 'setInterval', 'setImmediate']],
  ['AbortSignal', AbortSignal, ['timeout']],
  ['crypto', globalThis.crypto, ['getRandomValues', 'randomUUID']],
  ['crypto.subtle', globalThis.crypto.subtle, ['digest', 'generateKey', 'sign', 'verify', 'encrypt', 'decrypt']],
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
  restores.push(replace(globalThis as unknown as Holder, 'Date', dateWithoutNow(touched)))
  syncBuiltinESMExports()
  return {
    remove() {
      for (const restore of restores.splice(0)) restore()
      syncBuiltinESMExports()
      return [...touched]
    },
  }
}

/** A date of a known time is no clock; the present one is. */
function dateWithoutNow(touched: Set<string>): DateConstructor {
  const now = forbidden('new Date()', touched)
  return new Proxy(Date, {
    apply: now,
    construct: (target, given) => (given.length === 0 ? now() : Reflect.construct(target, given)),
  })
}

function forbidden(name: string, touched: Set<string>) {
  // A function that can be called with `new` too.
  return function touch(): never {
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
