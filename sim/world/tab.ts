// One tab of one user: a storage that outlives its pages, and the page that is open now. The client inside is the real
// one; here it is told what to do, and everything it tells goes to the trace.

import { type Connect, createConnect } from '../../src/client/connect.js'
import type { Room } from '../../src/client/room.js'
import type { Session } from '../../src/client/session.js'
import type { Line, Network } from '../../src/testing/memory-network.js'
import type { PageOutbox } from '../../src/testing/memory-outbox.js'
import type { SeededChance } from '../../src/testing/seeded-chance.js'
import type { ProcessClock } from '../../src/testing/virtual-clock.js'
import type { ClientPlan } from '../config.js'
import { type PayloadAsk, payloadOf } from '../payload.js'
import type { Trace } from '../trace.js'
import { type Dialect, newerDial } from './dialect.js'
import { type Doubling, doublingDial } from './double-dial.js'
import { hearAdopted, hearRoom, hearSession, numberOf } from './hearing.js'
import { type LoopPlan, scheduled, type Throttle } from './loop.js'
import { type Kept, newKept, storageOf } from './storage.js'

export interface TabParts {
  readonly name: string
  readonly user: string
  readonly plan: ClientPlan
  readonly loop: LoopPlan
  /** A fresh one of its user; null: it comes as a guest. */
  readonly token: (() => string) | null
  readonly profile: Kept
  readonly chance: SeededChance
  readonly network: Network
  readonly trace: Trace
  readonly url: string
  /** A fresh number for each publish. */
  readonly nextN: () => number
  /** Whenever a page was made: its line is new. */
  readonly loaded: (tab: Tab) => void
}

export interface Joined {
  readonly room: Room
  readonly span: number
  readonly hasPresence: boolean
}

export interface Page {
  /** Such as `t1.2`. */
  readonly by: string
  readonly line: Line
  readonly session: Session
  readonly rooms: Map<string, Joined>
  readonly tell: (what: 'wake' | 'freeze' | 'thaw') => void
  /** Publishes that are not settled. */
  readonly waiting: Set<number>
  /** Of its timers. */
  readonly throttle: Throttle
  readonly outbox: PageOutbox
  spans: number
  isOver: boolean
}

/** `echoes`: what its readers answer to it, and they to that, so many times. */
export interface PublishAsk extends Pick<PayloadAsk, 'bytes' | 'echoes' | 'isBinary'> {
  readonly key?: string
  readonly ttlMs?: number
}

export class Tab {
  readonly name: string
  readonly user: string
  readonly kept: Kept = newKept()
  /** These go on over reloads. */
  readonly dialect: Dialect = { client: false, server: false }
  readonly doubling: Doubling = { count: 0, isShadowFirst: false, closeMs: 0 }
  isAuthFailing = false
  readonly #parts: TabParts
  #pages = 0
  #page: Page | null = null
  #isOver = false

  constructor(parts: TabParts) {
    this.name = parts.name
    this.user = parts.user
    this.#parts = parts
  }

  get page(): Page | null {
    return this.#page
  }

  get profile(): Kept {
    return this.#parts.profile
  }

  /** Opens a page; the one before must be gone. */
  load(): void {
    if (this.#page !== null || this.#isOver) return
    this.#pages += 1
    const by = `${this.name}.${this.#pages}`
    const { network, trace } = this.#parts
    const line = network.line(by)
    let tell: Page['tell'] = () => {}
    const throttle: Throttle = { everyMs: 0 }
    const { session, outbox } = this.#connect(line, throttle, (listener) => {
      tell = listener
    })
    trace.add({ kind: 'page', by, now: 'loaded', holes: 0, duplicates: 0 })
    const page: Page = {
      by,
      line,
      session,
      rooms: new Map(),
      tell: (what) => tell(what),
      waiting: new Set(),
      throttle,
      outbox,
      spans: 0,
      isOver: false,
    }
    this.#page = page
    hearSession(page, trace)
    hearAdopted(page, trace)
    this.#parts.loaded(this)
  }

  /** The process is gone: nothing more runs in it. Its server hears of it, or does not. */
  kill(cut: { readonly isHeard: boolean }): void {
    const page = this.#page
    if (page === null) return
    page.isOver = true
    this.#page = null
    // What it has sent is on its way.
    page.line.down({ client: 'never', server: cut.isHeard ? 20 : 'never', delivers: true })
    page.line.clock.kill()
    this.#bury(page)
    this.#tell(page, 'killed')
  }

  /** As when a page is left properly: the client says that it closes, the session is held. */
  close(): void {
    const page = this.#page
    if (page === null) return
    this.#page = null
    page.session.close()
    this.#tell(page, 'closed')
    // What was under way may still leave the machine; then the process ends.
    page.line.clock.after(50, () => {
      page.isOver = true
      page.line.down({ client: 'never' })
      page.line.clock.kill()
      this.#bury(page)
    })
  }

  /** Joins, or takes another hold of a room that it is in. */
  join(name: string, options: { readonly last: number; readonly presence: boolean }): void {
    const page = this.#page
    if (page === null || page.rooms.has(name)) return
    page.spans += 1
    const joined: Joined = { room: page.session.join(name, options), span: page.spans, hasPresence: options.presence }
    page.rooms.set(name, joined)
    this.#parts.trace.add({ kind: 'join', by: page.by, room: name, span: joined.span, last: options.last })
    hearRoom(page, joined, this.#parts.trace, (echoes) => this.publish(name, { echoes }))
  }

  leave(name: string): void {
    const page = this.#page
    const joined = page?.rooms.get(name)
    if (page === null || joined === undefined) return
    joined.room.leave()
    page.rooms.delete(name)
    this.#parts.trace.add({ kind: 'leave', by: page.by, room: name, span: joined.span })
  }

  publish(name: string, { key, ttlMs, ...padded }: PublishAsk): void {
    const page = this.#page
    const room = page?.rooms.get(name)?.room
    if (page === null || room === undefined) return
    const { trace, nextN } = this.#parts
    const n = nextN()
    const publication = room.publish(payloadOf({ n, ...padded }), {
      ...(key !== undefined && { key }),
      ...(ttlMs !== undefined && { ttlMs }),
    })
    const { by } = page
    trace.add({ kind: 'publish', by, room: name, n, mark: publication.mark })
    page.waiting.add(n)
    void publication.then((result) => {
      if (page.isOver) return
      page.waiting.delete(n)
      trace.add({ kind: 'settled', by, room: name, n, result })
    })
  }

  /** Ends the session for good; the tab stays empty. */
  async leaveSession(): Promise<void> {
    const page = this.#page
    if (page === null) return
    const { kind } = await page.session.leave()
    if (page.isOver) return
    this.#parts.trace.add({ kind: 'left', by: page.by, isTold: kind === 'left' })
    page.line.clock.after(50, () => {
      page.isOver = true
      if (this.#page === page) this.#page = null
      this.#tell(page, 'closed')
      page.line.clock.kill()
      this.#bury(page)
    })
  }

  /** Leaves, and opens no page any more. */
  end(): void {
    this.#isOver = true
    void this.leaveSession()
  }

  /** The page asks its own server for it, which may take a while. */
  #token(clock: ProcessClock, chance: SeededChance): Promise<string> {
    return new Promise((resolve, reject) => {
      clock.after(chance.fraction() * this.#parts.plan.storageLateMs, () => {
        const { token } = this.#parts
        if (this.isAuthFailing || token === null) reject(new Error('sim: there is no token now'))
        else resolve(token())
      })
    })
  }

  /** What the dead page has stored is for those who come after it. */
  #bury({ by, outbox }: Page): void {
    const { trace } = this.#parts
    trace.add({ kind: 'stored', by, ns: outbox.die().map(({ data }) => numberOf(data)) })
  }

  #tell({ by, session }: Page, now: 'killed' | 'closed'): void {
    const { holes, duplicates } = session.stats
    this.#parts.trace.add({ kind: 'page', by, now, holes, duplicates })
  }

  #connect(line: Line, throttle: Throttle, listen: (tell: Page['tell']) => void) {
    const { plan, profile, url, trace } = this.#parts
    const by = line.name
    const chance = this.#parts.chance.fork(by)
    const clock = scheduled(line.clock, chance.fork('loop'), this.#parts.loop, throttle)
    const storage = storageOf({
      session: this.kept,
      profile,
      clock,
      chance: chance.fork('storage'),
      lateMsMax: plan.storageLateMs,
    })
    const connect: Connect = createConnect({
      dial: newerDial(doublingDial(line.dial, this.doubling, clock), this.dialect, chance.fork('dialect')),
      storage: () => storage,
      claims: () => null,
      wake: [
        (tell) => {
          listen(tell)
          return () => listen(() => {})
        },
      ],
      report: (error) => trace.add({ kind: 'error', by, error: messageOf(error) }),
    })
    const session = connect(url, {
      clock,
      chance,
      connectTimeoutMs: plan.connectTimeoutMs,
      minUptimeMs: plan.minUptimeMs,
      reconnect: { minMs: plan.minMs, maxMs: plan.maxMs },
      outbox: { itemsMax: plan.itemsMax },
      ...(this.#parts.token !== null && { auth: () => this.#token(clock, chance) }),
    })
    return { session, outbox: storage.outbox }
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
