// The demo server: the built page, Holdfast, and a TCP proxy in front of both, so that a tab can have its network cut
// for real.

import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer, type HoldfastServer, type LogSink } from 'holdfast/server'
import { createTcpProxy, type TcpProxy } from 'holdfast/testing'
import { createBreaks } from './breaks.js'
import { serveStatic } from './static.js'

export interface DemoOptions {
  /** The public port; 0 takes any free one. */
  readonly port: number
  readonly host?: string
  /** The folder with the built page. */
  readonly page: string
  /** May visitors break their own connections? Never in production. */
  readonly canBreak: boolean
  readonly log?: LogSink | false
}

export interface Demo {
  readonly port: number
  readonly server: HoldfastServer
  readonly proxy: TcpProxy
  /** Idempotent. */
  close(): Promise<void>
}

/** Listens when it resolves. */
export async function startDemo({ port, host = '127.0.0.1', page, canBreak, log }: DemoOptions): Promise<Demo> {
  const answerStatic = serveStatic(page)
  let proxy: TcpProxy | null = null
  const breaks = createBreaks(() => proxy?.links ?? [])
  const http = createHttpServer((request, response) => {
    if (!canBreak || !breaks.answer(request, response)) answerStatic(request, response)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const behind = (http.address() as AddressInfo).port
  const server = await createServer({
    server: http,
    rooms: { lobby: room, kelp: room, storm: room },
    // Short, so that a half-open connection is found while somebody watches.
    heartbeat: { everyMs: 5_000, timeoutMs: 3_000 },
    ...(log === undefined ? {} : { log }),
  })
  try {
    proxy = await createTcpProxy({ to: { port: behind }, port, host, onRequest: breaks.admit })
  } catch (error) {
    await server.close()
    http.close()
    throw error
  }
  const front = proxy
  return {
    port: front.port,
    server,
    proxy: front,
    async close() {
      await server.close()
      await front.close()
      http.close()
    },
  }
}

/** Others see somebody as held only after this long: a blink of the network is nobody's business. */
const room = { presence: { graceMs: 2_000 } }
