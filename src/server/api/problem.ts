// Every "no" of the HTTP API: a closed union of reasons, each with its status, told as RFC 9457 says. The words are those
// of the socket wherever it has the same "no".

import { byeEvent } from '../../protocol/events.js'
import type { RefusedIssue } from '../../protocol/frames.js'

export interface ProblemRow {
  readonly status: number
  /** For people, the same for every occurrence. */
  readonly title: string
  /** May the same request be sent again by itself? */
  readonly retry: boolean
}

const row = (status: number, title: string, retry = false): ProblemRow => ({ status, title, retry })

export const problems = {
  'bad-message': row(400, 'A parameter, header or field is missing, of another type, or beyond its limit.'),
  'token-in-url': row(400, 'A token stands in the URL, where proxies log it.'),
  'idempotency-key-missing': row(400, 'A publish needs an Idempotency-Key.'),
  'token-refused': row(401, 'The token was not accepted, or there is none and one is needed.'),
  'token-expired': row(401, 'The token has run out.'),
  'device-needed': row(401, 'A guest publishes with a Holdfast-Device, so that his retries are known as his.'),
  'origin-not-allowed': row(403, 'Pages of this origin may not ask here.'),
  forbidden: row(403, 'The room is not open to you, or does not exist.'),
  'not-found': row(404, 'There is nothing at this path.'),
  'method-not-allowed': row(405, 'This path knows other methods; `Allow` tells them.'),
  'too-slow': row(408, 'The body did not arrive in time.', true),
  unknown: row(409, 'It can no longer be told whether this was published; it will not be.'),
  'too-large': row(413, 'The body is beyond the limit.'),
  'unsupported-media-type': row(415, 'The body must be JSON, in UTF-8, not compressed.'),
  invalid: row(422, 'The data does not fit the schema of the room.'),
  'payload-mismatch': row(422, 'This Idempotency-Key came before with other data.'),
  'rate-limited': row(429, 'Too many requests.', true),
  'hook-failed': row(500, 'The application failed to decide; it is in its log.'),
  internal: row(500, 'The server made a mistake; it is in its log.'),
  'store-unavailable': row(503, 'The store did not answer in time; a repeated publish is told apart.', true),
  overloaded: row(503, 'More than this server takes at once.', true),
  drain: row(503, 'This server is going down; another one is waiting.', true),
  'rights-changed': row(503, 'The rights changed while they were asked for.', true),
} as const satisfies Readonly<Record<string, ProblemRow>>

export type ProblemReason = keyof typeof problems

export interface Problem {
  readonly reason: ProblemReason
  /** For people: what came, what was allowed, what to do. */
  readonly detail: string
  readonly afterMs?: number
  /** With `invalid`. */
  readonly issues?: readonly RefusedIssue[]
  /** With `method-not-allowed`. */
  readonly allow?: string
}

/** A step on the way to an answer. */
export type Step<T> = { readonly kind: 'yes'; readonly value: T } | { readonly kind: 'no'; readonly problem: Problem }

export const yes = <T>(value: T): Step<T> => ({ kind: 'yes', value })

export const no = (reason: ProblemReason, detail: string, more: Partial<Problem> = {}): Step<never> => ({
  kind: 'no',
  problem: { reason, detail, ...more },
})

/** Stable, and no address: there is nothing to fetch behind it. */
export function problemType(reason: ProblemReason): string {
  return `urn:holdfast:problem:${reason}`
}

/**
 * The same for a browser's EventSource, which would never come back after another status than 200: one `bye`, and the
 * time to come back. Null: it is not to come back.
 */
export async function problemStream(response: Response, spread: number): Promise<Response | null> {
  const told: Partial<Problem> & { retry?: boolean } = await response.clone().json()
  if (told.retry !== true || told.reason === undefined) return null
  const afterMs = (told.afterMs ?? leastMs) * (1 + spread)
  const bye = byeEvent({ reason: told.reason, message: told.detail ?? '', retry: true, afterMs })
  return new Response(bye, { headers: { 'Content-Type': 'text/event-stream', [reasonHeader]: told.reason } })
}

const leastMs = 1_000

/** The reason once more, for logs of proxies and ours. */
export const reasonHeader = 'Holdfast-Reason'

export function problemResponse({ reason, detail, afterMs, issues, allow }: Problem): Response {
  const { status, title, retry }: ProblemRow = problems[reason]
  const told = { type: problemType(reason), title, status, detail, reason, retry }
  const more = { ...(afterMs === undefined ? {} : { afterMs }), ...(issues === undefined ? {} : { issues }) }
  const headers = new Headers({ 'Content-Type': 'application/problem+json', [reasonHeader]: reason })
  if (afterMs !== undefined) headers.set('Retry-After', String(Math.max(1, Math.ceil(afterMs / 1000))))
  if (status === 401) headers.set('WWW-Authenticate', 'Bearer')
  if (allow !== undefined) headers.set('Allow', allow)
  return new Response(JSON.stringify({ ...told, ...more }), { status, headers })
}
