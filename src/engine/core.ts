// What every part of the engine is given: time, chance, the turn, and the one way to ask the store.

import { base64url } from '../protocol/base64url.js'
import { type Store, StoreUnavailable } from '../store/store.js'
import type { EngineHost, EngineOptions, EngineSettings, RoomOptions } from './engine.js'
import { Lag } from './lag.js'
import { type Timer, Timers } from './timers.js'
import { Turn } from './turn.js'

export interface Core {
  readonly node: string
  readonly store: Store
  readonly settings: EngineSettings
  readonly host: EngineHost
  readonly timers: Timers
  readonly turn: Turn
  readonly lag: Lag
  readonly roomOptions: (room: string) => RoomOptions | null
  nowMs(): number
  wallMs(): number
  /** Uniform in [0, 1). */
  fraction(): number
  /** A random id of `byteCount` strong bytes, base64url. */
  randomId(byteCount: number): string
  after(delayMs: number, run: () => void): Timer
  /**
   * One call of the store. Rejects with StoreUnavailable at the deadline at the latest; an answer that comes later
   * goes to `late`.
   */
  ask<T>(call: (store: Store) => Promise<T>, late?: (answer: T) => void): Promise<T>
  report(error: unknown, doing: string): void
}

export function createCore(options: EngineOptions): Core {
  const { store, clock, chance, settings, host } = options
  const report = (error: unknown, doing: string) => host.report(error, doing)
  const timers = new Timers({ movedEarlier: () => host.wakeMoved(), failed: (error) => report(error, 'a timer') })
  const turn = new Turn({
    nowMs: () => clock.nowMs(),
    wanted: () => host.turnWanted(),
    failed: (error) => report(error, 'the end of a turn'),
  })
  const after = (delayMs: number, run: () => void) => timers.at(clock.nowMs() + delayMs, run)
  return {
    node: options.node,
    store,
    settings,
    host,
    timers,
    turn,
    lag: new Lag(),
    roomOptions: options.roomOptions,
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    fraction: () => chance.fraction(),
    randomId: (byteCount) => base64url(chance.bytes(byteCount)),
    after,
    ask: (call, late) => askStore(call, { store, after, deadlineMs: settings.storeDeadlineMs, late, report }),
    report,
  }
}

interface Asking<T> {
  readonly store: Store
  readonly after: Core['after']
  readonly deadlineMs: number
  readonly late: ((answer: T) => void) | undefined
  readonly report: Core['report']
}

function askStore<T>(call: (store: Store) => Promise<T>, asking: Asking<T>): Promise<T> {
  const { store, after, deadlineMs, late, report } = asking
  return new Promise((resolve, reject) => {
    let isOver = false
    const deadline = after(deadlineMs, () => {
      isOver = true
      reject(new StoreUnavailable(`the store did not answer within ${deadlineMs} ms`))
    })
    const answered = (answer: T) => {
      if (isOver) return late?.(answer)
      deadline.cancel()
      resolve(answer)
    }
    const failed = (error: unknown) => {
      if (isOver) return
      deadline.cancel()
      reject(asUnavailable(error, report))
    }
    try {
      call(store).then(answered, failed)
    } catch (error) {
      // A driver that throws instead of rejecting is a driver that rejects.
      failed(error)
    }
  })
}

function asUnavailable(error: unknown, report: Core['report']): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error
  report(error, 'a call of the store: it may reject with StoreUnavailable only')
  return new StoreUnavailable('the store failed', { cause: error })
}
