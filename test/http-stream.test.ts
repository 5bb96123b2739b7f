// Server-sent events over real sockets: curl, a reader of another maker, slow ones, restarts.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createServer, type HoldfastServer, memoryStore, type ServerOptions } from 'holdfast/server'
import { serverSentEvents } from '../src/engine/encoding.js'
import { dataOf, type EventStream, openEvents, publish } from './support/http.js'

const open: HoldfastServer[] = []
const streams: EventStream[] = []

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close()
  await Promise.all(open.splice(0).map((server) => server.close({ timeoutMs: 2_000 })))
  vi.restoreAllMocks()
})

async function start(options: ServerOptions = {}): Promise<HoldfastServer> {
  const server = await createServer({ port: 0, host: '127.0.0.1', env: {}, log: false, ...options })
  open.push(server)
  return server
}

async function follow(server: { readonly url: string }, room: string, query = '', headers = {}): Promise<EventStream> {
  const stream = await openEvents(`${server.url}/v1/rooms/${encodeURIComponent(room)}/stream${query}`, headers)
  streams.push(stream)
  return stream
}

const isLive = (told: readonly { readonly event: string }[]) => told.some(({ event }) => event === 'live')
const hasData = (last: unknown) => (told: Parameters<typeof dataOf>[0]) => dataOf(told).includes(last)

describe('a stream', () => {
  test('[SSE-1] begins with an id alone, so that a reader that hears nothing more resumes', async () => {
    const server = await start()
    await server.room('a').publish(1)
    const stream = await follow(server, 'a')
    await stream.until(isLive)
    expect(stream.raw()).toMatch(/^retry: \d+\nid: \S+\n\nevent: live\ndata: \{\}\n\n$/)
    expect(stream.headers['content-type']).toBe('text/event-stream')
    const id = stream.lastEventId() ?? ''
    stream.close()

    await server.room('a').publish(2)
    const again = await follow(server, 'a', '', { 'Last-Event-ID': id })
    expect(dataOf(await again.until(isLive))).toEqual([2])
  })

  test('[SSE-1] starts with history when it is asked to; Last-Event-ID comes before the URL', async () => {
    const server = await start()
    const positions = []
    for (const data of [1, 2, 3]) positions.push(await server.room('chat/42').publish(data))
    const stream = await follow(server, 'chat/42', '?last=2')
    const told = await stream.until(isLive)
    expect(dataOf(told)).toEqual([2, 3])
    const [second] = told
    const entry = JSON.parse(second?.data ?? '')
    expect(entry).toMatchObject({ kind: 'json', position: second?.id, offset: 2, by: null, data: 2 })

    const both = await follow(server, 'chat/42', `?after=${told[1]?.id}`, { 'Last-Event-ID': second?.id ?? '' })
    expect(dataOf(await both.until(isLive))).toEqual([3])
  })

  test('[SSE-2] a room is followed through a restart: nothing lost, nothing twice', async () => {
    const store = memoryStore()
    const first = await start({ store })
    const { port } = first
    const one = await follow(first, 'a', '?last=10')
    for (const data of [1, 2, 3]) await first.room('a').publish(data)
    await one.until(hasData(3))
    await first.room('a').publish(4)
    await first.close()
    await one.ended
    expect(one.told.at(-1)).toMatchObject({ event: 'bye', data: expect.stringContaining('going-away') })
    const heard = dataOf(one.told)

    const second = await start({ store: memoryStore({ from: store.snapshot() }), port })
    await second.room('a').publish(5)
    const two = await follow(second, 'a', '', { 'Last-Event-ID': one.lastEventId() ?? '' })
    await second.room('a').publish(6)
    await two.until(hasData(6))
    expect([...heard, ...dataOf(two.told)]).toEqual([1, 2, 3, 4, 5, 6])
    expect(two.told.some(({ event }) => event === 'gap')).toBe(false)
  })

  test('[SSE-2] curl follows a room through a restart', async () => {
    const store = memoryStore()
    const first = await start({ store })
    const { port, url } = first
    const one = curl(`${url}/v1/rooms/a/stream?last=10`)
    for (const data of ['one', 'two']) await first.room('a').publish({ text: data })
    await one.says(/"text":"two"/)
    await first.close()
    const before = await one.output
    const id = [...before.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? ''

    const second = await start({ store: memoryStore({ from: store.snapshot() }), port })
    await second.room('a').publish({ text: 'three' })
    const two = curl(`${second.url}/v1/rooms/a/stream`, '-H', `Last-Event-ID: ${id}`)
    await two.says(/"text":"three"/)
    two.kill()
    const all = before + (await two.output)
    expect([...all.matchAll(/"text":"(\w+)"/g)].map(([, word]) => word)).toEqual(['one', 'two', 'three'])
  })

  test('[SSE-3] many readers share one encoding, and without readers there is none', async () => {
    const encoded = vi.spyOn(serverSentEvents, 'entry')
    const server = await start()
    for (let data = 0; data < 20; data++) await server.room('a').publish(data)
    expect(encoded).toHaveBeenCalledTimes(0)

    const readers = await Promise.all(Array.from({ length: 50 }, () => follow(server, 'a', '?last=20')))
    await Promise.all(readers.map((reader) => reader.until(isLive)))
    for (let data = 20; data < 40; data++) await server.room('a').publish(data)
    await Promise.all(readers.map((reader) => reader.until(hasData(39))))
    const all = Array.from({ length: 40 }, (_, data) => data)
    for (const reader of readers) expect(dataOf(reader.told)).toEqual(all)
    const times = new Map<number, number>()
    for (const [, entry] of encoded.mock.calls) {
      const { offset } = entry.position
      times.set(offset, (times.get(offset) ?? 0) + 1)
    }
    // Those from before the first reader may be read from the store by readers that came while the tail was not there.
    for (let offset = 21; offset <= 40; offset++) expect(times.get(offset)).toBe(1)
    expect(encoded.mock.calls.length).toBeLessThanOrEqual(60)
  })

  test('[SSE-4] a reader that takes nothing is closed alone, and resumes where it stopped', async () => {
    const retention = { entriesMax: 10_000, bytesMax: 1e9, ageMs: 600_000 }
    const server = await start({ rooms: { '*': { retention } }, settings: { slowMs: 700 } })
    const [slow, quick] = [await follow(server, 'a'), await follow(server, 'a')]
    await Promise.all([slow.until(isLive), quick.until(isLive)])
    slow.response.pause()
    const text = 'x'.repeat(60_000)
    const count = 400 // 24 MB: more than the kernel takes for anybody
    for (let n = 1; n <= count; n++) {
      await server.room('a').publish({ n, text })
      if (n % 50 === 0) await quick.until((told) => told.length >= n)
    }
    const numbersOf = (stream: EventStream) => dataOf(stream.told).map((data) => (data as { n: number }).n)
    await quick.until((told) => told.length > count)
    const all = Array.from({ length: count }, (_, at) => at + 1)
    expect(numbersOf(quick)).toEqual(all)

    await vi.waitFor(() => expect(server.streamCount).toBe(1), { timeout: 20_000, interval: 50 })
    slow.response.resume()
    await slow.ended
    const before = numbersOf(slow)
    expect(before.length).toBeLessThan(count)
    const again = await follow(server, 'a', '', { 'Last-Event-ID': slow.lastEventId() ?? '' })
    await again.until(isLive)
    expect([...before, ...numbersOf(again)]).toEqual(all)
  }, 60_000)

  test('[SSE-5] what retention took is told as a gap, with the id behind it', async () => {
    const rooms = { '*': { retention: { entriesMax: 2 } } }
    const server = await start({ rooms })
    const stream = await follow(server, 'a')
    await stream.until(isLive)
    const id = stream.lastEventId() ?? ''
    stream.close()
    for (const data of [1, 2, 3, 4, 5]) await server.room('a').publish(data)

    const again = await follow(server, 'a', '', { 'Last-Event-ID': id })
    const [gap, ...rest] = await again.until(isLive)
    expect(again.raw()).toMatch(/^retry: \d+\nevent: gap\nid: /)
    expect(JSON.parse(gap?.data ?? '')).toEqual({ reason: 'trimmed', from: 1, to: 3, next: gap?.id })
    expect(dataOf(rest)).toEqual([4, 5])
    const behind = await follow(server, 'a', `?after=${gap?.id}`)
    expect(dataOf(await behind.until(isLive))).toEqual([4, 5])
  })

  test('[SSE-8] an emptied entry moves the id on and is told to nobody', async () => {
    const server = await start()
    await server.room('a').publish('old', { key: 'k' })
    await server.room('a').publish('new', { key: 'k' })
    await server.room('a').publish(new Uint8Array([1, 2, 255]))
    const stream = await follow(server, 'a', '?last=3')
    const told = await stream.until(isLive)
    expect(dataOf(told)).toEqual(['new', 'AQL_'])
    expect(JSON.parse(told[1]?.data ?? '')).toMatchObject({ kind: 'bytes', offset: 3 })
    expect(stream.raw().match(/^id: /gm)).toHaveLength(4)
  })
})

describe('the end of a stream', () => {
  const rooms = { '*': { canJoin: ({ user }: { user: string }) => !banned.has(user) } }
  const banned = new Set<string>()
  const authenticate = (token: string | null) => (token === null ? null : { user: token })
  const ann = { Authorization: 'Bearer ann' }

  test('[SSE-6] changed rights end the streams of that user at once; who comes again is asked again', async () => {
    const server = await start({ authenticate, rooms })
    const [anns, bobs] = [
      await follow(server, 'a', '', ann),
      await follow(server, 'a', '', { Authorization: 'Bearer bob' }),
    ]
    await Promise.all([anns.until(isLive), bobs.until(isLive)])
    banned.add('ann')
    await server.changeRights('ann')
    await server.room('a').publish('secret')
    await anns.ended
    await bobs.until(hasData('secret'))
    expect(dataOf(anns.told)).toEqual([])
    expect(anns.told.at(-1)).toMatchObject({ event: 'bye', data: expect.stringContaining('rights-changed') })
    const again = await follow(server, 'a', '', { ...ann, 'Last-Event-ID': anns.lastEventId() ?? '' })
    expect(again.status).toBe(403)
    banned.clear()
  })

  for (const [how, act] of [
    ['kicked', (server: HoldfastServer) => server.kick({ user: 'ann' })],
    ['revoked', (server: HoldfastServer) => server.revoke({ user: 'ann' })],
    ['removed from the room', (server: HoldfastServer) => server.room('a').remove('ann')],
  ] as const) {
    test(`[SSE-6] who is ${how} has no stream any more, also on another node`, async () => {
      const store = memoryStore()
      const [one, other] = [await start({ authenticate, store }), await start({ authenticate, store })]
      const stream = await follow(other, 'a', '', ann)
      await stream.until(isLive)
      await act(one)
      await stream.ended
      expect(stream.told.at(-1)?.event).toBe('bye')
    })
  }

  test('[SSE-6] a proof that runs out ends the stream', async () => {
    const server = await start({ authenticate: () => ({ user: 'ann', expiresAtMs: Date.now() + 300 }) })
    const stream = await follow(server, 'a')
    await stream.ended
    expect(stream.told.at(-1)).toMatchObject({ event: 'bye', data: expect.stringContaining('token-expired') })
  })

  test('[SSE-7] a drain tells each stream, with a time to come back; beats are comments', async () => {
    const server = await start({ heartbeat: { everyMs: 100 } })
    const stream = await follow(server, 'a')
    await vi.waitFor(() => expect(stream.comments.length).toBeGreaterThan(1))
    expect(stream.retryMs()).toBeGreaterThan(0)
    await server.close({ drainMs: 1_000 })
    await stream.ended
    const bye = stream.told.at(-1)
    expect([bye?.event, JSON.parse(bye?.data ?? '')]).toEqual([
      'bye',
      expect.objectContaining({ reason: 'drain', retry: true }),
    ])
  })

  test('[SSE-9] who is refused for now is told by an event, since an EventSource gives up after any other status', async () => {
    const server = await start({ settings: { connectionsMax: 1 } })
    const stream = await follow(server, 'a')
    await stream.until(isLive)
    const refused = await follow(server, 'a')
    await refused.ended
    expect([refused.status, refused.headers['content-type']]).toEqual([200, 'text/event-stream'])
    const [bye] = refused.told
    expect([bye?.event, JSON.parse(bye?.data ?? '')]).toMatchObject(['bye', { reason: 'overloaded', retry: true }])
    expect(refused.retryMs()).toBeGreaterThanOrEqual(2_000)

    const closing = server.close({ drainMs: 500 })
    const late = await follow(server, 'a')
    await late.ended
    expect(late.told.at(-1)?.data).toMatch(/"reason":"drain"/)
    await closing
  })

  test('[SSE-7] a reader that goes away leaves nothing behind', async () => {
    const server = await start()
    const stream = await follow(server, 'a')
    await stream.until(isLive)
    expect(server.streamCount).toBe(1)
    stream.close()
    await vi.waitFor(() => expect(server.streamCount).toBe(0))
    expect((await publish(`${server.url}/v1/rooms/a/entries`, 'k', { data: 1 })).status).toBe(201)
  })
})

function curl(url: string, ...more: string[]) {
  const child = spawn('curl', ['-sN', '--max-time', '20', ...more, url])
  let said = ''
  child.stdout.on('data', (chunk) => {
    said += chunk
  })
  const closed = once(child, 'close')
  return {
    async says(what: RegExp) {
      while (!what.test(said)) await Promise.race([once(child.stdout, 'data'), closed])
    },
    output: closed.then(() => said),
    kill: () => void child.kill(),
  }
}
