// Hold time moves by ticks: once a second this node tells the store that it is there, and does what became due. No
// store, no tick: nobody's hold runs meanwhile.

import type { Core } from './core.js'
import type { Timer } from './timers.js'

export interface TickerHost {
  /** After every tick that the store answered. */
  ticked(): void
  /** Ticks were missing for so long that other nodes may have thought this one lost. */
  wasAway(): void
}

const rowsMax = 256

/** Steps of one tick when much is due at once. The rest is done by the next. */
const stepsMax = 16

export class Ticker {
  readonly #core: Core
  readonly #host: TickerHost
  #timer: Timer | null = null
  #isHealthy = false
  #isClosed = false
  /** When the last answered tick was sent; null: none was. */
  #tickedMs: number | null = null

  constructor(core: Core, host: TickerHost) {
    this.#core = core
    this.#host = host
  }

  /** True while the store answers ticks. */
  get isHealthy(): boolean {
    return this.#isHealthy
  }

  start(): void {
    if (this.#isClosed) return
    const begunMs = this.#core.nowMs()
    this.#tick()
      .then(
        () => this.#answered(begunMs),
        () => {
          this.#isHealthy = false
        },
      )
      .then(() => this.#next(begunMs))
      .catch((error: unknown) => this.#core.report(error, 'a tick'))
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#isHealthy = false
    this.#timer?.cancel()
  }

  async #tick(): Promise<void> {
    const { nodeLeaseMs, freezeMs } = this.#core.settings
    const ask = { node: this.#core.node, nodeLeaseMs, freezeMs, rowsMax }
    for (let step = 0; step < stepsMax; step++) {
      const { hasMore } = await this.#core.ask((store) => store.tick(ask))
      if (!hasMore) return
    }
  }

  #answered(begunMs: number): void {
    if (this.#isClosed) return
    this.#isHealthy = true
    const before = this.#tickedMs
    this.#tickedMs = begunMs
    // The store heard the last tick when it was sent at the earliest, and this one only now at the latest.
    const silentMs = before === null ? 0 : this.#core.nowMs() - before
    if (silentMs > this.#core.settings.nodeLeaseMs) this.#host.wasAway()
    this.#host.ticked()
  }

  #next(begunMs: number): void {
    if (this.#isClosed) return
    const nowMs = this.#core.nowMs()
    const delayMs = Math.max(0, begunMs + this.#core.settings.tickMs - nowMs)
    this.#timer = this.#core.after(delayMs, () => this.start())
  }
}
