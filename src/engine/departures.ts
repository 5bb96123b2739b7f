// Sessions whose connection is gone and whose drop is not stored yet. Each is repeated until the store answers, so
// none is lost; with many of them only a few are asked for at once.

import type { Owner, SessionRow } from '../store/store.js'
import { BackOff } from './back-off.js'
import type { Core } from './core.js'
import type { DropReason } from './engine.js'

export interface Departure extends Owner {
  readonly user: string
  readonly reason: DropReason
  readonly liveMs: number
  /** Names of the rooms it was in. */
  readonly rooms: readonly string[]
  /** The application never heard of its arrival. */
  readonly isSilent: boolean
}

const inFlightMax = 64

export function isLiveOn({ status }: SessionRow, node: string): boolean {
  return status.state === 'live' && status.node === node
}

export class Departures {
  readonly #core: Core
  readonly #dropped: (departure: Departure) => void
  readonly #backOff: BackOff
  readonly #waiting = new Map<string, Departure>()
  readonly #inFlight = new Map<string, Departure>()
  #whenNone: (() => void)[] = []

  /** `dropped` is called once the store has decided it; never for a session that a newer connection owns. */
  constructor(core: Core, dropped: (departure: Departure) => void) {
    this.#core = core
    this.#dropped = dropped
    this.#backOff = new BackOff(core)
  }

  get count(): number {
    return this.#waiting.size + this.#inFlight.size
  }

  has(session: string): boolean {
    return this.#waiting.has(session) || this.#inFlight.has(session)
  }

  add(departure: Departure): void {
    this.#waiting.set(departure.session, departure)
    this.#pump()
  }

  /**
   * The session came back under a newer generation. `wasHeld`: the store had decided the drop, only its answer is
   * still to come: it is told now, before the resume.
   */
  returned(session: string, wasHeld: boolean): void {
    const departure = this.#waiting.get(session) ?? this.#inFlight.get(session)
    this.#waiting.delete(session)
    this.#inFlight.delete(session)
    if (departure !== undefined && wasHeld) this.#dropped(departure)
    this.#checkNone()
  }

  /** Resolves when none is left. */
  whenNone(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenNone.push(resolve)
      this.#checkNone()
    })
  }

  /** What is not stored by now is left to the sweep of other nodes. Idempotent. */
  close(): void {
    this.#backOff.cancel()
    this.#waiting.clear()
    this.#inFlight.clear()
    this.#checkNone()
  }

  #pump(): void {
    if (this.#backOff.isWaiting) return
    for (const [session, departure] of this.#waiting) {
      if (this.#inFlight.size >= inFlightMax) return
      this.#waiting.delete(session)
      this.#inFlight.set(session, departure)
      this.#detach(departure)
    }
  }

  #detach(departure: Departure): void {
    const { session } = departure
    this.#store(departure).then(
      (isDropped) => {
        this.#backOff.succeeded()
        if (this.#inFlight.get(session) === departure) {
          this.#inFlight.delete(session)
          if (isDropped) this.#dropped(departure)
        }
        this.#pump()
        this.#checkNone()
      },
      () => {
        if (this.#inFlight.get(session) === departure) {
          this.#inFlight.delete(session)
          this.#waiting.set(session, departure)
        }
        if (this.count > 0) this.#backOff.failed(() => this.#pump())
      },
    )
  }

  /** False: it is another connection's, or over. */
  async #store({ session, generation }: Departure): Promise<boolean> {
    const answer = await this.#core.ask((store) => store.detach({ session, generation }))
    if (answer.kind === 'done') return true
    const row = await this.#core.ask((store) => store.session(session))
    if (row === null || row.generation >= generation || !isLiveOn(row, this.#core.node)) return false
    // The store was set back, and takes an older connection of this node for the owner.
    const older = await this.#core.ask((store) => store.detach({ session, generation: row.generation }))
    return older.kind === 'done'
  }

  #checkNone(): void {
    if (this.count > 0) return
    const resolves = this.#whenNone
    this.#whenNone = []
    for (const resolve of resolves) resolve()
  }
}
