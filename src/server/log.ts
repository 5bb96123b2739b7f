// What the operator reads: one line per connect, resume, drop, leave, refusal and takeover, bounded in volume.
// Only the fields named here are ever written; there is none for a token, a secret, a device key or a URL.

/** What is used of a pino logger; any pino instance fits. */
export interface LogSink {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type Happening =
  | 'connect'
  | 'resume'
  | 'drop'
  | 'leave'
  | 'refusal'
  | 'takeover'
  | 'kick'
  | 'revoke'
  | 'rights'
  | 'listening'
  | 'closing'

/** JSON escapes whatever clients put into the strings. */
export interface LogFields {
  readonly session?: string
  readonly user?: string
  readonly reason?: string
  readonly durationMs?: number
  readonly rooms?: number
  readonly room?: string
  readonly address?: string
  readonly origin?: string | null
  readonly url?: string
  readonly store?: string
  readonly data?: string
  readonly sessions?: number
}

export interface ServerLog {
  happened(what: Happening, fields: LogFields): void
  /** For the operator, at start. */
  warn(message: string): void
  /** Our own mistake, or the application's. The same kind again is counted, not written, for ten seconds. */
  report(error: unknown, doing: string): void
}

interface Kind {
  writtenAtMs: number
  againCount: number
}

const kindsMax = 100
const quietMs = 10_000
const charsMax = 300

/** `sink: null` writes nothing. Beyond `linesPerSecond` lines are counted and told with the next one written. */
export function createLog(ask: {
  readonly sink: LogSink | null
  readonly linesPerSecond: number
  readonly nowMs: () => number
}): ServerLog {
  const { sink } = ask
  const kinds = new Map<string, Kind>()
  let secondStartMs = Number.NEGATIVE_INFINITY
  let lineCount = 0
  let suppressedCount = 0

  const write = (level: keyof LogSink, fields: object, message: string) => {
    if (sink === null) return
    const nowMs = ask.nowMs()
    if (nowMs - secondStartMs >= 1000) {
      secondStartMs = nowMs
      lineCount = 0
    }
    if (lineCount >= ask.linesPerSecond) {
      suppressedCount += 1
      return
    }
    lineCount += 1
    const told = suppressedCount
    suppressedCount = 0
    sink[level](told === 0 ? fields : { ...fields, suppressedBefore: told }, message)
  }

  return {
    happened(what, fields) {
      if (sink !== null) write('info', shortened(fields), what)
    },
    warn: (message) => write('warn', {}, message),
    report(error, doing) {
      const text = error instanceof Error ? error.message : String(error)
      const name = `${doing}: ${text}`.slice(0, charsMax)
      const nowMs = ask.nowMs()
      const kind = kinds.get(name)
      if (kind !== undefined && nowMs - kind.writtenAtMs < quietMs) {
        kind.againCount += 1
        return
      }
      const again = kind?.againCount ?? 0
      kinds.delete(name)
      kinds.set(name, { writtenAtMs: nowMs, againCount: 0 })
      const oldest = kinds.keys().next()
      if (kinds.size > kindsMax && oldest.done !== true) kinds.delete(oldest.value)
      const stack = error instanceof Error ? error.stack : undefined
      write('error', { doing, error: text.slice(0, charsMax), stack, ...(again === 0 ? {} : { again }) }, 'failed')
    },
  }
}

function shortened(fields: LogFields): object {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(
    entries.map(([key, value]) => [key, typeof value === 'string' ? value.slice(0, charsMax) : value]),
  )
}
