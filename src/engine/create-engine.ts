// The engine put together: each part one file, here only who talks to whom.

import type { By, Data, Json, RoomAsk } from '../protocol/frames.js'
import type { EndReason, RemovalReason } from '../protocol/reasons.js'
import { type SessionRow, type Store, StoreUnavailable } from '../store/store.js'
import { Control } from './control.js'
import { type Core, createCore } from './core.js'
import { storedData } from './encode.js'
import type {
  AttachAnswer,
  DropReason,
  Engine,
  EngineOptions,
  EngineSizes,
  JoinAnswer,
  LiveSession,
  Outlet,
  ServerRoom,
  SessionEvent,
} from './engine.js'
import { Ghosts } from './ghosts.js'
import { type Joined, Joins, type Permit } from './joins.js'
import { ConnectionOutlet } from './outlet.js'
import { type PublishAsk, Publishing } from './publishing.js'
import { Rooms } from './rooms.js'
import { Session } from './session.js'
import { type AttachAsk, Sessions } from './sessions.js'
import { StoreEvents } from './store-events.js'
import { Ticker } from './ticker.js'
import type { Transport } from './transport.js'
import { Visits } from './visits.js'

const connectionIdBytes = 9
const birthBytes = 8

export function createEngine(options: EngineOptions): Engine {
  return new HoldfastEngine(options)
}

class HoldfastEngine implements Engine {
  readonly store: Store
  readonly visits: Visits
  readonly #core: Core
  readonly #rooms: Rooms
  readonly #joins: Joins
  readonly #publishing: Publishing
  readonly #sessions: Sessions
  readonly #control: Control
  readonly #events: StoreEvents
  readonly #ticker: Ticker
  readonly #ghosts: Ghosts
  readonly #outlets = new Set<ConnectionOutlet>()
  #starting: Promise<void> | null = null
  #closing: Promise<void> | null = null

  constructor(options: EngineOptions) {
    const core = createCore(options)
    this.#core = core
    this.store = options.store
    this.#rooms = new Rooms(core)
    this.#joins = new Joins(core, this.#rooms)
    this.#publishing = new Publishing(core, this.#rooms)
    this.#sessions = new Sessions(core, {
      tell: (event) => this.#tell(event),
      resumed: (session) => this.#leaveUnasked(session),
      over: (session) => this.#joins.over(session),
    })
    this.visits = new Visits(core, {
      rooms: this.#rooms,
      publishing: this.#publishing,
      opened: (outlet) => this.#outlets.add(outlet),
    })
    this.#control = new Control(core, { sessions: this.#sessions, joins: this.#joins, visits: this.visits })
    this.#events = new StoreEvents(core)
    this.#ghosts = new Ghosts(core, this.#rooms, this.#sessions.live)
    this.#ticker = new Ticker(core, { ticked: () => this.#ticked(), wasAway: () => this.#control.verifyAll() })
  }

  start(): Promise<void> {
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = null
      throw error
    })
    return this.#starting
  }

  open(transport: Transport): Outlet {
    const judged = (stuck: ConnectionOutlet) => this.#sessions.closed(stuck, 'cut')
    const outlet = new ConnectionOutlet(this.#core, transport, this.#core.randomId(connectionIdBytes), { judged })
    this.#outlets.add(outlet)
    return outlet
  }

  closed(outlet: Outlet, reason: DropReason): void {
    const own = ownOutlet(outlet)
    this.#outlets.delete(own)
    this.visits.closed(own)
    this.#sessions.closed(own, reason)
  }

  async attach(outlet: Outlet, ask: AttachAsk): Promise<AttachAnswer> {
    if (this.#closing !== null) throw new StoreUnavailable('this node is closing: its store takes nobody in')
    return this.#sessions.attach(ownOutlet(outlet), ask)
  }

  row(session: string): Promise<SessionRow | null> {
    return this.#core.ask((store) => store.session(session))
  }

  rightsCount(): Promise<number> {
    return this.#core.ask((store) => store.rightsCount())
  }

  async join(
    session: LiveSession,
    ask: RoomAsk,
    permit: Permit,
    answer: (joined: Joined) => void,
  ): Promise<JoinAnswer> {
    const joined = await this.#joins.join(ownSession(session), ask, permit, answer)
    if (joined.kind === 'not-owner') this.#control.verifyAll()
    return joined
  }

  touch(session: LiveSession, rooms: readonly string[]): Promise<void> {
    return this.#core.ask((store) => store.touch(ownSession(session).owner, rooms))
  }

  leave(session: LiveSession, room: string): Promise<void> {
    return this.#joins.leave(ownSession(session), room)
  }

  remove(session: LiveSession, room: string, reason: RemovalReason): Promise<void> {
    return this.#joins.remove(ownSession(session), room, reason)
  }

  async end(session: string, reason: EndReason): Promise<void> {
    await this.#core.ask((store) => store.end({ session, generation: null, reason }))
    this.#sessions.endedHere(session, reason)
    this.#events.pump()
  }

  publish(session: LiveSession, room: string, ask: PublishAsk) {
    return this.#publishing.bySession(ownSession(session), room, ask)
  }

  signal(room: string, by: By | null, data: Data): void {
    this.#core.ask((store) => store.signal(room, by, storedData(data))).catch(() => {})
  }

  track(session: LiveSession, room: string, data: Json): void {
    const own = ownSession(session)
    if (!own.isServed || !own.outlet.readers.has(room)) return
    this.#rooms.find(room)?.presence?.track(own.id, own.user, own.generation, data)
  }

  room(name: string): ServerRoom {
    return this.#publishing.serverRoom(name)
  }

  get sessions(): ReadonlyMap<string, LiveSession> {
    return this.#sessions.live
  }

  endOfTurn(): void {
    this.#core.turn.run()
  }

  get wakeAtMs(): number {
    return this.#core.timers.nextMs
  }

  wake(): void {
    const { timers, lag } = this.#core
    const nowMs = this.#core.nowMs()
    if (timers.nextMs <= nowMs) lag.woken(timers.nextMs, nowMs)
    timers.runDue(nowMs)
  }

  sizes(): EngineSizes {
    const outlets = [...this.#outlets]
    return {
      connections: outlets.length,
      sessions: this.#sessions.live.size,
      departures: this.#sessions.departures.count,
      rooms: this.#rooms.size,
      timers: this.#core.timers.count,
      tailBytes: this.#rooms.pinnedBytes,
      roomTailBytesMost: this.#rooms.pinnedBytesMost,
      answerBytesMost: outlets.reduce((most, { waitingBytes }) => Math.max(most, waitingBytes), 0),
      readersMost: outlets.reduce((most, { readers }) => Math.max(most, readers.size), 0),
    }
  }

  get isReady(): boolean {
    return this.#ticker.isHealthy && this.#closing === null
  }

  close(bye: { readonly reason: string; readonly message?: string }): Promise<void> {
    this.#closing ??= this.#close(bye)
    return this.#closing
  }

  async #start(): Promise<void> {
    const { nowMs, wallMs, randomId } = this.#core
    const birth = { epoch: randomId(birthBytes), tag: randomId(birthBytes), nowMs: () => nowMs(), wallMs: wallMs() }
    await this.#core.ask((store) => store.open(birth))
    await this.#control.start()
    this.#rooms.startPolling()
    this.#ticker.start()
    this.#ghosts.start()
  }

  async #close(bye: { readonly reason: string; readonly message?: string }): Promise<void> {
    const stored = this.#sessions.closeAll(bye)
    for (const outlet of this.#outlets) outlet.close(bye)
    // A store that is down must not keep the process: its sweep finds the sessions of a node that is gone.
    const deadline = this.#core.after(this.#core.settings.storeDeadlineMs, () => this.#sessions.departures.close())
    await stored
    deadline.cancel()
    this.#ticker.close()
    this.#ghosts.close()
    this.#events.close()
    this.#control.close()
    this.#joins.close()
    this.#rooms.close()
  }

  #ticked(): void {
    this.#control.poll()
    this.#events.pump()
  }

  #tell(event: SessionEvent): void {
    try {
      Promise.resolve(this.#core.host.onEvent(event)).catch((error: unknown) => this.#failedToTell(error))
    } catch (error) {
      this.#failedToTell(error)
    }
  }

  #failedToTell(error: unknown): void {
    this.#core.report(error, 'telling the application')
  }

  /** Rooms of before the drop that its client no longer asks for: it is not there any more. */
  #leaveUnasked(session: Session): void {
    const { heartbeatMs, sessionHoldMs } = this.#core.settings
    const graces = [...session.rooms].map((room) => Math.min(session.membership(room)?.graceMs ?? 0, sessionHoldMs))
    this.#core.after(Math.max(heartbeatMs, ...graces), () => {
      if (!session.isServed) return
      for (const room of session.unasked()) this.#joins.leave(session, room).catch(() => {})
    })
  }
}

/** Outlets and sessions come from this engine only; the host passes them back. */
function ownOutlet(outlet: Outlet): ConnectionOutlet {
  if (outlet instanceof ConnectionOutlet) return outlet
  throw new Error('an outlet that this engine did not open')
}

function ownSession(session: LiveSession): Session {
  if (session instanceof Session) return session
  throw new Error('a session that this engine did not attach')
}
