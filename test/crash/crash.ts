// The crash test: a real server under load is ended at any moment, or at a named point, and started again on the same
// directory, round after round; then everything that clients were ever told is compared with what is there.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dataFile } from '../../src/store/lmdb/index.js'
import { createSeededChance, type SeededChance } from '../../src/testing/seeded-chance.js'
import { Claims } from './claims.js'
import { type Difference, type Kept, Ledger } from './ledger.js'
import { Load, rooms } from './load.js'
import type { CutAt, Orders, Told } from './messages.js'
import { type Point, points } from './points.js'
import { cutPower } from './power.js'
import { buildProgram, type Patch, type Program, ServerProcess } from './process.js'

export interface CrashOptions {
  readonly rounds: number
  readonly seed: number
  /** Only there (of a power cut: only there within the batch). Null: at all points, and at random moments between. */
  readonly point: Point | null
  /** Each end of the server is a power cut. */
  readonly isPower: boolean
  readonly progress: (line: string) => void
  /** Mistakes put into the server, to see that they are noticed. */
  readonly patches?: readonly Patch[]
}

export interface CrashResult {
  readonly rounds: number
  readonly acked: number
  readonly lost: number
  readonly duplicated: number
  readonly forks: number
  readonly sessionsLost: number
  readonly falseLeaves: number
  readonly seconds: number
  /** Whatever else was not as it should be. */
  readonly other: number
  readonly seed: number
  readonly handed: number
  readonly gaps: number
  /** Publishes that were answered `unknown`, or given up as `poison`: nobody is told whether they are there. */
  readonly unsure: number
  readonly claims: number
  /** How often the server was ended where. */
  readonly ends: Readonly<Record<string, number>>
  readonly differences: readonly Difference[]
}

const startWithinMs = 90_000
const cutPoints: readonly CutAt[] = ['writing', 'batch.visible', 'batch.flushed']

/** Rejects only for what is not the server's: no port, no disk. */
export async function crash(options: CrashOptions): Promise<CrashResult> {
  const startMs = Date.now()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-crash-'))
  const program = await buildProgram(options.patches)
  const run = new Run(options, folder, program)
  try {
    await run.all()
  } finally {
    run.close()
    program.remove()
    rmSync(folder, { recursive: true, force: true })
  }
  return run.result(Math.round((Date.now() - startMs) / 100) / 10)
}

class Run {
  readonly #options: CrashOptions
  readonly #program: Program
  readonly #folder: string
  readonly #chance: SeededChance
  readonly #ledger: Ledger
  readonly #claims: Claims
  readonly #ends: Record<string, number> = {}
  readonly #left = new Map<string, Set<string>>()
  /** Points that are to come, each as often as the others. */
  #due: Point[] = []
  #port: number
  #load: Load | null = null
  #server: ServerProcess | null = null
  #listening: (() => void) | null = null

  constructor(options: CrashOptions, folder: string, program: Program) {
    this.#options = options
    this.#folder = folder
    this.#program = program
    this.#chance = createSeededChance(options.seed)
    this.#ledger = new Ledger((room) => !options.isPower || room.startsWith('disk/'))
    this.#claims = new Claims(this.#ledger, !options.isPower)
    // Below the ports that the system gives to outgoing connections: while the server is away nobody else takes it.
    this.#port = 20_000 + (process.pid % 9_000) + Math.floor(Math.random() * 1_000)
  }

  async all(): Promise<void> {
    const { rounds, isPower, progress } = this.#options
    await this.#start({ point: null, cut: null })
    const url = `ws://127.0.0.1:${this.#port}`
    const load = new Load({ url, ledger: this.#ledger, chance: this.#chance.fork('load'), clientCount: 12 })
    this.#load = load
    await load.whenLive()
    load.start()
    await this.#end()
    for (let round = 1; round <= rounds; round++) {
      this.#ledger.during = `round ${round}`
      if (round % 4 === 0) await this.#rest(load)
      const end = isPower ? await this.#cutRound() : await this.#killRound()
      this.#ends[end] = (this.#ends[end] ?? 0) + 1
      const counts = `acked ${this.#ledger.ackedCount}  differences ${this.#ledger.differences.length}`
      progress(`round ${round} of ${rounds}  ended at ${end}  ${counts}`)
    }
    this.#ledger.during = 'the end'
    await this.#start({ point: null, cut: null })
    await this.#verify(load)
  }

  result(seconds: number): CrashResult {
    const ledger = this.#ledger
    const [lost, duplicated, forks] = [ledger.count('lost'), ledger.count('duplicated'), ledger.count('forks')]
    return {
      rounds: this.#options.rounds,
      acked: ledger.ackedCount,
      lost,
      duplicated,
      forks,
      sessionsLost: ledger.count('sessionsLost'),
      falseLeaves: ledger.count('falseLeaves'),
      seconds,
      other: ledger.count('other'),
      seed: this.#options.seed,
      handed: ledger.handedCount,
      gaps: ledger.gapCount,
      unsure: ledger.unsureCount,
      claims: this.#claims.answeredCount,
      ends: this.#ends,
      differences: ledger.differences,
    }
  }

  close(): void {
    this.#load?.close()
    this.#server?.kill()
  }

  /** Everybody comes back once in a while: a room knows its last eight lives, who missed them all is told a gap. */
  async #rest(load: Load): Promise<void> {
    await this.#start({ point: null, cut: null })
    await Promise.race([load.whenLive(), timeout(60_000, 'a client is not back after a minute')])
    await this.#end()
  }

  async #killRound(): Promise<string> {
    const chance = this.#chance
    const name = this.#options.point ?? (chance.fraction() < 0.25 ? null : this.#nextPoint())
    const isOften = name !== null && /append|batch|tick/.test(name)
    const count = 1 + Math.floor(chance.fraction() * (isOften ? 40 : 2))
    await this.#start({ point: name === null ? null : { name, count }, cut: null })
    this.#disturb()
    // A point that is not come to in this time is one that had nothing to do.
    const afterMs = name === null ? chance.fraction() * 500 : 1_500
    const reached = await this.#end(afterMs)
    return reached ?? 'random'
  }

  async #cutRound(): Promise<string> {
    const chance = this.#chance
    const drawn = cutPoints[Math.floor(chance.fraction() * cutPoints.length)]
    const at = cutPoints.find((name) => name === this.#options.point) ?? drawn ?? 'writing'
    const copy = join(this.#folder, 'flushed.mdb')
    const flushes = Math.floor(chance.fraction() * 25)
    const cut = { flushes, at, afterMs: Math.floor(chance.fraction() * 3), copy }
    await this.#start({ point: null, cut })
    this.#disturb()
    const reached = await this.#end(20_000)
    if (reached === null) {
      // It wrote too little to be cut: nothing is lost then.
      return 'killed'
    }
    const tear = cutPower(join(this.#folder, 'data', dataFile), copy, chance)
    return `${reached}, ${tear}`
  }

  /** Visitors and claims; whether they come through is left to chance. */
  #disturb(): void {
    const load = this.#load
    if (load === null) return
    const chance = this.#chance
    for (const going of ['left', 'ran-out'] as const) if (chance.fraction() < 0.5) void load.comeAndGo(going)
    for (const { session, name } of load.clients) {
      if (session.id === null || chance.fraction() < 0.7) continue
      const key = chance.fraction() < 0.3 ? 'name:host' : `name:${name}`
      this.#server?.claim(this.#claims.ask(session.id, key))
    }
  }

  #nextPoint(): Point | null {
    if (this.#due.length === 0) this.#due = [...points].sort(() => this.#chance.fraction() - 0.5)
    return this.#due.pop() ?? null
  }

  async #start(orders: Pick<Orders, 'point' | 'cut'>): Promise<void> {
    const listening = new Promise<void>((resolve) => {
      this.#listening = resolve
    })
    const all: Orders = {
      ...orders,
      directory: join(this.#folder, 'data'),
      port: this.#port,
      note: join(this.#folder, 'note'),
    }
    this.#server = new ServerProcess(this.#program, all, (told) => this.#hear(told))
    // It may end before it listens: at a point of its start.
    await Promise.race([listening, this.#server.ended(), timeout(startWithinMs, 'the server did not start')])
  }

  /** Ends the server `afterMs` later if it has not ended itself; resolves with where it was. */
  async #end(afterMs = 0): Promise<string | null> {
    const server = this.#server
    if (server === null) return null
    const timer = setTimeout(() => server.kill(), afterMs)
    try {
      return await server.ended()
    } catch (error) {
      this.#ledger.differs('other', error instanceof Error ? error.message : String(error))
      return 'by itself'
    } finally {
      clearTimeout(timer)
    }
  }

  #hear(told: Told): void {
    switch (told.kind) {
      case 'listening':
        this.#listening?.()
        return
      case 'left':
        this.#left.set(told.session, (this.#left.get(told.session) ?? new Set()).add(told.event))
        if (this.#load?.clients.some(({ session }) => session.id === told.session) === true) {
          this.#ledger.differs('falseLeaves', `the server told that ${told.session} left: ${told.reason}`)
        }
        return
      case 'claimed':
        this.#claims.answered(told.id, told.answer)
        return
      case 'trouble':
        this.#ledger.differs('other', told.text)
        return
      default:
        throw new Error(`the server told ${JSON.stringify(told satisfies never)}`)
    }
  }

  async #verify(load: Load): Promise<void> {
    await Promise.race([
      load.stop(),
      timeout(60_000, 'publishes are open, or clients away, a minute after the last start'),
    ])
    await this.#verifyGone(load)
    for (const room of rooms) this.#ledger.compare(room, await logOf(this.#port, room))
    load.close()
    const code = await this.#server?.stop()
    if (code !== 0) this.#ledger.differs('other', `the clean stop at the end gave ${code}`)
  }

  /** Whoever left or stayed away is told to be gone, by one event. */
  async #verifyGone(load: Load): Promise<void> {
    // An event that a node had taken when it was killed is taken by another half a minute later.
    const missing = () => [...load.gone.keys()].filter((session) => !this.#left.has(session))
    for (let waitedMs = 0; missing().length > 0 && waitedMs < 50_000; waitedMs += 100) await sleep(100)
    // A session of which the last batch of a life knew alone may be gone without a word after a power cut.
    if (!this.#options.isPower) {
      for (const session of missing()) this.#ledger.differs('other', `${session} is gone and was never told so`)
    }
    for (const [session, events] of this.#left) {
      if (events.size > 1)
        this.#ledger.differs('falseLeaves', `${session} was told to be gone by ${events.size} events`)
    }
  }
}

/** All of a room, over HTTP. */
async function logOf(port: number, room: string): Promise<readonly Kept[]> {
  const url = `http://127.0.0.1:${port}/v1/rooms/${encodeURIComponent(room)}/entries?limit=256`
  const log: Kept[] = []
  for (let after = '', hasMore = true; hasMore; ) {
    const response = await fetch(`${url}${after}`, {
      headers: { 'Holdfast-Device': 'the-crash-test-reads-it-all-0123456789' },
    })
    const page = (await response.json()) as Page
    if (page.verdict.kind !== 'complete') throw new Error(`${room}: ${JSON.stringify(page.verdict)}`)
    for (const { offset, position, mark = null } of page.entries) {
      log.push({ offset, tag: position.split('.')[2] ?? '', mark })
    }
    after = `&after=${page.next}`
    hasMore = page.hasMore
  }
  return log
}

interface Page {
  readonly verdict: { readonly kind: string }
  readonly entries: readonly { readonly offset: number; readonly position: string; readonly mark?: string }[]
  readonly next: string
  readonly hasMore: boolean
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function timeout(ms: number, what: string): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, ms).unref())
  throw new Error(what)
}
