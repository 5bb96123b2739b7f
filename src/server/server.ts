// The server that applications make: HTTP and WebSocket in front of a node core, on the machine's clock.

import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { EngineSizes, ServerRoom } from '../engine/engine.js'
import type { EndReason } from '../protocol/reasons.js'
import { memoryStore } from '../store/memory.js'
import type { SessionRow, Store } from '../store/store.js'
import { type Api, createApi } from './api/app.js'
import { systemChance, systemClock } from './clock.js'
import { createDoor, type Health } from './door.js'
import type { Events } from './events.js'
import { createHttpServer, createUpgrades, isOurs, type Upgrades } from './http.js'
import { createLog, type ServerLog } from './log.js'
import { createNodeCore, type NodeCore } from './node-core.js'
import { type Resolved, resolveOptions, type ServerOptions } from './options.js'
import { messageBytesMax, type Settings } from './settings.js'
import { createWsTransport, feed } from './ws-transport.js'

export interface SessionInfo {
  readonly session: string
  readonly user: string
  readonly state: 'live' | 'held'
  readonly rooms: readonly string[]
}

export interface HoldfastServer {
  /** `http://host:port`, as this machine reaches it; with a server of the application, once that listens. */
  readonly url: string
  readonly port: number
  /** Every number in force. */
  readonly settings: Settings
  /** The store's driver: `memory`, `lmdb`, `redis`. */
  readonly store: string
  /** The data directory of the embedded store, and what was in it at the start; null: another store. */
  readonly data: { readonly path: string; readonly rooms: number; readonly sessions: number } | null
  /** What the operator should know, told in the log at start. */
  readonly warnings: readonly string[]
  /** Returns an idempotent `off`. A listener that fails is reported; it never stops the server. */
  readonly on: Events['on']
  /** Event streams over HTTP that this server has open now. */
  readonly streamCount: number
  /** What this server holds in memory now. */
  sizes(): EngineSizes
  room(name: string): ServerRoom
  /** Has the user a live session, on any node? Held ones do not count. */
  isOnline(user: string): Promise<boolean>
  /** The user's sessions that are not over, on all nodes. */
  sessionsOf(user: string): Promise<readonly SessionInfo[]>
  /** Ends the sessions as `kicked`; the user may come again. `reason` goes to the log. */
  kick(who: Whom & { readonly reason?: string }): Promise<void>
  /** Ends the sessions as `revoked`: what they are resumed with is refused. */
  revoke(who: Whom): Promise<void>
  /** The user's rights are others now: `canJoin` runs again for every room of his sessions, on all nodes. */
  changeRights(user: string): Promise<void>
  /**
   * The HTTP API, for a server of the application: call it first with every request. False: the path is not ours, and
   * nothing was done. With a server of our own there is no need to.
   */
  handle(request: IncomingMessage, response: ServerResponse): boolean
  health(): { readonly status: Health }
  /**
   * Nobody new comes in, every connection is told (`drain`, spread over `drainMs`; at 0 `going-away`), sessions are
   * held and stored. Resolves after `timeoutMs` in any case. Idempotent: later calls wait for the first.
   */
  close(options?: { readonly timeoutMs?: number; readonly drainMs?: number }): Promise<void>
}

export type Whom = { readonly user: string } | { readonly session: string }

/** Listens when it resolves. Rejects for options that make no sense, a port in use, or a store that does not open. */
export async function createServer<const P extends string>(options: ServerOptions<P> = {}): Promise<HoldfastServer> {
  const resolved = resolveOptions(options as ServerOptions)
  const clock = systemClock()
  const log = createLog({
    sink: resolved.sink,
    linesPerSecond: resolved.settings.logLinesPerSecond,
    nowMs: clock.nowMs,
  })
  const { store, counts } = await storeOf(resolved, log)
  const running = await settled(store, resolved.ownsStore, () => {
    const core = createNodeCore({ ...resolved, store, clock, chance: systemChance(), log })
    return new Running({ ...resolved, store, counts }, core, log)
  })
  for (const warning of resolved.warnings) log.warn(warning)
  await running.open()
  const { data } = resolved
  log.happened('listening', { url: running.url, store: store.driver, ...(data === null ? {} : { data }), ...counts })
  return running
}

/** The embedded store is loaded only where it is used. */
async function storeOf({ store, data }: Resolved, log: ServerLog): Promise<Pick<Ready, 'store' | 'counts'>> {
  if (store !== null || data === null) return { store: store ?? memoryStore(), counts: null }
  const { openLmdbStore } = await import('../store/lmdb/index.js')
  const onFault = (error: Error, isFatal: boolean) => log.report(error, isFatal ? 'keeping anything' : 'keeping data')
  const opened = await openLmdbStore({ path: data, onFault })
  return { store: opened, counts: opened.counts() }
}

/** What cannot begin leaves nothing open. */
async function settled<T>(store: Store, ownsStore: boolean, begin: () => T): Promise<T> {
  try {
    return begin()
  } catch (error) {
    if (ownsStore) await store.close()
    throw error
  }
}

/** The options with the store open. */
interface Ready extends Resolved {
  readonly store: Store
  /** What was there at the start; null: the store does not tell. */
  readonly counts: { readonly rooms: number; readonly sessions: number } | null
}

/**
 * Connections that may wait to be accepted. Node takes one per turn of its loop: when everybody comes back at once, a
 * short queue overflows, and the kernel lets those beyond it try again only after a second, then three, then seven.
 */
const backlog = 4_096

class Running implements HoldfastServer {
  readonly on: Events['on']
  readonly #resolved: Ready
  readonly #core: NodeCore
  readonly #log: ServerLog
  readonly #clock = systemClock()
  readonly #http: Server | SecureServer
  readonly #upgrades: Upgrades
  readonly #api: Api
  readonly #onUpgrade: Upgrades['upgrade']
  #isStarted = false
  #closing: Promise<void> | null = null

  constructor(resolved: Ready, core: NodeCore, log: ServerLog) {
    this.#log = log
    this.#resolved = resolved
    this.#core = core
    this.on = core.events.on
    const door = createDoor(resolved.settings)
    const { origins, cookie } = resolved
    this.#api = createApi({ context: core.context, origins, door, cookie })
    this.#http =
      resolved.server ??
      createHttpServer(
        () => this.health().status,
        (request, response) => this.handle(request, response),
      )
    this.#upgrades = createUpgrades({
      origins,
      door,
      messageBytesMax: messageBytesMax(resolved.settings),
      proxyHops: resolved.settings.proxyHops,
      arrived: ({ webSocket, socket, peer, place }) => {
        const transport = createWsTransport(webSocket, socket, this.#clock)
        feed(core.connect(transport, peer, place.known), webSocket, socket)
      },
    })
    this.#onUpgrade = (request, socket, head) => {
      if (isOurs(request, this.#http)) this.#upgrades.upgrade(request, socket, head)
    }
  }

  async open(): Promise<void> {
    const { host, settings, server } = this.#resolved
    try {
      await this.#core.start()
      this.#isStarted = true
      this.#http.on('upgrade', this.#onUpgrade)
      if (server !== null) return
      this.#http.listen({ port: settings.port, backlog, ...(host === undefined ? {} : { host }) })
      await once(this.#http, 'listening')
    } catch (error) {
      await this.close()
      throw error
    }
  }

  get port(): number {
    const address = this.#http.address() as AddressInfo | string | null
    return typeof address === 'object' && address !== null ? address.port : this.#resolved.settings.port
  }

  get url(): string {
    const { host } = this.#resolved
    const isAny = host === undefined || host === '' || host === '0.0.0.0' || host === '::'
    const name = isAny ? 'localhost' : host.includes(':') ? `[${host}]` : host
    return `http://${name}:${this.port}`
  }

  get settings(): Settings {
    return this.#resolved.settings
  }

  get store(): string {
    return this.#resolved.store.driver
  }

  get data(): HoldfastServer['data'] {
    const { data, counts } = this.#resolved
    return data === null || counts === null ? null : { path: data, ...counts }
  }

  get warnings(): readonly string[] {
    return this.#resolved.warnings
  }

  get streamCount(): number {
    return this.#core.engine.visits.streams.length
  }

  sizes(): EngineSizes {
    return this.#core.engine.sizes()
  }

  room(name: string): ServerRoom {
    return this.#core.room(name)
  }

  async isOnline(user: string): Promise<boolean> {
    return (await this.sessionsOf(user)).some((session) => session.state === 'live')
  }

  async sessionsOf(user: string): Promise<readonly SessionInfo[]> {
    return (await this.#core.engine.store.sessionsOf(user)).flatMap(infoOf)
  }

  async kick(who: Whom & { readonly reason?: string }): Promise<void> {
    this.#log.happened('kick', who)
    await this.#end(who, 'kicked')
  }

  async revoke(who: Whom): Promise<void> {
    this.#log.happened('revoke', who)
    await this.#end(who, 'revoked')
  }

  async changeRights(user: string): Promise<void> {
    this.#log.happened('rights', { user })
    await this.#core.engine.store.changeRights(user)
  }

  handle(request: IncomingMessage, response: ServerResponse): boolean {
    return this.#api.handle(request, response)
  }

  health(): { readonly status: Health } {
    if (this.#closing !== null) return { status: 'down' }
    if (!this.#isStarted) return { status: 'starting' }
    return { status: this.#core.engine.isReady ? 'ok' : 'down' }
  }

  close(options: { readonly timeoutMs?: number; readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.timeoutMs ?? this.#resolved.settings.closeDeadlineMs, options.drainMs ?? 0)
    return this.#closing
  }

  async #end(who: Whom, reason: EndReason): Promise<void> {
    const sessions = 'session' in who ? [who.session] : (await this.sessionsOf(who.user)).map(({ session }) => session)
    await Promise.all(sessions.map((session) => this.#core.engine.end(session, reason)))
    // Streams have no session: they end, and who comes again is asked again.
    if ('user' in who) await this.#core.engine.store.changeRights(who.user)
  }

  async #close(timeoutMs: number, drainMs: number): Promise<void> {
    this.#log.happened('closing', { url: this.url })
    this.#upgrades.close()
    this.#api.close()
    if (drainMs > 0) await this.#drain(drainMs)
    const closed = this.#shut(drainMs > 0 ? 'drain' : 'going-away')
    await Promise.race([closed, this.#sleep(timeoutMs)])
    this.#http.off('upgrade', this.#onUpgrade)
  }

  async #shut(reason: 'drain' | 'going-away'): Promise<void> {
    await this.#core.close({ reason })
    if (this.#resolved.server === null && this.#http.listening) {
      this.#http.close()
      this.#http.closeIdleConnections()
    }
    // Last: what the connections leave behind has to be stored.
    if (this.#resolved.ownsStore) await this.#resolved.store.close()
  }

  /** Each connection its own slot, so that they do not arrive elsewhere all at once. Few are gone in no time. */
  async #drain(drainMs: number): Promise<void> {
    const { sessions, visits } = this.#core.engine
    const outlets = [...[...sessions.values()].map(({ outlet }) => outlet), ...visits.streams]
    const windowMs = Math.min(drainMs, outlets.length * slotMs)
    const slots = Math.max(1, Math.ceil(windowMs / slotMs))
    for (let slot = 0; slot < slots; slot++) {
      const from = Math.floor((slot * outlets.length) / slots)
      const to = Math.floor(((slot + 1) * outlets.length) / slots)
      for (const outlet of outlets.slice(from, to)) outlet.close({ reason: 'drain', kept: true })
      await this.#sleep(slotMs)
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(ms, resolve))
  }
}

const slotMs = 10

function infoOf({ id, user, status, rooms }: SessionRow): SessionInfo[] {
  if (status.state === 'ended') return []
  return [{ session: id, user, state: status.state, rooms: Object.keys(rooms) }]
}
