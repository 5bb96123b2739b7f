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
  readonly rooms = new Set<string>()
  /** What the store remembers, also of rooms that were not asked for again. */
  readonly memberships: Map<string, Membership>
  readonly joins = new Map<string, JoinTicket>()
  readonly attachedMs: number
  /** Another connection owns it, or it is over: this one has nothing to hold or to tell. */
  isOver = false

  constructor(row: SessionRow, outlet: ConnectionOutlet, nowMs: number) {
    this.id = row.id
    this.user = row.user
    this.claims = row.claims
    this.generation = row.generation
    this.instance = row.instance
    this.outlet = outlet
    this.memberships = new Map(Object.entries(row.rooms))
    this.attachedMs = nowMs
  }

  get owner(): Owner {
    return { session: this.id, generation: this.generation }
  }

  /** Rooms it is in, was in before the drop, or is joining. */
  roomCountWith(room: string): number {
    return new Set([...this.memberships.keys(), ...this.joins.keys(), room]).size
  }

  /** True while its connection may act for it. */
  get isServed(): boolean {
    return !this.isOver && this.outlet.isOpen
  }
}
