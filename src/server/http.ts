// HTTP: the upgrade to a WebSocket at `/v1/connect`, and `GET /health`. The rest is the API's (api/), or not found.

import type { EventEmitter } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type WebSocket, WebSocketServer } from 'ws'
import { subprotocol } from '../protocol/frames.js'
import { clientAddress } from './address.js'
import { problemResponse } from './api/problem.js'
import { send } from './api/send.js'
import type { Peer } from './context.js'
import type { Door, Health, Place } from './door.js'
import type { OriginRule } from './origin.js'
import { connectPath, judgeUpgrade, type UpgradeHead } from './upgrade.js'

export interface Upgrades {
  /** Takes the request, or answers it with an error. Never throws. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** From now on everybody is sent away for a moment. */
  close(): void
}

export interface Arrival {
  readonly webSocket: WebSocket
  readonly socket: Duplex
  readonly peer: Peer
  readonly place: Place
}

const fragmentsMax = 64
const headerBytesMax = 16_384
const restSeconds = '2'

/** Judges each request before anything is allocated for it, then hands the WebSocket over. */
export function createUpgrades(ask: {
  readonly origins: OriginRule
  readonly door: Door
  readonly messageBytesMax: number
  readonly proxyHops: number
  readonly arrived: (arrival: Arrival) => void
}): Upgrades {
  const webSockets = new WebSocketServer({ ...webSocketOptions, maxPayload: ask.messageBytesMax })
  let isClosed = false

  return {
    upgrade(request, socket, head) {
      // A reset while we answer is the client's affair.
      socket.on('error', () => socket.destroy())
      const verdict = judgeUpgrade(headOf(request), ask.origins)
      if (verdict.kind === 'refused') return refuse(socket, verdict.status, verdict.error, verdict.headers)
      const address = clientAddress({
        socketAddress: request.socket.remoteAddress,
        forwardedFor: textOf(request.headers['x-forwarded-for']),
        proxyHops: ask.proxyHops,
      })
      const place = isClosed ? null : ask.door.enter(address)
      if (place === null) return refuse(socket, 503, 'overloaded', { 'Retry-After': restSeconds })
      socket.once('close', place.left)
      const peer = { origin: request.headers.origin ?? null, address }
      webSockets.handleUpgrade(request, socket, head, (webSocket) => ask.arrived({ webSocket, socket, peer, place }))
    },
    close() {
      isClosed = true
    },
  }
}

// A close that ws itself began (bad framing, too long) is waited for as briefly as one of ours.
const webSocketOptions = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxFragments: fragmentsMax,
  closeTimeout: 1_000,
  handleProtocols: () => subprotocol,
} as const

/** A server of our own: bounded heads, no patience with slow ones. `handle`: false for what is not the API's. */
export function createHttpServer(
  health: () => Health,
  handle: (request: IncomingMessage, response: ServerResponse) => boolean,
): Server {
  const server = createServer({
    maxHeaderSize: headerBytesMax,
    headersTimeout: 10_000,
    requestTimeout: 15_000,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: 5_000,
  })
  // All are counted, so that too many are refused and not quietly cut off.
  server.maxHeadersCount = 0
  server.on('request', (request, response) => {
    if (!handle(request, response)) answer(request, response, health())
  })
  return server
}

/** True for an upgrade that is ours. With nobody else to take it, every upgrade is ours to answer. */
export function isOurs(request: IncomingMessage, server: EventEmitter): boolean {
  const path = (request.url ?? '').split('?', 1)[0]
  return path === connectPath || server.listenerCount('upgrade') <= 1
}

function answer(request: IncomingMessage, response: ServerResponse, health: Health) {
  const path = (request.url ?? '').split('?', 1)[0]
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (path === '/health' && isRead) return json(response, health === 'ok' ? 200 : 503, { status: health })
  if (path === connectPath) return json(response, 426, { error: 'upgrade-required' }, { Upgrade: 'websocket' })
  const problem = {
    reason: 'not-found',
    detail: 'there are /health, /v1/connect, and the API of /v1/openapi.json',
  } as const
  void send(response, request, problemResponse(problem), new Headers({ 'Cache-Control': 'no-store' }))
}

function json(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { ...bodyHeaders(text), ...headers })
  response.end(text)
}

function refuse(socket: Duplex, status: number, error: string, headers: Readonly<Record<string, string>> = {}): void {
  const body = JSON.stringify({ error })
  const lines = Object.entries({ ...bodyHeaders(body), ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`)
}

function bodyHeaders(body: string): Record<string, string> {
  return {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': 'no-store',
    Connection: 'close',
  }
}

function headOf(request: IncomingMessage): UpgradeHead {
  return {
    method: request.method ?? '',
    httpVersion: request.httpVersion,
    target: request.url ?? '',
    headers: request.headers,
    headerCount: request.rawHeaders.length / 2,
    isSecure: (request.socket as Partial<TLSSocket>).encrypted === true,
  }
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value
}
