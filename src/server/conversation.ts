// One connection after its welcome: which requests are open, how they are answered. What a request means is in
// handlers.ts.

import type { LiveSession } from '../engine/engine.js'
import type { Denied, Refused, RefusedIssue } from '../protocol/frames.js'
import type { RefusalReason } from '../protocol/reasons.js'
import { StoreUnavailable } from '../store/store.js'
import { claimsOf } from './auth.js'
import type { Context } from './context.js'
import { RoomOrder } from './room-order.js'
import type { Asker } from './rooms.js'

/** A frame that may be refused. Joins are answered by `denied`, all others by `refused`. */
export interface Request {
  readonly type: string
  readonly id?: number
  readonly room?: string | null
}

export interface Refusal {
  readonly reason: RefusalReason
  /** For people: what came, what was allowed, what to do. */
  readonly message: string
  /** Default false. */
  readonly retry?: boolean
  readonly afterMs?: number
  readonly last?: number
  readonly issues?: readonly RefusedIssue[]
}

const storeRestMs = 1_000

export class Conversation {
  readonly context: Context
  readonly session: LiveSession
  readonly asker: Asker
  readonly order: RoomOrder
  /** Rooms whose join was granted on this connection; memberships of before count only after they were asked again. */
  readonly joined = new Set<string>()
  readonly #inFlight = new Set<number>()

  constructor(context: Context, session: LiveSession) {
    this.context = context
    this.session = session
    this.asker = { user: session.user, claims: claimsOf(session.claims), session: session.id }
    this.order = new RoomOrder((error) => this.#broken(error, 'a request'))
  }

  /** False, and answered, when the id is in use or too many requests are open. */
  begin(request: Request & { readonly id: number }): boolean {
    const problem = openingProblem(this.#inFlight, request.id, this.context.settings.inFlightMax)
    if (problem === null) {
      this.#inFlight.add(request.id)
      return true
    }
    this.session.outlet.send(answerOf(request, problem))
    return false
  }

  /** The request is answered: its id is free again. */
  settled(id: number | undefined): void {
    if (id !== undefined) this.#inFlight.delete(id)
  }

  refuse(request: Request, refusal: Refusal): void {
    this.settled(request.id)
    this.session.outlet.send(answerOf(request, refusal))
  }

  /** The answer to an exception: a store that is away refuses retryably, a mistake of ours closes the connection. */
  failed(request: Request, error: unknown): void {
    if (!(error instanceof StoreUnavailable)) return this.#broken(error, `a ${request.type}`)
    const message = 'the store did not answer; try again'
    this.refuse(request, { reason: 'store-unavailable', message, retry: true, afterMs: storeRestMs })
  }

  isIn(room: string): boolean {
    return this.joined.has(room) && this.session.rooms.has(room)
  }

  #broken(error: unknown, doing: string): void {
    this.context.log.report(error, doing)
    this.session.outlet.close({ reason: 'internal', kept: true })
  }
}

/** The frame that says no. */
export function answerOf(request: Request, refusal: Refusal): Denied | Refused {
  const { reason, message, retry = false, afterMs, last, issues } = refusal
  const rest = { reason, message, retry, ...(afterMs === undefined ? {} : { afterMs }) }
  if (request.type === 'join' && typeof request.room === 'string') {
    return { type: 'denied', ...(request.id === undefined ? {} : { id: request.id }), room: request.room, ...rest }
  }
  return {
    type: 'refused',
    id: request.id ?? null,
    ...rest,
    ...(last === undefined ? {} : { last }),
    ...(issues === undefined ? {} : { issues }),
  }
}

function openingProblem(inFlight: ReadonlySet<number>, id: number, inFlightMax: number): Refusal | null {
  if (inFlight.has(id)) {
    return { reason: 'id-in-use', message: `request ${id} is still unanswered; use a new id for each request` }
  }
  if (inFlight.size < inFlightMax) return null
  return { reason: 'limit', message: `${inFlightMax} requests may be unanswered; wait for an answer`, retry: true }
}
