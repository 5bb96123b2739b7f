// The HTTP API: its routes, and what each request passes before its route. Everything is answered here, by JSON, by a
// problem, or by a stream that stays open.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { Hono } from 'hono'
import { StoreUnavailable } from '../../store/store.js'
import { clientAddress } from '../address.js'
import type { Context, Peer } from '../context.js'
import type { Door } from '../door.js'
import type { OriginRule } from '../origin.js'
import { headersMax, hasSecretKey } from '../upgrade.js'
import { credentialsOf } from './access.js'
import { type CorsQuestion, corsHeaders, isAskerAllowed, preflight } from './cors.js'
import { jsonResponse, publishEntry, readEntries } from './entries.js'
import { openapi } from './openapi.js'
import { no, type Problem, problemResponse, problemStream, reasonHeader } from './problem.js'
import { createRates } from './rates.js'
import { send } from './send.js'
import { openRoomStream } from './stream.js'
import { type ApiContext, rateProblem, type Visit } from './visit.js'

export interface Api {
  /** False, and nothing was done: the path is not the API's. */
  handle(request: IncomingMessage, response: ServerResponse): boolean
  /** From now on everybody is sent away for a moment; what is under way goes on. */
  close(): void
}

export interface ApiOptions {
  readonly context: Context
  readonly origins: OriginRule
  readonly door: Door
  /** Whose value is a token; null: cookies do not count. */
  readonly cookie: string | null
}

interface Env {
  readonly Bindings: { readonly visit: Omit<Visit, 'rawRoom'> }
}

const entriesPath = '/v1/rooms/:room/entries'
const streamPath = '/v1/rooms/:room/stream'
const openapiPath = '/v1/openapi.json'
const methodsOf = { [entriesPath]: 'GET, HEAD, POST, OPTIONS', [streamPath]: 'GET, HEAD, OPTIONS' } as const
const restMs = 2_000
const storeRestMs = 1_000

/** What is the API's: everything below these. */
const ours = /^\/v1\/(rooms\/|openapi\.json$)/

export function createApi(options: ApiOptions): Api {
  const { settings } = options.context
  const publishRate = { perSecond: settings.messagesPerSecond, burst: settings.messagesBurst }
  const requestRate = { perSecond: settings.requestsPerSecond, burst: settings.requestsBurst }
  const api: ApiContext = {
    ...options.context,
    requests: createRates(requestRate),
    publishes: createRates(publishRate),
  }
  const app = createApp()
  let isClosed = false
  return {
    handle(request, response) {
      const [path = ''] = (request.url ?? '').split('?', 1)
      if (!ours.test(path)) return false
      answer({ api, app, isClosed, options }, request, response).catch((error: unknown) => {
        api.log.report(error, 'an HTTP request')
        response.destroy()
      })
      return true
    },
    close() {
      isClosed = true
    },
  }
}

interface Answering {
  readonly api: ApiContext
  readonly app: Hono<Env>
  readonly isClosed: boolean
  readonly options: ApiOptions
}

async function answer(
  { api, app, isClosed, options }: Answering,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { door, origins, cookie } = options
  const peer = peerOf(incoming, api.settings.proxyHops)
  const credentials = credentialsOf(incoming, cookie)
  const isByCookie = credentials.kind === 'yes' && credentials.value.isByCookie
  const question = corsQuestion(incoming, isByCookie)
  const headers = corsHeaders(origins, question, cookie !== null)
  headers.set('Cache-Control', 'no-store')
  headers.set('X-Content-Type-Options', 'nosniff')
  const refuse = (problem: Problem) => {
    api.log.happened('refusal', { reason: problem.reason, address: peer.address, origin: peer.origin })
    return tell(api, { incoming, outgoing, headers }, problemResponse(problem))
  }
  if (isClosed) return refuse({ reason: 'drain', detail: 'come again', afterMs: restMs })
  const place = door.enter(peer.address)
  if (place === null) return refuse({ reason: 'overloaded', detail: 'come again', afterMs: restMs })
  outgoing.once('close', place.left)
  if (outgoing.destroyed) return place.left()

  const head = judgeHead(api, incoming, peer)
  if (head.kind === 'no') return refuse(head.problem)
  if (!isAskerAllowed(origins, question)) {
    return refuse({ reason: 'origin-not-allowed', detail: 'this page may not ask here; see the option origins' })
  }
  if (credentials.kind === 'no') return refuse(credentials.problem)
  const [path = '', query = ''] = splitOnce(incoming.url ?? '')
  const visit = {
    ...{ api, incoming, outgoing, peer, place, headers },
    ...{ credentials: credentials.value, query: new URLSearchParams(query) },
  }
  const request = new Request(`http://api${path}`, { method: routedMethod(incoming.method) })
  const response = await app.fetch(request, { visit })
  if (response.headers.has(taken)) return
  const reason = response.headers.get(reasonHeader)
  if (reason !== null) api.log.happened('refusal', { reason, address: peer.address, origin: peer.origin })
  await tell(api, visit, response)
}

/** Writes the answer; a refusal in the words of who asks. */
async function tell(
  { chance }: ApiContext,
  { incoming, outgoing, headers }: Pick<Visit, 'incoming' | 'outgoing' | 'headers'>,
  response: Response,
): Promise<void> {
  const isReader = incoming.method === 'GET' && (incoming.headers.accept ?? '').includes('text/event-stream')
  const isRefusal = isReader && response.headers.has(reasonHeader)
  const stream = isRefusal ? await problemStream(response, chance.fraction()) : null
  await send(outgoing, incoming, stream ?? response, headers)
}

/** Marks a response that was written already, or is being written. */
const taken = 'x-taken'

function createApp(): Hono<Env> {
  const app = new Hono<Env>()
  const visitOf = (c: { env: Env['Bindings']; req: { raw: Request } }): Visit => {
    const [, , , rawRoom = ''] = (c.env.visit.incoming.url ?? '').split('?', 1).join('').split('/')
    return { ...c.env.visit, rawRoom }
  }
  app.get(entriesPath, (c) => readEntries(visitOf(c)))
  app.post(entriesPath, (c) => publishEntry(visitOf(c)))
  app.get(
    streamPath,
    async (c) => (await openRoomStream(visitOf(c))) ?? new Response(null, { headers: { [taken]: '1' } }),
  )
  app.get(openapiPath, () => jsonResponse(200, openapiText))
  for (const [path, methods] of [...Object.entries(methodsOf), [openapiPath, 'GET, HEAD, OPTIONS'] as const]) {
    app.options(path, () => preflight(methods))
    app.all(path, () => problemResponse({ reason: 'method-not-allowed', detail: `use ${methods}`, allow: methods }))
  }
  app.notFound(() => problemResponse({ reason: 'not-found', detail: 'see /v1/openapi.json for what there is' }))
  app.onError((error, c) => {
    if (error instanceof StoreUnavailable) {
      return problemResponse({ reason: 'store-unavailable', detail: 'try again', afterMs: storeRestMs })
    }
    c.env.visit.api.log.report(error, 'an HTTP request')
    return problemResponse({ reason: 'internal', detail: 'it is in the log of the server' })
  })
  return app
}

const openapiText = JSON.stringify(openapi)

function judgeHead(api: ApiContext, incoming: IncomingMessage, peer: Peer) {
  const [, query] = splitOnce(incoming.url ?? '')
  if (incoming.rawHeaders.length / 2 > headersMax) return no('bad-message', `at most ${headersMax} headers`)
  if (hasSecretKey(query)) return no('token-in-url', 'send it in the Authorization header')
  return rateProblem(api, peer)
}

function peerOf(incoming: IncomingMessage, proxyHops: number): Peer {
  const forwarded = incoming.headers['x-forwarded-for']
  const address = clientAddress({
    socketAddress: incoming.socket.remoteAddress,
    forwardedFor: Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
    proxyHops,
  })
  return { origin: incoming.headers.origin ?? null, address }
}

function corsQuestion(incoming: IncomingMessage, isByCookie: boolean): CorsQuestion {
  const isSecure = (incoming.socket as Partial<TLSSocket>).encrypted === true
  return { headers: incoming.headers, method: incoming.method ?? '', isSecure, isByCookie }
}

/** Requests of the Fetch standard cannot have some methods; no route has them either. */
function routedMethod(method = ''): string {
  return /^(CONNECT|TRACE|TRACK)$/i.test(method) ? 'OTHER' : method
}

function splitOnce(target: string): [string, string] {
  const at = target.indexOf('?')
  return at === -1 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)]
}
