// A session while this node serves it: who it is, its connection, and the rooms it is in.

import type { Json } from '../protocol/frames.js'
import type { Attached, Membership, Owner, SessionRow } from '../store/store.js'
import type { LiveSession } from './engine.js'
import type { ConnectionOutlet } from './outlet.js'

/** An attach that was granted. */
export type Granted = Extract<Attached, { kind: 'resumed' | 'created' }>

export function isGranted(attached: Attached): attached is Granted {
  return attached.kind === 'resumed' || attached.kind === 'created'
}

/** One join under way; a later join, or a leave, of the same room takes its place. */
export interface JoinTicket {
  readonly room: string
}

export class Session implements LiveSession {
  readonly id: string
  readonly user: string
  readonly claims: Json
  readonly generation: number
  readonly instance: string
  readonly outlet: ConnectionOutlet
  readonly rooms: ReadonlySet<string>
  readonly #rooms: Set<string>
  readonly #memberships: Map<string, Membership>
  readonly joins = new Map<string, JoinTicket>()
  /** When, and as which of this node's attaches. */
  readonly attached: { readonly ms: number; readonly order: number }
  /** Another connection owns it, or it is over: this one has nothing to hold or to tell. */
  isOver = false

  constructor(row: SessionRow, outlet: ConnectionOutlet, attached: Session['attached']) {
    this.id = row.id
    this.user = row.user
    this.claims = row.claims
    this.generation = row.generation
    this.instance = row.instance
    this.outlet = outlet
    this.#memberships = new Map(Object.entries(row.rooms))
    this.#rooms = new Set(this.#memberships.keys())
    this.rooms = this.#rooms
    this.attached = attached
  }

  get owner(): Owner {
    return { session: this.id, generation: this.generation }
  }

  /** What the store remembers; null: not in the room. */
  membership(room: string): Membership | null {
    return this.#memberships.get(room) ?? null
  }

  entered(room: string, membership: Membership): void {
    this.#memberships.set(room, membership)
    this.#rooms.add(room)
  }

  left(room: string): void {
    this.joins.delete(room)
    this.#memberships.delete(room)
    this.#rooms.delete(room)
  }

  /** Rooms it is in or is joining, and this one. */
  roomCountWith(room: string): number {
    return new Set([...this.#rooms, ...this.joins.keys(), room]).size
  }

  /** Rooms of before the drop that its client has not asked for again. */
  unasked(): string[] {
    return [...this.#rooms].filter((room) => !this.outlet.readers.has(room) && !this.joins.has(room))
  }

  /** True while its connection may act for it. */
  get isServed(): boolean {
    return !this.isOver && this.outlet.isOpen
  }
}
