// The inbound half of one connection: bytes come in, limits are kept, requests find their handler. It has no socket
// and no timer: whoever runs it feeds it, and wakes it at `wakeAtMs`.

import type { DropReason, LiveSession, Outlet } from '../engine/engine.js'
import type { Transport } from '../engine/transport.js'
import type { Decoded } from '../protocol/decode.js'
import { decodeClientFrame } from '../protocol/decode-client.js'
import { type ClientFrame, type Hello, protocolVersion } from '../protocol/frames.js'
import { bounds } from '../protocol/limits.js'
import { utf8Length } from '../protocol/utf8.js'
import { expiryOf } from './auth.js'
import type { Context, Peer } from './context.js'
import { answerOf, Conversation, type Refusal, type Request } from './conversation.js'
import { handlers, joinRoom } from './handlers.js'
import { type Ask, type Bye, shakeHands } from './handshake.js'
import { TokenBucket } from './token-bucket.js'
import { welcomeOf } from './welcome.js'

export interface Connection {
  /** One whole message: a string is a text frame, bytes are a binary one. A no-op once closed. */
  received(raw: string | Uint8Array): void
  /** Bytes came that are no message (yet): life. */
  heard(): void
  /** A WebSocket ping came. Too many close the connection. */
  pinged(): void
  /** The transport has ended. Idempotent; nothing is done or sent afterwards. */
  ended(reason: DropReason): void
  /** When it next wants `wake`; Infinity: never. */
  readonly wakeAtMs: number
  wake(): void
  /** The session it serves, once welcomed. */
  readonly session: LiveSession | null
}

export interface ConnectionWay {
  readonly transport: Transport
  readonly peer: Peer
  /** Called once: it is welcomed, or over. Until then it counts as pending. */
  readonly verdictGiven?: () => void
  /** `wakeAtMs` is another now, or its first. */
  readonly wakeMoved?: (connection: Connection) => void
}

type State =
  | { readonly state: 'waiting'; readonly deadlineMs: number }
  | { readonly state: 'judged'; readonly queued: (string | Uint8Array)[]; bytes: number }
  | { readonly state: 'welcomed'; readonly talk: Conversation; readonly expiresAtMs: number }
  | { readonly state: 'closed' }

/** A new connection: the deadline for its hello runs from now. */
export function createConnection(context: Context, way: ConnectionWay): Connection {
  return new Inbound(context, way)
}

class Inbound implements Connection {
  readonly #context: Context
  readonly #way: ConnectionWay
  readonly #outlet: Outlet
  readonly #messages: TokenBucket
  // Made when they are first needed: most connections never do.
  /** Refusals for being too fast: who goes on regardless is flooding. */
  #floods: TokenBucket | null = null
  #pings: TokenBucket | null = null
  #strikes: TokenBucket | null = null
  #state: State
  #isPending = true
  #isPaused = false

  constructor(context: Context, way: ConnectionWay) {
    const { settings, clock } = context
    this.#context = context
    this.#way = way
    this.#outlet = context.engine.open(way.transport)
    this.#messages = new TokenBucket(context.rates.messages)
    this.#state = { state: 'waiting', deadlineMs: clock.nowMs() + settings.authDeadlineMs }
    way.wakeMoved?.(this)
  }

  get session(): LiveSession | null {
    return this.#state.state === 'welcomed' ? this.#state.talk.session : null
  }

  get wakeAtMs(): number {
    if (this.#state.state === 'waiting') return this.#state.deadlineMs
    return this.#state.state === 'welcomed' ? this.#state.expiresAtMs : Number.POSITIVE_INFINITY
  }

  wake(): void {
    if (this.#context.clock.nowMs() < this.wakeAtMs) return
    if (this.#state.state === 'waiting') {
      const message = `no hello came within ${this.#context.settings.authDeadlineMs} ms`
      this.#close({ reason: 'auth-timeout', message, kept: true })
    } else if (this.#state.state === 'welcomed') {
      this.#close({ reason: 'token-expired', message: 'get a new token and resume', kept: true })
    }
  }

  heard(): void {
    if (this.#state.state !== 'closed') this.#outlet.heard()
  }

  pinged(): void {
    if (this.#state.state === 'closed') return
    this.#pings ??= new TokenBucket(this.#context.rates.pings)
    if (this.#pings.take(this.#context.clock.nowMs()) > 0) this.#flooding('pings')
  }

  received(raw: string | Uint8Array): void {
    const state = this.#state
    if (state.state === 'closed' || !this.#outlet.isOpen) return
    this.#outlet.heard()
    if (state.state === 'waiting') this.#first(raw)
    else if (state.state === 'judged') this.#queue(raw, state)
    else this.#message(raw, state.talk)
  }

  ended(reason: DropReason): void {
    this.#over()
    this.#context.engine.closed(this.#outlet, reason)
  }

  #first(raw: string | Uint8Array) {
    const decoded = decodeClientFrame(raw, this.#context.settings)
    if (decoded.kind === 'frame' && decoded.frame.type === 'hello') return void this.#judge(decoded.frame)
    this.#close(noHello(decoded))
  }

  /** Until the verdict nothing is read; what had arrived already waits, up to a bound. */
  async #judge(hello: Hello): Promise<void> {
    const judged: Extract<State, { state: 'judged' }> = { state: 'judged', queued: [], bytes: 0 }
    this.#become(judged)
    this.#way.transport.pause()
    this.#isPaused = true
    const verdict = await shakeHands(this.#context, { outlet: this.#outlet, peer: this.#way.peer }, hello)
    if (this.#state !== judged) return
    if (verdict.state === 'welcomed') return this.#welcome(verdict, judged.queued)
    if (verdict.bye === null) return this.#over()
    this.#close(verdict.bye)
  }

  #queue(raw: string | Uint8Array, judged: Extract<State, { state: 'judged' }>): void {
    judged.bytes += typeof raw === 'string' ? utf8Length(raw) : raw.length
    judged.queued.push(raw)
    if (judged.queued.length <= bounds.queuedFramesMax && judged.bytes <= bounds.queuedBytesMax) return
    this.#tooLarge(`before the welcome ${bounds.queuedFramesMax} frames of ${bounds.queuedBytesMax} bytes may be sent`)
  }

  #welcome(
    verdict: Extract<Awaited<ReturnType<typeof shakeHands>>, { state: 'welcomed' }>,
    queued: (string | Uint8Array)[],
  ) {
    const { ask, session, attached } = verdict
    const { clock, engine, log } = this.#context
    const talk = new Conversation(this.#context, session)
    const restMs = expiryOf(session.claims) - clock.wallMs()
    this.#become({ state: 'welcomed', talk, expiresAtMs: clock.nowMs() + Math.max(0, restMs) })
    if (attached.superseded !== null) {
      log.happened('takeover', { session: session.id, user: session.user, address: this.#way.peer.address })
    }
    this.#outlet.send(welcomeOf(this.#context, session, attached))
    this.#enterRooms(ask, talk)
    if (attached.kind === 'resumed') {
      // Where this fails, the older connection is fenced by the first write of this one instead.
      engine.touch(session, Object.keys(attached.row.rooms)).catch((error: unknown) => log.report(error, 'a touch'))
    }
    for (const raw of queued) if (this.#state.state === 'welcomed') this.#message(raw, talk)
    this.#unpause()
  }

  /** Rooms go their own ways; what was queued for one comes behind its verdict. */
  #enterRooms(ask: Ask, talk: Conversation): void {
    const rooms = ask.rooms.map((room) => joinRoom(room, talk))
    void Promise.all(rooms).then(() => this.#outlet.send({ type: 'live', room: null }))
  }

  #message(raw: string | Uint8Array, talk: Conversation) {
    const decoded = decodeClientFrame(raw, this.#context.settings)
    const waitMs = this.#messages.take(this.#context.clock.nowMs())
    if (waitMs > 0) return this.#tooFast(decoded, waitMs)
    switch (decoded.kind) {
      case 'frame':
        if (decoded.frame.type === 'hello') this.#strike()
        return handle(decoded.frame, talk)
      case 'bad-frame':
        return this.#close({ reason: 'bad-frame', message: decoded.message, kept: true })
      case 'bad-message':
        this.#refuse(decoded, { reason: 'bad-message', message: decoded.message })
        return this.#strike()
      case 'unsupported':
        return this.#refuse(decoded, { reason: 'unsupported', message: `frames of type ${decoded.type} are not known` })
      case 'too-large': {
        const message = `a frame has at most ${decoded.bytesMax} bytes`
        if (decoded.id === null) return this.#tooLarge(message)
        return this.#refuse(decoded, { reason: 'too-large', message })
      }
    }
  }

  /** The frame is not done. Beats and signals are never answered, so neither are those that were too many. */
  #tooFast(decoded: Decoded<ClientFrame>, afterMs: number) {
    this.#floods ??= new TokenBucket(this.#context.rates.floods)
    if (this.#floods.take(this.#context.clock.nowMs()) > 0) return this.#flooding('messages')
    if (decoded.kind === 'frame' && (decoded.frame.type === 'beat' || decoded.frame.type === 'signal')) return
    const { messagesPerSecond } = this.#context.settings
    const message = `at most ${messagesPerSecond} frames per second; this one was not done`
    const request = decoded.kind === 'frame' ? decoded.frame : decoded
    this.#refuse(request, { reason: 'rate-limited', message, retry: true, afterMs })
  }

  #refuse(request: object, refusal: Refusal): void {
    const { type, id, room } = request as { type?: string; id?: number | null; room?: string }
    const known: Request = {
      type: type ?? 'frame',
      ...(typeof id === 'number' ? { id } : {}),
      ...(room === undefined ? {} : { room }),
    }
    this.#outlet.send(answerOf(known, refusal))
  }

  #strike(): void {
    this.#strikes ??= new TokenBucket(this.#context.rates.strikes)
    if (this.#strikes.take(this.#context.clock.nowMs()) === 0) return
    this.#close({ reason: 'bad-message', message: 'too many messages with bad fields', kept: true })
  }

  #flooding(what: string): void {
    this.#close({ reason: 'flooding', message: `more ${what} than allowed, for too long`, kept: true })
  }

  #tooLarge(message: string): void {
    this.#close({ reason: 'too-large', message, kept: true })
  }

  #close(bye: Bye): void {
    const session = this.session
    this.#context.log.happened('refusal', {
      reason: bye.reason,
      address: this.#way.peer.address,
      ...(session === null ? {} : { session: session.id, user: session.user }),
    })
    this.#over()
    this.#outlet.close(bye)
  }

  #over(): void {
    if (this.#state.state === 'closed') return
    this.#become({ state: 'closed' })
    // The closing handshake is read like anything else.
    this.#unpause()
  }

  #unpause(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#way.transport.resume()
  }

  #become(state: State): void {
    this.#state = state
    this.#way.wakeMoved?.(this)
    if (!this.#isPending || state.state === 'waiting' || state.state === 'judged') return
    this.#isPending = false
    this.#way.verdictGiven?.()
  }
}

/** Why a first frame was not taken. */
function noHello(decoded: Decoded<ClientFrame>): Bye {
  switch (decoded.kind) {
    case 'bad-frame':
    case 'bad-message':
      return { reason: 'bad-frame', message: decoded.message, kept: true }
    case 'too-large':
      return { reason: 'too-large', message: `a hello has at most ${bounds.helloBytesMax} bytes`, kept: true }
    case 'unsupported':
      if (decoded.type !== 'hello') break
      return { reason: 'unsupported-version', message: `this server speaks version ${protocolVersion}`, kept: true }
  }
  return { reason: 'bad-frame', message: 'the first frame must be a hello', kept: true }
}

function handle(frame: ClientFrame, talk: Conversation): void {
  // The table has one handler per type; the compiler cannot see that both sides of the call are the same one.
  const run = handlers[frame.type] as (frame: ClientFrame, talk: Conversation) => void
  run(frame, talk)
}
