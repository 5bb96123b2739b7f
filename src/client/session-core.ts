// A session of this client: it puts connection, identity, rooms and publishes together and gives each frame to whom
// it belongs. `session.ts` is what the application holds of it.

// A session of this client: it puts connection, identity, rooms and publishes together and gives each frame to whom
// it belongs. `session.ts` is what the application holds of it.

import {
  type Bye,
  type Data,
  type Denied,
  type Hello,
  protocolVersion,
  type Refused,
  type ServerFrame,
  type Welcome,
} from '../protocol/frames.js'
import { defaultLimits } from '../protocol/limits.js'
import type { Chance, Clock } from '../protocol/time.js'
import { Connection, type ConnectionHost, type Prepared } from './connection.js'
import { Emitter, type Report } from './emitter.js'
import { HealthMeter, type HealthOptions } from './health.js'
import { asksOf } from './hello.js'
import { Identity, type IdentityOptions } from './identity.js'
import type { Dial } from './link.js'
import type { OpenRooms, OutboxLimits } from './outbox.js'
import { type Publication, Publishing, type PublishOptions, publishFrame } from './publishing.js'
import type { Settings } from './reconnect-state.js'
import { Requests } from './requests.js'
import { type JoinOptions, RoomCore, type RoomHost } from './room-core.js'
import type { Log, RoomOutcome, SessionEvents, Stats } from './session-events.js'

export interface SessionOptions {
  readonly url: string
  readonly instance: string
  readonly settings: Settings
  readonly dial: Dial
  readonly clock: Clock
  readonly chance: Chance
  readonly outbox: OutboxLimits
  readonly health: HealthOptions
  readonly log: Log | null
  readonly report: Report
  readonly identity: IdentityOptions
}

/** Until the welcome a server queues 64 frames and 128 kB. */
const pipelined = { countMax: 32, bytesMax: 65_536 }
/** What the envelope of a publish takes at most. */
const envelopeBytes = 1_024
/** A server that does not answer a leave in this time is not waited for. */
const leaveMs = 3_000
/** After these more may be sent. */
const answers: ReadonlySet<ServerFrame['type']> = new Set(['joined', 'denied', 'published', 'refused', 'left'])

export class SessionCore implements ConnectionHost, RoomHost {
  readonly events: Emitter<SessionEvents>
  readonly stats: Stats = { duplicates: 0, holes: 0, dials: 0 }
  readonly rooms = new Map<string, RoomCore>()
  readonly publishing: Publishing
  readonly connection: Connection
  readonly identity: Identity
  readonly health: HealthMeter
  readonly #options: SessionOptions
  /** Rooms that were left; the server is told as soon as it can be. */
  readonly #toLeave = new Set<string>()
  #requests = new Requests(defaultLimits)
  #pipelinedBytes = 0
  /** What `resume` will tell, but for the rooms; null: it is the first connection. */
  #resume: Omit<SessionEvents['resume'], 'rooms'> | null = null
  #outcomes = new Map<string, RoomOutcome>()
  #lostAtMs: number | null = null
  #isLive = false
  #status = ''
  #dial = 0
  #cancelFlush = () => {}
  #leaving: ((isTold: boolean) => void) | null = null
  /** Called once, when nothing more will happen. */
  closed = () => {}

  constructor(options: SessionOptions) {
    this.#options = options
    const { clock, chance, health, outbox } = options
    this.events = new Emitter((error) => options.report(error))
    this.identity = new Identity(options.identity)
    this.health = new HealthMeter(health, clock, (now) => this.events.emit('health', { health: now }))
    this.publishing = new Publishing(outbox, chance, clock, (room, at) => this.rooms.get(room)?.acknowledged(at))
    this.connection = new Connection(options, this)
  }

  get instance(): string {
    return this.#options.instance
  }

  get isLive(): boolean {
    return this.#isLive
  }

  // What the application asks for.

  join(name: string, options: JoinOptions): RoomCore {
    // Who left and comes back starts anew: what was shown is gone.
    const known = this.#toLeave.delete(name) ? undefined : this.rooms.get(name)
    const room = known ?? new RoomCore(name, options, this, this.#options.report)
    this.rooms.set(name, room)
    room.reopen()
    if (options.presence === true && !room.wantsPresence) {
      room.wantsPresence = true
      if (room.isOpen) room.place = 'down'
    }
    this.flush()
    return room
  }

  /** Publishes of the room that are not settled still are; then the server is told. */
  leaveRoom(room: RoomCore): void {
    if (this.rooms.get(room.name) !== room) return
    this.#toLeave.add(room.name)
    this.flush()
  }

  /** `room` is null when it was left by who asks. */
  publish(room: RoomCore | null, name: string, data: Data, options: PublishOptions): Publication {
    const isIn = room !== null && this.rooms.get(name) === room && !this.#toLeave.has(name)
    if (!isIn || room.place === 'denied' || room.place === 'removed') {
      return this.publishing.refuse('left', `this session is not in the room ${name}`)
    }
    const publication = this.publishing.publish(name, data, options)
    this.flush()
    return publication
  }

  /** False: it was dropped, because nobody would get it now. */
  signal(room: RoomCore, data: Data): boolean {
    const isOpen = this.connection.isConnected && room.place === 'joined'
    if (!isOpen || this.connection.bufferedBytes > pipelined.bytesMax) return false
    this.connection.send({ type: 'signal', room: room.name, data })
    return true
  }

  /** Ends the session for good. True: the server said so. */
  async leave(): Promise<boolean> {
    const isTold = this.connection.isConnected && (await this.#tellLeave())
    await this.identity.forget()
    this.close('left')
    return isTold
  }

  close(reason = 'closed'): void {
    this.connection.dispatch({ type: 'close', reason })
    this.publishing.outbox.failAll('closed', 'the session was closed')
    this.identity.letGo()
    this.#leaving?.(false)
    this.#cancelFlush()
    this.closed()
    this.closed = () => {}
  }

  // What the connection tells and asks.

  prepare(): Promise<Prepared> {
    return this.identity.prepare()
  }

  hello(): Hello {
    this.#requests = new Requests(defaultLimits)
    this.#pipelinedBytes = 0
    this.#outcomes = new Map()
    const proof = this.identity.proof()
    const wanted = [...this.rooms.values()].filter((room) => !this.#isGone(room))
    return {
      type: 'hello',
      version: protocolVersion,
      features: [],
      instance: this.instance,
      ...proof,
      rooms: asksOf(wanted, proof.token),
      why: this.connection.why,
    }
  }

  greeted(): void {
    this.flush()
  }

  received(frame: ServerFrame): void {
    ;(this.#hear[frame.type] as (frame: ServerFrame) => void)(frame)
    if (answers.has(frame.type)) this.flush()
  }

  bye(frame: Bye): void {
    this.#options.log?.warn({ code: frame.code, reason: frame.reason, message: frame.message }, 'bye')
    if (frame.lastAttempt !== undefined) this.identity.raise(frame.lastAttempt)
    // The session is over, or somebody has its secrets: `retryNow` makes another.
    if (frame.ended !== undefined || frame.reason === 'secret-reused') this.identity.renew(frame.reason)
  }

  lost(isBreak: boolean): void {
    this.#options.log?.info({ session: this.identity.session }, 'drop')
    this.#isLive = false
    this.#lostAtMs ??= this.#options.clock.nowMs()
    this.#requests = new Requests(defaultLimits)
    for (const room of this.rooms.values()) room.lost()
    this.publishing.outbox.linkLost(isBreak)
    this.#leaving?.(false)
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

  // What rooms ask.

  wantsJoin(): void {
    this.flush()
  }

  send(frame: Parameters<Connection['send']>[0]): void {
    this.connection.send(frame)
  }

  breach(message: string): void {
    this.connection.breach(message)
  }

  duplicate(): void {
    this.stats.duplicates += 1
  }

  hole(): void {
    this.stats.holes += 1
  }

  /** Sends what may be sent now, and comes back when more may be. */
  flush(): void {
    const { clock } = this.#options
    const nowMs = clock.nowMs()
    this.publishing.outbox.expire(nowMs)
    if (this.connection.isConnected) this.#flushRooms(nowMs)
    this.#flushPublishes(nowMs)
    this.#cancelFlush()
    const dues = [this.publishing.outbox.dueMs(nowMs)]
    for (const room of this.rooms.values())
      if (room.notBeforeMs > nowMs && this.connection.isConnected) dues.push(room.notBeforeMs)
    const dueMs = Math.min(...dues)
    this.#cancelFlush =
      dueMs === Number.POSITIVE_INFINITY ? () => {} : clock.after(Math.ceil(dueMs - nowMs), () => this.flush())
  }

  #flushRooms(nowMs: number): void {
    for (const [name, room] of this.rooms) {
      if (!this.#isGone(room) || !this.#requests.hasRoom) continue
      this.#toLeave.delete(name)
      this.rooms.delete(name)
      this.publishing.outbox.forget(name)
      this.send({ type: 'leave', id: this.#requests.add({ kind: 'leave', room: name }), room: name })
    }
    for (const room of this.rooms.values()) {
      if (!room.isWanting(nowMs) || !this.#requests.hasRoom) continue
      const id = this.#requests.add({ kind: 'join', room: room.name })
      this.send({ type: 'join', id, ...room.ask(id) })
    }
  }

  #flushPublishes(nowMs: number): void {
    const { session } = this.identity
    const isWelcomed = this.connection.isConnected
    if (!this.connection.isGreeted || session === null) return
    const rooms: OpenRooms = {
      isOpen: (name) => this.rooms.get(name)?.isOpen ?? false,
      positionOf: (name) => this.rooms.get(name)?.received ?? null,
    }
    while (this.#requests.hasRoom) {
      if (!isWelcomed && this.#pipelinedBytes > pipelined.bytesMax) return
      const outgoing = this.publishing.outbox.take(nowMs, rooms)
      if (outgoing === null) return
      if (!isWelcomed) this.#pipelinedBytes += outgoing.bytes + envelopeBytes
      const id = this.#requests.add({ kind: 'publish', seq: outgoing.header.seq })
      this.send(publishFrame(outgoing, id, session))
    }
  }

  /** Left, and nothing of it is on its way any more. */
  #isGone({ name }: RoomCore): boolean {
    return this.#toLeave.has(name) && !this.publishing.outbox.has(name)
  }

  #welcomed(frame: Welcome): void {
    const { session, user, verdict, leases, limits } = frame
    const before = this.identity.user
    const wasAsked = this.identity.session !== null
    const reason = this.identity.welcomed(frame)
    this.#requests.allow(limits.inFlightMax)
    this.publishing.payloadBytesMax = limits.payloadBytesMax
    if (before !== null && before !== user) {
      this.publishing.outbox.failAll('user-changed', 'another user has signed in')
    }
    const awayMs = this.#lostAtMs === null ? 0 : this.#options.clock.nowMs() - this.#lostAtMs
    const downMs = verdict.kind === 'resumed' ? verdict.downMs : Math.round(awayMs)
    this.#resume = wasAsked ? { session: verdict, leases, downMs } : null
    this.#options.log?.info({ session, user, verdict }, verdict.kind === 'resumed' ? 'resume' : 'connect')
    if (reason !== null) this.events.emit('new-session', { reason, session, user })
    this.flush()
  }

  #wentLive(): void {
    const { session, user } = this.identity
    this.#isLive = true
    this.#lostAtMs = null
    if (this.#resume !== null) this.events.emit('resume', { ...this.#resume, rooms: this.#outcomes })
    this.#resume = null
    this.events.emit('live', { session: session ?? '', user: user ?? '' })
  }

  #denied(frame: Denied): void {
    const room = this.rooms.get(frame.room)
    if (room === undefined || !room.denied(frame, this.#options.clock.nowMs())) return
    if (frame.id === undefined) this.#outcomes.set(frame.room, { kind: 'denied', reason: frame.reason })
    if (!frame.retry) this.publishing.outbox.failAll(frame.reason, frame.message, frame.room)
  }

  #refused(frame: Refused): void {
    const request = frame.id === null ? undefined : this.#requests.take(frame.id)
    if (request === undefined) this.#options.log?.warn(frame, 'refusal')
    else if (request.kind === 'publish') this.publishing.refused(request.seq, frame)
    else if (request.kind === 'join') {
      this.#denied({ ...frame, type: 'denied', id: frame.id ?? 0, room: request.room })
    } else if (request.room === null) this.#leaving?.(false)
  }

  #tellLeave(): Promise<boolean> {
    return new Promise((settle) => {
      this.#leaving = settle
      this.#options.clock.after(leaveMs, () => settle(false))
      this.send({ type: 'leave', id: this.#requests.add({ kind: 'leave', room: null }), room: null })
    })
  }

  readonly #hear: { readonly [type in ServerFrame['type']]: (frame: Extract<ServerFrame, { type: type }>) => void } = {
    welcome: (frame) => this.#welcomed(frame),
    joined: (frame) => {
      if (!this.rooms.get(frame.room)?.joined(frame)) return
      if (frame.id === undefined) this.#outcomes.set(frame.room, frame.verdict)
    },
    denied: (frame) => this.#denied(frame),
    entry: (frame) => this.rooms.get(frame.room)?.entry(frame),
    void: (frame) => this.rooms.get(frame.room)?.entry(frame),
    gap: (frame) => this.rooms.get(frame.room)?.gap(frame),
    live: ({ room }) => (room === null ? this.#wentLive() : this.rooms.get(room)?.live()),
    published: (frame) => {
      const request = this.#requests.take(frame.id)
      if (request?.kind === 'publish') this.publishing.answered(request.seq, frame)
    },
    left: ({ id, room }) => {
      this.#requests.take(id)
      if (room === null) this.#leaving?.(true)
    },
    refused: (frame) => this.#refused(frame),
    presence: (frame) => this.rooms.get(frame.room)?.presence(frame),
    'presence-changed': (frame) => this.rooms.get(frame.room)?.presenceChanged(frame),
    signalled: (frame) => this.rooms.get(frame.room)?.signalled(frame),
    removed: ({ room, reason }) => {
      this.rooms.get(room)?.removed(reason)
      this.publishing.outbox.failAll('not-joined', `this session was taken out of ${room}`, room)
    },
    beat: ({ sent }) => {
      for (const [room, offset] of sent) this.rooms.get(room)?.sentTo(offset)
    },
    bye: () => {},
  }
}
