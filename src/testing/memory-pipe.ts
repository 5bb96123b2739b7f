// One direction of a link: parcels leave in order, travel for a while and arrive in order. It knows bytes and time,
// nothing of WebSocket.

import type { Clock } from '../protocol/time.js'

export interface Parcel {
  readonly bytes: number
  /** Called when it arrives, with how many of its bytes did: fewer when the link was cut inside. */
  arrived(bytes: number): void
  /** Called once, when the sender's operating system has taken every byte. */
  taken?(): void
}

export interface Pipe {
  send(parcel: Parcel): void
  /** Nothing leaves, nothing is lost, until `flow`. */
  stall(): void
  flow(): void
  /** From now on everything leaves as usual and never arrives. For good. */
  swallow(): void
  /** Also what is on the way never arrives. For good. */
  lose(): void
  /** From now on this much longer on the way. The order is kept. */
  delay(ms: number): void
  bandwidth(bytesPerSec: number): void
  /** `cut` is called when that many more bytes have arrived; no byte behind them does. */
  cutAfter(bytes: number, cut: () => void): void
  /** Runs it at the receiver, behind everything that is on the way now. */
  behind(run: () => void): void
}

export interface PipeOptions {
  readonly clock: Clock
  readonly latencyMs: () => number
  /** Runs it at the receiving process. */
  readonly arrive: (delayMs: number, run: () => void) => void
  /** Runs it at the sending process, in a later turn. */
  readonly depart: (run: () => void) => void
}

interface State {
  readonly options: PipeOptions
  readonly waiting: Parcel[]
  swallows: boolean
  isLost: boolean
  isStalled: boolean
  isBusy: boolean
  bytesPerSec: number
  extraMs: number
  lastArrivalMs: number
  cut: { bytesLeft: number; readonly run: () => void } | null
}

export function createPipe(options: PipeOptions): Pipe {
  const pipe: State = {
    options,
    waiting: [],
    swallows: false,
    isLost: false,
    isStalled: false,
    isBusy: false,
    bytesPerSec: Infinity,
    extraMs: 0,
    lastArrivalMs: 0,
    cut: null,
  }
  return {
    send(parcel) {
      pipe.waiting.push(parcel)
      pump(pipe)
    },
    stall() {
      pipe.isStalled = true
    },
    flow() {
      pipe.isStalled = false
      pump(pipe)
    },
    swallow() {
      pipe.swallows = true
    },
    lose() {
      pipe.swallows = true
      pipe.isLost = true
    },
    delay(ms) {
      pipe.extraMs = ms
    },
    bandwidth(bytesPerSec) {
      pipe.bytesPerSec = bytesPerSec
    },
    cutAfter(bytes, run) {
      pipe.cut = { bytesLeft: bytes, run }
      if (bytes <= 0) options.arrive(0, run)
    },
    behind: (run) => travel(pipe, run),
  }
}

function pump(pipe: State): void {
  while (!pipe.isStalled && !pipe.isBusy) {
    const parcel = pipe.waiting.shift()
    if (parcel === undefined) return
    const takesMs = (parcel.bytes / pipe.bytesPerSec) * 1000
    if (takesMs === 0) {
      leave(pipe, parcel)
      continue
    }
    pipe.isBusy = true
    pipe.options.clock.after(takesMs, () => {
      pipe.isBusy = false
      leave(pipe, parcel)
      pump(pipe)
    })
  }
}

function leave(pipe: State, parcel: Parcel): void {
  if (parcel.taken !== undefined) pipe.options.depart(() => parcel.taken?.())
  if (pipe.swallows) return
  if (pipe.cut === null) {
    travel(pipe, () => parcel.arrived(parcel.bytes))
    return
  }
  const { bytesLeft, run } = pipe.cut
  if (bytesLeft <= 0) return
  pipe.cut.bytesLeft -= parcel.bytes
  travel(pipe, () => parcel.arrived(Math.min(parcel.bytes, bytesLeft)))
  if (pipe.cut.bytesLeft <= 0) travel(pipe, run)
}

function travel(pipe: State, run: () => void): void {
  const { clock, latencyMs, arrive } = pipe.options
  pipe.lastArrivalMs = Math.max(pipe.lastArrivalMs, clock.nowMs() + latencyMs() + pipe.extraMs)
  arrive(pipe.lastArrivalMs - clock.nowMs(), () => {
    if (!pipe.isLost) run()
  })
}
