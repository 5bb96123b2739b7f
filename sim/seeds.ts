// Many seeds over several processes: each is given the next seed when it has done one.

import { type ChildProcess, fork } from 'node:child_process'
import type { Violation } from './checks/check.js'

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
  readonly violations: readonly Violation[]
}

export interface Summary {
  readonly seeds: number
  readonly steps: number
  readonly faults: number
  readonly violations: number
  readonly determinism: 'same' | 'different'
  readonly seconds: number
  readonly failed: readonly SeedResult[]
}

export interface SeedsAsk {
  readonly seeds: readonly number[]
  /** How many of them run twice. */
  readonly twiceCount: number
  readonly workerCount: number
  /** The command that serves seeds when it is called with `--worker`. */
  readonly script: string
  readonly progress: (done: number, count: number, failedCount: number) => void
}

export async function runSeeds(ask: SeedsAsk): Promise<Summary> {
  const startMs = Date.now()
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
  await Promise.all(Array.from({ length: ask.workerCount }, () => work(ask.script, take, got)))
  const failed = results.filter(({ isSame, violations }) => !isSame || violations.length > 0)
  return {
    seeds: results.length,
    steps: sum(results, ({ steps }) => steps),
    faults: sum(results, ({ faults }) => faults),
    violations: sum(results, ({ violations }) => violations.length),
    determinism: results.every(({ isSame }) => isSame) ? 'same' : 'different',
    seconds: Math.round((Date.now() - startMs) / 100) / 10,
    failed: failed.toSorted((a, b) => a.seed - b.seed),
  }
}

function work(script: string, take: () => SeedAsk | null, got: (result: SeedResult) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker: ChildProcess = fork(script, ['--worker'], { execArgv: ['--import', 'tsx'] })
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

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
