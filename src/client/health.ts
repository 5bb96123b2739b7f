// The connection as people should see it: it does not flicker. Told the status, it says `ok` through short drops.

import type { Clock } from '../protocol/time.js'
import type { Status } from './connection.js'

/**
 * `connecting`: not connected yet, for the first time. `reconnecting`: down for a while, it will come back. `lost`:
 * stopped, or down for long.
 */
export type Health = 'connecting' | 'ok' | 'reconnecting' | 'lost'

export interface HealthOptions {
  /** Down for longer is `reconnecting`. Default 1000. */
  readonly quietMs: number
  /** Down for longer is `lost`. Default 30 000. */
  readonly lostMs: number
}

export class HealthMeter {
  readonly #clock: Clock
  readonly #options: HealthOptions
  readonly #changed: (health: Health) => void
  #health: Health = 'connecting'
  #downSinceMs: number | null = null
  #cancel = () => {}

  constructor(options: HealthOptions, clock: Clock, changed: (health: Health) => void) {
    this.#options = options
    this.#clock = clock
    this.#changed = changed
  }

  get health(): Health {
    return this.#health
  }

  see(state: Status['state']): void {
    this.#cancel()
    const nowMs = this.#clock.nowMs()
    this.#downSinceMs = state === 'connected' ? null : (this.#downSinceMs ?? nowMs)
    const { quietMs, lostMs } = this.#options
    const isStopped = state === 'suspended' || state === 'closed'
    const downMs = this.#downSinceMs === null ? -1 : nowMs - this.#downSinceMs
    if (isStopped || downMs >= lostMs) this.#set('lost')
    else if (downMs < 0) this.#set('ok')
    else {
      if (downMs >= quietMs && this.#health !== 'connecting') this.#set('reconnecting')
      // Whole: a rest too small to move the clock would never be over.
      const restMs = Math.ceil((downMs < quietMs ? quietMs : lostMs) - downMs)
      this.#cancel = this.#clock.after(restMs, () => this.see(state))
    }
  }

  #set(health: Health): void {
    if (health === this.#health) return
    this.#health = health
    this.#changed(health)
  }
}
