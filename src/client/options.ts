// What `connect` takes, checked: a number that cannot be meant is a mistake of the caller, told where it is made.

import { came } from './came.js'
import type { ConnectOptions } from './connect.js'

/** By the option's path: the least that it may be, and the most if there is one. */
const ranges: Readonly<Record<string, readonly [least: number, most?: number]>> = {
  connectTimeoutMs: [1],
  minUptimeMs: [0],
  'reconnect.minMs': [0],
  'reconnect.maxMs': [1],
  'reconnect.factor': [1],
  'reconnect.jitter': [0, 1],
  'reconnect.attemptsMax': [1],
  'outbox.itemsMax': [1],
  'outbox.bytesMax': [1],
  'outbox.ttlMs': [0],
  'outbox.ageMs': [1],
  'health.quietMs': [0],
  'health.lostMs': [0],
}

/** Throws a TypeError that names the option, what it may be, and what came. */
export function checkOptions(options: ConnectOptions): void {
  for (const [path, [least, most = Infinity]] of Object.entries(ranges)) {
    const value = path
      .split('.')
      .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], options)
    const isLeft = value === undefined || (value === null && path === 'outbox.ttlMs')
    if (isLeft || (typeof value === 'number' && value >= least && value <= most)) continue
    const allowed = most === Infinity ? `a number from ${least}` : `a number from ${least} to ${most}`
    throw new TypeError(`connect takes as ${path} ${allowed}; ${came(value)} came`)
  }
}
