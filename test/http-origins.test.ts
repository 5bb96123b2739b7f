// Which pages may ask over HTTP, what their browsers are told, and for whom a cookie speaks.

import { afterEach, describe, expect, test } from 'vitest'
import { createServer, type HoldfastServer, type ServerOptions } from 'holdfast/server'
import { isAskerAllowed } from '../src/server/api/cors.js'
import { ask, publish } from './support/http.js'

const open: HoldfastServer[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close({ timeoutMs: 2_000 })))
})

const app = 'https://app.example.com'
const authenticate: ServerOptions['authenticate'] = (token) => (token === null ? null : { user: token })

async function start(options: ServerOptions = {}): Promise<string> {
  const own: ServerOptions = { port: 0, host: '127.0.0.1', env: { NODE_ENV: 'production' }, log: false }
  const server = await createServer({ ...own, rooms: { '*': {} }, authenticate, ...options } as ServerOptions)
  open.push(server)
  return `${server.url}/v1/rooms/a/entries`
}

const bearer = { Authorization: 'Bearer ann' }
const cookie = { Cookie: 'other=1; session=ann' }

describe('origins', () => {
  for (const origin of ['https://evil.com', 'null', 'https://app.example.com.evil.com', 'http://app.example.com']) {
    test(`[HTTP-5] ${origin} is refused before anybody is asked, with a token too`, async () => {
      let askedCount = 0
      const url = await start({
        origins: [app],
        authenticate: () => {
          askedCount += 1
          return { user: 'ann' }
        },
      })
      for (const answer of [
        await ask(url, { headers: { ...bearer, Origin: origin } }),
        await publish(url, 'k', { data: 1 }, { ...bearer, Origin: origin }),
        await ask(url.replace('entries', 'stream'), { headers: { Origin: origin } }),
        await ask(url, { method: 'OPTIONS', headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' } }),
      ]) {
        expect([answer.status, answer.json.reason]).toEqual([403, 'origin-not-allowed'])
        expect(answer.headers.get('access-control-allow-origin')).toBeNull()
        expect(answer.headers.get('vary')).toBe('Origin')
      }
      expect(askedCount).toBe(0)
    })
  }

  test('[HTTP-5] an allowed page is told so, in refusals and streams too, and its preflight passes', async () => {
    const url = await start({ origins: [app] })
    const page = await ask(url, { headers: { ...bearer, Origin: app } })
    const refused = await ask(url, { headers: { Origin: app } })
    const stream = await fetch(url.replace('entries', 'stream'), { headers: { ...bearer, Origin: app } })
    await stream.body?.cancel()
    for (const { headers } of [page, refused, stream]) {
      expect(headers.get('access-control-allow-origin')).toBe(app)
      expect(headers.get('vary')).toBe('Origin')
      expect(headers.get('access-control-allow-credentials')).toBeNull()
    }
    expect([page.status, refused.status, stream.status]).toEqual([200, 401, 200])
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: {
        Origin: app,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'idempotency-key',
      },
    })
    expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([
      204,
      'GET, HEAD, POST, OPTIONS',
    ])
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Idempotency-Key')
  })

  test('[HTTP-5] credentials are for origins that are named, and where a cookie counts', async () => {
    const url = await start({ origins: [app], cookie: 'session' })
    const { status, headers } = await ask(url, { headers: { ...cookie, Origin: app } })
    expect([status, headers.get('access-control-allow-credentials')]).toEqual([200, 'true'])
    const sameHost = await start({ cookie: 'session' })
    const own = await ask(sameHost, { headers: { ...cookie, Origin: new URL(sameHost).origin } })
    expect([own.status, own.headers.get('access-control-allow-credentials')]).toEqual([200, null])
  })
})

describe('cookies', () => {
  test('[HTTP-6] [A2] a cookie counts only when it was named, and never for a foreign page', async () => {
    const ignored = await start()
    expect((await ask(ignored, { headers: cookie })).status).toBe(401)
    const url = await start({ cookie: 'session' })
    expect((await ask(url, { headers: cookie })).status).toBe(200)
    expect((await ask(url, { headers: { ...cookie, Origin: 'https://evil.com' } })).status).toBe(403)
    const foreign = await publish(url, 'k', { data: 1 }, { ...cookie, Origin: 'https://evil.com' })
    expect(foreign.status).toBe(403)
  })

  test('[HTTP-6] a publish by cookie tells its page', async () => {
    const url = await start({ cookie: 'session' })
    const silent = await publish(url, 'k', { data: 1 }, cookie)
    expect([silent.status, silent.json.reason]).toEqual([403, 'origin-not-allowed'])
    const own = await publish(url, 'k', { data: 1 }, { ...cookie, Origin: new URL(url).origin })
    expect(own.status).toBe(201)
    expect((await publish(url, 'l', { data: 1 }, { ...cookie, ...bearer })).status).toBe(201)
  })

  const rule = { origins: 'same-host', allowNoOrigin: true, allowLocal: false } as const
  const host = 'api.example.com'
  for (const [site, method, isByCookie, isAllowed] of [
    ['same-origin', 'POST', true, true],
    ['same-origin', 'GET', true, true],
    ['none', 'GET', true, true],
    [undefined, 'GET', true, true],
    [undefined, 'POST', true, false],
    ['none', 'POST', true, false],
    ['same-site', 'GET', true, false],
    ['cross-site', 'GET', true, false],
    ['cross-site', 'POST', true, false],
    ['cross-site', 'GET', false, true],
    [undefined, 'POST', false, true],
  ] as const) {
    test(`[HTTP-6] ${method} ${isByCookie ? 'by' : 'without'} cookie, Sec-Fetch-Site ${site}: ${isAllowed}`, () => {
      const headers = { host, ...(site === undefined ? {} : { 'sec-fetch-site': site }) }
      expect(isAskerAllowed(rule, { headers, method, isSecure: true, isByCookie })).toBe(isAllowed)
    })
  }

  test('[HTTP-6] where programs may not come, a page of the own host still reads, as browsers ask', () => {
    const question = { method: 'GET', isSecure: true, isByCookie: false }
    const own = { host, 'sec-fetch-site': 'same-origin' }
    for (const [origins, isAllowed] of [
      ['same-host', true],
      [[`https://${host}`], true],
      [[app], false],
    ] as const) {
      const strict = { origins, allowNoOrigin: false, allowLocal: false }
      expect(isAskerAllowed(strict, { ...question, headers: own })).toBe(isAllowed)
      expect(isAskerAllowed(strict, { ...question, headers: { host } })).toBe(false)
    }
  })
})
