// What a browser profile keeps: the outbox of all its pages, and small strings. Everything may fail here, in private
// windows, frames of other sites, or with a full disk; whoever calls has something else to go on with.

import type { Clock } from '../protocol/time.js'
import { inOrder, type OutboxStore, type StoredItem } from './outbox-store.js'
import { pageHolds } from './page-holds.js'
import { type Slots, within } from './storage.js'

type Row = StoredItem & { readonly scope: string }
type Table = 'outbox' | 'profile'

let opening: Promise<IDBDatabase> | null = null

function openDatabase(): Promise<IDBDatabase> {
  opening ??= new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('holdfast', 1)
    request.onupgradeneeded = () => {
      request.result.createObjectStore('outbox', { keyPath: ['scope', 'producer', 'seq'] })
      request.result.createObjectStore('profile')
    }
    request.onsuccess = () => {
      const database = request.result
      const close = () => {
        database.close()
        opening = null
      }
      // A later version in another tab, or a user who clears his data, does not wait for this page.
      database.onversionchange = database.onclose = close
      resolve(database)
    }
    request.onerror = () => reject(request.error)
    request.onblocked = () => reject(new Error('IndexedDB is blocked by another page'))
  }).catch((error) => {
    opening = null
    throw error
  })
  return opening
}

/** One transaction: all of `act` or nothing. */
async function transact<Value>(
  table: Table,
  mode: IDBTransactionMode,
  act: (store: IDBObjectStore) => IDBRequest<Value> | null,
): Promise<Value | undefined> {
  const transaction = (await openDatabase()).transaction(table, mode)
  return new Promise((resolve, reject) => {
    const request = act(transaction.objectStore(table))
    transaction.oncomplete = () => resolve(request?.result)
    transaction.onabort = () => reject(transaction.error ?? new Error('IndexedDB gave up'))
  })
}

/** Items of all pages of this profile; a page's own are held by Web Locks, where there are any. */
export function indexedDbOutbox(clock: Clock): OutboxStore {
  return {
    async open(scope) {
      await openDatabase()
      const holds = pageHolds(clock)
      return {
        async write(changes) {
          await transact('outbox', 'readwrite', (store) => {
            for (const change of changes) {
              if ('put' in change) store.put({ ...change.put, scope } satisfies Row)
              else store.delete([scope, change.remove.producer, change.remove.seq])
            }
            return null
          })
        },
        async read() {
          const all = IDBKeyRange.bound([scope], [scope, []])
          return inOrder((await transact<Row[]>('outbox', 'readonly', (store) => store.getAll(all))) ?? [])
        },
        ...holds,
      }
    },
  }
}

/** Small strings in IndexedDB, and in `other` beside it: whichever works has them. */
export function indexedDbSlots(other: Slots, clock: Clock): Slots {
  let isUsable = true
  /** Undefined: it does not work here. */
  const attempt = async <Value>(...how: Parameters<typeof transact<Value>>): Promise<Value | undefined> => {
    if (!isUsable) return undefined
    try {
      // Less patience than callers have with both together.
      return await within(clock, 1_000, transact(...how))
    } catch {
      isUsable = false
      return undefined
    }
  }
  const set = async (key: string, value: string) => {
    await attempt('profile', 'readwrite', (store) => store.put(value, key))
    await other.set(key, value).catch((error) => {
      if (!isUsable) throw error
    })
  }
  return {
    set,
    async get(key) {
      const found = await attempt<unknown>('profile', 'readonly', (store) => store.get(key))
      if (typeof found === 'string') return found
      const kept = await other.get(key).catch((error) => {
        if (!isUsable) throw error
        return null
      })
      // Kept there by an earlier version, or while IndexedDB did not work.
      if (kept !== null) await set(key, kept)
      return kept
    },
    async remove(key) {
      await attempt('profile', 'readwrite', (store) => store.delete(key))
      await other.remove(key)
    },
  }
}
