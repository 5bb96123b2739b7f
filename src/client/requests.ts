// Frames that want an answer, on one connection: their ids, and how many may be open.

import type { Limits } from '../protocol/limits.js'
import type { Sent } from './outbox-item.js'

export type Request =
  | { readonly kind: 'publish'; readonly sent: Sent }
  | { readonly kind: 'join'; readonly room: string }
  | { readonly kind: 'leave'; readonly room: string | null }

/** More unanswered requests than this are not sent, whatever a server allows. */
const openMax = 256

export class Requests {
  readonly #open = new Map<number, Request>()
  #lastId = 0
  #max = 1

  constructor({ inFlightMax }: Limits) {
    this.allow(inFlightMax)
  }

  allow(inFlightMax: number): void {
    this.#max = Math.min(Math.max(1, inFlightMax), openMax)
  }

  get hasRoom(): boolean {
    return this.#open.size < this.#max
  }

  get lastId(): number {
    return this.#lastId
  }

  /** The id to send it with. */
  add(request: Request): number {
    this.#lastId += 1
    this.#open.set(this.#lastId, request)
    return this.#lastId
  }

  /** The request that this id answers, once; undefined for an id that is not open. */
  take(id: number): Request | undefined {
    const request = this.#open.get(id)
    this.#open.delete(id)
    return request
  }
}
