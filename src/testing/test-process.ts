// One server as an orchestrator sees it: it is started, crashes, is stopped, and is started again as a new process
// under the same name. What runs inside is the real server.

import type { TestServer } from './test-server.js'
import type { ProcessClock, VirtualClock } from './virtual-clock.js'

/** What a process runs, and who wants to know. */
export interface Program {
  /** One life of it. `clock` makes the clock of its process. */
  start(life: { readonly node: string; readonly clock: VirtualClock }): Promise<TestServer>
  /** The clock of its process, if it is to be another than a plain one. */
  clock?(process: ProcessClock, node: string): ProcessClock
  told?(now: 'started' | 'crashed' | 'stopping' | 'stopped', node: string, server: TestServer | null): void
  /** That life is over; whatever it held to the world outside is let go. */
  ended?(node: string): void
}

/** After a start that failed, the next. */
const restartMs = 500

interface Life {
  readonly node: string
  process: ProcessClock | null
  server: TestServer | null
  isOver: boolean
}

export class TestProcess {
  readonly name: string
  readonly #clock: VirtualClock
  readonly #program: Program
  #lives = 0
  #life: Life | null = null
  #wantsUp = false

  constructor(name: string, clock: VirtualClock, program: Program) {
    this.name = name
    this.#clock = clock
    this.#program = program
  }

  /** Null while it is down or still starting. */
  get server(): TestServer | null {
    return this.#life?.server ?? null
  }

  /** This life of it, such as `a.2`; `a.0` while it is down. */
  get node(): string {
    return this.#life?.node ?? `${this.name}.0`
  }

  /** Its own clock; null while it is down. */
  get process(): ProcessClock | null {
    return this.#life?.process ?? null
  }

  /** Idempotent while it is up. A start that fails is tried again until `crash` or `stop`. */
  start(): void {
    this.#wantsUp = true
    if (this.#life !== null) return
    this.#lives += 1
    const life: Life = { node: `${this.name}.${this.#lives}`, process: null, server: null, isOver: false }
    this.#life = life
    void this.#run(life)
  }

  /** In the middle of whatever it does. Idempotent. */
  crash(): void {
    this.#wantsUp = false
    const life = this.#life
    if (life === null) return
    this.#over(life)
    this.#program.told?.('crashed', life.node, null)
  }

  /** With a goodbye to everybody. Resolves when the process has ended. */
  async stop(): Promise<void> {
    this.#wantsUp = false
    const life = this.#life
    if (life === null) return
    if (life.server === null) return this.crash()
    this.#program.told?.('stopping', life.node, life.server)
    await life.server.stop()
    if (life.isOver) return
    this.#program.told?.('stopped', life.node, null)
    this.#over(life)
  }

  async #run(life: Life): Promise<void> {
    try {
      const server = await this.#program.start({ node: life.node, clock: this.#clockOf(life) })
      if (life.isOver) return server.crash()
      life.server = server
      this.#program.told?.('started', life.node, server)
    } catch {
      if (life.isOver) return
      this.#over(life)
      this.#clock.after(restartMs, () => {
        if (this.#wantsUp) this.start()
      })
    }
  }

  /** The process must be known while it starts: it may crash then too. */
  #clockOf(life: Life): VirtualClock {
    const process = () => {
      const plain = this.#clock.process()
      life.process = this.#program.clock?.(plain, life.node) ?? plain
      return life.process
    }
    return Object.create(this.#clock, { process: { value: process } })
  }

  #over(life: Life): void {
    life.isOver = true
    if (life.server !== null) life.server.crash()
    else life.process?.kill()
    this.#program.ended?.(life.node)
    if (this.#life === life) this.#life = null
  }
}
