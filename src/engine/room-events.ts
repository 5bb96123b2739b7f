// One room for readers of server-sent events: the same log and the same rules, in a tail of their encoding. That tail is
// made when the first of them needs it, and goes when nobody reads it any more.

import type { EncodableEntry } from '../protocol/encode.js'
import type { Position } from '../protocol/position.js'
import type { Page } from '../store/store.js'
import { serverSentEvents } from './encoding.js'
import type { Reader, ReaderRoom } from './reader.js'
import type { Tail } from './tail.js'

/** What it needs of the room. */
type WholeRoom = Omit<ReaderRoom, 'encoding' | 'liveFrame'>

export class RoomEvents implements ReaderRoom {
  readonly encoding = serverSentEvents
  readonly #room: WholeRoom
  readonly #nowMs: () => number
  #tail: Tail | null = null
  #readerCount = 0

  constructor(room: WholeRoom, nowMs: () => number) {
    this.#room = room
    this.#nowMs = nowMs
  }

  get name(): string {
    return this.#room.name
  }

  get liveFrame(): Uint8Array {
    return this.encoding.frame({ type: 'live', room: this.name })
  }

  get tail(): Tail | null {
    this.#tail ??= this.#room.tail?.inOther(this.encoding, this.#nowMs()) ?? null
    return this.#tail
  }

  /** The tail if somebody needed it already. */
  get made(): Tail | null {
    return this.#tail
  }

  page(position: Position, readableFrom: number, retry: () => void): Promise<Page> {
    return this.#room.page(position, readableFrom, retry)
  }

  note(position: Position): void {
    this.#room.note(position)
  }

  added(): void {
    this.#readerCount += 1
  }

  removed(reader: Reader): void {
    this.#readerCount -= 1
    this.#room.removed(reader)
  }

  append(entry: EncodableEntry, nowMs: number): void {
    this.#tail?.append(entry, nowMs)
  }

  renew(head: Position): void {
    this.#tail?.renew(head)
  }

  age(nowMs: number): void {
    if (this.#readerCount === 0) this.forget()
    this.#tail?.age(nowMs)
  }

  /** Frees the memory. Slices given out stay valid. */
  forget(): void {
    this.#tail?.clear()
    this.#tail = null
  }
}
