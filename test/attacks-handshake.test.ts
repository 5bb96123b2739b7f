// What strangers send before they are let in, over real sockets. Scaled down: auth deadline 300 ms (default 10 s);
// pending connections 20 of one address (default 100).

import { createServer as createHttpServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { createServer } from 'holdfast/server'
import {
  askUpgrade,
  createIdentity,
  enter,
  helloOf,
  openPeer,
  openSocket,
  random,
  upgradeRequest,
} from './support/raw.js'
import { guardServer, type RealServer, startServer } from './support/real.js'

const authDeadlineMs = 300
const pendingPerAddressMax = 20

let running: RealServer
beforeAll(async () => {
  running = await startServer({
    origins: ['https://app.example.com', 'http://local.example.com:8080'],
    settings: { authDeadlineMs, pendingPerAddressMax },
  })
})
guardServer(() => running)

const status = async (options: Parameters<typeof askUpgrade>[1]) => {
  const { raw, status } = await askUpgrade(running.port, options)
  raw.destroy()
  return status
}

describe('origins', () => {
  const cases = [
    { origin: 'https://app.example.com', gives: 101 },
    { origin: 'http://local.example.com:8080', gives: 101 },
    { origin: null, gives: 101 }, // a program, not a page: allowed unless `allowNoOrigin: false`
    { origin: 'null', gives: 403 },
    { origin: '', gives: 403 },
    { origin: 'https://evil.example', gives: 403 },
    { origin: 'https://app.example.com.evil.example', gives: 403 },
    { origin: 'https://evil-app.example.com', gives: 403 },
    { origin: 'https://evil.example#https://app.example.com', gives: 403 },
    { origin: 'https://app.example.com@evil.example', gives: 403 },
    { origin: 'http://app.example.com', gives: 403 },
    { origin: 'https://app.example.com:444', gives: 403 },
    { origin: 'http://local.example.com', gives: 403 },
    { origin: 'HTTPS://APP.EXAMPLE.COM', gives: 403 },
    { origin: 'https://app.example.com/', gives: 403 },
    { origin: 'https://app.example.com, https://evil.example', gives: 403 },
    { origin: ['https://app.example.com', 'https://evil.example'], gives: 403 },
  ]
  for (const { origin, gives } of cases) {
    test(`[A1] origin ${JSON.stringify(origin)} is answered ${gives}`, async () => {
      const before = running.server.health()
      expect(await status({ headers: { Origin: origin } })).toBe(gives)
      expect(running.server.health()).toEqual(before)
    })
  }

  test('[A2] a cookie is no way in for a foreign page', async () => {
    expect(await status({ headers: { Origin: 'https://evil.example', Cookie: 'session=abc' } })).toBe(403)
  })

  test('[A1] without `allowNoOrigin` a program is refused too', async () => {
    const strict = await startServer({ origins: ['https://app.example.com'], allowNoOrigin: false })
    const { raw, status } = await askUpgrade(strict.port)
    raw.destroy()
    expect(status).toBe(403)
  })
})

test('[A3] a token in the URL is refused, and stands in no log line', async () => {
  const canary = `canary-${random()}`
  for (const key of ['token', 'access_token', 'auth', 'jwt', 'TOKEN', 'secret', 'session']) {
    const { raw, status } = await askUpgrade(running.port, { path: `/v1/connect?a=1&${key}=${canary}` })
    expect(status, key).toBe(400)
    expect(await raw.ended()).toContain('token-in-url')
    expect(raw.text()).not.toContain(canary)
  }
  expect(JSON.stringify(running.lines)).not.toContain(canary)
})

describe('[A4] headers', () => {
  test('2001 of them are refused', async () => {
    const many = Object.fromEntries(Array.from({ length: 2001 }, (_, index) => [`X-${index}`, '1']))
    expect([400, 431]).toContain(await status({ headers: many }))
  })

  test('one of 64 kB is refused', async () => {
    expect(await status({ headers: { 'X-Large': 'x'.repeat(65_536) } })).toBe(431)
  })

  for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
    test(`one named ${name} changes nothing`, async () => {
      expect(await status({ headers: { [name]: 'polluted' } })).toBe(101)
      expect(await status({ headers: { 'Sec-WebSocket-Protocol': `${name}, holdfast.v1` } })).toBe(101)
      expect(await status({ headers: { 'Sec-WebSocket-Protocol': name } })).toBe(400)
    })
  }
})

describe('[A5] upgrades that are none', () => {
  const cases: { what: string; headers: Record<string, string | string[] | null>; gives: number[] }[] = [
    { what: 'no key', headers: { 'Sec-WebSocket-Key': null }, gives: [400] },
    { what: 'a short key', headers: { 'Sec-WebSocket-Key': 'abc' }, gives: [400] },
    { what: 'a long key', headers: { 'Sec-WebSocket-Key': `${'A'.repeat(24)}==` }, gives: [400] },
    {
      what: 'two keys',
      headers: { 'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ==', 'AAAAAAAAAAAAAAAAAAAAAA=='] },
      gives: [400],
    },
    { what: 'no version', headers: { 'Sec-WebSocket-Version': null }, gives: [400, 426] },
    { what: 'version 8', headers: { 'Sec-WebSocket-Version': '8' }, gives: [400, 426] },
    { what: 'version 13, 8', headers: { 'Sec-WebSocket-Version': '13, 8' }, gives: [400, 426] },
    { what: 'no subprotocol', headers: { 'Sec-WebSocket-Protocol': null }, gives: [400] },
    { what: 'another subprotocol', headers: { 'Sec-WebSocket-Protocol': 'holdfast.v99' }, gives: [400] },
    { what: 'an upgrade to something else', headers: { Upgrade: 'h2c' }, gives: [400] },
  ]
  for (const { what, headers, gives } of cases) {
    test(`${what} is answered ${gives.join(' or ')}`, async () => {
      expect(gives).toContain(await status({ headers }))
    })
  }

  test('the case of `websocket` and `Upgrade` does not matter', async () => {
    expect(await status({ headers: { Upgrade: 'WebSocket', Connection: 'keep-alive, upgrade' } })).toBe(101)
  })

  test('without Connection: Upgrade it is a plain request', async () => {
    expect(await status({ headers: { Connection: 'close' } })).toBe(426)
  })

  test('another path is not found', async () => {
    expect(await status({ path: '/' })).toBe(404)
    expect(await status({ path: '/v1/connect/../admin' })).toBe(404)
  })
})

test('[A6] ten thousand subprotocols or spaces are refused, without holding up the loop', async () => {
  const lists = [
    Array.from({ length: 2_000 }, (_, index) => `p${index}`).join(','),
    `a${' '.repeat(12_000)}b`,
    `${','.repeat(12_000)}`,
    `${' ,'.repeat(6_000)}`,
  ]
  for (const list of lists) {
    const startedMs = performance.now()
    expect([400, 431]).toContain(await status({ headers: { 'Sec-WebSocket-Protocol': list } }))
    expect(performance.now() - startedMs).toBeLessThan(250)
  }
})

test('[A7] who upgrades and says nothing is closed at the auth deadline, told why, and counted', async () => {
  const startedMs = performance.now()
  const peer = await openPeer(running.port)
  const { code, bye } = await peer.ended()
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(authDeadlineMs - 20)
  expect(performance.now() - startedMs).toBeLessThan(authDeadlineMs + 1500)
  expect(code).toBe(4503)
  expect(bye).toMatchObject({ reason: 'auth-timeout', retry: false })
  expect(running.lines.some(({ fields }) => fields['reason'] === 'auth-timeout')).toBe(true)
})

test('[A7] pings and empty frames do not put the deadline off', async () => {
  const peer = await openPeer(running.port)
  const pinging = setInterval(() => peer.sendShape({ opcode: 9 }), 50)
  const { code } = await peer.ended(authDeadlineMs + 3000)
  clearInterval(pinging)
  expect(code).toBe(4503)
})

test('[A8] a head that comes byte by byte is cut off', { timeout: 30_000 }, async () => {
  const raw = await openSocket(running.port)
  const head = upgradeRequest({})
  let at = 0
  const dripping = setInterval(() => raw.send(head[at++] ?? ''), 400)
  const answer = await raw.ended(20_000)
  clearInterval(dripping)
  expect(answer).toMatch(/^HTTP\/1\.1 408/)
})

test('[A9] connections without a hello are capped per address; who has said who he is does not count', async () => {
  const known = await enter(running.port)
  const raws = await Promise.all(Array.from({ length: pendingPerAddressMax + 10 }, () => askUpgrade(running.port)))
  const accepted = raws.filter(({ status }) => status === 101).length
  expect(accepted).toBe(pendingPerAddressMax)
  const refused = raws.find(({ status }) => status !== 101)!
  expect(refused.status).toBe(503)
  expect(refused.raw.text()).toMatch(/Retry-After: \d+/)
  for (const { raw } of raws) raw.destroy()
  known.peer.send({ type: 'join', id: 1, room: 'a' })
  await known.peer.take('joined')
  known.peer.destroy()
  await expect.poll(() => status({})).toBe(101)
})

describe('[A11] other ways to speak HTTP', () => {
  test('HTTP/1.0 and POST are refused', async () => {
    expect(await status({ http: 'HTTP/1.0' })).toBe(400)
    expect(await status({ method: 'POST', headers: { 'Content-Length': '0' } })).toBe(400)
  })

  test('a request with both Content-Length and Transfer-Encoding is refused', async () => {
    const raw = await openSocket(running.port)
    raw.send(
      'POST /v1/connect HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET',
    )
    expect(await raw.ended()).toMatch(/^HTTP\/1\.1 400/)
  })

  test('garbage, and a TLS hello, end in 400 or nothing', async () => {
    for (const bytes of [
      '\x16\x03\x01\x02\x00\x01\x00',
      'GET\r\n\r\n',
      '\0'.repeat(500),
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    ]) {
      const raw = await openSocket(running.port)
      raw.send(Buffer.from(bytes, 'latin1'))
      raw.socket.end()
      expect(await raw.ended()).toMatch(/^(HTTP\/1\.1 4\d\d|$)/)
    }
  })

  test('a header that is never ended in time, then a reset, harms nobody', async () => {
    for (let count = 0; count < 50; count++) {
      const raw = await openSocket(running.port)
      raw.send(upgradeRequest({}).slice(0, 20 + count * 4))
      raw.socket.resetAndDestroy()
    }
  })

  test('reset in the middle of the upgrade and of the hello harms nobody', async () => {
    for (let count = 0; count < 50; count++) {
      const { raw } = await askUpgrade(running.port)
      if (count % 2 === 0) raw.send(Buffer.from([0x81, 0xfe, 0x01]))
      raw.socket.resetAndDestroy()
    }
    await expect.poll(() => status({})).toBe(101)
  })
})

test('[A3] an application server keeps its own upgrades; ours are judged as ever', async () => {
  const http = createHttpServer()
  http.on('upgrade', (request, socket) => {
    if (request.url?.startsWith('/v1/connect') !== true) socket.end('HTTP/1.1 418 Teapot\r\n\r\n')
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const own = await createServer({ server: http, log: false, env: {} })
  const { port } = http.address() as AddressInfo
  const other = await askUpgrade(port, { path: '/other' })
  const ours = await askUpgrade(port)
  const bad = await askUpgrade(port, { path: '/v1/connect?token=x' })
  expect([other.status, ours.status, bad.status]).toEqual([418, 101, 400])
  for (const { raw } of [other, ours, bad]) raw.destroy()
  await own.close()
  http.close()
})

test('[A28] a hello of another version is told which one is spoken, and not to come back', async () => {
  const peer = await openPeer(running.port)
  peer.send(helloOf(createIdentity(), { version: 99 }))
  const { code, bye } = await peer.ended()
  expect(code).toBe(4502)
  expect(bye).toMatchObject({ reason: 'unsupported-version', retry: false })
})
