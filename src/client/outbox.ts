// Publishes that are not settled: their order, what may be in flight, what an answer means for them. Pure: it is told
// the time and what happened, and hands out what to send. It knows nothing of sockets, timers or promises.
//
// Per room the store keeps the last seq of this producer and appends only what follows it (`prev`). So a later item
// can never overtake an earlier one, and an item sent twice is appended once.

import type { Data, Publish } from '../protocol/frames.js'
import type { Position } from '../protocol/position.js'
import type { RefusalReason } from '../protocol/reasons.js'

export interface OutboxLimits {
  /** Unsettled publishes at most. Default 1000. */
  readonly itemsMax: number
  /** Bytes of their data at most. Default 4 MiB. */
  readonly bytesMax: number
  /** One too many: refuse it, or drop the oldest that was never sent. Default `reject`. */
  readonly overflow: 'reject' | 'drop-oldest'
  /** Fails what could not be sent for so long. Null, the default: waits as long as the session lives. */
  readonly ttlMs: number | null
}

export const outboxDefaults: OutboxLimits = { itemsMax: 1000, bytesMax: 4_194_304, overflow: 'reject', ttlMs: null }

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

/** How a publish ended. `failed` was not applied, except for `unknown` and `poison`, which may have been. */
export type PublishResult =
  /** `position` is null when it was applied too long ago to say where. */
  | { readonly kind: 'kept'; readonly position: Position | null; readonly duplicate: boolean }
  | { readonly kind: 'failed'; readonly reason: PublishFailure; readonly message: string }

export interface Draft {
  readonly room: string
  readonly mark: string
  readonly key: string | undefined
  /** JSON text, or bytes. */
  readonly data: string | Uint8Array
  readonly bytes: number
  readonly ttlMs: number | null
}

interface Item extends Draft {
  readonly seq: number
  readonly madeAtMs: number
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

interface Chain {
  /** The last seq known to be applied in this room. */
  last: number
  /** Nothing is sent before; Infinity: not on this connection. */
  notBeforeMs: number
  /** An item came back: the ones behind it come back too. Nothing is sent until all of them are answered. */
  isDraining: boolean
}

export interface Outgoing {
  readonly header: Omit<Publish, 'type' | 'id' | 'session' | 'data'>
  readonly data: string | Uint8Array
  readonly bytes: number
}

export interface OpenRooms {
  /** True when publishes of this room may be sent. */
  isOpen(room: string): boolean
  positionOf(room: string): Position | null
}

export interface Waiting {
  readonly room: string
  readonly mark: string
  readonly data: Data
  /** `sent`: bytes of it may have reached the server; only an answer settles it. */
  readonly state: 'pending' | 'sent'
}

export interface Refusal {
  readonly reason: RefusalReason
  readonly message: string
  readonly retry: boolean
  readonly afterMs?: number
  readonly last?: number
}

const deathsMax = 3
/** So often in a row what the server told is waited for, and no more. */
const pacedMax = 2
/** The head of a room is out of order at most so often: once per item before it that dropped out, and some. */
const disordersMax = 8

export class Outbox {
  readonly #producer: string
  readonly #limits: OutboxLimits
  /** Called once per item that was added. */
  readonly #settled: (mark: string, result: PublishResult) => void
  #items: Item[] = []
  #bytes = 0
  /** Items with a ttl. */
  #mortalCount = 0
  #seq = 0
  readonly #chains = new Map<string, Chain>()

  constructor(producer: string, limits: OutboxLimits, settled: (mark: string, result: PublishResult) => void) {
    this.#producer = producer
    this.#limits = limits
    this.#settled = settled
  }

  /** False: it is full, and nothing that was never sent could make room. */
  add(draft: Draft, nowMs: number): boolean {
    const { itemsMax, bytesMax, overflow } = this.#limits
    while (this.#items.length >= itemsMax || this.#bytes + draft.bytes > bytesMax) {
      const oldest = overflow === 'drop-oldest' ? this.#items.find(isUnsent) : undefined
      if (oldest === undefined) return false
      this.#fail(oldest, 'dropped', 'a later publish took its place: the outbox is full')
    }
    this.#seq += 1
    this.#bytes += draft.bytes
    if (draft.ttlMs !== null) this.#mortalCount += 1
    this.#items.push({
      ...draft,
      seq: this.#seq,
      madeAtMs: nowMs,
      sentAfter: undefined,
      isInFlight: false,
      isDoubtful: false,
      refusals: 0,
      deaths: 0,
    })
    return true
  }

  /** The next publish that may leave now; it is in flight from here on. Null: nothing may. */
  take(nowMs: number, rooms: OpenRooms): Outgoing | null {
    const blocked = new Set<string>()
    const prevs = new Map<string, number>()
    for (const item of this.#items) {
      const chain = this.#chain(item.room)
      if (item.isInFlight) prevs.set(item.room, item.seq)
      else if (!blocked.has(item.room) && !chain.isDraining && chain.notBeforeMs <= nowMs && rooms.isOpen(item.room)) {
        item.isInFlight = true
        // Never later than that: what was forgotten in between would be applied again.
        if (item.sentAfter === undefined) item.sentAfter = rooms.positionOf(item.room)
        return outgoing(item, this.#producer, prevs.get(item.room) ?? chain.last)
      } else blocked.add(item.room)
    }
    return null
  }

  kept(seq: number, position: Position | null, duplicate: boolean): void {
    const item = this.#inFlight(seq)
    if (item === undefined) return
    const chain = this.#chain(item.room)
    chain.last = Math.max(chain.last, seq)
    this.#settle(item, { kind: 'kept', position, duplicate })
  }

  refused(seq: number, refusal: Refusal, nowMs: number): void {
    const item = this.#inFlight(seq)
    if (item === undefined) return
    const { reason } = refusal
    const chain = this.#chain(item.room)
    const isHead = this.#items.find((other) => other.room === item.room) === item
    item.isInFlight = false
    item.deaths = 0
    // Behind an item that came back everything comes back: that is no failure of its own.
    if (isHead || reason !== 'out-of-order') item.refusals += 1
    chain.isDraining = this.#items.some((other) => other.room === item.room && other.isInFlight)

    if (reason === 'out-of-order' && item.refusals <= disordersMax) chain.last = refusal.last ?? 0
    else if (reason === 'fenced') chain.notBeforeMs = Infinity
    else if (reason === 'not-resumed' && item.refusals === 1) return
    else if (isForLater(refusal) && item.refusals <= refusalsMax(reason)) {
      item.isDoubtful ||= reason === 'store-unavailable'
      chain.notBeforeMs = Math.max(chain.notBeforeMs, nowMs + restMs(refusal, item.refusals))
    } else {
      // Refused now; but was it applied, when it was sent before and no answer came?
      this.#fail(item, item.isDoubtful ? 'unknown' : reason, refusal.message)
    }
  }

  /** The connection is gone: what was in flight may have been applied, unless nobody looked at it. */
  linkLost(how: 'unheard' | 'broken' | 'over'): void {
    const head = this.#items.find((item) => item.isInFlight)
    for (const item of this.#items) {
      item.deaths = item === head ? item.deaths + Number(how === 'broken') : 0
      item.isDoubtful ||= item.isInFlight && how !== 'unheard'
      item.isInFlight = false
      item.refusals = 0
    }
    for (const chain of this.#chains.values()) {
      chain.isDraining = false
      chain.notBeforeMs = -Infinity
    }
    if (head !== undefined && head.deaths >= deathsMax) {
      this.#fail(head, 'poison', `${deathsMax} connections broke while the server was at it`)
    }
  }

  /** Fails what waits beyond its time and was never sent. */
  expire(nowMs: number): void {
    if (this.#mortalCount === 0) return
    for (const item of this.#items.filter((item) => expiryMs(item) <= nowMs)) {
      this.#fail(item, 'expired', `it could not be sent within ${item.ttlMs} ms`)
    }
  }

  /** When something happens by time alone: an item expires, or a room may be sent to again. Infinity: never. */
  dueMs(nowMs: number): number {
    let dueMs = Infinity
    for (const { notBeforeMs } of this.#chains.values()) if (notBeforeMs > nowMs) dueMs = Math.min(dueMs, notBeforeMs)
    if (this.#mortalCount > 0) for (const item of this.#items) dueMs = Math.min(dueMs, expiryMs(item))
    return dueMs
  }

  /** False: it is settled, or bytes of it may have been sent. */
  cancel(mark: string): boolean {
    const item = this.#items.find((other) => other.mark === mark && isUnsent(other))
    if (item !== undefined) this.#fail(item, 'cancelled', 'cancelled before it was sent')
    return item !== undefined
  }

  /** Fails every item (of one room); what may have been applied fails as `unknown`. */
  failAll(reason: PublishFailure, message: string, room?: string): void {
    for (const item of this.#items.filter((other) => room === undefined || other.room === room)) {
      this.#fail(item, isUnsent(item) ? reason : 'unknown', message)
    }
  }

  get count(): number {
    return this.#items.length
  }

  /** True while a publish of this room is not settled. */
  has(room: string): boolean {
    return this.#items.some((item) => item.room === room)
  }

  /** Nothing of this room is left: forgets its chain. The store tells it again if need be. */
  forget(room: string): void {
    if (!this.has(room)) this.#chains.delete(room)
  }

  list(): readonly Waiting[] {
    return this.#items.map((item) => ({
      room: item.room,
      mark: item.mark,
      data: typeof item.data === 'string' ? JSON.parse(item.data) : item.data.slice(),
      state: isUnsent(item) ? 'pending' : 'sent',
    }))
  }

  #chain(room: string): Chain {
    const known = this.#chains.get(room)
    if (known !== undefined) return known
    const chain = { last: 0, notBeforeMs: -Infinity, isDraining: false }
    this.#chains.set(room, chain)
    return chain
  }

  #inFlight(seq: number): Item | undefined {
    return this.#items.find((item) => item.seq === seq && item.isInFlight)
  }

  #fail(item: Item, reason: PublishFailure, message: string): void {
    this.#settle(item, { kind: 'failed', reason, message })
  }

  #settle(item: Item, result: PublishResult): void {
    this.#items = this.#items.filter((other) => other !== item)
    this.#bytes -= item.bytes
    if (item.ttlMs !== null) this.#mortalCount -= 1
    const chain = this.#chain(item.room)
    if (item.isInFlight && chain.isDraining) {
      chain.isDraining = this.#items.some((other) => other.room === item.room && other.isInFlight)
    }
    this.#settled(item.mark, result)
  }
}

/** A room that is wanted and whose join failed for now is joined again: what was behind that join waits for it. */
function isForLater({ reason, retry }: Refusal): boolean {
  return reason === 'not-joined' || (retry && reason !== 'out-of-order')
}

function refusalsMax(reason: RefusalReason): number {
  return reason === 'not-joined' ? disordersMax : Infinity
}

/** Longer each time, whatever was told: a store that is overloaded must not be asked at the same pace for ever. */
function restMs({ afterMs }: Refusal, refusals: number): number {
  const growingMs = Math.min(20_000, 250 * 2 ** Math.min(refusals, 10))
  if (afterMs === undefined) return growingMs
  const toldMs = Math.min(afterMs, 60_000)
  return refusals <= pacedMax ? toldMs : Math.max(toldMs, growingMs)
}

function isUnsent(item: Item): boolean {
  return !item.isInFlight && !item.isDoubtful
}

function expiryMs(item: Item): number {
  return item.ttlMs !== null && isUnsent(item) ? item.madeAtMs + item.ttlMs : Infinity
}

function outgoing(item: Item, producer: string, prev: number): Outgoing {
  const { room, mark, key, data, bytes, seq, isDoubtful, sentAfter } = item
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
