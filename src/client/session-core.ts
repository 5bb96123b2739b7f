// A session of this client: it puts connection, identity and traffic together and tells the application how it
// stands. `session.ts` is what the application holds of it.

import {
  type Bye,
  type Hello,
  protocolVersion,
  type Refused,
  type ServerFrame,
  type Welcome,
} from '../protocol/frames.js'
import { Connection, type ConnectionHost, type Loss, type Prepared } from './connection.js'
import { Emitter } from './emitter.js'
import { HealthMeter, type HealthOptions } from './health.js'
import { Identity, type IdentityOptions } from './identity.js'
import type { Dial } from './link.js'
import type { PublishChange } from './publishing.js'
import type { Settings } from './reconnect-state.js'
import { type Log, noStats, type SessionEvents, type Stats } from './session-events.js'
import { Traffic, type TrafficHost, type TrafficOptions } from './traffic.js'

export interface SessionOptions extends TrafficOptions {
  readonly url: string
  readonly settings: Settings
  readonly dial: Dial
  readonly health: HealthOptions
  readonly log: Log | null
  readonly identity: IdentityOptions
}

/** A server that does not answer a leave in this time is not waited for. */
const leaveMs = 3_000

export class SessionCore implements ConnectionHost, TrafficHost {
  readonly events: Emitter<SessionEvents>
  readonly stats: Stats = { ...noStats }
  readonly connection: Connection
  readonly identity: Identity
  readonly health: HealthMeter
  readonly traffic: Traffic
  /** Called once, when nothing more will happen. */
  closed = () => {}
  readonly #options: SessionOptions
  /** What `resume` will tell, but for the rooms; null: it is the first connection. */
  #resume: Omit<SessionEvents['resume'], 'rooms'> | null = null
  #lostAtMs: number | null = null
  /** This link was welcomed. */
  #isWelcomed = false
  #isLive = false
  #status = ''
  #dial = 0
  #leaving: Promise<boolean> | null = null

  constructor(options: SessionOptions) {
    this.#options = options
    this.events = new Emitter(options.report)
    this.identity = new Identity(options.identity)
    this.health = new HealthMeter(options.health, options.clock, (health) => this.events.emit('health', { health }))
    this.connection = new Connection(options, this)
    this.traffic = new Traffic(options, this.connection, this)
  }

  get instance(): string {
    return this.#options.identity.instance
  }

  /** True from the last word of a hello's answers to the end of the link. */
  get isLive(): boolean {
    return this.#isLive
  }

  /** Ends the session for good, once, however often it is asked for. True: the server said so. */
  leave(): Promise<boolean> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  async #leave(): Promise<boolean> {
    const isTold = await this.traffic.leaveSession(leaveMs)
    // First nothing more may come: a welcome on its way would be kept with secrets that are not its own.
    this.close('left', true)
    await this.identity.forget()
    return isTold
  }

  start(): void {
    this.traffic.outboxLife.start(this.identity.stored())
    this.connection.dispatch({ type: 'start' })
  }

  /** The page may never run again; what others may have now is asked for again by `thaw`. */
  freeze(): void {
    this.identity.letGo()
    this.traffic.outboxLife.freeze()
    this.connection.dispatch({ type: 'freeze' })
  }

  thaw(): void {
    this.traffic.outboxLife.thaw()
    this.connection.dispatch({ type: 'thaw' })
  }

  /** Whoever asks runs, also where the browser has not said yet that the page thaws. */
  retryNow(): void {
    this.traffic.outboxLife.thaw()
    this.connection.dispatch({ type: 'retry-now' })
  }

  /** `isForGood`: what waits in the outbox does not stay stored either. Idempotent. */
  close(reason: string, isForGood = false): void {
    this.connection.dispatch({ type: 'close', reason })
    this.traffic.close(isForGood)
    this.identity.letGo()
    this.closed()
    this.closed = () => {}
  }

  // What the connection tells and asks.

  prepare(): Promise<Prepared> {
    return this.identity.prepare()
  }

  hello(): Hello {
    const proof = this.identity.proof()
    const rooms = this.traffic.greeting(proof.token)
    const { instance } = this
    const { why } = this.connection
    return { type: 'hello', version: protocolVersion, features: [], instance, ...proof, rooms, why }
  }

  greeted(): void {
    this.traffic.flush()
  }

  received(frame: ServerFrame): void {
    if (frame.type === 'welcome') this.#welcomed(frame)
    else if (frame.type !== 'bye') this.traffic.hear(frame)
    if (frame.type === 'live' && frame.room === null) this.#wentLive()
    if (frame.type === 'refused') this.#refused(frame)
  }

  bye(frame: Bye): void {
    this.#options.log?.info({ code: frame.code, reason: frame.reason, message: frame.message }, 'bye')
    if (frame.lastAttempt !== undefined) this.identity.raise(frame.lastAttempt)
    if (frame.ended === 'left') this.traffic.sessionLeft()
    // The session is over, or somebody has its secrets: `retryNow` makes another.
    if (frame.ended !== undefined) this.traffic.ended()
    if (frame.ended !== undefined || frame.reason === 'secret-reused') this.identity.renew(frame.reason)
  }

  lost(how: Loss): void {
    this.#options.log?.info({ session: this.session }, 'drop')
    this.#isLive = false
    this.#lostAtMs ??= this.#options.clock.nowMs()
    this.traffic.lost(how)
    if (!this.#isWelcomed) return
    this.#isWelcomed = false
    const { state, reason } = this.connection.status
    if (state === 'closed') return
    this.stats.drops += 1
    this.events.emit('drop', { reason: reason ?? state })
  }

  renew(reason: string): void {
    this.identity.renew(reason)
  }

  stopped(reason: string, failures: number): void {
    this.#options.log?.warn({ reason }, 'stopped')
    if (reason === 'reconnect-failed') this.events.emit('reconnect-failed', { attempts: failures })
    if (reason === 'signed-out') this.events.emit('signed-out', { reason })
    if (reason === 'superseded' || reason === 'secret-reused' || reason === 'stale-attempt') {
      this.events.emit('superseded', { reason })
    }
  }

  changed(): void {
    const { status, state } = this.connection
    if (state.trail.dial !== this.#dial) {
      this.#dial = state.trail.dial
      this.stats.dials += 1
      this.events.emit('attempt', { attempt: status.attempt })
    }
    const seen = `${status.state} ${status.attempt} ${status.reason} ${'step' in state ? state.step.untilMs : ''}`
    if (seen === this.#status) return
    this.#status = seen
    this.events.emit('status', status)
    this.health.see(status.state)
  }

  report(error: unknown): void {
    this.#options.log?.warn({ error }, 'error')
    this.events.emit('error', { error })
  }

  // What the traffic asks.

  get session(): string | null {
    return this.identity.session
  }

  waiting(waitingCount: number): void {
    this.events.emit('outbox', { waitingCount })
  }

  publishChanged(change: PublishChange): void {
    this.events.emit('publish', change)
  }

  #welcomed(frame: Welcome): void {
    const { session, user, verdict, leases } = frame
    const before = this.identity.user
    const wasAsked = this.session !== null
    const reason = this.identity.welcomed(frame)
    // The server's measure is its hold time, which stands still while there is no server.
    const heldMs = verdict.kind === 'resumed' ? verdict.downMs : 0
    const downMs = this.#lostAtMs === null ? heldMs : Math.round(this.#options.clock.nowMs() - this.#lostAtMs)
    const instance = this.stats.drops > 0 ? 'same' : 'new'
    if (instance === 'same' && verdict.kind === 'resumed') this.stats.resumes += 1
    this.#isWelcomed = true
    this.#resume = wasAsked ? { instance, session: verdict, leases, downMs } : null
    this.#options.log?.info({ session, user, verdict }, verdict.kind === 'resumed' ? 'resume' : 'connect')
    this.traffic.welcomed(frame, before !== null && before !== user)
    if (reason !== null) this.events.emit('new-session', { reason, session, user })
    this.traffic.flush()
  }

  /** What has no id is a signal or presence data: nobody waits for an answer, so it is told here. */
  #refused(frame: Refused): void {
    this.#options.log?.info(frame, 'refusal')
    const { id, reason, message } = frame
    if (id === null && reason !== 'not-joined') this.report(new Error(`holdfast: refused as ${reason}: ${message}`))
  }

  #wentLive(): void {
    this.#isLive = true
    this.#lostAtMs = null
    if (this.#resume !== null) this.events.emit('resume', { ...this.#resume, rooms: this.traffic.outcomes })
    this.#resume = null
    this.events.emit('live', { session: this.session ?? '', user: this.identity.user ?? '' })
  }
}
