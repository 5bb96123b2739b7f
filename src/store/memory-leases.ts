// Leases, hold time and the sweep in memory. Whatever ends is ended here or by its owner, never by the clock alone.

import { isRunning, ticked } from './hold-time.js'
import { decideAcquire, decideRelease, freedEvent, granted } from './lease.js'
import type { Rows } from './memory-rows.js'
import type { Sessions } from './memory-sessions.js'
import { dropped, dueOf, endedKeptMs, graceOverEvent, isOwner, withoutLost } from './session.js'
import type { Acquire, Acquired, LeaseRow, Released, Store, StoreEvent, Tick, Ticked } from './store.js'

export class Leases {
  readonly #rows: Rows
  readonly #sessions: Sessions
  readonly #nowMs: () => number

  constructor(rows: Rows, sessions: Sessions, nowMs: () => number) {
    this.#rows = rows
    this.#sessions = sessions
    this.#nowMs = nowMs
  }

  acquire(ask: Acquire): Acquired {
    const { state } = this.#rows
    const asker = this.#rows.row(ask.session)
    if (!isOwner(asker, ask.generation)) return { kind: 'not-owner' }
    const lease = state.leases.get(ask.key) ?? null
    const holder = lease === null ? null : this.#rows.row(lease.session)
    const decision = decideAcquire({
      lease,
      holder,
      asker: { session: asker.id, user: asker.user },
      clock: state.clock,
      nowMs: this.#nowMs(),
    })
    if (decision.kind === 'refuse') return decision.answer

    if (lease !== null && decision.before === 'run-out') this.#runOut(lease)
    if (lease !== null && decision.before === 'move') this.#sessions.lose(lease.session, lease.key, 'taken')
    if (decision.isNewTerm) state.fence += 1
    const given = granted(ask, asker.user, decision.isNewTerm || lease === null ? state.fence : lease.fence)
    this.#rows.putLease(given)
    const session = this.#rows.session(asker.id)
    if (session !== null) this.#rows.put(withoutLost(session, ask.key))
    return { kind: 'granted', lease: given }
  }

  release(ask: { readonly key: string; readonly session: string; readonly fence: number }): Released {
    const lease = this.#rows.state.leases.get(ask.key) ?? null
    const answer = decideRelease(lease, ask)
    if (lease !== null && answer.kind === 'released') {
      this.#rows.deleteLease(ask.key)
      this.#rows.tell(freedEvent(lease, 'released'))
    }
    return answer
  }

  tick(ask: Tick): Ticked {
    const { state } = this.#rows
    state.clock = ticked(state.clock, this.#nowMs(), ask.freezeMs)
    const { holdMs } = state.clock
    state.nodes.set(ask.node, holdMs)
    if (!isRunning(state.clock, this.#nowMs())) return { holdMs, isFrozen: true, hasMore: false }

    const rowsMax = Math.max(1, ask.rowsMax)
    let count = this.#loseNodes(ask.nodeLeaseMs, rowsMax)
    count += this.#sweep(rowsMax - count)
    count += this.#sessions.forgetEnded(rowsMax - count, holdMs - endedKeptMs)
    return { holdMs, isFrozen: false, hasMore: count >= rowsMax }
  }

  takeEvents({ node, having, eventsMax, takenMs }: Parameters<Store['takeEvents']>[0]): readonly StoreEvent[] {
    const { events } = this.#rows.state
    const nowMs = this.#nowMs()
    const known = new Set(having)
    const taken: StoreEvent[] = []
    for (const [id, { event, takenUntilMs, takenBy }] of events) {
      if (taken.length >= eventsMax) break
      const isLost = takenBy === node && !known.has(id)
      if (takenUntilMs > nowMs && !isLost) continue
      events.set(id, { event, takenUntilMs: nowMs + takenMs, takenBy: node })
      taken.push(event)
    }
    return taken
  }

  settleEvents(ids: readonly string[]): void {
    for (const id of ids) this.#rows.state.events.delete(id)
  }

  /** Drops the sessions of nodes that were not heard of. A node is forgotten once none of its sessions is live. */
  #loseNodes(nodeLeaseMs: number, rowsMax: number): number {
    const { nodes, clock } = this.#rows.state
    let count = 0
    for (const [node, heardMs] of nodes) {
      if (clock.holdMs - heardMs < nodeLeaseMs) continue
      for (const id of [...this.#rows.liveOn(node)]) {
        if (count === rowsMax) return count
        const session = this.#rows.session(id)
        if (session !== null) this.#rows.put(dropped(session, clock.holdMs))
        count += 1
      }
      nodes.delete(node)
    }
    return count
  }

  #sweep(rowsMax: number): number {
    const { holdMs } = this.#rows.state.clock
    let count = 0
    for (let next = this.#rows.due.first(); next !== null && next.dueMs <= holdMs; next = this.#rows.due.first()) {
      if (count === rowsMax) break
      this.#sweepSession(next.id, holdMs)
      count += 1
    }
    return count
  }

  #sweepSession(id: string, holdMs: number): void {
    const before = this.#rows.session(id)
    if (before === null) return
    const due = dueOf(before, this.#rows.leasesOf(id), holdMs)
    for (const lease of due.leases) this.#runOut(lease)
    const session = this.#rows.session(id) ?? before
    if (due.isOver) {
      this.#sessions.endSession(session, 'ran-out')
      return
    }
    if (due.rooms.length === 0) return
    this.#rows.tell(graceOverEvent(session, due.rooms))
    this.#rows.put({ ...session, graceTold: [...session.graceTold, ...due.rooms] })
  }

  #runOut(lease: LeaseRow): void {
    this.#rows.deleteLease(lease.key)
    this.#rows.tell(freedEvent(lease, 'ran-out'))
    this.#sessions.lose(lease.session, lease.key, 'ran-out')
  }
}
