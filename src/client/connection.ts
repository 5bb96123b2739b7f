// Runs the machine of reconnect.ts: keeps its one timer and its one link, decodes what comes. What the frames mean for
// rooms and publishes is the host's.

import { movedCode, staleCode, supersededCode } from '../protocol/after-close.js'
import { decodeServerFrame } from '../protocol/decode-server.js'
import { encodeFrame } from '../protocol/encode.js'
import type { Bye, ClientFrame, Hello, ServerFrame, Welcome } from '../protocol/frames.js'
import type { Chance, Clock } from '../protocol/time.js'
import type { Dial, Link } from './link.js'
import { next } from './reconnect.js'
import {
  dueMs,
  type Effect,
  type Event,
  initial,
  linkOf,
  type Moment,
  type Settings,
  type State,
} from './reconnect-state.js'

export type Prepared =
  | { readonly kind: 'ready' }
  /** `isFinal`: only the user can change it. */
  | { readonly kind: 'not-ready'; readonly reason: string; readonly isFinal: boolean }

/**
 * `unheard`: the server said no before a welcome, so nothing that followed the hello was looked at. `broken`: in use,
 * and nobody said why. `over`: everything else.
 */
export type Loss = 'unheard' | 'broken' | 'over'

export interface ConnectionHost {
  readonly instance: string
  /** Gets a token and saves the credentials for one dial. Called once per dial, one at a time or overlapping. */
  prepare(): Promise<Prepared>
  hello(): Hello
  /** The hello has left; publishes may follow. */
  greeted(): void
  /** After a welcome only. */
  received(frame: ServerFrame): void
  bye(frame: Bye): void
  /** The link of the last `greeted` is gone. */
  lost(how: Loss): void
  renew(reason: string): void
  stopped(reason: string, failures: number): void
  /** The state may have changed. */
  changed(): void
  report(error: unknown): void
}

/** Where a session stands. */
export interface Status {
  readonly state: State['state']
  /** Which dial in a row this is; 0 while connected. */
  readonly attempt: number
  /** Milliseconds, at the time of reading; null: no dial is planned. */
  readonly nextAttemptInMs: number | null
  /** Why there is no connection: a close reason, or what this client found out itself. */
  readonly reason: string | null
}

export interface ConnectionOptions {
  readonly url: string
  readonly settings: Settings
  readonly dial: Dial
  readonly clock: Clock
  readonly chance: Chance
}

const brokenCode = 1006
const breaks: ReadonlySet<number> = new Set([1005, 1006, 1011])

export class Connection {
  readonly #host: ConnectionHost
  readonly #options: ConnectionOptions
  #state: State = initial
  readonly #events: Event[] = []
  #isRunning = false
  #link: Link | null = null
  #isGreeted = false
  #loss: Loss = 'over'
  #heardAtMs = 0
  #heardCount = 0
  #progressCount = 0
  #armed: { readonly atMs: number; readonly cancel: () => void } | null = null
  #lastCode: number | null = null
  /** Of the last hello. */
  #attempt = 0
  #lostAtMs: number | null = null

  constructor(options: ConnectionOptions, host: ConnectionHost) {
    this.#options = options
    this.#host = host
  }

  get state(): State {
    return this.#state
  }

  get status(): Status {
    const state = this.#state
    const { failures } = state.trail
    const step = 'step' in state ? state.step : null
    const waitMs = step?.step === 'waiting' ? Math.max(0, step.untilMs - this.#options.clock.nowMs()) : null
    return {
      state: state.state,
      attempt: step === null ? 0 : failures + 1,
      nextAttemptInMs: waitMs,
      reason: 'reason' in state ? state.reason : null,
    }
  }

  /** True from the hello to the end of the link: frames can be sent. */
  get isGreeted(): boolean {
    return this.#isGreeted
  }

  get isConnected(): boolean {
    return this.#state.state === 'connected'
  }

  get bufferedBytes(): number {
    return this.#link?.bufferedBytes ?? 0
  }

  /** For logs: the last close code, failures in a row, and how long it was away. */
  get why(): NonNullable<Hello['why']> {
    const attempts = this.#state.trail.failures
    const awayMs = this.#lostAtMs === null ? 0 : Math.round(this.#options.clock.nowMs() - this.#lostAtMs)
    return this.#lastCode === null ? { attempts, awayMs } : { code: this.#lastCode, attempts, awayMs }
  }

  /** Frames before the hello and after the link's end go nowhere. */
  send(frame: ClientFrame | string | Uint8Array): void {
    if (!this.#isGreeted) return
    const isRaw = typeof frame === 'string' || frame instanceof Uint8Array
    this.#link?.send(isRaw ? frame : encodeFrame(frame))
  }

  dispatch(event: Event): void {
    this.#events.push(event)
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      for (let queued = this.#events.shift(); queued !== undefined; queued = this.#events.shift()) {
        const { state, effects } = next(this.#state, queued, this.#moment(), this.#options.settings)
        this.#state = state
        for (const effect of effects) this.#run(effect)
      }
    } finally {
      this.#isRunning = false
    }
    this.#arm()
    this.#host.changed()
  }

  /** The other end breaks the protocol: the link is given up, and dialled again with back-off. */
  breach(message: string): void {
    this.#host.report(new Error(`holdfast: ${message}`))
    this.#ended(this.#state.trail.dial, { code: brokenCode, reason: 'bad-frame' })
  }

  #moment(): Moment {
    return {
      nowMs: this.#options.clock.nowMs(),
      fraction: this.#options.chance.fraction(),
      heardAtMs: this.#heardAtMs,
      heardCount: this.#heardCount,
      progressCount: this.#progressCount,
    }
  }

  #arm(): void {
    const atMs = dueMs(this.#state)
    if (atMs === (this.#armed?.atMs ?? null)) return
    this.#armed?.cancel()
    this.#armed = null
    if (atMs === null) return
    const { clock } = this.#options
    const cancel = clock.after(Math.max(0, Math.ceil(atMs - clock.nowMs())), () => {
      this.#armed = null
      this.dispatch({ type: 'tick' })
    })
    this.#armed = { atMs, cancel }
  }

  #run(effect: Effect): void {
    switch (effect.do) {
      case 'prepare':
        this.#prepare(effect.dial)
        break
      case 'open':
        this.#open(effect.dial)
        break
      case 'greet':
        this.#isGreeted = true
        this.#heardAtMs = this.#options.clock.nowMs()
        this.#greet()
        this.#host.greeted()
        break
      case 'abandon':
        this.#abandon()
        break
      case 'beat':
        this.send({ type: 'beat' })
        break
      case 'renew':
        this.#host.renew(effect.reason)
        break
      case 'stopped':
        this.#host.stopped(effect.reason, effect.failures)
        break
    }
  }

  #prepare(dial: number): void {
    const failed = (error: unknown) => {
      this.#host.report(error)
      this.dispatch({ type: 'unprepared', dial, reason: 'auth-failed', isFinal: false })
    }
    this.#host.prepare().then((prepared) => {
      if (prepared.kind === 'ready') this.dispatch({ type: 'prepared', dial })
      else this.dispatch({ ...prepared, type: 'unprepared', dial })
    }, failed)
  }

  #open(dial: number): void {
    try {
      this.#link = this.#options.dial(this.#options.url, {
        opened: () => this.dispatch({ type: 'opened', dial }),
        received: (raw) => this.#received(dial, raw),
        closed: (code, reason) => this.#closed(dial, code, reason),
      })
    } catch (error) {
      this.#host.report(error)
      this.#ended(dial, { code: brokenCode, reason: 'unreachable' })
    }
  }

  #greet(): void {
    const hello = this.#host.hello()
    this.#attempt = hello.attempt
    this.send(hello)
  }

  #abandon(): void {
    const link = this.#link
    const wasGreeted = this.#isGreeted
    const loss = this.#loss
    this.#link = null
    this.#isGreeted = false
    this.#loss = 'over'
    try {
      link?.close(1000, '')
    } catch (error) {
      this.#host.report(error)
    }
    if (wasGreeted) this.#host.lost(loss)
  }

  #isCurrent(dial: number): boolean {
    return dial === this.#state.trail.dial && this.#isGreeted
  }

  #received(dial: number, raw: string | Uint8Array): void {
    if (!this.#isCurrent(dial)) return
    this.#heardAtMs = this.#options.clock.nowMs()
    this.#heardCount += 1
    const decoded = decodeServerFrame(raw)
    if (decoded.kind === 'frame') this.#hear(dial, decoded.frame)
    // A later version of the server may know more kinds of frames.
    else if (decoded.kind !== 'unsupported') this.breach(`a frame of the server is no good: ${decoded.kind}`)
  }

  #hear(dial: number, frame: ServerFrame): void {
    if (frame.type === 'bye') this.#bye(dial, frame)
    else if (frame.type === 'welcome') this.#welcomed(dial, frame)
    else if (this.isConnected) this.#heard(dial, frame)
  }

  #heard(dial: number, frame: ServerFrame): void {
    if (frame.type === 'entry' || frame.type === 'void') this.#progressCount += 1
    if (frame.type === 'beat') this.dispatch({ type: 'beaten', dial, everyMs: frame.everyMs })
    if (frame.type === 'live' && frame.room === null) {
      this.#progressCount += 1
      this.dispatch({ type: 'live', dial })
    }
    this.#host.received(frame)
  }

  #welcomed(dial: number, frame: Welcome): void {
    if (this.isConnected) return
    this.#lastCode = null
    this.#lostAtMs = null
    this.dispatch({ type: 'welcomed', dial, spreadMs: frame.spreadMs, ...frame.heartbeat })
    this.#host.received(frame)
  }

  #bye(dial: number, frame: Bye): void {
    // Our own next attempt won: this one is only the last to know.
    const isSuperseded = frame.code === supersededCode && frame.instance === this.#host.instance
    // This very dial reached the server twice (two sockets at once, a proxy that repeats), and the other one won.
    const isDoubled = frame.code === staleCode && frame.lastAttempt === this.#attempt
    if (!this.isConnected) this.#loss = 'unheard'
    this.#host.bye(frame)
    if (isDoubled) this.#ended(dial, { code: movedCode, reason: 'moved' })
    else this.#ended(dial, isSuperseded ? { ...frame, code: movedCode, retry: true } : frame)
  }

  #closed(dial: number, code: number, reason: string): void {
    if (this.#isCurrent(dial) && this.isConnected && breaks.has(code)) this.#loss = 'broken'
    this.#ended(dial, { code, reason })
  }

  #ended(dial: number, how: Pick<Bye, 'code' | 'reason'> & Partial<Pick<Bye, 'retry' | 'afterMs'>>): void {
    if (dial !== this.#state.trail.dial || linkOf(this.#state) === null) return
    this.#lastCode = how.code
    this.#lostAtMs ??= this.#options.clock.nowMs()
    const reason = how.reason.slice(0, 64) || 'connection-lost'
    const { code, retry: mayRetry = true, afterMs = null } = how
    this.dispatch({ type: 'ended', dial, code, reason, mayRetry, afterMs })
  }
}
