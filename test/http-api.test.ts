// Pages and publishes over HTTP, on real sockets: the socket's rules, in the words of HTTP.

import { createServer as createHttpServer, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createServer, type HoldfastServer, memoryStore, type ServerOptions, StoreUnavailable } from 'holdfast/server'
import { type Answer, ask, device, openEvents, publish } from './support/http.js'
import { createIdentity, enter } from './support/raw.js'
import { overridden } from './support/server-rig.js'

const open: HoldfastServer[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close({ timeoutMs: 2_000 })))
})

async function start(options: ServerOptions = {}): Promise<HoldfastServer> {
  const server = await createServer({ port: 0, host: '127.0.0.1', env: {}, log: false, ...options })
  open.push(server)
  return server
}

const entriesOf = ({ url }: HoldfastServer, room = 'a') => `${url}/v1/rooms/${encodeURIComponent(room)}/entries`
const as = (token: string) => ({ Authorization: `Bearer ${token}` })
const users: ServerOptions['authenticate'] = (token) => (token === null || token === 'bad' ? null : { user: token })

function expectProblem(answer: Answer, status: number, reason: string): void {
  expect([answer.status, answer.json?.reason]).toEqual([status, reason])
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(answer.json).toMatchObject({ type: `urn:holdfast:problem:${reason}`, status, title: expect.any(String) })
}

describe('pages', () => {
  test('[HTTP-1] who asks on with `next` gets every entry once, and is told where the head is', async () => {
    const server = await start()
    for (let data = 1; data <= 7; data++) await server.room('a').publish(data)
    const seen: unknown[] = []
    let after = ''
    for (let hasMore = true; hasMore; ) {
      const { status, json } = await ask(`${entriesOf(server)}?limit=3${after}`)
      expect([status, json.verdict]).toEqual([200, { kind: 'complete' }])
      seen.push(...json.entries.map((entry: { data: unknown }) => entry.data))
      hasMore = json.hasMore
      after = `&after=${json.next}`
      if (!hasMore) expect(json.next).toBe(json.head)
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7])
    const last = await ask(`${entriesOf(server)}?last=2`)
    expect(last.json.entries.map((entry: { offset: number }) => entry.offset)).toEqual([6, 7])
  })

  test('[HTTP-1] what is missing is a gap with its reason; what is emptied is void; bytes are base64url', async () => {
    const server = await start({ rooms: { '*': { retention: { entriesMax: 3 } } } })
    const first = await ask(entriesOf(server))
    await server.room('a').publish(1)
    await server.room('a').publish(2)
    await server.room('a').publish('old', { key: 'k' })
    await server.room('a').publish('new', { key: 'k' })
    await server.room('a').publish(new Uint8Array([0, 255]))
    const { json } = await ask(`${entriesOf(server)}?after=${first.json.next}`)
    expect(json.verdict).toEqual({ kind: 'gap', reason: 'trimmed', from: 1, to: 2 })
    expect(json.entries.map(({ kind, data }: { kind: string; data: unknown }) => [kind, data])).toEqual([
      ['void', undefined],
      ['json', 'new'],
      ['bytes', 'AP8'],
    ])
    const strange = await ask(`${entriesOf(server)}?after=another.3.history`)
    expect(strange.json.verdict).toMatchObject({ kind: 'gap', reason: 'epoch-changed' })
  })

  test('[HTTP-1] a page survives a restart of the server', async () => {
    const store = memoryStore()
    const first = await start({ store })
    for (const data of [1, 2]) await first.room('a').publish(data)
    const page = await ask(`${entriesOf(first)}?limit=1`)
    await first.close()
    const second = await start({ store: memoryStore({ from: store.snapshot() }) })
    await second.room('a').publish(3)
    const { json } = await ask(`${entriesOf(second)}?after=${page.json.next}`)
    expect([json.verdict.kind, json.entries.map((entry: { data: unknown }) => entry.data)]).toEqual([
      'complete',
      [2, 3],
    ])
  })

  test('[HTTP-1] rooms of any name, percent-encoded as one segment', async () => {
    const server = await start()
    for (const room of ['chat/42', '100%', 'a%2Fb', 'grüße/😀', 'a b+c?d#e', '..a']) {
      await server.room(room).publish(room)
      const { json } = await ask(entriesOf(server, room))
      expect(json.entries.map((entry: { data: unknown }) => entry.data)).toEqual([room])
    }
    for (const wrong of ['%E0%A4', '$control', '%00', 'x'.repeat(256)]) {
      expectProblem(await ask(`${server.url}/v1/rooms/${wrong}/entries`), 400, 'bad-message')
    }
  })

  for (const query of ['after=x', 'after=a.b.c', 'after=a.-1.c', 'limit=0', 'limit=x', 'limit=1.5', 'last=-1']) {
    test(`[HTTP-1] ${query} is refused`, async () => {
      expectProblem(await ask(`${entriesOf(await start())}?${query}`), 400, 'bad-message')
    })
  }
})

describe('publishing', () => {
  test('[HTTP-2] a retry with the same key is applied once and gets the first answer, also at the same time', async () => {
    const server = await start()
    const url = entriesOf(server)
    const first = await publish(url, 'key-1', { data: { text: 'hi' }, mark: 'm1' })
    expect(first).toMatchObject({ status: 201, json: { offset: 1, duplicate: false } })
    const again = await Promise.all([1, 2, 3].map(() => publish(url, '"key-1"', { data: { text: 'hi' }, mark: 'm1' })))
    for (const { status, json } of again) {
      expect([status, json]).toEqual([200, { ...first.json, duplicate: true }])
    }
    const many = await Promise.all(Array.from({ length: 10 }, () => publish(url, 'key-2', { data: 2 })))
    expect(many.map(({ status }) => status).sort()).toEqual([...Array.from({ length: 9 }, () => 200), 201])
    const { json } = await ask(url)
    expect(json.entries).toHaveLength(2)
    expect(json.entries[0]).toMatchObject({ mark: 'm1', by: { session: 'http' }, position: first.json.position })
  })

  test('[HTTP-2] the key of another user, or in another room, is another key; other data is refused', async () => {
    const server = await start({ authenticate: users })
    expect((await publish(entriesOf(server), 'k', { data: 1 }, as('ann'))).status).toBe(201)
    expect((await publish(entriesOf(server), 'k', { data: 1 }, as('bob'))).status).toBe(201)
    expect((await publish(entriesOf(server, 'b'), 'k', { data: 1 }, as('ann'))).status).toBe(201)
    expectProblem(await publish(entriesOf(server), 'k', { data: 2 }, as('ann')), 422, 'payload-mismatch')
    expectProblem(await publish(entriesOf(server), 'k', { data: 1, key: 'x' }, as('ann')), 422, 'payload-mismatch')
  })

  test('[HTTP-2] a retry after a restart is told apart too', async () => {
    const store = memoryStore()
    const first = await start({ store })
    const { json } = await publish(entriesOf(first), 'k', { data: 1 })
    await first.close()
    const second = await start({ store: memoryStore({ from: store.snapshot() }) })
    const again = await publish(entriesOf(second), 'k', { data: 1 })
    expect([again.status, again.json.offset, again.json.duplicate]).toEqual([200, json.offset, true])
  })

  test('[HTTP-2] without a key nothing is published', async () => {
    const server = await start()
    expectProblem(await publish(entriesOf(server), null, { data: 1 }), 400, 'idempotency-key-missing')
    expectProblem(await publish(entriesOf(server), 'two words', { data: 1 }), 400, 'bad-message')
    expect((await ask(entriesOf(server))).json.entries).toEqual([])
  })

  test('[HTTP-2] members on sockets get it like any entry', async () => {
    const server = await start()
    const { peer } = await enter(server.port, createIdentity(), { rooms: [{ room: 'a' }] })
    await peer.take('live', (frame) => frame.room === null)
    await publish(entriesOf(server), 'k', { data: { text: 'hi' }, key: 'slot' })
    await publish(entriesOf(server), 'l', { kind: 'bytes', data: 'AP8' })
    expect(await peer.take('entry')).toMatchObject({ data: { text: 'hi' }, key: 'slot', by: { session: 'http' } })
    const page = await ask(`${entriesOf(server)}?last=1`)
    expect(page.json.entries).toMatchObject([{ kind: 'bytes', data: 'AP8', offset: 2 }])
  })

  for (const [what, body] of [
    ['no JSON', '{'],
    ['no object', '[1]'],
    ['without data', '{"key":"a"}'],
    ['with a key twice', '{"data":1,"data":2}'],
    ['with a prototype', '{"data":{"__proto__":1}}'],
    ['too deep', `{"data":${'['.repeat(40)}${']'.repeat(40)}}`],
    ['of unknown kind', '{"data":1,"kind":"xml"}'],
    ['of bytes that are none', '{"data":"a+b","kind":"bytes"}'],
    ['with a wrong mark', '{"data":1,"mark":"a b"}'],
  ] as const) {
    test(`[HTTP-7] a body ${what} is refused`, async () => {
      expectProblem(await publish(entriesOf(await start()), 'k', body), 400, 'bad-message')
    })
  }

  test('[HTTP-7] a body is JSON, within the limit, told or not', async () => {
    const server = await start({ limits: { payloadBytesMax: 2_000 } })
    const url = entriesOf(server)
    expectProblem(await publish(url, 'k', { data: 'x'.repeat(3_000) }), 413, 'too-large')
    const untold = await fetch(url, {
      method: 'POST',
      headers: { ...device, 'Idempotency-Key': 'k', 'Content-Type': 'application/json' },
      body: new Blob([`{"data":"${'x'.repeat(3_000)}"}`]).stream(),
      duplex: 'half',
    } as RequestInit)
    expect(untold.status).toBe(413)
    expectProblem(await publish(url, 'k', { data: 1 }, { 'Content-Type': 'text/plain' }), 415, 'unsupported-media-type')
    expectProblem(await publish(url, 'k', { data: 1 }, { 'Content-Encoding': 'gzip' }), 415, 'unsupported-media-type')
    const utf8 = await publish(url, 'k', { data: 1 }, { 'Content-Type': 'application/json; charset=UTF-8' })
    expect(utf8.status).toBe(201)
  })

  test('[HTTP-7] a body that does not come is not waited for', async () => {
    const server = await start({ settings: { requestDeadlineMs: 200 } })
    const request = httpRequest(entriesOf(server), {
      method: 'POST',
      headers: { ...device, 'Idempotency-Key': 'k', 'Content-Type': 'application/json', 'Content-Length': '20' },
    })
    request.on('error', () => {})
    request.write('{"data"')
    const [response] = await once(request, 'response')
    expect(response.statusCode).toBe(408)
    request.destroy()
  })
})

describe('rights', () => {
  test('[HTTP-3] [A2] the hooks are those of the socket, in their order', async () => {
    const asked: string[] = []
    const server = await start({
      authenticate: users,
      rooms: {
        'chat/:id': {
          canJoin: ({ user, params, session }) => {
            asked.push(`join ${user} ${params.id} ${session}`)
            return user !== 'eve'
          },
          canPublish: ({ user, data }) => {
            asked.push(`publish ${user} ${JSON.stringify(data)}`)
            return user === 'ann' || { reason: 'only ann writes' }
          },
        },
        broken: { canJoin: () => Promise.reject(new Error('no')) },
      },
    })
    const url = entriesOf(server, 'chat/1')
    expectProblem(await ask(url), 401, 'token-refused')
    expectProblem(await ask(url, { headers: as('bad') }), 401, 'token-refused')
    expectProblem(await ask(url, { headers: { Authorization: 'Basic YTpi' } }), 401, 'token-refused')
    expectProblem(await ask(url, { headers: as('eve') }), 403, 'forbidden')
    expectProblem(await publish(url, 'k', { data: 1 }, as('eve')), 403, 'forbidden')
    const denied = await publish(url, 'k', { data: 1 }, as('bob'))
    expectProblem(denied, 403, 'forbidden')
    expect(denied.json.detail).toBe('only ann writes')
    expect((await publish(url, 'k', { data: 1 }, as('ann'))).status).toBe(201)
    expectProblem(await ask(entriesOf(server, 'broken'), { headers: as('ann') }), 500, 'hook-failed')
    expect(asked).toEqual([
      'join eve 1 http',
      'join eve 1 http',
      'join bob 1 http',
      'publish bob 1',
      'join ann 1 http',
      'publish ann 1',
    ])

    const closed = await ask(url, { headers: as('eve') })
    const none = await ask(entriesOf(server, 'nowhere'), { headers: as('eve') })
    expect([none.status, none.json]).toEqual([closed.status, closed.json])
  })

  test('[HTTP-3] a token that has run out is refused', async () => {
    const server = await start({ authenticate: () => ({ user: 'ann', expiresAtMs: Date.now() - 1 }) })
    expectProblem(await ask(entriesOf(server)), 401, 'token-expired')
  })

  test('[HTTP-11] a guest reads, and publishes with a device, which makes him the same guest', async () => {
    const server = await start()
    expect((await ask(entriesOf(server))).status).toBe(200)
    const nobody = await publish(entriesOf(server), 'k', { data: 1 }, { 'Holdfast-Device': '' })
    expectProblem(nobody, 400, 'bad-message')
    const none = await ask(entriesOf(server), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'k' },
      body: '{"data":1}',
    })
    expectProblem(none, 401, 'device-needed')
    await publish(entriesOf(server), 'k', { data: 1 })
    await publish(entriesOf(server), 'l', { data: 2 })
    const { json } = await ask(entriesOf(server))
    const [one, two] = json.entries.map((entry: { by: { user: string } }) => entry.by.user)
    expect([one, one]).toEqual([two, expect.stringMatching(/^guest-/)])
  })

  test('[HTTP-12] where only what came since the own arrival may be read, a position proves the arrival', async () => {
    const server = await start({ authenticate: users, rooms: { '*': { history: 'since-join' } } })
    await server.room('a').publish('before')
    const url = entriesOf(server)
    const headers = as('ann')
    const first = await ask(url, { headers })
    expect(first.json.entries).toEqual([])
    await server.room('a').publish('after')
    const next = await ask(`${url}?after=${first.json.next}`, { headers })
    expect(next.json.entries.map((entry: { data: unknown }) => entry.data)).toEqual(['after'])

    const [epoch] = first.json.next.split('.')
    const forged = await ask(`${url}?after=${epoch}.0.guessed`, { headers })
    expect(forged.json.entries).toEqual([])
    expect((await ask(`${url}?after=${epoch}.9.guessed&last=5`, { headers })).json.entries).toEqual([])
  })

  test('[HTTP-12] who was removed reads from his return on, over HTTP too', async () => {
    const server = await start({ authenticate: users })
    await server.room('a').publish('before')
    await server.room('a').remove('ann')
    expect((await ask(entriesOf(server), { headers: as('ann') })).json.entries).toEqual([])
    await server.room('a').publish('since')
    const page = await ask(entriesOf(server), { headers: as('ann') })
    expect(page.json.entries.map((entry: { data: unknown }) => entry.data)).toEqual(['since'])
  })
})

describe('a server under way', () => {
  test('[HTTP-4] a store that does not answer is told, retryably', async () => {
    const store = memoryStore()
    let isAway = false
    const away =
      <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
      (...args: A) =>
        isAway ? Promise.reject(new StoreUnavailable('away')) : call(...args)
    const server = await start({ store: overridden({ read: away(store.read), append: away(store.append) }, store) })
    isAway = true
    const page = await ask(entriesOf(server))
    expectProblem(page, 503, 'store-unavailable')
    expect([page.headers.get('retry-after'), page.json.retry, page.json.afterMs]).toEqual(['1', true, 1_000])
    expectProblem(await publish(entriesOf(server), 'k', { data: 1 }), 503, 'store-unavailable')
    expectProblem(await ask(`${server.url}/v1/rooms/a/stream`), 503, 'store-unavailable')
    isAway = false
    expect((await publish(entriesOf(server), 'k', { data: 1 })).status).toBe(201)
  })

  test('[HTTP-8] requests of one address, and publishes of one user, have a rate', async () => {
    const server = await start({ settings: { requestsPerSecond: 1, requestsBurst: 3 } })
    const answers = []
    for (let count = 0; count < 4; count++) answers.push(await ask(entriesOf(server)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429])
    expectProblem(answers[3] as Answer, 429, 'rate-limited')
    expect(Number(answers[3]?.headers.get('retry-after'))).toBe(1)

    const other = await start({ authenticate: users, settings: { messagesPerSecond: 1, messagesBurst: 2 } })
    const sent = []
    for (let key = 0; key < 3; key++) sent.push(await publish(entriesOf(other), `k${key}`, { data: 1 }, as('ann')))
    expect(sent.map(({ status }) => status)).toEqual([201, 201, 429])
    expect((await publish(entriesOf(other), 'k', { data: 1 }, as('bob'))).status).toBe(201)
  })

  test('[HTTP-8] [A13] an address that only the sender tells does not make a new one', async () => {
    const server = await start({ settings: { requestsPerSecond: 1, requestsBurst: 2 } })
    const told = (address: string) => ask(entriesOf(server), { headers: { 'X-Forwarded-For': address } })
    const statuses = [await told('1.1.1.1'), await told('2.2.2.2'), await told('3.3.3.3')].map(({ status }) => status)
    expect(statuses).toEqual([200, 200, 429])
  })

  test('[HTTP-8] [A9] streams are connections: beyond the limit they are refused, and others come in again after', async () => {
    const server = await start({ settings: { connectionsMax: 2 } })
    const url = `${server.url}/v1/rooms/a/stream`
    const streams = [await openEvents(url), await openEvents(url)]
    await Promise.all(streams.map((stream) => stream.until((told) => told.length > 0)))
    expectProblem(await ask(url), 503, 'overloaded')
    streams[0]?.close()
    await streams[0]?.ended
    await expect.poll(async () => (await ask(entriesOf(server))).status).toBe(200)
    streams[1]?.close()
  })

  test('[HTTP-13] methods and paths that there are not are told apart', async () => {
    const server = await start()
    const put = await ask(entriesOf(server), { method: 'PUT' })
    expectProblem(put, 405, 'method-not-allowed')
    expect(put.headers.get('allow')).toBe('GET, HEAD, POST, OPTIONS')
    expectProblem(await ask(`${server.url}/v1/rooms/a/stream`, { method: 'POST' }), 405, 'method-not-allowed')
    for (const path of ['/v1/rooms/a/nothing', '/v1/rooms/a', '/v1/rooms/a/entries/', '/elsewhere']) {
      expectProblem(await ask(`${server.url}${path}`), 404, 'not-found')
    }
    for (const path of ['entries', 'stream']) {
      const head = await fetch(`${server.url}/v1/rooms/a/${path}`, { method: 'HEAD' })
      expect([head.status, await head.text()]).toEqual([200, ''])
    }
    const options = await fetch(entriesOf(server), { method: 'OPTIONS' })
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, POST, OPTIONS'])
    const trace = connect(server.port, '127.0.0.1').end(
      'TRACE /v1/rooms/a/entries HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    )
    const [answer] = await once(trace, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 405 /)
  })

  test('[HTTP-9] a token in the URL is refused, whatever it is called, and never repeated', async () => {
    const server = await start({ authenticate: users })
    for (const key of ['token', 'access_token', 'Authorization', 'jwt']) {
      const answer = await ask(`${entriesOf(server)}?${key}=very-secret`)
      expectProblem(answer, 400, 'token-in-url')
      expect(JSON.stringify(answer.json)).not.toContain('very-secret')
    }
  })

  test('[HTTP-14] a server of the application gives us what it wants to, and keeps the rest', async () => {
    const http = createHttpServer((request, response) => {
      if (!holdfast.handle(request, response)) response.end('mine')
    })
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    const holdfast = await start({ server: http })
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    for (const path of ['/', '/v1', '/v1/other', '/health']) expect(await (await fetch(url + path)).text()).toBe('mine')
    expect((await publish(`${url}/v1/rooms/a/entries`, 'k', { data: 1 })).status).toBe(201)
    await holdfast.close()
    expectProblem(await ask(`${url}/v1/rooms/a/entries`), 503, 'drain')
    http.close()
    http.closeAllConnections()
  })
})
