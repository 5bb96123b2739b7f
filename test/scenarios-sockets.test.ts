// The same things over real sockets, where only the kernel decides in which pieces bytes arrive. Scaled: back-off
// 50–200 ms, heartbeat 1 s + 1 s, so that the file takes seconds.

import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect, memoryStorage, type Session } from 'holdfast'
import { memoryStore } from 'holdfast/server'
import { createSeededChance, createTcpProxy, type TcpProxy } from 'holdfast/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { type RealServer, startServer } from './support/real.js'
import { range } from './support/world.js'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const run of undo.splice(0).reverse()) await run()
})

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const reconnect = { minMs: 50, maxMs: 200 }
const heartbeat = { everyMs: 1_000, timeoutMs: 1_000 }
const authenticate = (token: string | null) => (token === null ? null : { user: token })

function dial(port: number, user: string): Session {
  const session = connect(`ws://127.0.0.1:${port}`, {
    storage: memoryStorage(),
    auth: async () => user,
    reconnect,
    connectTimeoutMs: 1_000,
  })
  undo.push(() => session.close())
  return session
}

async function start(options: Parameters<typeof startServer>[0] = {}): Promise<RealServer> {
  const running = await startServer({ authenticate, heartbeat, ...options })
  undo.push(() => running.server.close({ timeoutMs: 1_000 }))
  return running
}

async function proxyTo(port: number): Promise<TcpProxy> {
  const proxy = await createTcpProxy({ to: { port } })
  undo.push(() => proxy.close())
  return proxy
}

function listen(session: Session, name: string) {
  const room = session.join(name)
  const data: unknown[] = []
  const offsets: number[] = []
  const gaps: unknown[] = []
  room.on('entry', (entry) => {
    data.push(entry.data)
    offsets.push(entry.position.offset)
  })
  room.on('gap', (gap) => gaps.push(gap))
  return { room, data, offsets, gaps }
}

test('[S1] the connection is reset in the middle of traffic, forty times: all of it once, in one order', {
  timeout: 60_000,
}, async () => {
  const store = memoryStore()
  const nodes = [await start({ store }), await start({ store })]
  const proxies = [await proxyTo(nodes[0]!.port), await proxyTo(nodes[1]!.port)]
  const [ann, bob] = [dial(proxies[0]!.port, 'ann'), dial(proxies[1]!.port, 'bob')]
  const [annRoom, bobRoom] = [listen(ann, 'a'), listen(bob, 'a')]
  await Promise.all([ann.whenLive(), bob.whenLive()])
  const chance = createSeededChance(4)
  const results = []
  for (const n of range(1, 400)) {
    results.push(annRoom.room.publish({ n, by: 'ann', text: 'x'.repeat(chance.below(2_000)) }))
    results.push(bobRoom.room.publish({ n, by: 'bob' }))
    if (n % 10 === 0) {
      await sleep(chance.below(30))
      proxies[chance.below(2)]!.cutAll()
    }
  }
  const settled = await Promise.all(results)
  expect(settled.filter(({ kind }) => kind !== 'kept')).toEqual([])
  await expect.poll(() => [annRoom.data.length, bobRoom.data.length], { timeout: 20_000 }).toEqual([800, 800])
  expect(annRoom.offsets).toEqual(range(1, 800))
  expect(bobRoom.offsets).toEqual(range(1, 800))
  expect(annRoom.data).toEqual(bobRoom.data)
  const keys = annRoom.data.map((data) => JSON.stringify([(data as { by: string }).by, (data as { n: number }).n]))
  expect(new Set(keys).size).toBe(800)
  expect([annRoom.gaps, bobRoom.gaps]).toEqual([[], []])
})

test('[S2] [S7] a half-open connection is found and replaced; what was missed arrives', {
  timeout: 30_000,
}, async () => {
  const { port } = await start()
  const proxy = await proxyTo(port)
  const [ann, bob] = [dial(proxy.port, 'ann'), dial(port, 'bob')]
  const [annRoom, bobRoom] = [listen(ann, 'a'), listen(bob, 'a')]
  await Promise.all([ann.whenLive(), bob.whenLive()])
  await expect.poll(() => annRoom.room.isLive && bobRoom.room.isLive).toBe(true)
  for (const link of proxy.links) link.halfOpen()
  for (const n of range(1, 50)) void bobRoom.room.publish(n)
  await expect.poll(() => annRoom.data, { timeout: 10_000 }).toEqual(range(1, 50))
  expect(ann.stats.dials).toBe(2)
})

test('[S70] a connection that stalls for a while, not for too long, is kept; nothing is lost', {
  timeout: 30_000,
}, async () => {
  const { port } = await start({ heartbeat: { everyMs: 5_000, timeoutMs: 5_000 } })
  const proxy = await proxyTo(port)
  const [ann, bob] = [dial(proxy.port, 'ann'), dial(port, 'bob')]
  const [annRoom, bobRoom] = [listen(ann, 'a'), listen(bob, 'a')]
  await Promise.all([ann.whenLive(), bob.whenLive()])
  await expect.poll(() => annRoom.room.isLive && bobRoom.room.isLive).toBe(true)
  proxy.stallAll()
  for (const n of range(1, 50)) void bobRoom.room.publish({ n, text: 'x'.repeat(20_000) })
  await sleep(1_000)
  proxy.resume()
  await expect.poll(() => annRoom.data.length, { timeout: 10_000 }).toBe(50)
  expect(annRoom.offsets).toEqual(range(1, 50))
  expect(ann.stats.dials).toBe(1)
})

describe('[S10] [F11] what is no WebSocket answers the upgrade', () => {
  const answers = {
    'HTML with 200 (a captive portal)': '200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>',
    'a redirect': '302 Found\r\nLocation: http://portal.test/\r\nContent-Length: 0\r\n\r\n',
    'a 503': '503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n',
    'a 404': '404 Not Found\r\nContent-Length: 0\r\n\r\n',
    'nothing but a closed connection': null,
  }
  for (const [what, answer] of Object.entries(answers)) {
    test(`${what}: it is tried again, and live when the portal is gone`, { timeout: 20_000 }, async () => {
      const portal = createHttpServer()
      portal.on('upgrade', (_, socket) => {
        if (answer === null) socket.destroy()
        else socket.end(`HTTP/1.1 ${answer}`)
      })
      portal.listen(0, '127.0.0.1')
      await once(portal, 'listening')
      const { port } = portal.address() as AddressInfo
      const ann = dial(port, 'ann')
      await expect.poll(() => ann.stats.dials, { timeout: 10_000 }).toBeGreaterThanOrEqual(3)
      expect(['connecting', 'reconnecting']).toContain(ann.status.state)
      portal.closeAllConnections()
      await new Promise((resolve) => portal.close(resolve))
      await start({ port })
      expect(await ann.whenLive()).toEqual({ kind: 'live' })
    })
  }
})

test('[F13] nobody listens, then somebody does', { timeout: 20_000 }, async () => {
  const probe = createHttpServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  const ann = dial(port, 'ann')
  await expect.poll(() => ann.stats.dials, { timeout: 10_000 }).toBeGreaterThanOrEqual(3)
  await start({ port })
  expect(await ann.whenLive()).toEqual({ kind: 'live' })
})

test('[S21] [S18] a leave ends the session, a close and a reload do not', { timeout: 20_000 }, async () => {
  const { port, server } = await start()
  const storage = memoryStorage()
  const open = () => {
    const session = connect(`ws://127.0.0.1:${port}`, { storage, auth: async () => 'ann', reconnect })
    undo.push(() => session.close())
    return session
  }
  const first = open()
  await first.whenLive()
  const { id } = first
  first.close()
  await expect.poll(async () => (await server.sessionsOf('ann'))[0]?.state).toBe('held')
  const second = open()
  await second.whenLive()
  expect(second.id).toBe(id)
  expect(await second.leave()).toEqual({ kind: 'left' })
  expect(await server.sessionsOf('ann')).toEqual([])
  const third = open()
  await third.whenLive()
  expect(third.id).not.toBe(id)
})

test('[F61] [I57] a hundred clients lose their connection at once: all are back, each as who he was', {
  timeout: 120_000,
}, async () => {
  const { port, server } = await start({ heartbeat: { everyMs: 5_000, timeoutMs: 5_000 } })
  const proxy = await proxyTo(port)
  const sessions = range(1, 100).map((n) => dial(proxy.port, `user-${n}`))
  const rooms = sessions.map((session) => listen(session, 'all'))
  await Promise.all(sessions.map((session) => session.whenLive()))
  const ids = sessions.map(({ id }) => id)
  await expect.poll(() => rooms.every(({ room }) => room.isLive), { timeout: 60_000 }).toBe(true)
  proxy.cutAll()
  await server.room('all').publish('missed')
  await expect.poll(() => rooms.filter(({ data }) => data.length === 1).length, { timeout: 60_000 }).toBe(100)
  expect(sessions.map(({ id }) => id)).toEqual(ids)
})
