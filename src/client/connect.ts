// `connect`: options to a session, and one session for equal calls. What differs between a browser and Node comes in
// as a platform.

import { base64url } from '../protocol/base64url.js'
import type { AnyRooms, RoomTypes } from '../protocol/room-types.js'
import type { Chance, Clock } from '../protocol/time.js'
import { type Backoff, backoffOf } from './backoff.js'
import { systemChance, systemClock } from './clock.js'
import type { Report } from './emitter.js'
import type { HealthOptions } from './health.js'
import { Holds } from './hold.js'
import type { Auth, Claims } from './identity.js'
import type { Dial } from './link.js'
import { checkOptions } from './options.js'
import { type OutboxLimits, outboxDefaults } from './outbox.js'
import { Session, type SessionParts } from './session.js'
import { SessionCore } from './session-core.js'
import type { Log } from './session-events.js'
import { type ClientStorage, SafeStorage } from './storage.js'

/**
 * Tells of the world outside: `wake` that now is a good time (online, visible), `freeze` that the page or app stops
 * running (the link is closed, the session held), `thaw` that it runs again. Returns how to stop listening.
 */
export type WakeSource = (tell: (what: 'wake' | 'freeze' | 'thaw') => void) => () => void

/** Tells whether something is so, now and whenever it changes. Returns how to stop listening. */
export type Source = (tell: (isSo: boolean) => void) => () => void

export interface ConnectOptions {
  /** Tells two sessions of one URL apart. Default ''. */
  readonly key?: string
  readonly auth?: Auth
  /** False: never dials again by itself. */
  readonly reconnect?: false | Partial<Backoff>
  /** From the dial to the welcome. Default 10 000. */
  readonly connectTimeoutMs?: number
  /** Live for less than this counts as a failed dial. Default 5000. */
  readonly minUptimeMs?: number
  readonly outbox?: Partial<OutboxLimits>
  readonly health?: Partial<HealthOptions>
  /**
   * Where credentials, and publishes that are not settled, are kept. Default: the tab's storage and IndexedDB in a
   * browser, memory elsewhere.
   */
  readonly storage?: ClientStorage
  readonly wake?: readonly WakeSource[]
  /** Whether there is a network: when it is back it is dialled at once, when it goes the link is probed. Null: nobody knows. */
  readonly onlineSource?: Source | null
  /** Whether somebody looks at the page or app: then it is dialled, or the link probed, at once. Null: nobody knows. */
  readonly focusSource?: Source | null
  /**
   * False: while nobody looks, an open connection stays, but nothing is dialled; once when somebody looks again. For
   * phones. Default true.
   */
  readonly dialsInBackground?: boolean
  /** Tells duplicated tabs apart; null: nobody copies this storage. Default: Web Locks and a BroadcastChannel. */
  readonly claims?: Claims | null
  /** Silent by default. */
  readonly log?: Log
  readonly dial?: Dial
  readonly clock?: Clock
  readonly chance?: Chance
}

export interface Platform {
  readonly dial: Dial
  readonly storage: (clock: Clock) => ClientStorage
  readonly claims: (clock: Clock) => Claims | null
  readonly wake: readonly WakeSource[]
  readonly online?: Source
  readonly focus?: Source
  /** Where a listener's exception goes when there is no log. */
  readonly report: Report
}

/** `Rooms` are the types of the server's rooms: `RoomsOf<typeof rooms>`, of the table it was made with. */
export type Connect = <Rooms extends RoomTypes = AnyRooms>(url: string, options?: ConnectOptions) => Session<Rooms>

interface Shared {
  readonly url: string
  readonly options: ConnectOptions
  readonly parts: SessionParts
}

/**
 * The `connect` of a platform. Calls are equal when their URL (normalised, whatever its query), `key`, `storage`, `dial`
 * and `clock` are: they share one session, each with a hold of its own. The first call's options count; a later `auth`
 * replaces the earlier one.
 */
export function createConnect(platform: Platform): Connect {
  const shared: Shared[] = []
  return <Rooms extends RoomTypes>(given: string, options: ConnectOptions = {}) => {
    checkOptions(options)
    const url = addressOf(given)
    const known = shared.find((other) => placeOf(other.url) === placeOf(url) && isEqual(other.options, options))
    if (known !== undefined) {
      if (options.auth !== undefined) known.parts.core.identity.auth = options.auth
      return new Session<Rooms>(known.parts)
    }
    const parts = createParts(url, options, platform, () => {
      shared.splice(shared.indexOf(made), 1)
    })
    const made = { url, options, parts }
    shared.push(made)
    const session = new Session<Rooms>(parts)
    parts.core.start()
    return session
  }
}

/** http(s) becomes ws(s); no path becomes the server's default. Throws a TypeError for anything else. */
export function addressOf(given: string): string {
  const url = new URL(given, globalThis.location?.href)
  url.protocol = url.protocol.replace(/^http/, 'ws')
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    throw new TypeError(`connect takes a ws or http URL, not ${given}`)
  if (url.pathname === '/') url.pathname = '/v1/connect'
  url.hash = ''
  return url.href
}

/** Which server it is, without what an application adds to a dial: a session outlives that. */
function placeOf(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

function isEqual(one: ConnectOptions, other: ConnectOptions): boolean {
  const isSameKey = (one.key ?? '') === (other.key ?? '')
  return isSameKey && one.storage === other.storage && one.dial === other.dial && one.clock === other.clock
}

function createParts(url: string, options: ConnectOptions, platform: Platform, closed: () => void): SessionParts {
  const { clock = systemClock, chance = systemChance, log = null, reconnect } = options
  const instance = base64url(chance.bytes(16))
  const place = `${options.key ?? ''}:${placeOf(url)}`
  const kept = options.storage ?? platform.storage(clock)
  const storage = new SafeStorage(kept, clock, (error) => core.report(error))
  const outbox = { ...outboxDefaults, ...options.outbox }
  const core: SessionCore = new SessionCore({
    url,
    clock,
    chance,
    log,
    dial: options.dial ?? platform.dial,
    report: log === null ? platform.report : (error) => log.warn({ error }, 'a listener threw'),
    outbox,
    stored:
      kept.outbox === undefined
        ? null
        : { store: kept.outbox, scope: place, ageMs: outbox.ageMs, isGuest: () => core.identity.isGuest },
    health: { quietMs: 1_000, lostMs: 30_000, ...options.health },
    settings: {
      ...backoffOf(reconnect === false ? {} : reconnect),
      isAutomatic: reconnect !== false,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      minUptimeMs: options.minUptimeMs ?? 5_000,
      dialsInBackground: options.dialsInBackground ?? true,
    },
    identity: {
      instance,
      storage,
      chance,
      sessionKey: `holdfast:session:${place}`,
      // A device key is a secret of this server's alone.
      deviceKey: `holdfast:device:${new URL(url).host}`,
      claims: options.claims === undefined ? platform.claims(clock) : options.claims,
      auth: options.auth ?? null,
    },
  })
  const stops = listenAll(core, options, platform)
  core.closed = () => {
    for (const stop of stops) stop()
    closed()
  }
  const soon = (run: () => void) => void clock.soon(run)
  return {
    core,
    soon,
    storage: () => (kept.outbox !== undefined && core.traffic.outboxLife.kind === 'memory' ? 'memory' : storage.kind),
    holds: new Holds(soon, (isForGood) => isForGood && core.close('closed')),
  }
}

function listenAll(core: SessionCore, options: ConnectOptions, platform: Platform): readonly (() => void)[] {
  const { wake = platform.wake, onlineSource = platform.online, focusSource = platform.focus } = options
  const stops = wake.map((listen) =>
    listen((what) => {
      if (what === 'wake') core.connection.dispatch({ type: 'wake' })
      else core[what]()
    }),
  )
  const online = onlineSource?.((isOnline) => {
    // Browsers are often wrong about being offline: it is a reason to look, never one to stop.
    if (isOnline || core.connection.isConnected) core.connection.dispatch({ type: 'wake' })
  })
  const focus = focusSource?.((isSeen) => core.connection.dispatch({ type: isSeen ? 'show' : 'hide' }))
  return [...stops, online ?? (() => {}), focus ?? (() => {})]
}
