// Time that moves only when a test says so. Several processes share one timeline; each can be paused, skewed or ended.
// It owns the one thing that must be real: hops of the event loop, by which everything promised gets its turn.

import type { Clock } from '../protocol/time.js'

export interface VirtualClock extends Clock {
  /**
   * Moves on by `ms`: runs what is due, in order, and between any two lets promises settle and `soon` callbacks run.
   * Rejects with what a callback threw; the timeline stays usable. Calls wait for one another.
   */
  advance(ms: number): Promise<void>
  /** Runs what is due now until nothing is left to do. */
  settle(): Promise<void>
  /** Timers, arrivals and `soon` callbacks that have not run and were not cancelled. */
  readonly pending: number
  /** A clock of its own on the same timeline: one per simulated process. */
  process(): ProcessClock
}

export interface ProcessClock extends Clock {
  /** Like `after`, for what comes from outside: after a pause it runs behind all timers, as in a real event loop. */
  arrive(delayMs: number, run: () => void): () => void
  /** Nothing runs here any more; time goes on. Idempotent. */
  pause(): void
  /** Everything overdue runs at once: timers, then arrivals, then `soon`. Idempotent. */
  thaw(): void
  /** Nothing of this process runs ever again. Idempotent. */
  kill(): void
  /** `wallOffsetMs` sets its wall clock ahead; `rate` 1.05 makes its time run 5 % fast from now on. */
  skew(by: { readonly wallOffsetMs?: number; readonly rate?: number }): void
  readonly isPaused: boolean
  readonly isKilled: boolean
}

interface Item {
  readonly dueMs: number
  readonly order: number
  readonly kind: 'timer' | 'arrival' | 'soon'
  readonly owner: Owner
  /** Null: it ran, or was cancelled. */
  run: (() => void) | null
}

interface Owner {
  isPaused: boolean
  isKilled: boolean
  overdue: Item[]
}

/** More turns than this without time moving is a loop that never ends. */
const turnsMax = 200_000
/** Times that differ by less are the same, but for rounding. */
const roundingMs = 1e-6
const wallStartMs = Date.UTC(2026, 0, 1)

export function createVirtualClock(options: { readonly startMs?: number } = {}): VirtualClock {
  const line = createTimeline(options.startMs ?? 0)
  let last: Promise<void> = Promise.resolve()

  const advance = (ms: number) => {
    const turn = last.then(() => line.advance(ms))
    last = turn.catch(() => {})
    return turn
  }
  const root = createProcess(line)
  return {
    nowMs: root.nowMs,
    wallMs: root.wallMs,
    after: root.after,
    soon: root.soon,
    advance,
    settle: () => advance(0),
    get pending() {
      return line.pending()
    },
    process: () => createProcess(line),
  }
}

interface Timeline {
  nowMs(): number
  add(owner: Owner, kind: Item['kind'], delayMs: number, run: () => void): () => void
  /** Makes a thawed owner's items run. */
  release(items: readonly Item[]): void
  advance(ms: number): Promise<void>
  pending(): number
}

function createTimeline(startMs: number): Timeline {
  let nowMs = startMs
  let order = 0
  let pending = 0
  const due = createHeap()
  /** What runs before time moves on, in order. */
  const turn: Item[] = []

  const cancelOf = (item: Item) => () => {
    if (item.run !== null) pending -= 1
    item.run = null
  }
  const fire = (item: Item) => {
    const { owner, run } = item
    if (run === null) return
    if (owner.isPaused) {
      owner.overdue.push(item)
      return
    }
    item.run = null
    pending -= 1
    if (!owner.isKilled) run()
  }
  const rest = createTurns(turn, fire, () => nowMs)
  return {
    nowMs: () => nowMs,
    add(owner, kind, delayMs, run) {
      if (delayMs === Infinity || owner.isKilled) return () => {}
      order += 1
      pending += 1
      const item: Item = { dueMs: nowMs + Math.max(0, delayMs || 0), order, kind, owner, run }
      if (kind === 'soon') turn.push(item)
      else due.push(item)
      return cancelOf(item)
    },
    release: (items) => turn.push(...items),
    async advance(ms) {
      const untilMs = nowMs + ms
      await rest()
      let turnCount = 0
      for (let next = due.peek(); next !== undefined && next.dueMs <= untilMs; next = due.peek()) {
        due.pop()
        if (next.run === null) continue
        turnCount = next.dueMs > nowMs ? 0 : turnCount + 1
        if (turnCount > turnsMax) throw new Error(`${turnsMax} timers ran at ${nowMs} ms: something never rests`)
        nowMs = Math.max(nowMs, next.dueMs)
        fire(next)
        await rest()
      }
      nowMs = untilMs
    },
    pending: () => pending,
  }
}

/** Runs what waits in `turn`, one hop of the event loop after each, until nothing waits any more. */
function createTurns(turn: Item[], fire: (item: Item) => void, nowMs: () => number): () => Promise<void> {
  return async () => {
    await hop()
    for (let count = 0; turn.length > 0; count++) {
      if (count > turnsMax)
        throw new Error(`still busy after ${turnsMax} turns at ${nowMs()} ms: something never rests`)
      const items = turn.splice(0)
      for (const [index, item] of items.entries()) {
        try {
          fire(item)
        } catch (error) {
          turn.unshift(...items.slice(index + 1))
          throw error
        }
        await hop()
      }
    }
  }
}

function createProcess(line: Timeline): ProcessClock {
  const owner: Owner = { isPaused: false, isKilled: false, overdue: [] }
  let rate = 1
  let wallOffsetMs = 0
  let base = { lineMs: 0, ownMs: 0 }

  /** What a timer waited for is not in its future, whatever rounding says. */
  let floorMs = Number.NEGATIVE_INFINITY

  const nowMs = () => Math.max(floorMs, base.ownMs + (line.nowMs() - base.lineMs) * rate)
  /** At or after the delay by its own time, also when the rate was changed meanwhile. */
  const after = (delayMs: number, run: () => void): (() => void) => {
    const dueMs = nowMs() + Math.max(0, delayMs || 0)
    const ring = () => {
      const earlyMs = dueMs - nowMs()
      if (earlyMs > roundingMs) {
        cancel = line.add(owner, 'timer', earlyMs / rate, ring)
        return
      }
      floorMs = Math.max(floorMs, dueMs)
      run()
    }
    let cancel = line.add(owner, 'timer', delayMs / rate, ring)
    return () => cancel()
  }
  return {
    nowMs,
    // Whole, as that of every machine.
    wallMs: () => Math.floor(wallStartMs + nowMs() + wallOffsetMs),
    after,
    soon: (run) => line.add(owner, 'soon', 0, run),
    arrive: (delayMs, run) => line.add(owner, 'arrival', delayMs, run),
    pause() {
      owner.isPaused = true
    },
    thaw() {
      if (!owner.isPaused) return
      owner.isPaused = false
      const items = owner.overdue.splice(0)
      for (const kind of ['timer', 'arrival', 'soon'] as const) {
        line.release(items.filter((item) => item.kind === kind))
      }
    },
    kill() {
      owner.isKilled = true
    },
    skew(by) {
      base = { lineMs: line.nowMs(), ownMs: nowMs() }
      rate = by.rate ?? rate
      wallOffsetMs = by.wallOffsetMs ?? wallOffsetMs
    },
    get isPaused() {
      return owner.isPaused
    },
    get isKilled() {
      return owner.isKilled
    },
  }
}

interface Heap {
  push(item: Item): void
  pop(): void
  peek(): Item | undefined
}

/** A binary heap by due time, then by the order of scheduling. */
function createHeap(): Heap {
  const items: Item[] = []
  const isBefore = (a: Item | undefined, b: Item | undefined) =>
    a !== undefined && (b === undefined || a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order))
  const sink = (item: Item) => {
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const least = isBefore(items[left + 1], items[left]) ? left + 1 : left
      const child = items[least]
      if (child === undefined || !isBefore(child, item)) break
      items[at] = child
      at = least
    }
    items[at] = item
  }
  return {
    push(item) {
      let at = items.length
      for (let parent = (at - 1) >> 1; at > 0 && isBefore(item, items[parent]); parent = (at - 1) >> 1) {
        items[at] = items[parent] as Item
        at = parent
      }
      items[at] = item
    },
    pop() {
      const last = items.pop()
      if (last !== undefined && items.length > 0) sink(last)
    },
    peek: () => items[0],
  }
}

/** One real turn of the event loop: by then every promise that could settle has, with all that follows from it. */
const immediate: typeof setImmediate | undefined = globalThis.setImmediate
const hop: () => Promise<void> = typeof immediate === 'function' ? hopByImmediate : hopByMessage

/** The machine's own, whatever stands in its place later: a simulation may forbid it to everybody else. */
function hopByImmediate(): Promise<void> {
  return new Promise((resolve) => immediate?.(resolve))
}

function hopByMessage(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}
