// The clients of the crash test: real ones over real sockets, who publish, come and go, and write down in the ledger
// whatever they are told.

import { connect, type Room, type Session } from 'holdfast'
import type { SeededChance } from '../../src/testing/seeded-chance.js'
import type { Ledger } from './ledger.js'

export interface Client {
  readonly name: string
  readonly session: Session
  readonly rooms: readonly Room[]
}

export const rooms = ['process/a', 'process/b', 'disk/a', 'disk/b'] as const

/** In this one everybody sees who is there. */
const meeting = 'process/a'

const inFlightMax = 3

export interface LoadOptions {
  readonly url: string
  readonly ledger: Ledger
  readonly chance: SeededChance
  readonly clientCount: number
}

/** Sessions that come and go: how each is to end. */
export type Going = 'left' | 'ran-out'

export class Load {
  readonly clients: readonly Client[]
  /** Those of `comeAndGo`, by session. */
  readonly gone = new Map<string, Going>()
  readonly #options: LoadOptions
  readonly #waiting = new Set<Promise<unknown>>()
  #isWorking = true
  #visitorCount = 0

  constructor(options: LoadOptions) {
    this.#options = options
    this.clients = Array.from({ length: options.clientCount }, (_, index) => this.#open(`c${index + 1}`))
  }

  /** Publishes go on from here until `stop`. */
  start(): void {
    for (const client of this.clients) void this.#work(client)
  }

  /** Resolves when every publish is settled and everybody is live. */
  async stop(): Promise<void> {
    this.#isWorking = false
    await Promise.all(this.#waiting)
    await this.whenLive()
  }

  async whenLive(): Promise<void> {
    for (const { name, session } of this.clients) {
      const { kind } = await session.whenLive()
      if (kind === 'stopped') this.#options.ledger.sessionLost(name, `stopped: ${session.status.reason}`)
    }
  }

  /** A visitor for a moment, who then leaves, or is just not there any more. */
  async comeAndGo(going: Going): Promise<void> {
    this.#visitorCount += 1
    const session = this.#connect(`visitor ${this.#visitorCount}`)
    const room = session.join(meeting)
    const { kind } = await session.whenLive()
    const { id } = session
    if (kind === 'live' && id !== null) {
      if (going === 'left') room.leave()
      const isLeft = going === 'left' && (await session.leave()).kind === 'left'
      // Whether a leave that was not answered was heard is open.
      if (isLeft || going === 'ran-out') this.gone.set(id, going)
    }
    session.close()
  }

  close(): void {
    for (const { session } of this.clients) session.close()
  }

  #connect(key: string): Session {
    return connect(this.#options.url, {
      key,
      reconnect: { minMs: 20, maxMs: 250, factor: 1.5 },
      minUptimeMs: 0,
      connectTimeoutMs: 4_000,
    })
  }

  #open(name: string): Client {
    const { ledger } = this.#options
    const session = this.#connect(name)
    session.on('new-session', ({ session: id, reason }) => ledger.session(name, id, reason))
    session.on('superseded', ({ reason }) => ledger.sessionLost(name, `superseded: ${reason}`))
    session.on('signed-out', ({ reason }) => ledger.sessionLost(name, `signed out: ${reason}`))
    session.on('error', ({ error }) => ledger.differs('other', `${name}: ${String(error)}`))
    const joined = rooms.map((room) => session.join(room, { presence: room === meeting }))
    for (const room of joined) {
      room.on('entry', (entry) => ledger.handed(name, entry))
      room.on('gap', (gap) => ledger.gap(name, gap))
      room.on('removed', ({ reason }) => ledger.sessionLost(name, `removed from ${room.name}: ${reason}`))
      if (room.name === meeting) this.#watch(name, room)
    }
    return { name, session, rooms: joined }
  }

  /** Who stays is there all the time, and is never shown as away: no outage is as long as the grace. */
  #watch(by: string, room: Room): void {
    const { ledger } = this.#options
    const seen = new Set<string>()
    room.on('presence', ({ members }) => {
      const there = new Map(members.map((member) => [member.session, member.state]))
      for (const { name, session } of this.clients) {
        if (session.id === null) continue
        const state = there.get(session.id)
        if (state === 'live') seen.add(session.id)
        else if (!seen.has(session.id)) continue
        if (state === undefined) ledger.differs('falseLeaves', `${by} sees ${name} gone`)
        if (state === 'held') ledger.differs('falseLeaves', `${by} sees ${name} away`)
      }
    })
  }

  async #work({ name, rooms: joined }: Client): Promise<void> {
    const { ledger, chance: shared } = this.#options
    const chance = shared.fork(name)
    let [made, inFlight] = [0, 0]
    while (this.#isWorking) {
      await new Promise((resolve) => setTimeout(resolve, 10 + chance.fraction() * 50))
      const room = joined[Math.floor(chance.fraction() * joined.length)]
      if (room === undefined || inFlight >= inFlightMax) continue
      made += 1
      inFlight += 1
      const mark = `${name}-${made}`
      ledger.asked(name, room.name, mark)
      const settled = room
        .publish({ made, fill: 'x'.repeat(Math.floor(chance.fraction() * 300)) }, { mark })
        .then((result) => {
          ledger.settled(mark, result)
          inFlight -= 1
          this.#waiting.delete(settled)
        })
      this.#waiting.add(settled)
    }
  }
}
