// One publish that is not settled: what it is, how it stands, how it goes on the wire and into the storage. Pure.

import type { Data, Publish, RefusedIssue } from '../protocol/frames.js'
import type { Position } from '../protocol/position.js'
import type { RefusalReason } from '../protocol/reasons.js'
import type { StoredItem } from './outbox-store.js'

export type PublishFailure =
  | RefusalReason
  | 'outbox-full' //   more is waiting than `itemsMax` or `bytesMax`
  | 'dropped' //       made room for a later one
  | 'expired' //       could not be sent within `ttlMs`
  | 'cancelled'
  | 'left' //          the room was left, or never joined, before it could be sent
  | 'user-changed' //  another user signed in before it could be sent
  | 'poison' //        three connections broke while the server was at it
  | 'closed' //        the session was closed before it could be sent
  | 'handed-on' //     it stays stored, and another page, or the next start, sends it

/**
 * How a publish ended. `failed` was not applied, except for `unknown` and `poison`, which may have been, and
 * `handed-on`, which may still be.
 */
export type PublishResult =
  /** `position` is null when it was applied too long ago to say where. */
  | { readonly kind: 'kept'; readonly position: Position | null; readonly duplicate: boolean }
  | {
      readonly kind: 'failed'
      readonly reason: PublishFailure
      readonly message: string
      /** With `invalid`: what is wrong with the data, and where. */
      readonly issues?: readonly RefusedIssue[]
    }

export interface Draft {
  readonly room: string
  readonly mark: string
  readonly key: string | undefined
  /** JSON text, or bytes. */
  readonly data: string | Uint8Array
  readonly bytes: number
  readonly ttlMs: number | null
}

/** What is kept of a publish while it waits. */
export interface OutboxItem extends Draft {
  /** Whose chain it stands in: this page's, or that of a page before it. */
  readonly producer: string
  readonly seq: number
  readonly wallMs: number
}

export interface Item extends OutboxItem {
  readonly madeAtMs: number
  /** What is stored of it says that bytes of it may have been sent. */
  isMarked: boolean
  /** Another page may have it by now: what becomes of it is not for this one to say. */
  isLent: boolean
  /** Where the room was before it was first sent; null: that was not known then; undefined: it was not sent. */
  sentAfter: Position | null | undefined
  isInFlight: boolean
  /** It was sent, and whether it was applied then will not be told: only a repetition tells. */
  isDoubtful: boolean
  /** Answers "not now" in a row. */
  refusals: number
  /** Connections that broke in a row while it was the oldest in flight. */
  deaths: number
}

/** Names an item for ever. */
export type Sent = Pick<OutboxItem, 'producer' | 'seq'>

export interface Outgoing {
  readonly header: Omit<Publish, 'type' | 'id' | 'session' | 'data'>
  readonly data: string | Uint8Array
  readonly bytes: number
}

export interface Waiting {
  readonly room: string
  readonly mark: string
  readonly key: string | null
  readonly data: Data
  /** For display only: this machine's wall clock when it was published, ms since 1970. */
  readonly atMs: number
  /** True: published by a page, or a process, before this one. */
  readonly isAdopted: boolean
  /** `sent`: bytes of it may have reached the server; only an answer settles it. */
  readonly state: 'pending' | 'sent'
}

export function made(draft: Draft, own: Pick<Item, 'producer' | 'seq' | 'wallMs' | 'madeAtMs' | 'isMarked'>): Item {
  return { ...draft, ...own, ...fresh }
}

const fresh = {
  isLent: false,
  sentAfter: undefined,
  isInFlight: false,
  isDoubtful: false,
  refusals: 0,
  deaths: 0,
} as const

/** A publish of a page before this one, unchanged. */
export function adopted(stored: StoredItem, ageMs: number, nowMs: number, wallMs: number): Item {
  const { producer, seq, room, mark, key, data, again } = stored
  const ttlMs = Math.min(stored.ttlMs ?? Infinity, ageMs)
  // How long it has waited is all that the wall clock tells; set back, it tells nothing.
  const madeAtMs = nowMs - Math.max(0, wallMs - stored.madeAtMs)
  const told = { producer, seq, room, mark, key: key ?? undefined, data, ttlMs, wallMs: stored.madeAtMs, madeAtMs }
  const sentAfter = again ? stored.sentAfter : undefined
  return { ...fresh, ...told, bytes: data.length, isMarked: again, isDoubtful: again, sentAfter }
}

/** Never sent, or every sending was answered as not applied; and nobody else can be sending it. */
export function isUnsent(item: Item): boolean {
  return !item.isInFlight && !item.isDoubtful && !item.isLent
}

export function expiryMs(item: Item): number {
  return item.ttlMs !== null && isUnsent(item) ? item.madeAtMs + item.ttlMs : Infinity
}

export function outgoing(item: Item, prev: number): Outgoing {
  const { room, mark, key, data, bytes, producer, seq, isDoubtful, sentAfter } = item
  const header = {
    room,
    producer,
    seq,
    prev,
    again: isDoubtful,
    ...(isDoubtful && sentAfter !== undefined && sentAfter !== null ? { sentAfter } : {}),
    mark,
    ...(key === undefined ? {} : { key }),
  }
  return { header, data, bytes }
}

export function waitingOf(item: Item, isAdopted: boolean): Waiting {
  return {
    room: item.room,
    mark: item.mark,
    key: item.key ?? null,
    data: typeof item.data === 'string' ? JSON.parse(item.data) : item.data.slice(),
    atMs: item.wallMs,
    isAdopted,
    state: isUnsent(item) ? 'pending' : 'sent',
  }
}
