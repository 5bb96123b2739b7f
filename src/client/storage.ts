// Small strings that outlive a page or a process. A storage that fails is replaced by memory: a session that cannot be
// kept is still a session.

import type { Clock } from '../protocol/time.js'
import type { OutboxStore } from './outbox-store.js'

/** Where small strings are kept. Any of these may fail; the session then goes on in memory. */
export interface Slots {
  get(key: string): Promise<string | null>
  set(key: string, value: string): Promise<void>
  remove(key: string): Promise<void>
}

export interface ClientStorage {
  /** What belongs to this tab or process: the session's credentials. */
  readonly session: Slots
  /** What belongs to the browser profile: the guest's device key. */
  readonly profile: Slots
  /** What belongs to everybody who has a session here: publishes that are not settled. Absent: they are in memory. */
  readonly outbox?: OutboxStore
  /** `persistent` when it outlives the page or the process. */
  readonly kind: 'persistent' | 'memory'
}

function memorySlots(): Slots {
  const values = new Map<string, string>()
  return {
    get: async (key) => values.get(key) ?? null,
    set: async (key, value) => void values.set(key, value),
    remove: async (key) => void values.delete(key),
  }
}

/** Lasts as long as the object. */
export function memoryStorage(): ClientStorage {
  return { session: memorySlots(), profile: memorySlots(), kind: 'memory' }
}

/** What is used of a browser's `Storage`, a name that types for Node do not have. */
interface WebStorage {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/** A browser's storage; it throws where cookies are blocked, and when it is full. */
export function webSlots(open: () => WebStorage): Slots {
  return {
    get: async (key) => open().getItem(key),
    set: async (key, value) => open().setItem(key, value),
    remove: async (key) => open().removeItem(key),
  }
}

/** A storage that answers for longer than this has failed. */
export const patienceMs = 2_000

/** Rejects when `promise` takes longer. */
export async function within<Value>(clock: Clock, ms: number, promise: Promise<Value>): Promise<Value> {
  let cancel = () => {}
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(ms, () => reject(new Error(`storage gave no answer in ${ms} ms`)))
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    cancel()
  }
}

export class SafeStorage {
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  #storage: ClientStorage
  readonly #memory = memoryStorage()
  /** Writes reach the storage in the order they were made. */
  #lastWrite: Promise<unknown> = Promise.resolve()

  constructor(storage: ClientStorage, clock: Clock, failed: (error: unknown) => void) {
    this.#storage = storage
    this.#clock = clock
    this.#failed = failed
  }

  get kind(): ClientStorage['kind'] {
    return this.#storage.kind
  }

  get(place: 'session' | 'profile', key: string): Promise<string | null> {
    return this.#try((storage) => storage[place].get(key))
  }

  /** Null removes. Settles when it is kept; never rejects. */
  set(place: 'session' | 'profile', key: string, value: string | null): Promise<void> {
    const write = this.#lastWrite.then(() =>
      this.#try(({ [place]: slots }) => (value === null ? slots.remove(key) : slots.set(key, value))),
    )
    this.#lastWrite = write
    return write
  }

  async #try<Value>(act: (storage: ClientStorage) => Promise<Value>): Promise<Value> {
    try {
      return await within(this.#clock, patienceMs, act(this.#storage))
    } catch (error) {
      this.#storage = this.#memory
      this.#failed(error)
      return act(this.#memory)
    }
  }
}
