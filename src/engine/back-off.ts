// How long to wait before asking a store again that did not answer: full jitter over a doubling range.

import type { Core } from './core.js'
import type { Timer } from './timers.js'

const firstMs = 100
const mostMs = 5_000

export class BackOff {
  readonly #core: Core
  #failureCount = 0
  #timer: Timer | null = null

  constructor(core: Core) {
    this.#core = core
  }

  get isWaiting(): boolean {
    return this.#timer !== null
  }

  /** Runs `retry` once, later than after the failure before. A retry that waits already stays the only one. */
  failed(retry: () => void): void {
    if (this.#timer !== null) return
    const rangeMs = Math.min(mostMs, firstMs * 2 ** Math.min(this.#failureCount, 16))
    this.#failureCount += 1
    const delayMs = Math.ceil(rangeMs / 2 + (rangeMs / 2) * this.#core.fraction())
    this.#timer = this.#core.after(delayMs, () => {
      this.#timer = null
      retry()
    })
  }

  succeeded(): void {
    this.#failureCount = 0
  }

  /** No retry comes any more. */
  cancel(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}
