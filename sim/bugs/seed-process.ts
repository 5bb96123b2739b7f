// A process that runs seeds of one bundle. Code with a bug in it may never come to an end, or end its process: then the
// process is ended, and the next seed has a new one.

import type { ChildProcess } from 'node:child_process'
import { type SeedResult, startWorker } from '../seeds.js'

const patienceMs = 60_000

export class SeedProcess {
  readonly #file: string
  #child: ChildProcess | null = null

  constructor(file: string) {
    this.#file = file
  }

  /** Null: the run did not come to an end. One at a time. */
  run(seed: number): Promise<SeedResult | null> {
    this.#child ??= startWorker(this.#file)
    const child = this.#child
    return new Promise((resolve) => {
      const done = (result: SeedResult | null) => {
        clearTimeout(timer)
        child.off('message', answered)
        child.off('exit', died)
        if (result === null) this.close()
        resolve(result)
      }
      const answered = (result: unknown) => done(result as SeedResult)
      const died = () => done(null)
      const timer = setTimeout(died, patienceMs)
      child.on('message', answered)
      child.on('exit', died)
      child.send({ seed, isTwice: false })
    })
  }

  /** Idempotent. */
  close(): void {
    this.#child?.kill('SIGKILL')
    this.#child = null
  }
}
