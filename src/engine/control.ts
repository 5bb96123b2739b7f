// What nodes tell each other about sessions: the control log, followed like a room's, and read once per tick so that a
// lost hint costs a tick and never an owner too many.

import type { Position } from '../protocol/position.js'
import { type Control as ControlEntry, controlRoom, type Entry, type Page, type SessionRow } from '../store/store.js'
import { BackOff } from './back-off.js'
import type { Core } from './core.js'
import { isLiveOn } from './departures.js'
import { Follower, type FollowerHost } from './follower.js'
import type { Joins } from './joins.js'
import type { Session } from './session.js'
import type { Sessions } from './sessions.js'
import type { Visits } from './visits.js'

/** Rows read at once when every session is looked after. */
const rowsInFlightMax = 32

export class Control implements FollowerHost {
  readonly #core: Core
  readonly #sessions: Sessions
  readonly #joins: Joins
  readonly #visits: Visits
  readonly #follower: Follower
  readonly #backOff: BackOff
  #isVerifying = false
  #mustVerifyAgain = false
  #isClosed = false
  #epoch: string | null = null

  constructor(core: Core, { sessions, joins, visits }: { sessions: Sessions; joins: Joins; visits: Visits }) {
    this.#core = core
    this.#backOff = new BackOff(core)
    this.#sessions = sessions
    this.#joins = joins
    this.#visits = visits
    this.#follower = new Follower(core, controlRoom, this, { replayMax: Number.MAX_SAFE_INTEGER })
  }

  /** Resolves when everything told from now on is heard. Rejects with StoreUnavailable; it is repeated until `close`. */
  start(): Promise<void> {
    return this.#follower.whenAttached()
  }

  poll(): void {
    this.#follower.read()
  }

  /**
   * Asks the store for every session here: after a hole in the log, or when this node may have been thought lost.
   * One that another node owns, or that is held, is closed; its client comes back.
   */
  verifyAll(): void {
    if (this.#isVerifying) {
      // Rows that were read already may be of a life of the store that is over.
      this.#mustVerifyAgain = true
      return
    }
    if (this.#backOff.isWaiting) return
    this.#isVerifying = true
    this.#verify()
      .then((isWhole) => {
        if (isWhole) this.#backOff.succeeded()
        else this.#backOff.failed(() => this.verifyAll())
      })
      .catch((error: unknown) => this.#core.report(error, 'looking after the sessions of this node'))
      .then(() => {
        this.#isVerifying = false
        if (this.#mustVerifyAgain && !this.#isClosed) this.#verifyAgain()
      })
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#backOff.cancel()
    this.#follower.close()
  }

  // What the follower tells.

  attached(head: Position): void {
    this.#epoch = head.epoch
  }

  entries(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#isIn(entry.position.epoch)
      const told = this.#parsed(entry)
      if (told !== null) this.#obey(told)
    }
  }

  renewed(head: Position): void {
    this.#isIn(head.epoch)
  }

  broken(page: Page): void {
    this.#epoch = page.start.epoch
    this.entries(page.entries)
    this.verifyAll()
  }

  hint(): void {}

  /** Another incarnation of the store may have lost sessions, also where this log has lost nothing. */
  #isIn(epoch: string): void {
    const isSame = this.#epoch === null || this.#epoch === epoch
    this.#epoch = epoch
    if (!isSame) this.verifyAll()
  }

  #parsed(entry: Entry): ControlEntry | null {
    if (typeof entry.data !== 'string') return null
    try {
      return JSON.parse(entry.data) as ControlEntry
    } catch (error) {
      this.#core.report(error, 'reading the control log')
      return null
    }
  }

  #obey(told: ControlEntry): void {
    switch (told.kind) {
      case 'attached':
      case 'ended':
        this.#sessions.told(told.session, told)
        return
      case 'rights':
        this.#rights(told.user, told.room)
        return
      default:
        // A newer node may tell what this one does not know.
        return
    }
  }

  #rights(user: string, room: string | null): void {
    this.#visits.rightsChanged(user, room)
    for (const session of this.#sessions.live.values()) {
      if (session.user !== user) continue
      if (room === null) this.#core.host.reauthorise(session)
      else if (isIn(session, room)) this.#removed(session, room).catch(() => {})
    }
  }

  /** The news may be old: who came back since is in the room by right. */
  async #removed(session: Session, room: string): Promise<void> {
    const row = await this.#core.ask((store) => store.session(session.id)).catch(() => null)
    if (!session.isServed || (row !== null && row.rooms[room] !== undefined)) return
    await this.#joins.removed(session, room, 'removed')
  }

  #verifyAgain(): void {
    this.#mustVerifyAgain = false
    this.verifyAll()
  }

  /** False: the store did not answer for each of them. */
  async #verify(): Promise<boolean> {
    const live = await few([...this.#sessions.live.values()], (session) => this.#verifyOne(session))
    const past = await few(this.#sessions.past, (id) => this.#verifyPast(id))
    return live && past
  }

  /** Undefined: the store did not answer. */
  #row(id: string): Promise<SessionRow | null | undefined> {
    return this.#core.ask((store) => store.session(id)).catch(() => undefined)
  }

  /** A store that was set back may have for live what ended or dropped here since. */
  async #verifyPast(id: string): Promise<boolean> {
    const row = await this.#row(id)
    if (row === undefined) return false
    if (row !== null && isLiveOn(row, this.#core.node)) this.#sessions.foundLive(row)
    return true
  }

  async #verifyOne(session: Session): Promise<boolean> {
    const row = await this.#row(session.id)
    if (row === undefined) return false
    if (session.isServed) this.#compare(session, row)
    return true
  }

  #compare(session: Session, row: SessionRow | null): void {
    if (row === null) return this.#lost(session)
    const { status, generation, instance } = row
    if (generation > session.generation) {
      this.#sessions.told(session.id, { kind: 'attached', generation, instance })
    } else if (status.state === 'ended') {
      this.#sessions.endedHere(session.id, status.reason)
    } else if (status.state === 'held' || status.node !== this.#core.node || isSetBack(session, row)) {
      session.outlet.close({ reason: 'moved' })
    }
  }

  /** The store has forgotten it, so it will never tell its end: members must not see it for ever. */
  #lost(session: Session): void {
    const rooms = [...session.rooms]
    this.#sessions.endedHere(session.id, 'ran-out')
    for (const room of rooms) this.#joins.forgotten(session, room).catch(() => {})
  }
}

/** The store came back older than this session: it is attached and joined anew. */
function isSetBack(session: Session, row: SessionRow): boolean {
  return row.generation < session.generation || [...session.rooms].some((room) => row.rooms[room] === undefined)
}

/** All of them, a few at a time. True when each look was. */
async function few<T>(items: readonly T[], look: (item: T) => Promise<boolean>): Promise<boolean> {
  let isWhole = true
  for (let at = 0; at < items.length; at += rowsInFlightMax) {
    const looks = await Promise.all(items.slice(at, at + rowsInFlightMax).map(look))
    isWhole &&= looks.every(Boolean)
  }
  return isWhole
}

function isIn(session: Session, room: string): boolean {
  return session.rooms.has(room) || session.joins.has(room)
}
