// A stored outbox in memory that outlives its pages: for tests of reloads, crashes, several tabs and failing storage.
// It keeps the promises of the contract in client/outbox-store.ts and nothing more: answers come late, what a page that
// dies had under way may or may not be kept.

import {
  inOrder,
  type OutboxShelf,
  type OutboxStore,
  type StoredChange,
  type StoredItem,
} from '../client/outbox-store.js'
import type { Clock } from '../protocol/time.js'

/** What a browser profile, or a folder, keeps. */
export interface OutboxDisk {
  /** By scope, producer and seq. */
  readonly items: Map<string, StoredItem>
  /** Who holds each producer of each scope. */
  readonly holders: Map<string, object>
  /** Every call rejects. */
  isFailing: boolean
  /** No call is answered. */
  isHanging: boolean
}

export function createOutboxDisk(): OutboxDisk {
  return { items: new Map(), holders: new Map(), isFailing: false, isHanging: false }
}

/** What one page has of a disk. */
export interface PageOutbox extends OutboxStore {
  /** The page is gone: what it held is free. Tells what is stored of that. */
  die(): readonly StoredItem[]
}

export interface PageOutboxOptions {
  /** The page's own: when it stops, nothing is answered any more. */
  readonly clock: Clock
  /** How long each call takes. Default: no time. */
  readonly delayMs?: () => number
  /** Whether a call takes effect at once, or when it is answered. Default: at once. */
  readonly isEarly?: () => boolean
}

export function openOutboxDisk(disk: OutboxDisk, options: PageOutboxOptions): PageOutbox {
  const { clock, delayMs = () => 0, isEarly = () => true } = options
  const page = {}
  let isDead = false

  /** In the order of the calls; `act` is one atomic step. */
  let last: Promise<unknown> = Promise.resolve()
  const run = <Value>(act: () => Value): Promise<Value> => {
    const done = last.then(
      () =>
        new Promise<Value>((resolve, reject) => {
          if (isDead || disk.isHanging) return
          if (disk.isFailing) return reject(new Error('the disk fails'))
          const early = isEarly() ? { value: act() } : null
          const answer = () => {
            if (isDead) return
            if (disk.isFailing && early === null) reject(new Error('the disk fails'))
            else resolve(early === null ? act() : early.value)
          }
          const ms = delayMs()
          if (ms > 0) clock.after(ms, answer)
          else answer()
        }),
    )
    last = done.catch(() => {})
    return done
  }
  const free = (name: string) => {
    if (disk.holders.get(name) === page) disk.holders.delete(name)
  }
  const freeAll = () => {
    for (const name of [...disk.holders.keys()]) free(name)
  }

  const shelfOf = (scope: string): OutboxShelf => ({
    write: (changes) => run(() => apply(disk.items, scope, changes)),
    read: () => run(() => itemsOf(disk.items, scope)),
    hold: (producer) =>
      run(() => {
        const name = `${scope} ${producer}`
        const holder = disk.holders.get(name) ?? page
        disk.holders.set(name, holder)
        return holder === page
      }),
    letGo: (producer) => free(`${scope} ${producer}`),
    close: freeAll,
  })
  return {
    open: (scope) => run(() => shelfOf(scope)),
    die() {
      isDead = true
      const own = [...disk.items].filter(([key]) => disk.holders.get(key.slice(0, key.lastIndexOf(' '))) === page)
      freeAll()
      return own.map(([, item]) => item)
    },
  }
}

function apply(items: Map<string, StoredItem>, scope: string, changes: readonly StoredChange[]): void {
  for (const change of changes) {
    if ('put' in change) items.set(keyOf(scope, change.put), change.put)
    else items.delete(keyOf(scope, change.remove))
  }
}

function itemsOf(items: Map<string, StoredItem>, scope: string): readonly StoredItem[] {
  return inOrder([...items].filter(([key]) => key.startsWith(`${scope} `)).map(([, item]) => item))
}

function keyOf(scope: string, { producer, seq }: Pick<StoredItem, 'producer' | 'seq'>): string {
  return `${scope} ${producer} ${seq}`
}
