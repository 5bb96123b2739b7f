import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttp, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { decodeServerFrame } from '../protocol/decode-server.js'
import type { ServerFrame } from '../protocol/frames.js'
import { hash, hello, overridden, publish, resume } from '../../test/support/server-rig.js'
import { StoreUnavailable } from '../store/store.js'
import type { ServerOptions } from './options.js'
import { createServer, type HoldfastServer } from './server.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(options: ServerOptions = {}): Promise<HoldfastServer> {
  const server = await createServer({ port: 0, host: '127.0.0.1', log: false, env: {}, ...options })
  cleanups.push(() => server.close())
  return server
}

interface RealPeer {
  readonly webSocket: WebSocket
  readonly frames: ServerFrame[]
  send(frame: object): void
  until(type: ServerFrame['type'], count?: number): Promise<ServerFrame>
  closed(): Promise<number>
}

async function dial(port: number, headers: Record<string, string> = {}): Promise<RealPeer> {
  const webSocket = new WebSocket(`ws://127.0.0.1:${port}/v1/connect`, 'holdfast.v1', { headers })
  const frames: ServerFrame[] = []
  const waiting = new Set<() => void>()
  webSocket.on('message', (data, isBinary) => {
    const decoded = decodeServerFrame(isBinary ? (data as Buffer) : String(data))
    if (decoded.kind === 'frame') frames.push(decoded.frame)
    for (const look of waiting) look()
  })
  const closing = new Promise<number>((resolve) => webSocket.on('close', resolve))
  cleanups.push(() => webSocket.terminate())
  await once(webSocket, 'open')
  return {
    webSocket,
    frames,
    send: (frame) => webSocket.send(JSON.stringify(frame)),
    until: (type, count = 1) =>
      new Promise((resolve) => {
        const look = () => {
          const found = frames.filter((frame) => frame.type === type)[count - 1]
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    closed: () => closing,
  }
}

async function enter(server: HoldfastServer, rooms: object[] = []) {
  const peer = await dial(server.port)
  peer.send(hello({ rooms, device: 'd1' }))
  const welcome = await peer.until('welcome')
  if (welcome.type !== 'welcome') throw new Error('no welcome')
  return { peer, ...welcome }
}

describe('a server of our own', () => {
  test('[SRV-13] tells its health without a version, and nothing else', async () => {
    const server = await start()
    const health = await fetch(`${server.url}/health`)
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }])
    expect([...health.headers.keys()]).not.toContain('x-powered-by')
    const other = await fetch(`${server.url}/admin?token=secret`)
    expect([other.status, await other.json()]).toEqual([404, expect.objectContaining({ reason: 'not-found' })])
    expect((await fetch(`${server.url}/v1/connect`)).status).toBe(426)
    expect((await fetch(`${server.url}/health`, { method: 'POST' })).status).toBe(404)
  })

  test('[SRV-15] carries a session: publish, resume, who is online, kick', async () => {
    const lines: object[] = []
    const write = (fields: object, message: string) => void lines.push({ ...fields, message })
    const server = await start({ log: { info: write, warn: write, error: write } })
    const told: string[] = []
    for (const kind of ['connect', 'resume', 'drop', 'leave'] as const) server.on(kind, () => void told.push(kind))
    const { peer, session, user } = await enter(server, [{ room: 'a' }])
    await peer.until('live', 2)
    peer.send(publish(session, 1))
    await peer.until('published')
    await server.room('a').publish({ from: 'the server' })
    expect(await peer.until('entry', 2)).toMatchObject({ offset: 2, by: null, data: { from: 'the server' } })
    expect(await server.isOnline(user)).toBe(true)
    expect(await server.isOnline('nobody')).toBe(false)

    const again = await dial(server.port)
    again.send(resume(session, 1, { rooms: [{ room: 'a', last: 1 }] }))
    expect(await again.until('welcome')).toMatchObject({ verdict: { kind: 'resumed' } })
    expect(await peer.closed()).toBe(4400)
    expect(await server.sessionsOf(user)).toEqual([{ session, user, state: 'live', rooms: ['a'] }])

    await server.kick({ user, reason: 'spam' })
    expect(await again.closed()).toBe(4402)
    expect(await server.sessionsOf(user)).toEqual([])
    await expect.poll(() => told).toContain('leave')
    expect(lines).toContainEqual({ message: 'kick', user, reason: 'spam' })
  })

  test('[LOGS-1] what the application does to its users has a line each: kick, revoke, rights', async () => {
    const lines: object[] = []
    const write = (fields: object, message: string) => void lines.push({ ...fields, message })
    const server = await start({ log: { info: write, warn: write, error: write } })
    await server.kick({ session: 's-1', reason: 'spam' })
    await server.revoke({ user: 'ann' })
    await server.changeRights('bob')
    expect(lines.slice(-3)).toEqual([
      { message: 'kick', session: 's-1', reason: 'spam' },
      { message: 'revoke', user: 'ann' },
      { message: 'rights', user: 'bob' },
    ])
  })

  test('[SRV-12] closing tells every connection, holds its session, and may be asked for twice', async () => {
    const server = await start()
    const { peer } = await enter(server)
    const silent = await dial(server.port)
    const closing = server.close()
    expect(server.close()).toBe(closing)
    await closing
    expect(await peer.closed()).toBe(1001)
    expect(await silent.closed()).toBe(1001)
    expect(await peer.until('bye')).toMatchObject({ reason: 'going-away', kept: true, retry: true })
    expect(server.health()).toEqual({ status: 'down' })
    await expect(fetch(`${server.url}/health`)).rejects.toThrow()
  })

  test('[SRV-12] a drain gives each connection its turn, and lets nobody new in', async () => {
    const server = await start()
    const peers = []
    for (let at = 0; at < 10; at++) {
      const peer = await dial(server.port)
      peer.send(hello({ nextHash: hash(`s-${at}`) }))
      await peer.until('welcome')
      peers.push(peer)
    }
    const closing = server.close({ drainMs: 1_000 })
    expect((await fetch(`${server.url}/health`)).status).toBe(503)
    const late = new WebSocket(`ws://127.0.0.1:${server.port}/v1/connect`, 'holdfast.v1')
    const [, response] = await once(late, 'unexpected-response')
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '2'])
    await closing
    expect(new Set(await Promise.all(peers.map((peer) => peer.closed())))).toEqual(new Set([4000]))
  })

  test('[SRV-12] a port in use is an error with its code', async () => {
    const server = await start()
    await expect(start({ port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

describe('options', () => {
  test('[SRV-12] a store that does not open is an error, and nothing listens or keeps running', async () => {
    const open = () => Promise.reject(new StoreUnavailable('no disk'))
    const closed: unknown[] = []
    const store = overridden({ open, close: async () => void closed.push('closed') })
    await expect(start({ store })).rejects.toMatchObject({ name: 'StoreUnavailable' })
    // It is the caller's, so the caller closes it.
    expect(closed).toEqual([])
  })

  test('[ROOMS-1] parameters have the names of the pattern, also for the compiler', async () => {
    const server = await createServer({
      ...{ port: 0, host: '127.0.0.1', log: false, env: {} },
      rooms: {
        'chat/:id/:part': { canJoin: ({ params }) => params.id === params.part },
        'docs/*': { canJoin: ({ params }) => params.rest !== '' },
        lobby: {
          // @ts-expect-error there is no parameter in this pattern
          canJoin: ({ params }) => params.id === undefined,
        },
      },
    })
    await server.close()
  })
})

describe('the transport', () => {
  test('[SRV-16] replays of many frames arrive whole, also beside pings and to a reader that pauses', async () => {
    const server = await start({ limits: { payloadBytesMax: 65_536 } })
    for (let at = 1; at <= 200; at++) await server.room('a').publish(`${at} ${'x'.repeat(10_000)}`)
    const peer = await dial(server.port)
    let pongs = 0
    peer.webSocket.on('pong', () => {
      pongs += 1
    })
    peer.send(hello({ rooms: [{ room: 'a', last: 1_000 }] }))
    for (let at = 0; at < 20; at++) peer.webSocket.ping()
    peer.webSocket.pause()
    await new Promise((resolve) => setTimeout(resolve, 50))
    peer.webSocket.resume()
    await peer.until('live', 2)
    const offsets = peer.frames.flatMap((frame) => (frame.type === 'entry' ? [frame.offset] : []))
    // The room keeps 1 MB.
    expect(offsets.length).toBeGreaterThan(90)
    expect(offsets).toEqual(Array.from({ length: offsets.length }, (_, at) => 201 - offsets.length + at))
    await expect.poll(() => pongs).toBe(20)
  })

  test('[SRV-16] nothing is written behind a close frame, whoever closes', async () => {
    const server = await start()
    for (let round = 0; round < 5; round++) {
      const peer = await dial(server.port)
      peer.send(hello({ nextHash: hash(`round-${round}`), rooms: [{ room: 'a' }] }))
      await peer.until('live')
      let problem: unknown = null
      peer.webSocket.on('error', (error) => {
        problem = error
      })
      const publishing = Promise.all(Array.from({ length: 50 }, (_, at) => server.room('a').publish(at)))
      peer.webSocket.close(1000)
      await publishing
      expect(await peer.closed()).toBe(1000)
      expect(problem).toBeNull()
    }
  })

  test('[SRV-4] [A20] too many pings close the connection as flooding', async () => {
    const server = await start()
    const { peer } = await enter(server)
    for (let count = 0; count < 500; count++) peer.webSocket.ping()
    expect(await peer.closed()).toBe(1008)
    expect(await peer.until('bye')).toMatchObject({ reason: 'flooding' })
  })

  test('[SRV-16] a client that does not answer the close is cut', async () => {
    const server = await start({ settings: { authDeadlineMs: 50 } })
    const socket = connect(server.port, '127.0.0.1')
    cleanups.push(() => socket.destroy())
    const key = 'dGhlIHNhbXBsZSBub25jZQ=='
    const lines = ['GET /v1/connect HTTP/1.1', 'Host: x', 'Upgrade: websocket', 'Connection: Upgrade']
    const head = [
      ...lines,
      `Sec-WebSocket-Key: ${key}`,
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: holdfast.v1',
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    socket.resume()
    await once(socket, 'close')
  })
})

describe('a server of the application', () => {
  async function own(): Promise<Server> {
    const http = createHttp((_request, response) => response.end('mine'))
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    cleanups.push(() => http.close())
    return http
  }

  test('[SRV-13] keeps its requests and its upgrades; only ours are taken', async () => {
    const http = await own()
    http.on('upgrade', (request, socket) => {
      if (request.url === '/mine') socket.end('HTTP/1.1 418 Mine\r\n\r\n')
    })
    const server = await start({ server: http })
    const { port } = http.address() as AddressInfo
    expect(server.port).toBe(port)
    expect(await (await fetch(`http://127.0.0.1:${port}/health`)).text()).toBe('mine')
    const theirs = new WebSocket(`ws://127.0.0.1:${port}/mine`)
    expect((await once(theirs, 'unexpected-response'))[1].statusCode).toBe(418)
    const { peer } = await enter(server)
    await server.close()
    expect(await peer.closed()).toBe(1001)
    expect(await (await fetch(`http://127.0.0.1:${port}/x`)).text()).toBe('mine')
    expect(http.listenerCount('upgrade')).toBe(1)
  })

  test('[SRV-13] without an upgrade listener of its own, other paths are not found', async () => {
    const http = await own()
    await start({ server: http })
    const lost = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/lost`)
    expect((await once(lost, 'unexpected-response'))[1].statusCode).toBe(404)
  })
})

test('[SRV-23] with a data directory a server keeps its rooms, has it for itself, and tells what was in it', async () => {
  const data = await mkdtemp(join(tmpdir(), 'holdfast-'))
  cleanups.push(() => rm(data, { recursive: true, force: true }))
  const lines: object[] = []
  const log = { info: (fields: object) => void lines.push(fields), warn() {}, error() {} }
  const first = await start({ data, log })
  expect(first.data).toEqual({ path: data, rooms: 0, sessions: 0 })
  expect(lines).toContainEqual(expect.objectContaining({ store: 'lmdb', data, rooms: 0, sessions: 0 }))
  await first.room('a').publish('kept')
  await expect(start({ data })).rejects.toThrow(/in use by process/)
  await first.close()

  // What fails to begin leaves the directory free.
  await expect(start({ data, rooms: { a: { presense: true } as object } })).rejects.toThrow(/no option presense/)
  const second = await start({ data })
  expect(second.data).toMatchObject({ rooms: 1 })
})
