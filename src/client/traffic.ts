// Rooms and publishes on the connection there is: what may be sent now, in which order, and whose each answer is.
// It knows nothing of dials and credentials.

import { dataProblem, jsonOf, notData } from '../protocol/data.js'
import { encodeFrame } from '../protocol/encode.js'
import type { ClientFrame, Data, Denied, Json, Refused, RoomAsk, ServerFrame, Welcome } from '../protocol/frames.js'
import { defaultLimits } from '../protocol/limits.js'
import { utf8Length } from '../protocol/utf8.js'
import type { Loss } from './connection.js'
import type { Report } from './emitter.js'
import { asksOf } from './hello.js'
import type { OpenRooms } from './outbox.js'
import { Pace } from './pace.js'
import {
  type Publication,
  Publishing,
  type PublishingHost,
  type PublishingOptions,
  type PublishOptions,
  publishFrame,
} from './publishing.js'
import { Requests } from './requests.js'
import { RoomCore, type RoomHost } from './room-core.js'
import type { JoinOptions } from './room-events.js'
import type { RoomOutcome, Stats } from './session-events.js'

/** The way out, as `Connection` is one. */
export interface Way {
  /** From the hello to the end of the link. */
  readonly isGreeted: boolean
  /** From the welcome to the end of the link. */
  readonly isConnected: boolean
  readonly bufferedBytes: number
  send(frame: ClientFrame | string | Uint8Array): void
  breach(message: string): void
}

export interface TrafficOptions extends PublishingOptions {
  readonly report: Report
}

export interface TrafficHost extends Pick<PublishingHost, 'publishChanged' | 'report'> {
  readonly stats: Stats
  /** The session that publishes are meant for. */
  readonly session: string | null
  waiting(count: number): void
}

type RoomFrame = Exclude<ServerFrame, { type: 'welcome' | 'bye' }>
type Hear = { readonly [type in RoomFrame['type']]: (frame: Extract<RoomFrame, { type: type }>) => void }

/** Until the welcome a server queues 64 frames and 128 kB; and a link that has more waiting is slow. */
const queuedBytesMax = 65_536
/** What the envelope of a publish takes at most. */
const envelopeBytes = 1_024
/** After these more may be sent. */
const answers: ReadonlySet<string> = new Set(['joined', 'denied', 'published', 'refused', 'left'])

export class Traffic implements RoomHost {
  readonly #options: TrafficOptions
  readonly #host: TrafficHost
  /** What rooms use of it. */
  readonly way: Way
  readonly #publishing: Publishing
  readonly #rooms = new Map<string, RoomCore>()
  /** Rooms that were left: true once the server is to be told. */
  readonly #toLeave = new Map<string, boolean>()
  /** Rooms whose leave was refused for now: not before when it is asked again, on this link. */
  readonly #leaveAgain = new Map<string, number>()
  #requests = new Requests(defaultLimits)
  #pace = new Pace()
  #pipelinedBytes = 0
  #outcomes = new Map<string, RoomOutcome>()
  #toldVersion = 0
  #isClosed = false
  #cancelFlush = () => {}
  #leaving: ((isTold: boolean) => void) | null = null

  constructor(options: TrafficOptions, way: Way, host: TrafficHost) {
    this.#options = options
    this.#host = host
    this.way = way
    this.#publishing = new Publishing(options, {
      kept: (room, at) => this.#rooms.get(room)?.acknowledged(at),
      publishChanged: (change) => host.publishChanged(change),
      ready: () => this.flush(),
      report: (error) => host.report(error),
    })
  }

  get stats(): Stats {
    return this.#host.stats
  }

  get outbox(): Publishing['outbox'] {
    return this.#publishing.outbox
  }

  get outboxLife(): Publishing['life'] {
    return this.#publishing.life
  }

  /** What the rooms of the last hello were answered. */
  get outcomes(): ReadonlyMap<string, RoomOutcome> {
    return this.#outcomes
  }

  join(name: string, options: JoinOptions): RoomCore {
    // Who left and comes back starts anew: what was shown is gone.
    const known = this.#toLeave.delete(name) ? undefined : this.#rooms.get(name)
    const room = known ?? new RoomCore(name, options, this, this.#options.report)
    this.#rooms.set(name, room)
    this.#leaveAgain.delete(name)
    room.reopen(options.presence ?? false)
    this.flush()
    return room
  }

  /** For good: publishes of the room that are not settled still are, then the server is told. Else it may come back. */
  leaveRoom(room: RoomCore, isForGood: boolean): void {
    if (this.#rooms.get(room.name) !== room) return
    this.#toLeave.set(room.name, isForGood)
    if (isForGood) this.flush()
  }

  /** `room` is null when it was left by who asks. */
  publish(room: RoomCore | null, name: string, data: Data, options: PublishOptions): Publication {
    if (this.#isClosed) return this.#publishing.refuse('closed', 'the session is closed', options)
    const isIn = room !== null && this.#rooms.get(name) === room && !this.#toLeave.has(name)
    if (!isIn || room.isShut) return this.#publishing.refuse('left', `this session is not in the room ${name}`, options)
    const isLive = this.way.isGreeted && this.#host.session !== null && this.outboxLife.isOpen
    const publication = this.#publishing.publish(name, data, options, isLive ? this.#openRooms : null)
    this.flush()
    return publication
  }

  cancel(mark: string): boolean {
    const isCancelled = this.outbox.cancel(mark)
    this.flush()
    return isCancelled
  }

  /** False: it was dropped, because nobody would get it now, or (reported) no server takes it. */
  signal(room: RoomCore, data: Data): boolean {
    const json = data instanceof Uint8Array ? null : this.#jsonOf('signal', data)
    if (json === undefined) return false
    const isOpen = this.way.isConnected && room.place === 'joined'
    if (!isOpen || this.way.bufferedBytes > queuedBytesMax) return false
    const frame = json === null ? encodeFrame({ type: 'signal', room: room.name, data }) : frameOf('signal', room, json)
    const { payloadBytesMax } = this.#publishing
    const bytes = typeof frame === 'string' ? utf8Length(frame) : frame.length
    if (bytes > payloadBytesMax) {
      this.#unsendable('signal', `a frame has at most ${payloadBytesMax} bytes, not ${bytes}`)
      return false
    }
    this.way.send(frame)
    return true
  }

  /** What no server takes is reported, and what was shown before stays. */
  track(room: RoomCore, data: Json): void {
    const json = this.#jsonOf('track', data)
    if (json === undefined) return
    const { payloadBytesMax } = this.#publishing
    const bytes = utf8Length(frameOf('track', room, json))
    if (bytes <= payloadBytesMax) room.track(JSON.parse(json))
    else this.#unsendable('track', `a frame has at most ${payloadBytesMax} bytes, not ${bytes}`)
  }

  /** Ends the session at the server. Resolves with whether it said so. */
  leaveSession(patienceMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(patienceMs, () => this.#leaving?.(false))
      this.#leaving = (isTold) => {
        cancel()
        resolve(isTold)
      }
      if (!this.way.isConnected) this.#leaving(false)
      this.#sendLeave(null)
    })
  }

  /** The session has left: the bye may come before the answer, or without it. */
  sessionLeft(): void {
    this.#leaving?.(true)
  }

  /** A hello is made: these rooms go into it, beside this token. */
  greeting(token: string | undefined): readonly RoomAsk[] {
    this.#requests = new Requests(defaultLimits)
    // What a hello does not ask for is left.
    this.#leaveAgain.clear()
    this.#pace = new Pace()
    this.#pipelinedBytes = 0
    this.#outcomes = new Map()
    return asksOf(
      [...this.#rooms.values()].filter((room) => !this.#isGone(room)),
      token,
    )
  }

  welcomed({ limits, user }: Welcome, isOtherUser: boolean): void {
    this.#requests.allow(limits.inFlightMax)
    this.#publishing.payloadBytesMax = limits.payloadBytesMax
    this.outboxLife.welcomed(user, isOtherUser)
  }

  /** The server says that the session is over. */
  ended(): void {
    this.#leaving?.(true)
  }

  lost(how: Loss): void {
    for (const room of this.#rooms.values()) room.lost()
    this.outbox.linkLost(how)
    this.#leaving?.(false)
  }

  /** Settles everything; `isForGood`: nothing of it stays stored. Idempotent. */
  close(isForGood: boolean): void {
    this.#isClosed = true
    this.outboxLife.close(isForGood)
    this.#tellWaiting()
    this.#leaving?.(false)
    this.#cancelFlush()
  }

  hear(frame: RoomFrame): void {
    ;(this.#hear[frame.type] as (frame: RoomFrame) => void)(frame)
    if (answers.has(frame.type)) this.flush()
  }

  wantsJoin(): void {
    this.flush()
  }

  /** Sends what may be sent now, and comes back when more may be. */
  flush(): void {
    if (this.#isClosed) return
    const { clock } = this.#options
    const nowMs = clock.nowMs()
    this.outbox.expire(nowMs)
    const { isConnected, isGreeted } = this.way
    if (isConnected) this.#flushRooms(nowMs)
    const { session } = this.#host
    if (isGreeted && session !== null) this.#flushPublishes(nowMs, session)
    this.#tellWaiting()
    this.#cancelFlush()
    let dueMs = this.outbox.dueMs(nowMs)
    for (const { notBeforeMs } of this.#rooms.values()) {
      if (isConnected && notBeforeMs > nowMs) dueMs = Math.min(dueMs, notBeforeMs)
    }
    for (const atMs of this.#leaveAgain.values()) if (isConnected && atMs > nowMs) dueMs = Math.min(dueMs, atMs)
    if (this.#pace.nextAtMs > nowMs && this.outbox.count > 0) dueMs = Math.min(dueMs, this.#pace.nextAtMs)
    if (dueMs < Infinity) {
      this.#cancelFlush = clock.after(Math.ceil(dueMs - nowMs), () => this.flush())
    }
  }

  /** Undefined: it cannot be sent, as reported. */
  #jsonOf(what: string, data: Data): string | undefined {
    const json = jsonOf(data)
    const problem = json === null ? notData : dataProblem(json)
    if (json !== null && problem === null) return json
    this.#unsendable(what, problem ?? notData)
    return undefined
  }

  #unsendable(what: string, problem: string): void {
    this.#host.report(new Error(`holdfast: nothing was sent by ${what}: ${problem}`))
  }

  #sendLeave(room: string | null): void {
    this.way.send({ type: 'leave', id: this.#requests.add({ kind: 'leave', room }), room })
  }

  #tellWaiting(): void {
    const { count, version } = this.outbox
    if (version === this.#toldVersion) return
    this.#toldVersion = version
    this.#host.waiting(count)
  }

  readonly #openRooms: OpenRooms = {
    isOpen: (name) => this.#rooms.get(name)?.isOpen ?? false,
    positionOf: (name) => this.#rooms.get(name)?.received ?? null,
  }

  #flushRooms(nowMs: number): void {
    // What a page before this one published goes out, also where this one has not been: it joins, and leaves behind it.
    for (const name of this.outbox.rooms) {
      const room = this.#rooms.get(name)
      if (room === undefined) this.leaveRoom(this.join(name, {}), true)
      else if (room.isShut) this.outbox.failAll('not-joined', `this session may not be in ${name}`, name)
    }
    for (const [name, atMs] of this.#leaveAgain) {
      if (atMs > nowMs || !this.#requests.hasRoom) continue
      this.#leaveAgain.delete(name)
      this.#sendLeave(name)
    }
    for (const [name, room] of this.#rooms) {
      if (!this.#requests.hasRoom) return
      if (this.#isGone(room)) {
        this.#toLeave.delete(name)
        this.#rooms.delete(name)
        this.outbox.forget(name)
        this.#sendLeave(name)
      } else if (room.isWanting(nowMs)) {
        const id = this.#requests.add({ kind: 'join', room: name })
        this.way.send({ type: 'join', id, ...room.ask(id) })
      }
    }
  }

  #flushPublishes(nowMs: number, session: string): void {
    if (!this.outboxLife.mayLeave(this.#openRooms)) return
    const isPipelined = !this.way.isConnected
    while (this.#requests.hasRoom && !(isPipelined && this.#pipelinedBytes > queuedBytesMax)) {
      if (nowMs < this.#pace.nextAtMs) return
      const outgoing = this.outbox.take(nowMs, this.#openRooms)
      if (outgoing === null) return
      this.#pace.took(nowMs)
      this.#pipelinedBytes += outgoing.bytes + envelopeBytes
      if (outgoing.header.again) this.stats.retries += 1
      const id = this.#requests.add({ kind: 'publish', sent: outgoing.header })
      this.way.send(publishFrame(outgoing, id, session))
    }
  }

  /** Left, and nothing of it is on its way any more. */
  #isGone({ name }: RoomCore): boolean {
    return this.#toLeave.get(name) === true && !this.outbox.has(name)
  }

  #denied(frame: Denied): void {
    if (frame.id !== undefined) this.#requests.take(frame.id)
    const room = this.#rooms.get(frame.room)
    if (room === undefined || !room.denied(frame, this.#options.clock.nowMs())) return
    if (frame.id === undefined) this.#outcomes.set(frame.room, { kind: 'denied', reason: frame.reason })
    if (!frame.retry) this.outbox.failAll(frame.reason, frame.message, frame.room)
  }

  #refused(frame: Refused): void {
    const request = frame.id === null ? undefined : this.#requests.take(frame.id)
    const { id, reason, afterMs = 1_000 } = frame
    const nowMs = this.#options.clock.nowMs()
    if (reason === 'rate-limited') this.#pace.refused(id ?? 0, this.#requests.lastId, afterMs, nowMs)
    if (request?.kind === 'publish') this.#publishing.refused(request.sent, frame)
    if (request?.kind === 'join') this.#denied({ ...frame, type: 'denied', id: frame.id ?? 0, room: request.room })
    if (request?.kind === 'leave' && request.room === null) {
      if (frame.retry) this.#options.clock.after(afterMs, () => this.#sendLeave(null))
      else this.#leaving?.(false)
    }
    // Who has joined again since then wants to stay.
    if (request?.kind === 'leave' && request.room !== null && frame.retry && !this.#rooms.has(request.room)) {
      this.#leaveAgain.set(request.room, nowMs + Math.min(afterMs, 60_000))
    }
  }

  readonly #hear: Hear = {
    joined: (frame) => {
      if (frame.id !== undefined) this.#requests.take(frame.id)
      if (!this.#rooms.get(frame.room)?.joined(frame)) return
      if (frame.id === undefined) this.#outcomes.set(frame.room, frame.verdict)
    },
    denied: (frame) => this.#denied(frame),
    entry: (frame) => this.#rooms.get(frame.room)?.entry(frame),
    void: (frame) => this.#rooms.get(frame.room)?.entry(frame),
    gap: (frame) => this.#rooms.get(frame.room)?.gap(frame),
    live: ({ room }) => {
      if (room !== null) this.#rooms.get(room)?.live()
    },
    published: (frame) => {
      const request = this.#requests.take(frame.id)
      this.#pace.accepted()
      if (request?.kind === 'publish') this.#publishing.answered(request.sent, frame)
    },
    left: ({ id, room }) => {
      this.#requests.take(id)
      if (room === null) this.#leaving?.(true)
    },
    refused: (frame) => this.#refused(frame),
    presence: (frame) => this.#rooms.get(frame.room)?.presence(frame),
    'presence-changed': (frame) => this.#rooms.get(frame.room)?.presenceChanged(frame),
    signalled: (frame) => this.#rooms.get(frame.room)?.signalled(frame),
    removed: ({ room, reason }) => {
      this.#rooms.get(room)?.removed(reason)
      this.outbox.failAll('not-joined', `this session was taken out of ${room}`, room)
    },
    beat: ({ sent }) => {
      for (const [room, offset] of sent) this.#rooms.get(room)?.sentTo(offset)
    },
  }
}

function frameOf(type: 'signal' | 'track', { name }: RoomCore, json: string): string {
  return `${JSON.stringify({ type, room: name }).slice(0, -1)},"data":${json}}`
}
