// What of an outbox outlives the page: the contract of its storage, and nothing of how publishes travel. In browsers it
// is IndexedDB (indexed-db.ts), in Node a folder (node-outbox.ts), in tests whatever keeps these promises.

import type { Position } from '../protocol/position.js'

/** One publish that is not settled, as it is stored. */
export interface StoredItem {
  /** The outbox of the page that made it. With `seq` it names the item for ever; neither is ever changed. */
  readonly producer: string
  readonly seq: number
  /** Who published it: nobody else ever sends it. Null: nobody had been welcomed yet. */
  readonly user: string | null
  readonly room: string
  readonly mark: string
  readonly key: string | null
  /** JSON text, or bytes. */
  readonly data: string | Uint8Array
  /** The machine's wall clock, ms since 1970. */
  readonly madeAtMs: number
  readonly ttlMs: number | null
  /** True: bytes of it may have reached a server. */
  readonly again: boolean
  /** With `again`: where its room was before it was first sent; null: that was not known. */
  readonly sentAfter: Position | null
}

/** `put` replaces the item of that producer and seq. */
export type StoredChange =
  | { readonly put: StoredItem }
  | { readonly remove: { readonly producer: string; readonly seq: number } }

/** Opens what is stored for one scope: one server and one `key`. Pages, or processes, of a scope share its items. */
export interface OutboxStore {
  /** Rejects when nothing can be stored here. */
  open(scope: string): Promise<OutboxShelf>
}

/** What one page sees of a scope. After a call that rejects, or takes longer than 2 s, memory takes over. */
export interface OutboxShelf {
  /**
   * What belongs to one producer in one atomic step, all or nothing, in the order of the calls. Resolves when it outlives
   * the page. Rejects when another page holds the producer.
   */
  write(changes: readonly StoredChange[]): Promise<void>
  /** Every item of every producer: each producer's in the order of their seq, producers in the order they began. */
  read(): Promise<readonly StoredItem[]>
  /**
   * True: this page has the producer, and nobody else, until it lets go, closes or dies. False: another living page has
   * it. Asked for again by its holder it is true.
   */
  hold(producer: string): Promise<boolean>
  /** Idempotent. Takes effect within this call: a page that is being frozen does nothing later. */
  letGo(producer: string): void
  /** Lets go of everything; what was written stays. Idempotent. */
  close(): void
}

/** In the order that `read` promises. */
export function inOrder(items: readonly StoredItem[]): readonly StoredItem[] {
  const beganMs = new Map<string, number>()
  for (const { producer, madeAtMs } of items) {
    beganMs.set(producer, Math.min(madeAtMs, beganMs.get(producer) ?? Infinity))
  }
  return [...items].sort((one, other) => {
    const [first, second] = [beganMs.get(one.producer) ?? 0, beganMs.get(other.producer) ?? 0]
    if (one.producer === other.producer) return one.seq - other.seq
    return first - second || (one.producer < other.producer ? -1 : 1)
  })
}
