// Publishes that are not settled: their order, what may be in flight, what an answer means for them. Pure: it is told
// the time and what happened, and hands out what to send. It knows nothing of sockets, timers or promises.
//
// Per room the store keeps the last seq of this producer and appends only what follows it (`prev`). So a later item
// can never overtake an earlier one, and an item sent twice is appended once. Items of pages before this one keep the
// producer and seq they were made under, and go before the own ones.

import type { RefusedIssue } from '../protocol/frames.js'
import type { Position } from '../protocol/position.js'
import type { RefusalReason } from '../protocol/reasons.js'
import {
  adopted,
  type Draft,
  expiryMs,
  type Item,
  isUnsent,
  made,
  type OutboxItem,
  type Outgoing,
  outgoing,
  type PublishFailure,
  type PublishResult,
  type Sent,
  type Waiting,
  waitingOf,
} from './outbox-item.js'
import type { StoredItem } from './outbox-store.js'

export interface OutboxLimits {
  /** Unsettled publishes at most. Default 1000. */
  readonly itemsMax: number
  /** Bytes of their data at most. Default 4 MiB. */
  readonly bytesMax: number
  /** One too many: refuse it, or drop the oldest that was never sent. Default `reject`. */
  readonly overflow: 'reject' | 'drop-oldest'
  /** Fails what could not be sent for so long. Null, the default: waits as long as the session lives. */
  readonly ttlMs: number | null
  /** Fails what no page could send for so long after the one that made it is gone. Default 7 days. */
  readonly ageMs: number
}

export const outboxDefaults: OutboxLimits = {
  itemsMax: 1000,
  bytesMax: 4_194_304,
  overflow: 'reject',
  ttlMs: null,
  ageMs: 604_800_000,
}

interface Chain {
  /** The last seq known to be applied in this room. */
  last: number
  /** Nothing is sent before; Infinity: not on this connection. */
  notBeforeMs: number
  /** An item came back: the ones behind it come back too. Nothing is sent until all of them are answered. */
  isDraining: boolean
}

export interface OpenRooms {
  /** True when publishes of this room may be sent. */
  isOpen(room: string): boolean
  positionOf(room: string): Position | null
}

export interface Refusal {
  readonly reason: RefusalReason
  readonly message: string
  readonly retry: boolean
  readonly afterMs?: number
  readonly last?: number
  readonly issues?: readonly RefusedIssue[]
}

const deathsMax = 3
/** So often in a row what the server told is waited for, and no more. */
const pacedMax = 2
/** The head of a room is out of order at most so often: once per item before it that dropped out, and some. */
const disordersMax = 8

export interface OutboxHost {
  /** Called once per item. */
  settled(item: OutboxItem, result: PublishResult): void
  /** What is to be stored of an item now. `again`: bytes of it may leave from here on; its room stood there. */
  keep(item: OutboxItem, again: boolean, sentAfter: Position | null): void
}

export class Outbox {
  readonly #limits: OutboxLimits
  readonly #host: OutboxHost
  #producer: string
  #items: Item[] = []
  #bytes = 0
  /** Items with a ttl. */
  #mortalCount = 0
  #seq = 0
  #isLent = false
  /** By producer and room. */
  readonly #chains = new Map<string, Chain>()
  /** Rises whenever `list` changes. */
  version = 0

  constructor(producer: string, limits: OutboxLimits, host: OutboxHost) {
    this.#producer = producer
    this.#limits = limits
    this.#host = host
  }

  /**
   * Null: it is full, and nothing that was never sent could make room. `live` when it may leave at once: it is stored
   * as sent, so that sending never waits for the storage.
   */
  add(draft: Draft, nowMs: number, wallMs = 0, live: OpenRooms | null = null): OutboxItem | null {
    const { itemsMax, bytesMax, overflow } = this.#limits
    while (this.#items.length >= itemsMax || this.#bytes + draft.bytes > bytesMax) {
      const oldest = overflow === 'drop-oldest' ? this.#items.find(isUnsent) : undefined
      if (oldest === undefined) return null
      this.#fail(oldest, 'dropped', 'a later publish took its place: the outbox is full')
    }
    this.#seq += 1
    this.#bytes += draft.bytes
    if (draft.ttlMs !== null) this.#mortalCount += 1
    this.version += 1
    const own = { producer: this.#producer, seq: this.#seq, wallMs, madeAtMs: nowMs, isMarked: live !== null }
    const item = made(draft, own)
    item.isLent = this.#isLent
    this.#items.push(item)
    this.#host.keep(item, item.isMarked, live?.positionOf(item.room) ?? null)
    return item
  }

  /** Takes over what was stored, unchanged: before everything of this page, behind what was taken over earlier. */
  adopt(stored: readonly StoredItem[], nowMs: number, wallMs: number): void {
    const at = this.#items.findIndex(({ producer }) => producer === this.#producer)
    const items = stored.map((item) => adopted(item, this.#limits.ageMs, nowMs, wallMs))
    for (const { bytes, ttlMs } of items) {
      this.#bytes += bytes
      if (ttlMs !== null) this.#mortalCount += 1
    }
    this.version += 1
    this.#items.splice(at < 0 ? this.#items.length : at, 0, ...items)
  }

  /** Before bytes of them leave, all items are to be stored as sent. False: they are already. */
  mark(rooms: OpenRooms): boolean {
    const unmarked = this.#items.filter(({ isMarked }) => !isMarked)
    for (const item of unmarked) {
      item.isMarked = true
      this.#host.keep(item, true, rooms.positionOf(item.room))
    }
    return unmarked.length > 0
  }

  /** Whether other pages may take over what is here: until that is over, nothing expires and nothing can be cancelled. */
  lend(isLent: boolean): void {
    this.#isLent = isLent
    for (const item of this.#items) item.isLent = isLent
    this.version += 1
  }

  /** Another page may have sent what is lent, and nobody here can tell: it goes as something that was sent before. */
  doubt(): void {
    for (const item of this.#items) {
      if (!item.isLent) continue
      item.isDoubtful = true
      item.sentAfter ??= null
    }
  }

  /** Somebody else sends these. */
  handOn(isTheirs: (item: OutboxItem) => boolean, message: string): void {
    for (const item of this.#items.filter(isTheirs)) this.#fail(item, 'handed-on', message)
  }

  /** Later publishes stand in a chain of this name, behind everything that is here. */
  renew(producer: string): void {
    this.#producer = producer
    this.#seq = 0
    this.version += 1
  }

  /** True while a publish with this mark is not settled. */
  hasMark(mark: string): boolean {
    return this.#items.some((item) => item.mark === mark)
  }

  /** The next publish that may leave now; it is in flight from here on. Null: nothing may. */
  take(nowMs: number, rooms: OpenRooms): Outgoing | null {
    const blocked = new Set<string>()
    const ahead = new Map<string, Item>()
    for (const item of this.#items) {
      const chain = this.#chain(item)
      const before = ahead.get(item.room)
      // The server knows no order between two producers: the later one waits until the earlier has nothing left.
      const isNext = !blocked.has(item.room) && (before === undefined || before.producer === item.producer)
      if (item.isInFlight) ahead.set(item.room, item)
      else if (isNext && !chain.isDraining && chain.notBeforeMs <= nowMs && rooms.isOpen(item.room)) {
        item.isInFlight = true
        this.version += 1
        // Never later than that: what was forgotten in between would be applied again.
        if (item.sentAfter === undefined) item.sentAfter = rooms.positionOf(item.room)
        return outgoing(item, before?.seq ?? chain.last)
      } else blocked.add(item.room)
    }
    return null
  }

  kept(sent: Sent, position: Position | null, duplicate: boolean): void {
    const item = this.#inFlight(sent)
    if (item === undefined) return
    const chain = this.#chain(item)
    chain.last = Math.max(chain.last, item.seq)
    this.#settle(item, { kind: 'kept', position, duplicate })
  }

  refused(sent: Sent, refusal: Refusal, nowMs: number): void {
    const item = this.#inFlight(sent)
    if (item === undefined) return
    const { reason } = refusal
    const chain = this.#chain(item)
    const isHead = this.#items.find((other) => other.room === item.room) === item
    item.isInFlight = false
    item.deaths = 0
    this.version += 1
    // Behind an item that came back everything comes back: that is no failure of its own.
    if (isHead || reason !== 'out-of-order') item.refusals += 1
    chain.isDraining = this.#isOnItsWay(item)

    if (reason === 'out-of-order' && item.refusals <= disordersMax) chain.last = refusal.last ?? 0
    else if (reason === 'fenced') chain.notBeforeMs = Infinity
    else if (reason === 'not-resumed' && item.refusals === 1) return
    else if (isForLater(refusal) && item.refusals <= refusalsMax(reason)) {
      item.isDoubtful ||= reason === 'store-unavailable'
      chain.notBeforeMs = Math.max(chain.notBeforeMs, nowMs + restMs(refusal, item.refusals))
    } else {
      // Refused now; but was it applied, when it was sent before and no answer came?
      const { message, issues } = refusal
      this.#fail(item, item.isDoubtful ? 'unknown' : reason, message, issues)
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
    this.version += 1
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
    if (!this.has(room)) this.#chains.delete(chainKey({ producer: this.#producer, room }))
  }

  get producer(): string {
    return this.#producer
  }

  /** Producers of items that are not settled. */
  get producers(): ReadonlySet<string> {
    return new Set(this.#items.map(({ producer }) => producer))
  }

  /** Rooms of items that are not settled. */
  get rooms(): ReadonlySet<string> {
    return new Set(this.#items.map(({ room }) => room))
  }

  list(room?: string): readonly Waiting[] {
    const items = room === undefined ? this.#items : this.#items.filter((item) => item.room === room)
    return items.map((item) => waitingOf(item, item.producer !== this.#producer))
  }

  #chain(item: Pick<Item, 'producer' | 'room'>): Chain {
    const known = this.#chains.get(chainKey(item))
    if (known !== undefined) return known
    const chain = { last: 0, notBeforeMs: -Infinity, isDraining: false }
    this.#chains.set(chainKey(item), chain)
    return chain
  }

  #inFlight({ producer, seq }: Sent): Item | undefined {
    return this.#items.find((item) => item.seq === seq && item.producer === producer && item.isInFlight)
  }

  /** Whether something of its chain is: what other producers have in flight tells its chain nothing when it ends. */
  #isOnItsWay(item: Item): boolean {
    return this.#items.some((other) => other.isInFlight && chainKey(other) === chainKey(item))
  }

  #fail(item: Item, reason: PublishFailure, message: string, issues?: Refusal['issues']): void {
    this.#settle(item, { kind: 'failed', reason, message, ...(issues === undefined ? {} : { issues }) })
  }

  #settle(item: Item, result: PublishResult): void {
    this.#items = this.#items.filter((other) => other !== item)
    this.#bytes -= item.bytes
    if (item.ttlMs !== null) this.#mortalCount -= 1
    this.version += 1
    const chain = this.#chain(item)
    if (item.isInFlight && chain.isDraining) chain.isDraining = this.#isOnItsWay(item)
    // An adopted producer is finished, never continued.
    const isDone = !this.#items.some((other) => chainKey(other) === chainKey(item))
    if (isDone && item.producer !== this.#producer) this.#chains.delete(chainKey(item))
    this.#host.settled(item, result)
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

function chainKey({ producer, room }: Pick<Item, 'producer' | 'room'>): string {
  return `${producer} ${room}`
}
