// Sessions in memory: each operation is one step over the rows, decided by attach.ts and session.ts, told to the
// control log in the same step.

import type { EndReason } from '../protocol/reasons.js'
import { decideAttach } from './attach.js'
import { presentMs } from './hold-time.js'
import { freedEvent } from './lease.js'
import type { Rooms } from './memory-rooms.js'
import type { Rows } from './memory-rows.js'
import {
  dropped,
  ended,
  endedEvent,
  endedMax,
  isOwner,
  type StoredSession,
  toldLeases,
  withLost,
  withRoom,
} from './session.js'
import type { Attach, Attached, Membership, Owner, OwnerAnswer, SessionRow } from './store.js'

/** Users whose removal from a room is remembered, in all rooms together. */
export const floorsMax = 100_000

/** Users whose last change of rights is remembered; of others it counts as the last that was forgotten. */
export const rightsMax = 10_000

export class Sessions {
  readonly #rows: Rows
  readonly #rooms: Rooms
  readonly #nowMs: () => number

  constructor(rows: Rows, rooms: Rooms, nowMs: () => number) {
    this.#rows = rows
    this.#rooms = rooms
    this.#nowMs = nowMs
  }

  attach(ask: Attach): Attached {
    const named = ask.resume === null ? null : this.#rows.session(ask.resume.session)
    const created = ask.user === null ? null : this.#rows.createdBy(ask.user.user, ask.nextHash)
    const { generationFloor } = this.#rows.state
    const rightsChanged = ask.user === null ? 0 : this.#rightsChanged(ask.user.user)
    const decision = decideAttach({ named: named?.row ?? null, created, generationFloor, rightsChanged }, ask)
    switch (decision.kind) {
      case 'refuse':
        return decision.answer
      case 'revoke':
        if (named !== null) this.endSession(named, 'revoked')
        return { kind: 'secret-reused' }
      case 'resume':
        return this.#own('resumed', named, decision.row, decision.isFirst)
      case 'create-again':
        return this.#own('created', this.#rows.session(decision.row.id), decision.row, false)
      case 'create':
        return this.#own('created', null, decision.row, true)
    }
  }

  #own(kind: 'resumed' | 'created', before: StoredSession | null, row: SessionRow, isFirst: boolean): Attached {
    const { nodes } = this.#rows.state
    const holdMs = this.#holdMs()
    const was = before?.row.status ?? null
    const owned = { row, lost: before?.lost ?? [], graceTold: [] }
    const { session, told } = toldLeases(owned, this.#rows.leasesOf(row.id), isFirst)
    this.#rows.put(session)
    if (row.status.state === 'live' && !nodes.has(row.status.node)) nodes.set(row.status.node, holdMs)

    // Whoever is new has no older owner to be told of.
    const { id, generation, instance, status } = row
    if (before !== null && status.state === 'live') {
      this.#rooms.appendControl({ kind: 'attached', session: id, generation, node: status.node, instance })
    }
    const isLive = before !== null && was?.state === 'live'
    return {
      kind,
      row,
      downMs: was?.state === 'held' ? Math.max(0, holdMs - was.droppedAtMs) : 0,
      superseded: isLive ? { node: was.node, connection: was.connection, instance: before.row.instance } : null,
      leases: told,
    }
  }

  detach(owner: Owner): OwnerAnswer {
    const session = this.#rows.session(owner.session)
    if (session === null || !isOwner(session.row, owner.generation)) return { kind: 'not-owner' }
    this.#rows.put(dropped(session, this.#holdMs()))
    return { kind: 'done' }
  }

  end(ask: { readonly session: string; readonly generation: number | null; readonly reason: EndReason }): OwnerAnswer {
    const session = this.#rows.session(ask.session)
    if (session === null || (ask.generation !== null && ask.generation !== session.row.generation)) {
      return { kind: 'not-owner' }
    }
    if (session.row.status.state !== 'ended') this.endSession(session, ask.reason)
    return { kind: 'done' }
  }

  #holdMs(): number {
    return presentMs(this.#rows.state.clock, this.#nowMs())
  }

  /** Frees its leases, then ends it: both are told in this order. */
  endSession(session: StoredSession, reason: EndReason): void {
    const { id, generation } = session.row
    for (const lease of this.#rows.leasesOf(id)) {
      this.#rows.deleteLease(lease.key)
      this.#rows.tell(freedEvent(lease, 'ended'))
    }
    this.#rows.tell(endedEvent(session.row, reason))
    this.#rows.put(ended(session, reason))
    this.#rooms.appendControl({ kind: 'ended', session: id, generation, reason })

    const { endings, clock } = this.#rows.state
    endings.set(id, clock.holdMs)
    if (endings.size > endedMax) this.forgetEnded(1, Number.POSITIVE_INFINITY)
  }

  /** Forgets sessions that ended at or before `endedMs`, oldest first. Tells how many. */
  forgetEnded(rowsMax: number, endedMs: number): number {
    let count = 0
    for (const [id, atMs] of this.#rows.state.endings) {
      if (count === rowsMax || atMs > endedMs) break
      this.#rows.state.endings.delete(id)
      this.#rows.delete(id)
      count += 1
    }
    return count
  }

  /** A lease of it is no longer its own; its next welcome says why. */
  lose(id: string, key: string, reason: 'ran-out' | 'taken'): void {
    const session = this.#rows.session(id)
    if (session !== null && session.row.status.state !== 'ended') this.#rows.put(withLost(session, key, reason))
  }

  /** Null: not the owner. */
  enter(owner: Owner, room: string, asked: Membership): Membership | null {
    const session = this.#rows.session(owner.session)
    if (session === null || !isOwner(session.row, owner.generation)) return null
    const { graceMs } = asked
    const known = session.row.rooms[room]
    const readableFrom = known?.readableFrom ?? Math.max(asked.readableFrom, this.floorOf(room, session.row.user))
    const membership = { readableFrom, graceMs }
    this.#rows.put({ ...session, row: withRoom(session.row, room, membership) })
    return membership
  }

  exit(owner: Owner, room: string): OwnerAnswer {
    const session = this.#rows.session(owner.session)
    if (session === null || !isOwner(session.row, owner.generation)) return { kind: 'not-owner' }
    if (session.row.rooms[room] === undefined) return { kind: 'done' }
    this.#rows.put({ ...session, row: withRoom(session.row, room, null) })
    return { kind: 'done' }
  }

  remove(room: string, user: string): void {
    for (const session of this.#rows.ofUser(user)) {
      if (session.row.rooms[room] === undefined) continue
      this.#rows.put({ ...session, row: withRoom(session.row, room, null) })
    }
    this.#setFloor(floorKey(room, user), null)
    this.#rooms.appendControl({ kind: 'rights', user, room })
  }

  changeRights(user: string): void {
    for (const session of this.#rows.ofUser(user)) {
      const { row } = session
      this.#rows.put({ ...session, row: { ...row, rightsVersion: row.rightsVersion + 1 } })
    }
    const { rights } = this.#rows.state
    rights.count += 1
    rights.changed.delete(user)
    rights.changed.set(user, rights.count)
    for (const [oldest, count] of rights.changed) {
      if (rights.changed.size <= rightsMax) break
      rights.changed.delete(oldest)
      rights.forgottenTo = count
    }
    this.#rooms.appendControl({ kind: 'rights', user, room: null })
  }

  /** The count of the user's last change. */
  #rightsChanged(user: string): number {
    const { changed, forgottenTo } = this.#rows.state.rights
    return changed.get(user) ?? forgottenTo
  }

  /** Who was removed reads from his return on: the first of his sessions that comes back decides for all later ones. */
  floorOf(room: string, user: string): number {
    const key = floorKey(room, user)
    const floor = this.#rows.state.floors.get(key)
    if (floor === undefined) return 0
    const offset = floor ?? this.#rooms.head(room).offset + 1
    this.#setFloor(key, offset)
    return offset
  }

  #setFloor(key: string, offset: number | null): void {
    const { floors } = this.#rows.state
    floors.delete(key)
    floors.set(key, offset)
    for (const oldest of floors.keys()) {
      if (floors.size <= floorsMax) return
      floors.delete(oldest)
    }
  }
}

function floorKey(room: string, user: string): string {
  return `${room.length}:${room}${user}`
}
