// Broken, huge and hostile frames over real sockets. Scaled down: a slow reader is closed after 1 s (default 30 s);
// fifty pings may come at once (the default).

import { deflateRawSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  askUpgrade,
  createIdentity,
  enter,
  type FrameShape,
  frameBytes,
  helloOf,
  openPeer,
  type RawPeer,
} from './support/raw.js'
import { enterLive, guardServer, publishOf, type RealServer, refusal, startServer } from './support/real.js'

let running: RealServer
beforeAll(async () => {
  running = await startServer({ settings: { slowMs: 1000 }, rooms: { '*': { retention: { bytesMax: 50_000_000 } } } })
})
guardServer(() => running)

const text = 1
const binary = 2

/** A publish whose whole frame has exactly this many bytes. */
function sized(session: string, bytes: number, overrides: Readonly<Record<string, unknown>> = {}): string {
  const empty = JSON.stringify(publishOf(session, { ...overrides, data: '' }))
  return JSON.stringify(publishOf(session, { ...overrides, data: 'x'.repeat(bytes - empty.length) }))
}

describe('[A14] the largest frame', () => {
  test('of 65 536 bytes is published, one byte more is 1009', async () => {
    const { peer, welcome } = await enterLive(running.port, [{ room: 'a' }])
    expect(welcome.limits.payloadBytesMax).toBe(65_536)
    peer.send(sized(welcome.session, 65_536))
    expect(await peer.take('published')).toMatchObject({ id: 1, duplicate: false })
    peer.send(sized(welcome.session, 65_537, { id: 2, seq: 2, prev: 1 }))
    expect((await peer.ended()).code).toBe(1009)
  })

  test('with a smaller limit a frame beyond it is refused, and the connection goes on', async () => {
    const small = await startServer({ limits: { payloadBytesMax: 2048 } })
    const { peer, welcome } = await enterLive(small.port, [{ room: 'a' }])
    expect(await refusal(peer, JSON.parse(sized(welcome.session, 2049, { id: 7 })))).toMatchObject({
      reason: 'too-large',
    })
    peer.send(sized(welcome.session, 2048, { id: 8 }))
    expect(await peer.take('published')).toMatchObject({ id: 8 })
    peer.destroy()
  })

  test('a hello beyond 64 kB is 1009 or too-large', async () => {
    const peer = await openPeer(running.port)
    peer.send(helloOf(createIdentity(), { token: 'x'.repeat(70_000) }))
    expect([1009, 4501]).toContain((await peer.ended()).code)
  })
})

describe('[A15] breaches of RFC 6455 are closed with 1002', () => {
  const cases: { what: string; shapes: FrameShape[] }[] = [
    { what: 'a frame without a mask', shapes: [{ payload: '{"type":"beat"}', isMasked: false }] },
    { what: 'RSV1', shapes: [{ payload: '{"type":"beat"}', reserved: 4 }] },
    { what: 'RSV2', shapes: [{ payload: '{"type":"beat"}', reserved: 2 }] },
    { what: 'RSV3', shapes: [{ payload: '{"type":"beat"}', reserved: 1 }] },
    { what: 'opcode 3', shapes: [{ opcode: 3 }] },
    { what: 'opcode 11', shapes: [{ opcode: 11 }] },
    { what: 'a ping in fragments', shapes: [{ opcode: 9, isFinal: false, payload: 'a' }] },
    { what: 'a ping of 126 bytes', shapes: [{ opcode: 9, payload: 'a'.repeat(126) }] },
    { what: 'a continuation of nothing', shapes: [{ opcode: 0, payload: 'a' }] },
    {
      what: 'a new message inside a message',
      shapes: [
        { opcode: text, isFinal: false, payload: '{' },
        { opcode: text, payload: '}' },
      ],
    },
    { what: 'a close of one byte', shapes: [{ opcode: 8, payload: 'a' }] },
    { what: 'a close with code 1005', shapes: [{ opcode: 8, payload: Buffer.from([0x03, 0xed]) }] },
    { what: 'a close with code 999', shapes: [{ opcode: 8, payload: Buffer.from([0x03, 0xe7]) }] },
  ]
  for (const { what, shapes } of cases) {
    test(what, async () => {
      const { peer } = await enterLive(running.port, [{ room: 'a' }])
      for (const shape of shapes) peer.sendShape(shape)
      expect((await peer.ended()).code).toBe(1002)
    })
  }

  test('the same before a hello', async () => {
    for (const { shapes } of cases) {
      const peer = await openPeer(running.port)
      for (const shape of shapes) peer.sendShape(shape)
      expect((await peer.ended()).code).toBe(1002)
    }
  })

  test('a message in many fragments is one message; too many fragments are not', async () => {
    const { peer, welcome } = await enterLive(running.port, [{ room: 'a' }])
    const whole = JSON.stringify(publishOf(welcome.session))
    for (let at = 0; at < whole.length; at += 10) {
      const opcode = at === 0 ? text : 0
      peer.sendShape({ opcode, isFinal: at + 10 >= whole.length, payload: whole.slice(at, at + 10) })
    }
    expect(await peer.take('published')).toMatchObject({ id: 1 })
    for (let count = 0; count < 500; count++) peer.sendShape({ opcode: count === 0 ? text : 0, isFinal: false })
    expect([1002, 1008, 1009]).toContain((await peer.ended()).code)
  })
})

describe('[A16] text that is no UTF-8 is closed with 1007', () => {
  const bad = [
    Buffer.from([0x22, 0xff, 0x22]),
    Buffer.from([0x22, 0xc0, 0xaf, 0x22]),
    Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
    Buffer.from([0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]),
  ]
  for (const payload of bad) {
    test(payload.toString('hex'), async () => {
      const { peer } = await enterLive(running.port, [{ room: 'a' }])
      peer.sendShape({ payload })
      expect((await peer.ended()).code).toBe(1007)
    })
  }

  test('split over fragments in the middle of a character: bad stays bad, good stays good', async () => {
    const { peer, welcome } = await enterLive(running.port, [{ room: 'a' }])
    const whole = Buffer.from(JSON.stringify(publishOf(welcome.session, { data: 'Grüße 🌊' })))
    const cut = whole.indexOf(0xf0) + 2
    peer.sendShape({ opcode: text, isFinal: false, payload: whole.subarray(0, cut) })
    peer.sendShape({ opcode: 0, payload: whole.subarray(cut) })
    expect(await peer.take('entry')).toMatchObject({ data: 'Grüße 🌊' })
    peer.sendShape({ opcode: text, isFinal: false, payload: Buffer.from([0x22, 0xf0, 0x9f]) })
    peer.sendShape({ opcode: 0, payload: Buffer.from([0x22]) })
    expect((await peer.ended()).code).toBe(1007)
  })
})

test('[A18] a bomb for inflaters: compression is not agreed to, asked for or not, and nothing is inflated', async () => {
  const bomb = deflateRawSync(Buffer.alloc(60_000_000)).subarray(0, 60_000)
  const extensions = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' } }
  const { raw, status } = await askUpgrade(running.port, extensions)
  expect(status).toBe(101)
  expect(await raw.until((told) => told.includes('\r\n\r\n'))).not.toMatch(/sec-websocket-extensions/i)
  const before = process.memoryUsage().rss
  raw.send(frameBytes({ payload: bomb, reserved: 4 }))
  await raw.ended()
  const { peer } = await enterLive(running.port, [{ room: 'a' }])
  peer.sendShape({ payload: bomb, reserved: 4 })
  expect((await peer.ended()).code).toBe(1002)
  expect(process.memoryUsage().rss - before).toBeLessThan(30_000_000)
})

test('[A19] a frame that tells a length of 2^63-1 is 1009, and nothing is allocated for it', async () => {
  const before = process.memoryUsage().rss
  for (const length of [2n ** 63n - 1n, 2n ** 53n, 2n ** 32n, 1_000_000n]) {
    const { peer } = await enterLive(running.port, [])
    peer.raw.send(frameBytes({ length, payload: 'abc' }))
    expect((await peer.ended()).code).toBe(1009)
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000)
})

test('[A19] a length with the highest bit set is a breach', async () => {
  const { peer } = await enterLive(running.port, [])
  peer.raw.send(frameBytes({ length: 2n ** 63n, payload: 'abc' }))
  expect([1002, 1009]).toContain((await peer.ended()).code)
})

describe('[A20] pings', () => {
  test('some are answered', async () => {
    const { peer } = await enterLive(running.port, [])
    for (let count = 0; count < 20; count++) peer.sendShape({ opcode: 9, payload: 'x' })
    peer.send({ type: 'join', id: 1, room: 'a' })
    await peer.take('joined')
    expect(peer.raw.text().split('\x8a\x01x').length - 1).toBe(20)
    peer.destroy()
  })

  test('a flood is closed with 1008', async () => {
    const { peer } = await enterLive(running.port, [])
    for (let count = 0; count < 500; count++) peer.sendShape({ opcode: 9, payload: 'x' })
    const { code, bye } = await peer.ended()
    expect(code).toBe(1008)
    expect(bye).toMatchObject({ reason: 'flooding', kept: true })
  })
})

test('[A21] [S70] who reads nothing is dropped as slow, resumably; others get everything meanwhile', {
  timeout: 60_000,
}, async () => {
  const stalled = await enterLive(running.port, [{ room: 'busy' }])
  const reader = await enterLive(running.port, [{ room: 'busy' }])
  stalled.peer.raw.socket.pause()
  const room = running.server.room('busy')
  const data = 'x'.repeat(60_000)
  let isDropped = false
  running.server.on('drop', ({ session, reason }) => {
    if (session === stalled.welcome.session) isDropped = reason === 'slow'
  })
  let count = 0
  while (!isDropped && count < 2000) {
    await Promise.all(Array.from({ length: 10 }, () => room.publish(data)))
    count += 10
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(isDropped).toBe(true)
  await reader.peer.take('entry', (entry) => entry.offset === count)
  const entries = reader.peer.frames.filter((frame) => frame.type === 'entry')
  expect(entries.map(({ offset }) => offset)).toEqual(Array.from({ length: count }, (_, index) => index + 1))
  stalled.peer.destroy()
  reader.peer.destroy()

  const again = await enter(running.port, stalled.identity)
  expect(again.welcome).toMatchObject({ session: stalled.welcome.session, verdict: { kind: 'resumed' } })
  again.peer.destroy()
})

describe('[A23] binary frames with a bad header are bad-frame', () => {
  const cases: { what: string; payload: Buffer }[] = [
    { what: 'empty', payload: Buffer.alloc(0) },
    { what: 'one byte', payload: Buffer.from([0]) },
    { what: 'a header longer than the frame', payload: Buffer.from([0xff, 0xff, 0x7b, 0x7d]) },
    { what: 'no JSON', payload: Buffer.from([0, 3, 0x61, 0x62, 0x63, 1, 2]) },
    { what: 'no UTF-8', payload: Buffer.from([0, 2, 0xff, 0xfe]) },
    { what: 'an array', payload: Buffer.from([0, 2, 0x5b, 0x5d]) },
    { what: 'null', payload: Buffer.concat([Buffer.from([0, 4]), Buffer.from('null')]) },
    { what: 'a header of no bytes', payload: Buffer.from([0, 0, 1, 2, 3]) },
  ]
  for (const { what, payload } of cases) {
    test(what, async () => {
      const { peer } = await enterLive(running.port, [{ room: 'a' }])
      peer.sendShape({ opcode: binary, payload })
      const { code, bye } = await peer.ended()
      expect(code).toBe(4500)
      expect(bye).toMatchObject({ reason: 'bad-frame', retry: false, kept: true })
    })
  }

  test('a good one is published, and comes back with its bytes', async () => {
    const { peer, welcome } = await enterLive(running.port, [{ room: 'bytes' }])
    const { data: _, ...header } = publishOf(welcome.session, { room: 'bytes' }) as { data: unknown }
    const head = Buffer.from(JSON.stringify(header))
    const length = Buffer.alloc(2)
    length.writeUInt16BE(head.length)
    peer.sendShape({ opcode: binary, payload: Buffer.concat([length, head, Buffer.from([0, 255, 128])]) })
    await peer.take('published')
    await peer.raw.until((bytes) => bytes.includes('\x00\xff\x80'))
    peer.destroy()
  })
})

describe('[A7] [A23] the first frame must be a hello', () => {
  const cases: { what: string; send: (peer: RawPeer) => void; gives: number[] }[] = [
    { what: 'a publish', send: (peer) => peer.send(publishOf('s')), gives: [4500] },
    { what: 'a beat', send: (peer) => peer.send({ type: 'beat' }), gives: [4500] },
    { what: 'no JSON', send: (peer) => peer.send('hello'), gives: [4500] },
    { what: 'an empty message', send: (peer) => peer.send(''), gives: [4500] },
    { what: 'an array', send: (peer) => peer.send('[]'), gives: [4500] },
    {
      what: 'bytes',
      send: (peer) => peer.sendShape({ opcode: binary, payload: Buffer.from([0, 2, 0x7b, 0x7d]) }),
      gives: [4500],
    },
    { what: 'a hello without fields', send: (peer) => peer.send({ type: 'hello', version: 1 }), gives: [4500] },
  ]
  for (const { what, send, gives } of cases) {
    test(`${what} is closed`, async () => {
      const peer = await openPeer(running.port)
      send(peer)
      expect(gives).toContain((await peer.ended()).code)
    })
  }

  test('64 frames may wait for the verdict, more may not', async () => {
    const slow = await startServer({
      authenticate: () => new Promise((resolve) => setTimeout(() => resolve({ user: 'ann' }), 300)),
    })
    const publishes = (count: number) =>
      Array.from({ length: count }, () => ({ payload: JSON.stringify({ type: 'beat' }) }) satisfies FrameShape)
    const good = await openPeer(slow.port)
    good.send([{ payload: JSON.stringify(helloOf(createIdentity())) }, ...publishes(60)])
    await good.take('welcome')
    good.destroy()
    const bad = await openPeer(slow.port)
    bad.raw.send(
      Buffer.concat([{ payload: JSON.stringify(helloOf(createIdentity())) }, ...publishes(300)].map(frameBytes)),
    )
    expect((await bad.ended()).code).toBe(4501)
  })
})
