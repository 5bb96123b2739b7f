// The process that is restarted: the built page and Holdfast on one internal port. Its parent forks it, tells it what
// to serve, and kills it when a visitor asks for a restart. What must outlive that is in the store.

import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer, guests } from 'holdfast/server'
import { openLmdbStore } from 'holdfast/store/lmdb'
import { type Break, breakOf } from './breaks.js'
import { consoleLog } from './console-log.js'
import { serveStatic } from './static.js'

/** What the parent sends first. */
export interface Start {
  readonly page: string
  readonly data: string
  readonly canBreak: boolean
  readonly isSilent: boolean
}

/** What it is told. */
export type Told =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'break'; readonly ask: Break }

const bodyBytesMax = 1024

/** Others see somebody as held only after this long: a blink of the network is nobody's business. */
const room = { durability: 'process', presence: { graceMs: 2_000 } } as const

process.once('message', (start: Start) => void serve(start))
// The parent is gone: nobody could reach this process any more.
process.once('disconnect', () => process.exit(0))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})

async function serve({ page, data, canBreak, isSilent }: Start): Promise<void> {
  const answerStatic = serveStatic(page)
  const http = createHttpServer((request, response) => {
    if (canBreak && request.url === '/break') void answerBreak(request, response)
    else answerStatic(request, response)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const store = await openLmdbStore({ path: data })
  const server = await createServer({
    server: http,
    store,
    authenticate: guests(),
    rooms: { kelp: room, tide: room, storm: room },
    // Short, so that a half-open connection is found while somebody watches.
    heartbeat: { everyMs: 5_000, timeoutMs: 3_000 },
    log: isSilent ? false : consoleLog,
  })
  process.once('message', () => {
    void server
      .close({ drainMs: 0 })
      .then(() => store.close())
      .then(() => process.exit(0))
  })
  tell({ type: 'listening', port: (http.address() as AddressInfo).port })
}

async function answerBreak(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const answer = (status: number, text: string) => {
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(`${text}\n`)
  }
  // The page asks whether it may offer the drawer.
  if (request.method === 'GET') return answer(200, 'cut half-open lose-reply slow restart')
  if (request.method !== 'POST') return answer(405, 'only GET and POST')
  // A page of another origin cannot send this type without asking first, and nobody answers it.
  if (request.headers['content-type'] !== 'application/json') return answer(415, 'only application/json')
  const ask = breakOf(await bodyOf(request))
  if (ask === null) return answer(400, 'expected {"kind": string, "tab": string, "ms": 100 to 60000}')
  response.writeHead(204).end()
  await once(response, 'close')
  tell({ type: 'break', ask })
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = ''
  try {
    for await (const chunk of request) {
      text += String(chunk)
      if (text.length > bodyBytesMax) return null
    }
    return JSON.parse(text)
  } catch {
    return null
  }
}

function tell(what: Told): void {
  process.send?.(what)
}
