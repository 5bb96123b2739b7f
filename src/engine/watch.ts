// The vital signs of one connection: beats out, silence in, writes that make no progress. One timer for all three,
// set anew only when it runs or would come too late.

import type { Core } from './core.js'
import type { Timer } from './timers.js'

export interface WatchHost {
  /** Time for a beat: the interval that it tells. */
  beat(everyMs: number): void
  lost(reason: 'heartbeat-lost' | 'slow'): void
  /** The other end never says anything: its silence is not judged. */
  readonly isOneWay: boolean
}

/** After a late wake the bytes that came meanwhile are heard before anybody is judged. */
const recheckMs = 250

/** A write may be outstanding for this many `slowMs` when the other end at least sends. */
const slowFactorMax = 4

export class Watch {
  readonly #core: Core
  readonly #host: WatchHost
  #heardMs: number
  #progressMs = 0
  /** Null: no write is outstanding. */
  #writeMs: number | null = null
  /** Infinity: beats have not begun, so silence is not judged. */
  #beatAtMs = Number.POSITIVE_INFINITY
  #everyMs: number
  #timer: Timer | null = null
  #isRecheck = false
  #isOver = false

  constructor(core: Core, host: WatchHost) {
    this.#core = core
    this.#host = host
    this.#heardMs = core.nowMs()
    this.#everyMs = core.settings.heartbeatMs
  }

  /** The first beat comes at a random phase, so that many connections do not beat together. */
  startBeats(): void {
    this.#heardMs = this.#core.nowMs()
    this.#beatAtMs = this.#core.nowMs() + this.#everyMs * (0.1 + 0.9 * this.#core.fraction())
    this.#arm()
  }

  heard(): void {
    this.#heardMs = this.#core.nowMs()
  }

  /** The other end asks for a sign of life: the beat that would be due later goes now. */
  answer(): void {
    if (this.#isOver || this.#beatAtMs === Number.POSITIVE_INFINITY) return
    this.#beat(this.#core.nowMs())
    this.#arm()
  }

  writeBegan(nowMs: number): void {
    this.#writeMs = nowMs
    // A timer that comes before the write can be slow looks again.
    if (this.#timer === null || this.#timer.atMs > nowMs + this.#core.settings.slowMs) this.#arm()
  }

  writeEnded(nowMs: number): void {
    this.#progressMs = nowMs
    this.#writeMs = null
  }

  /** Idempotent. */
  close(): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.#timer = null
  }

  #silentAtMs(): number {
    if (this.#beatAtMs === Number.POSITIVE_INFINITY || this.#host.isOneWay) return Number.POSITIVE_INFINITY
    return this.#heardMs + this.#everyMs + this.#core.settings.heartbeatTimeoutMs
  }

  #slowAtMs(): number {
    if (this.#writeMs === null) return Number.POSITIVE_INFINITY
    const { slowMs } = this.#core.settings
    const progressMs = Math.max(this.#writeMs, this.#progressMs, this.#heardMs)
    return Math.min(progressMs + slowMs, this.#writeMs + slowMs * slowFactorMax)
  }

  #arm(): void {
    if (this.#isOver || (this.#isRecheck && this.#timer !== null)) return
    const dueMs = Math.min(this.#beatAtMs, this.#silentAtMs(), this.#slowAtMs())
    if (this.#timer !== null && this.#timer.atMs <= dueMs) return
    this.#timer?.cancel()
    this.#timer = dueMs === Number.POSITIVE_INFINITY ? null : this.#core.timers.at(dueMs, () => this.#due())
  }

  #due(): void {
    this.#timer = null
    const nowMs = this.#core.nowMs()
    const lost = nowMs >= this.#silentAtMs() ? 'heartbeat-lost' : nowMs >= this.#slowAtMs() ? 'slow' : null
    if (lost !== null && (!this.#core.lag.isLate || this.#isRecheck)) {
      this.#host.lost(lost)
      return
    }
    if (nowMs >= this.#beatAtMs) this.#beat(nowMs)
    this.#isRecheck = lost !== null
    if (this.#isRecheck) this.#timer = this.#core.after(recheckMs, () => this.#due())
    else this.#arm()
  }

  #beat(nowMs: number): void {
    this.#everyMs = Math.round(this.#core.settings.heartbeatMs * this.#core.lag.stretch)
    this.#beatAtMs = nowMs + this.#everyMs
    this.#host.beat(this.#everyMs)
  }
}
