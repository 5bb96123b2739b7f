// Many seeds over several processes: each is given the next seed when it has done one.

import { type ChildProcess, fork } from 'node:child_process'
import { bundle } from './bundle.js'
import type { Violation } from './checks/check.js'
import { probes } from './probes.js'

export interface SeedAsk {
  readonly seed: number
  /** Run it twice and compare the traces. */
  readonly isTwice: boolean
}

export interface SeedResult {
  readonly seed: number
  readonly steps: number
  readonly faults: number
  readonly hash: string
  /** False: two runs of it differed. */
  readonly isSame: boolean
  /** The first ones. */
  readonly violations: readonly Violation[]
  /** Ids of all invariants that fell. */
  readonly fallen: readonly string[]
  /** Of each probe of the bundle, in their order. */
  readonly hits: readonly number[]
}

export interface Summary {
  readonly seeds: number
  readonly steps: number
  readonly faults: number
  readonly violations: number
  readonly determinism: 'same' | 'different'
  readonly seconds: number
  /** How often each was hit, by name. */
  readonly probes: Readonly<Record<string, number>>
  readonly neverHit: readonly string[]
  readonly failed: readonly SeedResult[]
}

export interface SeedsAsk {
  readonly seeds: readonly number[]
  /** How many of them run twice. */
  readonly twiceCount: number
  readonly workerCount: number
  readonly progress: (done: number, count: number, failedCount: number) => void
}

export async function runSeeds(ask: SeedsAsk): Promise<Summary> {
  const startMs = Date.now()
  const bundled = await bundle()
  try {
    return summaryOf(await resultsOf(ask, bundled.file), startMs)
  } finally {
    bundled.remove()
  }
}

async function resultsOf(ask: SeedsAsk, file: string): Promise<readonly SeedResult[]> {
  const results: SeedResult[] = []
  let failedCount = 0
  let next = 0
  const take = (): SeedAsk | null => {
    const seed = ask.seeds[next]
    if (seed === undefined) return null
    next += 1
    return { seed, isTwice: next <= ask.twiceCount }
  }
  const got = (result: SeedResult) => {
    results.push(result)
    if (!result.isSame || result.violations.length > 0) failedCount += 1
    ask.progress(results.length, ask.seeds.length, failedCount)
  }
  await Promise.all(Array.from({ length: ask.workerCount }, () => work(file, take, got)))
  return results
}

function summaryOf(results: readonly SeedResult[], startMs: number): Summary {
  const failed = results.filter(({ isSame, violations }) => !isSame || violations.length > 0)
  const hits = probes.map(({ name }, index) => [name, sum(results, (result) => result.hits[index] ?? 0)] as const)
  return {
    seeds: results.length,
    steps: sum(results, ({ steps }) => steps),
    faults: sum(results, ({ faults }) => faults),
    violations: sum(results, ({ violations }) => violations.length),
    determinism: results.every(({ isSame }) => isSame) ? 'same' : 'different',
    seconds: secondsSince(startMs),
    probes: Object.fromEntries(hits),
    neverHit: hits.filter(([, count]) => count === 0).map(([name]) => name),
    failed: failed.toSorted((a, b) => a.seed - b.seed),
  }
}

export function secondsSince(startMs: number): number {
  return Math.round((Date.now() - startMs) / 100) / 10
}

function work(file: string, take: () => SeedAsk | null, got: (result: SeedResult) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = startWorker(file)
    let isDone = false
    const give = () => {
      const seed = take()
      if (seed !== null) return void worker.send(seed)
      isDone = true
      worker.disconnect()
    }
    worker.on('message', (result) => {
      got(result as SeedResult)
      give()
    })
    worker.on('exit', (code) => {
      if (isDone) resolve()
      else reject(new Error(`a worker of the simulator ended with code ${code}`))
    })
    worker.on('error', reject)
    give()
  })
}

/** A process of this bundle: each ask that it is sent it answers with a result, until its parent lets go of it. */
export function startWorker(file: string): ChildProcess {
  return fork(file, ['--worker'], { execArgv: ['--enable-source-maps', '--max-semi-space-size=64'] })
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
