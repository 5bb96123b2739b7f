// The control data of a memory store: sessions, leases, hold clock, events, and the indexes over them. One place to
// write a session or a lease, so that an index cannot be forgotten. It knows no rules but "what is due when".

import { DueQueue } from './due-queue.js'
import { type HoldClock, newHoldClock } from './hold-time.js'
import { nextDueMs, type StoredSession } from './session.js'
import type { LeaseRow, SessionRow, StoreEvent } from './store.js'

/** Plain data: can be copied whole. */
export interface ControlState {
  readonly sessions: Map<string, StoredSession>
  readonly leases: Map<string, LeaseRow>
  /** The last fence given. */
  fence: number
  /** Generations of sessions that come back are above it. */
  generationFloor: number
  readonly rights: RightsState
  clock: HoldClock
  /** Hold time at which each node was last heard of. */
  readonly nodes: Map<string, number>
  /** Ended sessions and when (hold time), oldest first. */
  readonly endings: Map<string, number>
  /** Who was removed from a room: null until he comes back, then the lowest offset he may read. */
  readonly floors: Map<string, number | null>
  readonly events: Map<
    string,
    { readonly event: StoreEvent; readonly takenUntilMs: number; readonly takenBy: string | null }
  >
}

export interface RightsState {
  /** How often they were changed. */
  count: number
  /** By user: the count of his last change, longest ago first. */
  readonly changed: Map<string, number>
  /** Users who were forgotten changed at or before it. */
  forgottenTo: number
}

export function newControlState(): ControlState {
  return {
    sessions: new Map(),
    leases: new Map(),
    fence: 0,
    generationFloor: 0,
    rights: { count: 0, changed: new Map(), forgottenTo: 0 },
    clock: newHoldClock,
    nodes: new Map(),
    endings: new Map(),
    floors: new Map(),
    events: new Map(),
  }
}

export class Rows {
  readonly state: ControlState
  readonly due = new DueQueue()
  readonly #ofUser = new Index()
  readonly #ofNode = new Index()
  readonly #leasesOf = new Index()
  /** By user and `createdBy`: the latest session made so. */
  readonly #created = new Map<string, string>()

  constructor(state: ControlState) {
    this.state = state
    for (const lease of state.leases.values()) this.#leasesOf.add(lease.session, lease.key)
    for (const stored of [...state.sessions.values()]) {
      // A copy has ordinary objects for rooms; theirs have no prototype.
      const rooms = Object.assign(Object.create(null), stored.row.rooms)
      this.#created.set(creationKey(stored.row.user, stored.row.createdBy), stored.row.id)
      this.put({ ...stored, row: { ...stored.row, rooms } })
    }
  }

  session(id: string): StoredSession | null {
    return this.state.sessions.get(id) ?? null
  }

  row(id: string): SessionRow | null {
    return this.session(id)?.row ?? null
  }

  createdBy(user: string, nextHash: string): SessionRow | null {
    const id = this.#created.get(creationKey(user, nextHash))
    return id === undefined ? null : this.row(id)
  }

  /** Sessions of the user that have not ended. */
  ofUser(user: string): readonly StoredSession[] {
    return this.#all(this.#ofUser.of(user))
  }

  liveOn(node: string): Iterable<string> {
    return this.#ofNode.of(node)
  }

  put(stored: StoredSession): void {
    const { row } = stored
    this.#unindex(this.row(row.id))
    if (!this.state.sessions.has(row.id)) this.#created.set(creationKey(row.user, row.createdBy), row.id)
    this.state.sessions.set(row.id, stored)
    this.#index(row.id)
  }

  /** For ended sessions that are no longer remembered. */
  delete(id: string): void {
    const row = this.row(id)
    if (row === null) return
    this.#unindex(row)
    const creation = creationKey(row.user, row.createdBy)
    if (this.#created.get(creation) === id) this.#created.delete(creation)
    this.state.sessions.delete(id)
    this.due.delete(id)
  }

  leasesOf(session: string): readonly LeaseRow[] {
    return [...this.#leasesOf.of(session)].flatMap((key) => this.state.leases.get(key) ?? [])
  }

  putLease(lease: LeaseRow): void {
    this.deleteLease(lease.key)
    this.state.leases.set(lease.key, lease)
    this.#leasesOf.add(lease.session, lease.key)
    this.#rearm(lease.session)
  }

  deleteLease(key: string): void {
    const lease = this.state.leases.get(key)
    if (lease === undefined) return
    this.state.leases.delete(key)
    this.#leasesOf.delete(lease.session, key)
    this.#rearm(lease.session)
  }

  tell(event: StoreEvent): void {
    this.state.events.set(event.id, { event, takenUntilMs: Number.NEGATIVE_INFINITY, takenBy: null })
  }

  /** `restore` sets these sessions back to what they were, or were not: the indexes follow. */
  restoredSessions(ids: readonly string[], restore: () => void): void {
    for (const id of ids) {
      this.#unindex(this.row(id))
      this.due.delete(id)
    }
    const before = ids.map((id) => this.row(id) !== null)
    restore()
    const isOther = ids.some((id, index) => (this.row(id) !== null) !== before[index])
    for (const id of ids) this.#index(id)
    if (!isOther) return
    this.#created.clear()
    for (const { row } of this.state.sessions.values()) this.#created.set(creationKey(row.user, row.createdBy), row.id)
  }

  restoredLeases(keys: readonly string[], restore: () => void): void {
    const sessions = new Set<string>()
    const each = (change: (lease: LeaseRow) => void) => {
      for (const lease of keys.flatMap((key) => this.state.leases.get(key) ?? [])) {
        sessions.add(lease.session)
        change(lease)
      }
    }
    each((lease) => this.#leasesOf.delete(lease.session, lease.key))
    restore()
    each((lease) => this.#leasesOf.add(lease.session, lease.key))
    for (const id of sessions) this.#rearm(id)
  }

  #index(id: string): void {
    const row = this.row(id)
    if (row === null) return
    if (row.status.state !== 'ended') this.#ofUser.add(row.user, row.id)
    if (row.status.state === 'live') this.#ofNode.add(row.status.node, row.id)
    this.#rearm(id)
  }

  #rearm(id: string): void {
    const stored = this.session(id)
    if (stored !== null) this.due.set(id, nextDueMs(stored, this.leasesOf(id)))
  }

  #unindex(row: SessionRow | null): void {
    if (row === null) return
    this.#ofUser.delete(row.user, row.id)
    if (row.status.state === 'live') this.#ofNode.delete(row.status.node, row.id)
  }

  #all(ids: Iterable<string>): readonly StoredSession[] {
    return [...ids].flatMap((id) => this.session(id) ?? [])
  }
}

/** Several ids under one key. A key without ids takes no room. */
class Index {
  readonly #ids = new Map<string, Set<string>>()

  of(key: string): Iterable<string> {
    return this.#ids.get(key) ?? []
  }

  add(key: string, id: string): void {
    const ids = this.#ids.get(key)
    if (ids === undefined) this.#ids.set(key, new Set([id]))
    else ids.add(id)
  }

  delete(key: string, id: string): void {
    const ids = this.#ids.get(key)
    ids?.delete(id)
    if (ids?.size === 0) this.#ids.delete(key)
  }
}

function creationKey(user: string, nextHash: string): string {
  return `${user.length}:${user}${nextHash}`
}
