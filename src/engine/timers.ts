// The engine's own alarm clock: what is to happen when, in order. It sets no real timer; the host asks `nextMs` and
// calls `runDue`.

/** One thing to come. `cancel` is idempotent, and does nothing once it has run. */
export interface Timer {
  readonly atMs: number
  cancel(): void
}

class Alarm implements Timer {
  readonly atMs: number
  /** Of two alarms at one time the earlier set runs first. */
  readonly order: number
  readonly run: () => void
  index = -1
  readonly #timers: Timers

  constructor(timers: Timers, atMs: number, order: number, run: () => void) {
    this.#timers = timers
    this.atMs = atMs
    this.order = order
    this.run = run
  }

  cancel(): void {
    this.#timers.remove(this)
  }
}

/** A binary heap of alarms: setting and cancelling cost O(log n). */
export class Timers {
  readonly #heap: Alarm[] = []
  readonly #movedEarlier: () => void
  readonly #failed: (error: unknown) => void
  #setCount = 0
  #isRunning = false

  /** `movedEarlier` is called when `nextMs` fell outside of `runDue`; `failed` with what an alarm threw. */
  constructor(hear: { movedEarlier: () => void; failed: (error: unknown) => void }) {
    this.#movedEarlier = hear.movedEarlier
    this.#failed = hear.failed
  }

  get count(): number {
    return this.#heap.length
  }

  /** When the next alarm is due; Infinity: there is none. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY
  }

  /** Runs once at or after `atMs`, always in a `runDue` that begins later. */
  at(atMs: number, run: () => void): Timer {
    const alarm = new Alarm(this, atMs, this.#setCount++, run)
    const before = this.nextMs
    alarm.index = this.#heap.length
    this.#heap.push(alarm)
    this.#rise(alarm)
    if (atMs < before && !this.#isRunning) this.#movedEarlier()
    return alarm
  }

  /** Runs every alarm due at `nowMs` that was set before this call. */
  runDue(nowMs: number): void {
    const setBefore = this.#setCount
    const later: Alarm[] = []
    this.#isRunning = true
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= nowMs; first = this.#heap[0]) {
      this.remove(first)
      if (first.order >= setBefore) {
        later.push(first)
        continue
      }
      try {
        first.run()
      } catch (error) {
        this.#failed(error)
      }
    }
    for (const alarm of later) this.#putBack(alarm)
    this.#isRunning = false
  }

  /** @internal Only an alarm cancels itself. */
  remove(alarm: Alarm): void {
    const { index } = alarm
    if (index === -1) return
    alarm.index = -1
    const last = this.#heap.pop()
    if (last === undefined || last === alarm) return
    this.#put(last, index)
    this.#rise(last)
    this.#sink(last)
  }

  #putBack(alarm: Alarm): void {
    alarm.index = this.#heap.length
    this.#heap.push(alarm)
    this.#rise(alarm)
  }

  #put(alarm: Alarm, index: number): void {
    this.#heap[index] = alarm
    alarm.index = index
  }

  #rise(alarm: Alarm): void {
    while (alarm.index > 0) {
      const parent = this.#heap[(alarm.index - 1) >> 1]
      if (parent === undefined || !isBefore(alarm, parent)) return
      const { index } = parent
      this.#put(parent, alarm.index)
      this.#put(alarm, index)
    }
  }

  #sink(alarm: Alarm): void {
    for (;;) {
      const left = this.#heap[2 * alarm.index + 1]
      const right = this.#heap[2 * alarm.index + 2]
      const child = right !== undefined && left !== undefined && isBefore(right, left) ? right : left
      if (child === undefined || !isBefore(child, alarm)) return
      const { index } = child
      this.#put(child, alarm.index)
      this.#put(alarm, index)
    }
  }
}

function isBefore(a: Alarm, b: Alarm): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
