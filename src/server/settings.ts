// Every number an operator may set: one table, from which come the defaults, the environment and the help.
// It knows nothing of what the numbers do.

import type { EngineSettings } from '../engine/engine.js'
import { bounds, type Limits } from '../protocol/limits.js'
import { OptionError } from './option-error.js'

export interface SettingRow {
  readonly key: string
  readonly default: number
  readonly unit: 'ms' | 'bytes' | 'count' | 'per second' | 'port'
  readonly min: number
  readonly max: number
  readonly meaning: string
}

const hourMs = 3_600_000
const gigabyte = 2 ** 30
const megabyte = 2 ** 20
const many = 10_000_000

const ms = (fallback: number, meaning: string, min = 1, max = 24 * hourMs) =>
  ({ default: fallback, unit: 'ms', min, max, meaning }) as const
const bytes = (fallback: number, meaning: string, min = 1024, max = gigabyte) =>
  ({ default: fallback, unit: 'bytes', min, max, meaning }) as const
const count = (fallback: number, meaning: string, min = 1, max = many) =>
  ({ default: fallback, unit: 'count', min, max, meaning }) as const
const rate = (fallback: number, meaning: string) =>
  ({ default: fallback, unit: 'per second', min: 1, max: many, meaning }) as const

/** In the order in which the help tells them. */
export const settingsTable = [
  { key: 'port', default: 7400, unit: 'port', min: 0, max: 65_535, meaning: 'Where to listen; 0 takes any free port.' },
  {
    key: 'heartbeatMs',
    ...ms(25_000, 'Beats to clients; keep it below the idle timeout of proxies (often 60 s).', 100),
  },
  { key: 'heartbeatTimeoutMs', ...ms(10_000, 'Silence for the heartbeat and this long is a drop.', 100) },
  { key: 'sessionHoldMs', ...ms(120_000, 'How long a session waits for its client after a drop.', 1, 720 * hourMs) },
  { key: 'authDeadlineMs', ...ms(10_000, 'A connection without a hello by then is closed.') },
  { key: 'hookDeadlineMs', ...ms(5_000, 'A hook of the application without an answer by then has failed.') },
  { key: 'storeDeadlineMs', ...ms(5_000, 'A store without an answer by then is unavailable.') },
  { key: 'drainWindowMs', ...ms(20_000, 'SIGTERM: connections are moved away over at most this long.', 0) },
  { key: 'closeDeadlineMs', ...ms(5_000, 'Closing, after the drain: the process is done by then in any case.') },
  { key: 'slowMs', ...ms(30_000, 'A reader that takes no bytes for this long is closed; it may resume.') },
  { key: 'flushDelayMs', ...ms(10, 'When the loop is busy, writes gather for this long; 0 = never wait.', 0, 100) },
  { key: 'payloadBytesMax', ...bytes(65_536, 'The largest frame either end may send.', 1024, 2 * megabyte) },
  { key: 'trackBytesMax', ...bytes(2_048, 'What a session may show of itself in a room (presence data).', 16, 65_536) },
  { key: 'inFlightMax', ...count(32, 'Unanswered requests of a connection.') },
  { key: 'roomsMax', ...count(128, 'Rooms of a session.') },
  { key: 'connectionsMax', ...count(100_000, 'Connections of this server.') },
  { key: 'pendingMax', ...count(1_000, 'Connections that have not yet said who they are.') },
  { key: 'pendingPerAddressMax', ...count(100, 'The same, of one address (IPv6: of one /64).') },
  {
    key: 'proxyHops',
    ...count(0, 'Trusted proxies in front: X-Forwarded-For is read this many from the right.', 0, 16),
  },
  { key: 'messagesPerSecond', ...rate(200, 'Frames of a connection; beyond it they are refused as rate-limited.') },
  { key: 'messagesBurst', ...count(1_000, 'Frames of a connection that may come at once.') },
  { key: 'pingsPerSecond', ...rate(10, 'WebSocket pings of a connection; 50 may come at once.') },
  { key: 'resumesPerSecond', ...rate(5_000, 'Hellos that resume; four seconds of them may come at once.') },
  { key: 'newSessionsPerSecond', ...rate(2_500, 'Hellos without a session; four seconds of them may come at once.') },
  { key: 'sessionAttachesMax', ...count(20, 'Attaches of one session in ten seconds.') },
  { key: 'requestsPerSecond', ...rate(200, 'HTTP requests of one address (IPv6: of one /64).') },
  { key: 'requestsBurst', ...count(1_000, 'HTTP requests of one address that may come at once.') },
  { key: 'requestDeadlineMs', ...ms(10_000, 'The body of an HTTP request has arrived by then.') },
  { key: 'logLinesPerSecond', ...rate(200, 'Log lines; what is beyond is counted and told.') },
  { key: 'tickMs', ...ms(1_000, 'Hold time, sweep and control log.', 10, 2_500) },
  { key: 'nodeLeaseMs', ...ms(10_000, 'A node not heard of for this long is lost.') },
  { key: 'freezeMs', ...ms(15_000, 'After an outage hold time stands still for this long.', 0) },
  { key: 'writeBytesMax', ...bytes(262_144, 'One write to a connection.') },
  { key: 'narrowWriteBytesMax', ...bytes(16_384, 'One write to a connection that did not take the last at once.') },
  { key: 'controlBytesMax', ...bytes(1_048_576, 'Answers waiting for a connection.') },
  { key: 'pageEntriesMax', ...count(256, 'Entries read from the store at once.') },
  { key: 'pageBytesMax', ...bytes(262_144, 'Bytes read from the store at once.') },
  { key: 'tailEntriesMax', ...count(1_000, 'Entries of a room kept ready to send.') },
  { key: 'tailBytesMax', ...bytes(1_048_576, 'Bytes of a room kept ready to send.') },
  { key: 'tailAgeMs', ...ms(300_000, 'Age of entries kept ready to send.') },
  { key: 'tailsBytesMax', ...bytes(268_435_456, 'Bytes of all rooms kept ready to send.', 1_048_576, 64 * gigabyte) },
  { key: 'roomLingerMs', ...ms(30_000, 'A room that nobody reads leaves memory after this.') },
] as const satisfies readonly SettingRow[]

export type SettingKey = (typeof settingsTable)[number]['key']

/** All settings, each in its unit. */
export type Settings = { readonly [key in SettingKey]: number }

/** `heartbeatMs` → `HOLDFAST_HEARTBEAT_MS`. */
export function envOf(key: string): string {
  return `HOLDFAST_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

export function isSettingKey(key: string): key is SettingKey {
  return settingsTable.some((row) => row.key === key)
}

/**
 * What is in force: what was given, else the environment, else the default. Throws for a value that is no number or
 * out of bounds, naming the option or variable, what came and what is allowed.
 */
export function readSettings(
  given: { readonly [key in SettingKey]?: number | undefined },
  env: { readonly [name: string]: string | undefined } = {},
): Settings {
  for (const key of Object.keys(given)) {
    if (!isSettingKey(key)) throw new OptionError(`settings: there is no setting ${key}`)
  }
  const entries = settingsTable.map((row: SettingRow & { key: SettingKey }) => {
    const option = given[row.key]
    if (option !== undefined) return [row.key, checked(row, option, `option ${row.key}`)] as const
    const text = env[envOf(row.key)]
    if (text === undefined || text === '') return [row.key, row.default] as const
    return [row.key, checked(row, numberOf(text), envOf(row.key), text)] as const
  })
  return Object.fromEntries(entries) as Settings
}

/** The settings as lines of help: variable, default, meaning. */
export function settingsHelp(): string {
  const width = Math.max(...settingsTable.map((row) => envOf(row.key).length))
  return settingsTable
    .map((row) => `  ${envOf(row.key).padEnd(width)}  ${row.meaning} [${row.default} ${row.unit}]\n`)
    .join('')
}

/** Of the settings those that the engine obeys. */
export function engineSettings(settings: Settings): EngineSettings {
  return { ...settings, roomsPerSessionMax: settings.roomsMax }
}

/** Of the settings those that each client is told. */
export function limitsOf({ payloadBytesMax, inFlightMax, roomsMax }: Settings): Limits {
  return { payloadBytesMax, inFlightMax, roomsMax }
}

/** The largest WebSocket message that is read at all: a hello may be larger than other frames. */
export function messageBytesMax(settings: Settings): number {
  return Math.max(bounds.helloBytesMax, settings.payloadBytesMax)
}

function checked(row: SettingRow, value: number, name: string, came: string | number = value): number {
  if (Number.isSafeInteger(value) && value >= row.min && value <= row.max) return value
  throw new OptionError(
    `${name} must be a whole number from ${row.min} to ${row.max} (${row.unit}), but ${shown(came)} came`,
  )
}

/** Plain decimal digits only: `0x10`, `1e3` and ` 5` are more often mistakes than meant. */
function numberOf(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
}

function shown(came: string | number): string {
  return typeof came === 'number' ? String(came) : JSON.stringify(came)
}
