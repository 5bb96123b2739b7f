// Requests and event streams as strangers make them: fetch, node:http, and a parser of another maker.

import { get, type IncomingMessage } from 'node:http'
import { createParser } from 'eventsource-parser'

export interface Told {
  /** Absent: a comment tells nothing, an id alone does. */
  readonly event: string
  readonly id: string | null
  readonly data: string
}

/** One connection of a reader that follows the standard: what it heard, and the id with which it would come back. */
export interface EventStream {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly told: readonly Told[]
  readonly comments: readonly string[]
  /** The beginning, as it came. */
  readonly raw: () => string
  readonly retryMs: () => number | null
  lastEventId(): string | null
  /** Resolves when enough was told; rejects when the stream ends before. */
  until(isEnough: (told: readonly Told[]) => boolean): Promise<readonly Told[]>
  readonly ended: Promise<void>
  /** To pause it. */
  readonly response: IncomingMessage
  close(): void
}

export function openEvents(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers: { Accept: 'text/event-stream', ...headers }, agent: false }, (response) =>
      resolve(streamOf(response, () => request.destroy())),
    )
    request.once('error', reject)
  })
}

const rawMax = 100_000

function streamOf(response: IncomingMessage, close: () => void): EventStream {
  const told: Told[] = []
  const comments: string[] = []
  let raw = ''
  const ids = createIds()
  let retryMs: number | null = null
  let isOver = false
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const look of [...waiting]) look()
  }
  const parser = createParser({
    onEvent({ event = 'message', id, data }) {
      told.push({ event, id: id ?? null, data })
    },
    onComment: (comment) => void comments.push(comment),
    onRetry(ms) {
      retryMs = ms
    },
  })
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    if (raw.length < rawMax) raw += chunk
    ids.feed(chunk)
    parser.feed(chunk)
    wake()
  })
  const ended = new Promise<void>((done) => {
    const over = () => {
      isOver = true
      done()
      wake()
    }
    response.once('close', over)
  })
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    told,
    comments,
    raw: () => raw,
    retryMs: () => retryMs,
    lastEventId: () => ids.last(),
    until(isEnough) {
      return new Promise((resolve, reject) => {
        const look = () => {
          if (isEnough(told)) resolve(told)
          else if (isOver) reject(new Error(`the stream ended (${response.statusCode}):\n${raw.slice(0, 500)}`))
          else return
          waiting.delete(look)
        }
        waiting.add(look)
        look()
      })
    },
    ended,
    response,
    close,
  }
}

/** An id counts when its block is over, also of a block without data (HTML, 9.2.6): the parser tells events only. */
function createIds() {
  let rest = ''
  let last: string | null = null
  return {
    feed(chunk: string) {
      const blocks = (rest + chunk).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) last = /^id: (.*)$/m.exec(block)?.[1] ?? last
    },
    last: () => last,
  }
}

/** The application's data of entries, in the order told. */
export function dataOf(told: readonly Told[]): unknown[] {
  return told.filter(({ event }) => event === 'message').map(({ data }) => (JSON.parse(data) as { data: unknown }).data)
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers, and are wrong where those are
  readonly json: any
}

export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init)
  const text = await response.text()
  return { status: response.status, headers: response.headers, json: text === '' ? null : JSON.parse(text) }
}

export const device = { 'Holdfast-Device': 'device-of-the-test-000000000000' }

/** A publish of a guest who keeps his device. */
export function publish(url: string, key: string | null, body: unknown, headers: Record<string, string> = {}) {
  return ask(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      ...device,
      ...(key === null ? {} : { 'Idempotency-Key': key }),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}
