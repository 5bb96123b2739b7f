// How a session gets into a room and out of it: the membership in the store, the verdict, the reader, the presence.

import type { RoomAsk, RoomVerdict } from '../protocol/frames.js'
import type { RemovalReason } from '../protocol/reasons.js'
import type { Membership, Page } from '../store/store.js'
import { BackOff } from './back-off.js'
import type { Core } from './core.js'
import type { Engine, JoinAnswer, RoomOptions } from './engine.js'
import { Reader } from './reader.js'
import type { Room } from './room.js'
import type { Rooms } from './rooms.js'
import type { JoinTicket, Session } from './session.js'

export type Permit = Parameters<Engine['join']>[2]
export type Joined = Extract<JoinAnswer, { kind: 'joined' }>

/** The grace of a room whose members are not shown: it is never over. */
const noGraceMs = 2 ** 50

/** A join on its way. */
interface Entering {
  readonly session: Session
  readonly ask: RoomAsk
  readonly permit: Permit
  readonly options: RoomOptions
  readonly ticket: JoinTicket
  readonly answer: (joined: Joined) => void
}

interface Leaving {
  readonly session: Session
  readonly name: string
}

/** Where its reader starts. */
interface Start {
  readonly page: Page
  readonly readableFrom: number
  readonly hasSlot: boolean
}

export class Joins {
  readonly #core: Core
  readonly #rooms: Rooms
  /** Leaves that the store has not taken yet. */
  readonly #unfinished = new Set<Leaving>()
  readonly #backOff: BackOff

  constructor(core: Core, rooms: Rooms) {
    this.#core = core
    this.#rooms = rooms
    this.#backOff = new BackOff(core)
  }

  /** See `Engine.join`. */
  async join(session: Session, ask: RoomAsk, permit: Permit, answer: (joined: Joined) => void): Promise<JoinAnswer> {
    const options = this.#core.roomOptions(ask.room)
    if (options === null) throw new Error(`there is no room ${ask.room}: ask roomOptions first`)
    if (!session.isServed) return { kind: 'closed' }
    const ticket: JoinTicket = { room: ask.room }
    session.joins.set(ask.room, ticket)
    try {
      if (!(await this.#hasPlace(session, ask.room))) return { kind: 'limit' }
      if (!isCurrent(session, ticket)) return { kind: 'closed' }
      return await this.#enter({ session, ask, permit, options, ticket, answer })
    } finally {
      forget(session, ticket)
    }
  }

  /**
   * Out of the room, for members at once. The reader stops before this returns. Rejects when the store is not there;
   * it is repeated until it is done, the session dropped or back in the room.
   */
  async leave(session: Session, name: string): Promise<void> {
    this.#leaveHere(session, name)
    const leaving: Leaving = { session, name }
    try {
      await this.#depart(leaving)
    } catch (error) {
      this.#unfinished.add(leaving)
      this.#backOff.failed(() => this.#departAgain())
      throw error
    }
  }

  /** Idempotent. */
  close(): void {
    this.#backOff.cancel()
    this.#unfinished.clear()
  }

  async remove(session: Session, name: string, reason: RemovalReason): Promise<void> {
    session.outlet.send({ type: 'removed', room: name, reason })
    await this.leave(session, name)
  }

  /** The session is served here no more: nothing is written for it that a later end could miss. */
  over(session: Session): void {
    for (const room of session.rooms) this.#rooms.find(room)?.presence?.forget(session.id, session.generation)
  }

  /** The store knows nothing of it any more. */
  forgotten(session: Session, name: string): Promise<void> {
    return this.#hide(session, name)
  }

  /** The store has taken it out already. */
  async removed(session: Session, name: string, reason: RemovalReason): Promise<void> {
    session.outlet.send({ type: 'removed', room: name, reason })
    this.#leaveHere(session, name)
    await this.#hide(session, name)
  }

  /** Rooms of before a drop that nobody asked for again give way to new ones. */
  async #hasPlace(session: Session, name: string): Promise<boolean> {
    if (session.roomCountWith(name) <= this.#core.settings.roomsPerSessionMax) return true
    const [unasked] = session.unasked().filter((room) => room !== name)
    if (unasked === undefined) return false
    await this.leave(session, unasked)
    return true
  }

  async #depart({ session, name }: Leaving): Promise<void> {
    // Members first: an end that comes in between still knows the room and takes the session off its board.
    await this.#hide(session, name)
    if (!isBack(session, name)) await this.#core.ask((store) => store.exit(session.owner, name))
  }

  async #departAgain(): Promise<void> {
    for (const leaving of [...this.#unfinished]) {
      this.#unfinished.delete(leaving)
      const { session, name } = leaving
      // Dropped: the store has the room for it still, and it is left after the resume, or with the end.
      if (!session.isServed || isBack(session, name)) continue
      try {
        await this.#depart(leaving)
        this.#backOff.succeeded()
      } catch {
        this.#unfinished.add(leaving)
        this.#backOff.failed(() => this.#departAgain())
        return
      }
    }
  }

  #leaveHere(session: Session, name: string): void {
    session.left(name)
    this.#closeReader(session, name)
    session.outlet.unwatch(name)
  }

  async #hide(session: Session, name: string): Promise<void> {
    if ((this.#core.roomOptions(name)?.presence ?? null) === null) return
    const room = this.#rooms.pin(name)
    try {
      await room.presence?.hide(session.id, session.generation)
    } finally {
      this.#rooms.unpin(room)
    }
  }

  async #enter(entering: Entering): Promise<JoinAnswer> {
    const { session, ask, ticket } = entering
    const membership = await this.#membership(entering)
    if (membership === null) return { kind: 'not-owner' }
    if (!isCurrent(session, ticket)) return { kind: 'closed' }
    session.entered(ask.room, membership)
    // Only now: a join that is refused makes no room.
    const room = this.#rooms.pin(ask.room)
    try {
      const start = await this.#judge(entering, room, membership.readableFrom)
      return start === null ? { kind: 'closed' } : await this.#read(entering, room, start)
    } finally {
      this.#rooms.unpin(room)
    }
  }

  /** Null: the join is no longer wanted. */
  async #judge({ session, ask, ticket }: Entering, room: Room, readableFrom: number): Promise<Start | null> {
    const { since, last = 0 } = ask
    const slots = session.outlet.pageSlots
    const hasSlot = slots.take()
    let isUsed = false
    try {
      const page = await room.judge({ since, last, readableFrom, withPage: hasSlot })
      isUsed = isCurrent(session, ticket)
      return isUsed ? { page, readableFrom, hasSlot } : null
    } finally {
      if (hasSlot && !isUsed) slots.free()
    }
  }

  /** Null: another connection owns the session. */
  async #membership({ session, ask, permit, options }: Entering): Promise<Membership | null> {
    const graceMs = options.presence?.graceMs ?? noGraceMs
    const known = session.membership(ask.room)
    if (known?.graceMs === graceMs) return narrowed(known, permit)
    const readableFrom = await this.#readableFrom(ask.room, permit, options)
    const entered = await this.#core.ask((store) => store.enter(session.owner, ask.room, { readableFrom, graceMs }))
    return entered.kind === 'entered' ? narrowed(entered.membership, permit) : null
  }

  async #readableFrom(name: string, permit: Permit, { history }: RoomOptions): Promise<number> {
    if (typeof permit.readableFrom === 'number') return permit.readableFrom
    if (permit.readableFrom === 'retained' && history === 'retained') return 0
    const [head] = await this.#core.ask((store) => store.heads([name]))
    return (head?.offset ?? 0) + 1
  }

  #read(entering: Entering, room: Room, { page, readableFrom, hasSlot }: Start): Promise<JoinAnswer> {
    const { session, ask, options, ticket, answer } = entering
    const joined: Joined = { kind: 'joined', verdict: verdictOf(page), position: page.start }
    this.#closeReader(session, ask.room)
    forget(session, ticket)
    answer(joined)
    return new Promise((resolve) => {
      const reader = new Reader(room, session.outlet, {
        position: page.start,
        readableFrom,
        hasSlot,
        liveAt: page.head.offset,
        settled: (isLive) => resolve(isLive ? joined : { kind: 'closed' }),
      })
      // Answering may have closed the connection.
      if (!session.isServed) return reader.close()
      session.outlet.readers.set(ask.room, reader)
      room.added(reader)
      if (options.presence !== null) room.presence?.show(session.id, session.user, session.generation)
      session.outlet.unwatch(ask.room)
      if (ask.presence === true && room.presence !== null) session.outlet.watch(ask.room, room.presence)
      reader.start(page)
    })
  }

  #closeReader(session: Session, name: string): void {
    const reader = session.outlet.readers.get(name)
    if (reader === undefined) return
    session.outlet.readers.delete(name)
    reader.close()
    reader.room.removed(reader)
  }
}

/** A number narrows also a membership that reads further back. */
function narrowed(membership: Membership, permit: Permit): Membership {
  if (typeof permit.readableFrom !== 'number') return membership
  return { ...membership, readableFrom: Math.max(membership.readableFrom, permit.readableFrom) }
}

/** It has joined again, or is about to. */
function isBack(session: Session, name: string): boolean {
  return session.rooms.has(name) || session.joins.has(name)
}

function isCurrent(session: Session, ticket: JoinTicket): boolean {
  return session.isServed && session.joins.get(ticket.room) === ticket
}

function forget(session: Session, ticket: JoinTicket): void {
  if (session.joins.get(ticket.room) === ticket) session.joins.delete(ticket.room)
}

/** What a reader is told of the place where it starts. */
export function verdictOf({ verdict, start, head }: Page): RoomVerdict {
  if (verdict.kind === 'complete') return { kind: 'complete', from: start.offset, to: head.offset }
  const { reason, from, to } = verdict
  return { kind: 'gap', reason, from, to, next: start }
}
