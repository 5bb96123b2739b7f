// The sessions that this node serves: attaching, being superseded or ended, and dropping. The store decides who owns
// a session; this registry only follows.

import type { EndReason } from '../protocol/reasons.js'
import type { Attach, Attached, SessionRow } from '../store/store.js'
import type { Core } from './core.js'
import { type Departure, Departures } from './departures.js'
import type { AttachAnswer, DropReason, SessionEvent } from './engine.js'
import { type ConnectionOutlet, dropReasonOf } from './outlet.js'
import { type Granted, isGranted, Session } from './session.js'
import { Strays } from './strays.js'

export type AttachAsk = Omit<Attach, 'node' | 'connection' | 'newSession' | 'holdMs'>

/** What the control log told of a session. */
export type Told =
  | { readonly kind: 'attached'; readonly generation: number; readonly instance: string }
  | { readonly kind: 'ended'; readonly generation: number; readonly reason: EndReason }

/** What was told of sessions that are not here, while an attach is under way. */
const toldMax = 10_000

/** Sessions that were here lately: a store that is set back may take them for live. */
const pastMax = 10_000

const sessionIdBytes = 12

export interface SessionsHost {
  readonly tell: (event: SessionEvent) => void
  /** It came back with rooms that it was in. */
  readonly resumed: (session: Session) => void
  /** Its connection, or it, is over. */
  readonly over: (session: Session) => void
}

export class Sessions {
  readonly live = new Map<string, Session>()
  readonly departures: Departures
  readonly #core: Core
  readonly #strays: Strays
  readonly #tell: (event: SessionEvent) => void
  readonly #resumed: (session: Session) => void
  readonly #over: (session: Session) => void
  /** The control log may be faster than the answer of an attach. */
  readonly #told = new Map<string, Told>()
  /** By when they were last here, longest ago first. */
  readonly #past = new Set<string>()
  /** By connection. */
  readonly #attaching = new Map<string, Promise<AttachAnswer>>()
  #attachCount = 0

  constructor(core: Core, hear: SessionsHost) {
    this.#core = core
    this.#tell = hear.tell
    this.#resumed = hear.resumed
    this.#over = hear.over
    this.departures = new Departures(core, (departure) => this.#dropped(departure))
    this.#strays = new Strays(core, (row) => this.#unserved(row))
  }

  async attach(outlet: ConnectionOutlet, ask: AttachAsk): Promise<AttachAnswer> {
    const attaching = this.#attach(outlet, ask)
    this.#attaching.set(outlet.connection, attaching)
    try {
      return await attaching
    } finally {
      this.#attaching.delete(outlet.connection)
      if (this.#attaching.size === 0) this.#told.clear()
    }
  }

  async #attach(outlet: ConnectionOutlet, ask: AttachAsk): Promise<AttachAnswer> {
    const whole: Attach = {
      ...ask,
      node: this.#core.node,
      connection: outlet.connection,
      newSession: this.#core.randomId(sessionIdBytes),
      holdMs: this.#core.settings.sessionHoldMs,
    }
    const order = ++this.#attachCount
    const attached = await this.#core
      .ask(
        (store) => store.attach(whole),
        (late) => this.#attachedLate(late),
      )
      .catch((error: unknown) => {
        this.#strays.look(whole)
        throw error
      })
    if (!isGranted(attached)) return { kind: 'refused', attached }
    return { kind: 'attached', session: this.#register(outlet, attached, order), attached }
  }

  /** The connection has ended. Idempotent. */
  closed(outlet: ConnectionOutlet, reason: DropReason): void {
    outlet.stop()
    const session = outlet.session === null ? undefined : this.live.get(outlet.session)
    if (session === undefined || session.outlet !== outlet) return
    this.#finish(session)
    this.departures.add(
      departureOf(session, outlet.closedAs === null ? reason : dropReasonOf(outlet.closedAs), this.#core),
    )
  }

  /** From the control log: late, and perhaps of a session that is not here. */
  told(id: string, told: Told): void {
    const session = this.live.get(id)
    if (session === undefined) this.#remember(id, told)
    else this.#obey(session, told)
  }

  /** The store says that it is over; `kept` are the words for its client. */
  endedHere(id: string, reason: EndReason): void {
    const session = this.live.get(id)
    if (session !== undefined) this.#end(session, reason)
  }

  /** Sessions that were here lately and are no more. */
  get past(): readonly string[] {
    return [...this.#past].filter((id) => !this.live.has(id))
  }

  /** A row that the store has for live on this node: nobody serves it, unless it is here or just being attached. */
  foundLive({ id, user, generation, status, rooms }: SessionRow): void {
    if (this.live.has(id) || this.departures.has(id)) return
    if (status.state === 'live' && this.#attaching.has(status.connection)) return
    this.departures.add({
      session: id,
      generation,
      user,
      reason: 'cut',
      liveMs: 0,
      rooms: Object.keys(rooms),
      isSilent: true,
    })
  }

  /** Everything closes with this bye; resolves when every drop is stored. */
  async closeAll(bye: { readonly reason: string; readonly message?: string }): Promise<void> {
    const close = () => {
      for (const { outlet } of [...this.live.values()]) {
        outlet.close(bye)
        this.closed(outlet, 'drain')
      }
    }
    close()
    await Promise.allSettled(this.#attaching.values())
    close()
    await this.departures.whenNone()
  }

  #register(outlet: ConnectionOutlet, attached: Granted, order: number): Session {
    const { row } = attached
    const session = new Session(row, outlet, { ms: this.#core.nowMs(), order })
    const older = this.live.get(row.id)
    if (older !== undefined && older.attached.order > order) {
      // Two attaches answered in the other order: the newer one is here already. Their generations would say the same,
      // were there no stores that are set back.
      session.isOver = true
      outlet.close({ reason: 'superseded', kept: true, instance: older.instance })
      return session
    }
    if (older !== undefined) this.#supersede(older, row.instance)
    this.departures.returned(row.id, attached.superseded === null)
    this.live.set(row.id, session)
    outlet.session = row.id
    this.#tell(arrivalOf(attached))
    outlet.startBeats()
    if (session.rooms.size > 0) this.#resumed(session)
    const told = this.#told.get(row.id)
    if (told !== undefined) this.#obey(session, told)
    if (!outlet.isOpen) this.closed(outlet, 'closed')
    return session
  }

  #attachedLate(late: Attached): void {
    if (isGranted(late)) this.#unserved(late.row)
  }

  /** It was attached, and whoever asked was told that it was not: nobody serves it. */
  #unserved({ id, user, generation, instance, newReason, rooms }: SessionRow): void {
    const older = this.live.get(id)
    if (older !== undefined && older.generation >= generation) return
    if (older !== undefined) this.#supersede(older, instance)
    const isSilent = generation === 1 && newReason === 'created'
    const departure = { session: id, generation, user, reason: 'cut', liveMs: 0, rooms: Object.keys(rooms) } as const
    this.departures.add({ ...departure, isSilent })
  }

  #obey(session: Session, told: Told): void {
    if (told.kind === 'attached') {
      if (told.generation > session.generation) this.#supersede(session, told.instance)
    } else if (told.generation >= session.generation) this.#end(session, told.reason)
  }

  #supersede(session: Session, instance: string): void {
    if (session.isOver) return
    this.#finish(session)
    session.outlet.close({ reason: 'superseded', kept: true, instance })
  }

  /** At the end of the turn, so that an answer that is due to it leaves first. */
  #end(session: Session, reason: EndReason): void {
    if (session.isOver) return
    this.#finish(session)
    const bye = { reason: reason === 'ran-out' ? 'session-invalid' : reason, kept: false, ended: reason }
    this.#core.turn.settle({ endOfTurn: () => session.outlet.close(bye) })
  }

  #finish(session: Session): void {
    session.isOver = true
    if (this.live.get(session.id) === session) this.live.delete(session.id)
    this.#past.delete(session.id)
    this.#past.add(session.id)
    const oldest = this.#past.values().next().value
    if (this.#past.size > pastMax && oldest !== undefined) this.#past.delete(oldest)
    this.#over(session)
  }

  #remember(id: string, told: Told): void {
    if (this.#attaching.size === 0) return
    const before = this.#told.get(id)
    if (before !== undefined && before.generation > told.generation) return
    this.#told.set(id, told)
    const oldest = this.#told.keys().next().value
    if (this.#told.size > toldMax && oldest !== undefined) this.#told.delete(oldest)
  }

  #dropped({ session, generation, user, reason, liveMs, rooms, isSilent }: Departure): void {
    if (isSilent) return
    this.#tell({ id: `${session}:${generation}:drop`, session, user, kind: 'drop', reason, liveMs, rooms })
  }
}

function departureOf(session: Session, reason: DropReason, core: Core): Departure {
  const { id, generation, user, attached } = session
  const rooms = [...session.rooms]
  return { session: id, generation, user, reason, liveMs: core.nowMs() - attached.ms, rooms, isSilent: false }
}

function arrivalOf({ kind, row, downMs, superseded }: Granted): SessionEvent {
  const { id: session, user, generation, newReason } = row
  // Made by the first dial and found by the next: one happening, one id.
  if (kind === 'created') return { id: `${session}:1:connect`, session, user, kind: 'connect', reason: newReason }
  const tookOver = superseded !== null
  const rooms = Object.keys(row.rooms)
  return { id: `${session}:${generation}:resume`, session, user, kind: 'resume', downMs, tookOver, rooms }
}
