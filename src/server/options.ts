// What `createServer` takes, and what is in force when something is left out.

import type { Server } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import { pino } from 'pino'
import type { Limits } from '../protocol/limits.js'
import { memoryStore } from '../store/memory.js'
import type { Store } from '../store/store.js'
import { type Authenticate, guests } from './auth.js'
import { type Environment, flagOf, originsOf, unknownVariables, wordOf } from './environment.js'
import type { LogSink } from './log.js'
import { checkKeysOf, OptionError } from './option-error.js'
import { checkOrigins, type OriginRule } from './origin.js'
import type { RoomConfig } from './rooms.js'
import { readSettings, type Settings } from './settings.js'

export interface ServerOptions<P extends string = string> {
  /** Where to listen, with a server of our own. Default 7400 (`HOLDFAST_PORT`); 0 takes any free port. */
  readonly port?: number
  /** Default: all interfaces (`HOLDFAST_HOST`). */
  readonly host?: string
  /**
   * An HTTP server of the application: only upgrades at `/v1/connect` are taken, it is neither started nor closed. For
   * the HTTP API give its requests to `handle` first.
   */
  readonly server?: Server | SecureServer
  /**
   * The data directory (`HOLDFAST_DATA`): sessions and rooms are kept there, over restarts, by the embedded store, which
   * is opened and closed with the server. Default: none, and nothing outlives the process.
   */
  readonly data?: string
  /** Another store, instead of `data`. It is left open. */
  readonly store?: Store
  /** Default: guests; in production (`NODE_ENV=production`) it must be given, and be it `guests()`. */
  readonly authenticate?: Authenticate
  /** Default: in development every room; in production (`NODE_ENV=production`) none. */
  readonly rooms?: { readonly [pattern in P]: RoomConfig<pattern> }
  /** Pages that may connect (`HOLDFAST_ORIGINS`). Default: those of the same host and, in development, of this machine. */
  readonly origins?: OriginRule['origins']
  /** May programs connect, which send no Origin? Default true (`HOLDFAST_ALLOW_NO_ORIGIN`). */
  readonly allowNoOrigin?: boolean
  /** Over HTTP the value of this cookie is a token. Default: cookies do not count (`HOLDFAST_COOKIE`). */
  readonly cookie?: string
  readonly heartbeat?: { readonly everyMs?: number; readonly timeoutMs?: number }
  readonly limits?: Partial<Limits>
  /** Any other setting by its key. */
  readonly settings?: Partial<Settings>
  /** A pino instance (or what looks like one), or false for silence. Default: pino to standard output. */
  readonly log?: LogSink | false
  /** Default `process.env`. What an option says comes before what the environment says. */
  readonly env?: Environment
}

/** The options with nothing left open. */
export interface Resolved {
  readonly host: string | undefined
  readonly server: Server | SecureServer | null
  /** Null: to be opened in `data`. */
  readonly store: Store | null
  readonly ownsStore: boolean
  /** Null: another store keeps what is kept. */
  readonly data: string | null
  readonly authenticate: Authenticate
  readonly rooms: Readonly<Record<string, RoomConfig>>
  readonly origins: OriginRule
  readonly cookie: string | null
  readonly settings: Settings
  readonly sink: LogSink | null
  /** For the operator, at start. */
  readonly warnings: readonly string[]
}

const optionKeys: { readonly [key in keyof Required<ServerOptions>]: true } = {
  port: true,
  host: true,
  server: true,
  data: true,
  store: true,
  authenticate: true,
  rooms: true,
  origins: true,
  allowNoOrigin: true,
  cookie: true,
  heartbeat: true,
  limits: true,
  settings: true,
  log: true,
  env: true,
}

export function isOptionKey(key: string): key is keyof ServerOptions {
  return Object.hasOwn(optionKeys, key)
}

/** Proxies and load balancers commonly cut what is silent for this long. */
const proxyIdleMs = 60_000

/** Throws for a value that makes no sense, naming the option or variable, what came and what is allowed. */
export function resolveOptions(options: ServerOptions): Resolved {
  checkShape(options)
  const env = options.env ?? process.env
  const isProduction = env['NODE_ENV'] === 'production'
  if (isProduction && options.authenticate === undefined && flagOf(env, 'HOLDFAST_ALLOW_GUESTS') !== true) {
    throw new OptionError(
      'in production `authenticate` must be set; write authenticate: guests() (or HOLDFAST_ALLOW_GUESTS=true) to let everybody in',
    )
  }
  const settings = readSettings(settingsGiven(options), env)
  const origins = options.origins ?? originsOf(env) ?? 'same-host'
  checkOrigins(origins)
  const data = dataOf(options, env)
  const resolved = {
    host: options.host ?? wordOf(env, 'HOLDFAST_HOST'),
    server: options.server ?? null,
    store: options.store ?? (data === null ? memoryStore() : null),
    ownsStore: options.store === undefined,
    data,
    authenticate: options.authenticate ?? guests(),
    rooms: options.rooms ?? (isProduction ? {} : { '*': {} }),
    origins: {
      origins,
      allowNoOrigin: options.allowNoOrigin ?? flagOf(env, 'HOLDFAST_ALLOW_NO_ORIGIN') ?? true,
      allowLocal: !isProduction,
    },
    cookie: cookieOf(options.cookie ?? wordOf(env, 'HOLDFAST_COOKIE')),
    settings,
    sink: options.log === false ? null : (options.log ?? pino()),
  }
  const warnings = [...unknownVariables(env), ...warningsOf(options, resolved, isProduction)]
  return { ...resolved, warnings }
}

const groupKeys = {
  heartbeat: ['everyMs', 'timeoutMs'],
  limits: ['payloadBytesMax', 'inFlightMax', 'roomsMax'],
} as const

/** What is misspelt would silently be the default. */
function checkShape(options: ServerOptions): void {
  const unknown = Object.keys(options).find((key) => !isOptionKey(key))
  if (unknown !== undefined) throw new OptionError(`createServer: there is no option ${unknown}`)
  for (const [group, keys] of Object.entries(groupKeys)) {
    checkKeysOf(`option ${group}`, options[group as keyof typeof groupKeys], keys)
  }
  for (const [name, type] of [
    ['authenticate', 'function'],
    ['allowNoOrigin', 'boolean'],
    ['cookie', 'string'],
    ['data', 'string'],
    ['host', 'string'],
  ] as const) {
    const value: unknown = options[name]
    if (value === undefined || typeof value === type) continue
    throw new OptionError(`option ${name} must be a ${type}, but ${value === null ? 'null' : typeof value} came`)
  }
}

function dataOf({ data, store }: ServerOptions, env: Environment): string | null {
  if (data !== undefined && store !== undefined) {
    throw new OptionError('option data names a directory and option store another store; write one of them')
  }
  if (data?.trim() === '') throw new OptionError('option data must name a directory, but "" came')
  return store === undefined ? (data ?? wordOf(env, 'HOLDFAST_DATA') ?? null) : null
}

/** A name as RFC 6265 has it. */
function cookieOf(name: string | undefined): string | null {
  if (name === undefined) return null
  if (/^[\w!#$%&'*+.^`|~-]{1,64}$/.test(name)) return name
  throw new OptionError(`option cookie must be the name of a cookie, but ${JSON.stringify(name)} came`)
}

function settingsGiven({ port, heartbeat, limits, settings }: ServerOptions) {
  const named = {
    port,
    heartbeatMs: heartbeat?.everyMs,
    heartbeatTimeoutMs: heartbeat?.timeoutMs,
    payloadBytesMax: limits?.payloadBytesMax,
    inFlightMax: limits?.inFlightMax,
    roomsMax: limits?.roomsMax,
  }
  const given = Object.entries(named).filter(([, value]) => value !== undefined)
  return { ...settings, ...Object.fromEntries(given) }
}

function warningsOf(
  options: ServerOptions,
  { settings, store }: Pick<Resolved, 'settings' | 'store'>,
  isProduction: boolean,
): string[] {
  const warnings: string[] = []
  if (isProduction && options.authenticate === undefined) {
    warnings.push('HOLDFAST_ALLOW_GUESTS is set: everybody may come in as a guest')
  }
  if (isProduction && options.rooms === undefined) {
    warnings.push('no `rooms` are set: in production no room is open until you name it')
  }
  if (isProduction && store?.driver === 'memory') {
    warnings.push('the memory store loses every session and entry when this process ends; set `data` or HOLDFAST_DATA')
  }
  if (settings.heartbeatMs >= proxyIdleMs) {
    warnings.push(
      `a heartbeat of ${settings.heartbeatMs} ms is not below the 60 s after which proxies cut silent links`,
    )
  }
  return warnings
}
