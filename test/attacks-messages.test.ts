// Messages that are not what they should be, from clients that are welcome, over real sockets. Nothing is scaled but
// where a server of its own says so.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, test } from 'vitest'
import { createIdentity, frameBytes, helloOf, openPeer, type RawPeer } from './support/raw.js'
import { enterLive, guardServer, publishOf, type RealServer, refusal, startServer } from './support/real.js'

let running: RealServer
beforeAll(async () => {
  running = await startServer({
    rooms: {
      'closed/:id': { canJoin: () => false },
      'broken/:id': {
        canJoin: () => {
          throw new Error('hook')
        },
      },
      'mute/:id': { canPublish: () => false },
      '*': {},
    },
  })
})
guardServer(() => running)

/** The peer is still served. */
async function expectAlive(peer: RawPeer) {
  peer.send({ type: 'join', id: 4_000_000, room: 'alive' })
  await peer.take('joined', (frame) => frame.id === 4_000_000)
  peer.destroy()
}

describe('[A24] text that is no good JSON is bad-message; the connection goes on', () => {
  const cases = [
    'x',
    '',
    '{"type":"beat"} ',
    '{"type":"beat"}x',
    '{"type":"beat"}{"type":"beat"}',
    '\uFEFF{"type":"beat"}',
    '{"type":"publish","seq":NaN}',
    '{"type":"signal","room":"a","data":1e400}',
    '{"type":"signal","room":"a","data":-0}',
    '{"type":"beat","type":"beat"}',
    '{"type":"signal","room":"a","room":"b","data":1}',
    '{"type":"signal","room":"a","data":{"x":1,"\\u0078":2}}',
    '{"type":"signal","room":"a","data":"\\ud800"}',
    "{'type':'beat'}",
    '[1,2]',
    '"beat"',
    'null',
    '7',
    '{"type":"beat",}',
    '// {"type":"beat"}',
  ]
  for (const text of cases) {
    test(JSON.stringify(text), async () => {
      const { peer } = await enterLive(running.port, [])
      peer.send(text)
      const isHarmless = text === '{"type":"beat"} '
      if (!isHarmless) expect(await peer.take('refused')).toMatchObject({ reason: 'bad-message', retry: false })
      await expectAlive(peer)
    })
  }

  test('whoever goes on with it is closed', async () => {
    const { peer } = await enterLive(running.port, [])
    for (let count = 0; count < 50; count++) peer.send('x')
    const { code, bye } = await peer.ended()
    expect(code).toBe(4504)
    expect(bye).toMatchObject({ reason: 'bad-message', retry: false, kept: true })
  })
})

describe('[A25] JSON made to hurt is refused within 50 ms', () => {
  const cases: Record<string, string> = {
    'depth 10 000': `{"type":"signal","room":"a","data":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
    'depth 33': `{"type":"signal","room":"a","data":${'['.repeat(33)}${']'.repeat(33)}}`,
    'unclosed depth': `{"type":"signal","room":"a","data":${'['.repeat(60_000)}`,
    '5 000 keys': JSON.stringify({ type: 'signal', room: 'a', data: keys(5_000) }),
    '1001 keys': JSON.stringify({ type: 'signal', room: 'a', data: keys(1_001) }),
    'a key of 60 kB': JSON.stringify({ type: 'signal', room: 'a', data: { ['k'.repeat(60_000)]: 1 }, x: {} }),
    backslashes: `{"type":"signal","room":"${'\\\\'.repeat(30_000)}"}`,
    quotes: `{"type":"signal","room":"a","data":${'"'.repeat(60_000)}}`,
    digits: `{"type":"signal","room":"a","data":${'9'.repeat(60_000)}}`,
  }
  for (const [what, text] of Object.entries(cases)) {
    test(what, async () => {
      const { peer } = await enterLive(running.port, [])
      // Other work on the machine delays one try or another, not the quickest of five.
      let quickestMs = Infinity
      for (let id = 1; id <= 5 && quickestMs >= 50; id++) {
        const startedMs = performance.now()
        peer.send(text)
        peer.send({ type: 'join', id, room: `a${id}` })
        await peer.take('joined')
        quickestMs = Math.min(quickestMs, performance.now() - startedMs)
      }
      expect(quickestMs).toBeLessThan(50)
      if (what !== 'a key of 60 kB') expect(await peer.take('refused')).toMatchObject({ reason: 'bad-message' })
      peer.destroy()
    })
  }

  test('a million keys do not even get in', async () => {
    const { peer } = await enterLive(running.port, [])
    const bytes = frameBytes({ payload: JSON.stringify(keys(1_000_000)) })
    const startedMs = performance.now()
    peer.raw.send(bytes)
    const { code } = await peer.ended()
    expect([0, 1009]).toContain(code)
    expect(performance.now() - startedMs).toBeLessThan(2_000)
  })
})

function keys(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 1]))
}

describe('[A26] keys that reach prototypes', () => {
  const evil = (text: string) => text.replaceAll('@', '"polluted":"yes"')
  const cases = [
    '{"type":"signal","room":"a","data":{"__proto__":{@}}}',
    '{"type":"signal","room":"a","data":{"constructor":{"prototype":{@}}}}',
    '{"type":"signal","room":"a","data":[{"x":{"prototype":{@}}}]}',
    '{"type":"signal","room":"a","data":{"\\u005f_proto__":{@}}}',
    '{"__proto__":{@},"type":"beat"}',
    '{"type":"hello","__proto__":{@}}',
    '{"type":"track","room":"a","data":{"__proto__":{@}}}',
    '{"type":"join","id":1,"room":"a","since":{"__proto__":{@},"epoch":"e","offset":1,"tag":"t"}}',
  ]
  for (const text of cases) {
    test(text, async () => {
      const { peer } = await enterLive(running.port, [{ room: 'a' }])
      peer.send(evil(text))
      const answer = await peer.take(['refused', 'denied'])
      expect(answer.reason).toBe('bad-message')
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
      await expectAlive(peer)
    })
  }

  for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf']) {
    test(`a room, producer, mark and key named ${name} are names like any other`, async () => {
      const { peer, welcome } = await enterLive(running.port, [{ room: name, presence: true }])
      peer.send(publishOf(welcome.session, { room: name, producer: name, mark: name, key: name }))
      expect(await peer.take('published')).toMatchObject({ duplicate: false, position: { offset: 1 } })
      expect(await peer.take('entry')).toMatchObject({ room: name, mark: name, key: name })
      peer.send({ type: 'track', room: name, data: { here: true } })
      peer.send({ type: 'leave', id: 2, room: name })
      expect(await peer.take('left')).toMatchObject({ room: name })
      await expectAlive(peer)
    })
  }
})

describe('[A27] fields of the wrong type or size', () => {
  const odd = [[], {}, null, true, 1e21, 1.5, -1, 2 ** 53, '', 'x'.repeat(300), '\u0000', ' ']
  const fields = {
    publish: ['id', 'session', 'room', 'producer', 'seq', 'prev', 'again', 'mark', 'key'],
    join: ['id', 'room', 'since', 'last', 'presence'],
    leave: ['id', 'room'],
    signal: ['room'],
    track: ['room'],
  } as const
  for (const [type, names] of Object.entries(fields)) {
    test(`of a ${type} are refused, each of them, and nothing is done`, async () => {
      const strict = await startServer({ settings: { messagesBurst: 10_000 } })
      let asked = 0
      for (const name of names) {
        const { peer, welcome } = await enterLive(strict.port, [{ room: 'odd' }])
        for (const value of odd.slice(0, 9)) {
          if (isFine(type, name, value)) continue
          asked += 1
          const good =
            type === 'publish' ? publishOf(welcome.session, { room: 'odd' }) : { id: 1, room: 'odd', data: 1 }
          peer.send({ ...good, type, [name]: value })
          const answer = await peer.take(['refused', 'denied'])
          expect([answer.reason, name, JSON.stringify(value)]).toEqual(['bad-message', name, JSON.stringify(value)])
        }
        await expectAlive(peer)
      }
      expect(asked).toBeGreaterThan(5)
      expect((await strict.server.room('odd').publish(1)).offset).toBe(1)
    })
  }

  test('of a hello close the connection', async () => {
    for (const name of [
      'version',
      'instance',
      'attempt',
      'nextHash',
      'session',
      'token',
      'device',
      'rooms',
      'features',
    ]) {
      for (const value of [[{}], 'x'.repeat(70), -1, 1.5, null]) {
        if ((name === 'token' || name === 'device') && typeof value === 'string') continue
        if (name === 'instance' && value === 'x') continue
        const peer = await openPeer(running.port)
        peer.send(helloOf(createIdentity(), { [name]: value }))
        const { code } = await peer.ended()
        expect([code === 4500 || code === 4502, name, JSON.stringify(value)]).toEqual([
          true,
          name,
          JSON.stringify(value),
        ])
      }
    }
  }, 60_000)
})

/** Values that the field may have. */
function isFine(type: string, name: string, value: unknown): boolean {
  if (name === 'again' || name === 'presence') return value === true
  return type === 'leave' && name === 'room' && value === null
}

test('[A28] unknown types are unsupported; the connection goes on', async () => {
  const { peer } = await enterLive(running.port, [])
  for (const type of ['teleport', '', 'x'.repeat(10_000), 'constructor', '__proto__', 'toString', 'welcome', 'bye']) {
    peer.send({ type, id: 5 })
    const { reason } = await peer.take('refused')
    expect([reason, type]).toEqual(['unsupported', type])
  }
  await expectAlive(peer)
})

describe('[A30] request ids', () => {
  test('one that is unanswered cannot be used again; answered it can', async () => {
    const slow = await startServer({
      rooms: { '*': { canPublish: () => new Promise((resolve) => setTimeout(() => resolve(true), 100)) } },
    })
    const { peer, welcome } = await enterLive(slow.port, [{ room: 'a' }])
    peer.send(publishOf(welcome.session, { id: 9 }))
    peer.send(publishOf(welcome.session, { id: 9, seq: 2, prev: 1 }))
    expect(await peer.take('refused')).toMatchObject({ id: 9, reason: 'id-in-use' })
    expect(await peer.take('published')).toMatchObject({ id: 9, position: { offset: 1 } })
    peer.send(publishOf(welcome.session, { id: 9, seq: 2, prev: 1 }))
    expect(await peer.take('published')).toMatchObject({ id: 9, position: { offset: 2 } })
    peer.destroy()
  })

  test('2^53 and beyond are no ids', async () => {
    const { peer } = await enterLive(running.port, [])
    for (const id of ['9007199254740992', '1e300', '-1', '1.5']) {
      peer.send(`{"type":"leave","id":${id},"room":"a"}`)
      expect(await peer.take('refused')).toMatchObject({ id: null, reason: 'bad-message' })
    }
    peer.send({ type: 'leave', id: Number.MAX_SAFE_INTEGER, room: 'a' })
    expect(await peer.take('refused')).toMatchObject({ id: Number.MAX_SAFE_INTEGER, reason: 'not-joined' })
    await expectAlive(peer)
  })

  test('more than 32 unanswered are refused as limit', async () => {
    const slow = await startServer({
      rooms: { '*': { canPublish: () => new Promise(() => {}) } },
      settings: { hookDeadlineMs: 300 },
    })
    const { peer, welcome } = await enterLive(slow.port, [{ room: 'a' }])
    for (let id = 1; id <= 33; id++) peer.send(publishOf(welcome.session, { id, seq: id, prev: id - 1 }))
    expect(await peer.take('refused')).toMatchObject({ id: 33, reason: 'limit', retry: true })
    expect(await peer.take('refused')).toMatchObject({ id: 1, reason: 'hook-failed' })
    peer.destroy()
  })
})

describe('[A31] too many messages', () => {
  test('ten times the rate is refused with afterMs, nothing of it is done, nothing before it is lost', async () => {
    const tight = await startServer({ settings: { messagesPerSecond: 20, messagesBurst: 40 } })
    const { peer, welcome } = await enterLive(tight.port, [{ room: 'a' }])
    const publishes = Array.from({ length: 60 }, (_, index) =>
      publishOf(welcome.session, { id: index, seq: index + 1, prev: index, data: index }),
    )
    for (const publish of publishes.slice(0, 32)) peer.send(publish)
    await peer.take('published', (frame) => frame.id === 31)
    for (const publish of publishes.slice(32)) peer.send(publish)
    const { afterMs, reason, retry } = await peer.take('refused')
    expect({ reason, retry }).toEqual({ reason: 'rate-limited', retry: true })
    expect(afterMs).toBeGreaterThan(0)
    peer.destroy()
  })

  test('who goes on is closed with 1008', async () => {
    const tight = await startServer({ settings: { messagesPerSecond: 20, messagesBurst: 40 } })
    const { peer } = await enterLive(tight.port, [{ room: 'a' }])
    for (let count = 0; count < 500; count++) peer.send({ type: 'signal', room: 'a', data: count })
    const { code, bye } = await peer.ended()
    expect(code).toBe(1008)
    expect(bye).toMatchObject({ reason: 'flooding', kept: true, retry: false })
  })
})

describe('[A32] publishes that may not be', () => {
  test('to a room that was never joined, that was left, of another session: refused, nothing appended', async () => {
    const { peer, welcome } = await enterLive(running.port, [{ room: 'mine' }])
    const ask = (overrides: Record<string, unknown>) =>
      refusal(peer, publishOf(welcome.session, overrides) as Record<string, unknown>)
    expect(await ask({ id: 1, room: 'theirs' })).toMatchObject({ reason: 'not-joined' })
    expect(await ask({ id: 2, room: 'mine', session: 'somebody-else' })).toMatchObject({
      reason: 'not-resumed',
      retry: true,
    })
    peer.send({ type: 'leave', id: 3, room: 'mine' })
    await peer.take('left')
    expect(await ask({ id: 4, room: 'mine' })).toMatchObject({ reason: 'not-joined' })
    for (const room of ['mine', 'theirs']) expect((await running.server.room(room).publish(1)).offset).toBe(1)
    await expectAlive(peer)
  })

  test('where the application says no: forbidden', async () => {
    const { peer, welcome } = await enterLive(running.port, [{ room: 'mute/1' }])
    const frame = publishOf(welcome.session, { id: 1, room: 'mute/1' }) as Record<string, unknown>
    expect(await refusal(peer, frame)).toMatchObject({ reason: 'forbidden', retry: false })
    expect((await running.server.room('mute/1').publish(1)).offset).toBe(1)
    await expectAlive(peer)
  })

  test('a room of the system cannot be joined or written', async () => {
    const { peer, welcome } = await enterLive(running.port, [])
    for (const room of ['$control', '$x']) {
      peer.send({ type: 'join', id: 1, room })
      expect((await peer.take(['refused', 'denied'])).reason).toBe('bad-message')
      const frame = publishOf(welcome.session, { id: 2, room }) as Record<string, unknown>
      expect(await refusal(peer, frame)).toMatchObject({ reason: 'bad-message' })
    }
    await expectAlive(peer)
  })
})

test('[A33] [I19] the same seq with another payload is payload-mismatch; with the same one the first answer', async () => {
  const { peer, welcome } = await enterLive(running.port, [{ room: 'again' }])
  const ask = (overrides: Record<string, unknown>) => publishOf(welcome.session, { room: 'again', ...overrides })
  peer.send(ask({ id: 1 }))
  const first = await peer.take('published')
  peer.send(ask({ id: 2, again: true }))
  expect(await peer.take('published')).toMatchObject({ id: 2, duplicate: true, position: first.position })
  expect(await refusal(peer, ask({ id: 3, again: true, data: 'other' }) as Record<string, unknown>)).toMatchObject({
    reason: 'payload-mismatch',
    retry: false,
  })
  expect((await running.server.room('again').publish(1)).offset).toBe(2)
  await expectAlive(peer)
})

test('[A34] a seq that jumps to the maximum is no wedge, neither for it nor for others', async () => {
  const { peer, welcome } = await enterLive(running.port, [{ room: 'jump' }])
  const max = Number.MAX_SAFE_INTEGER
  const ask = (overrides: Record<string, unknown>) =>
    publishOf(welcome.session, { room: 'jump', ...overrides }) as Record<string, unknown>
  peer.send(ask({ id: 1, seq: max, prev: 0 }))
  expect(await peer.take('published')).toMatchObject({ id: 1, position: { offset: 1 } })
  peer.send(ask({ id: 2, seq: 5, prev: 4, again: false }))
  const answer = await peer.take(['published', 'refused'])
  expect(answer.id).toBe(2)
  peer.send(ask({ id: 3, seq: max, prev: max }))
  expect(await peer.take('published')).toMatchObject({ id: 3, duplicate: true, position: { offset: 1 } })
  peer.send(ask({ id: 4, producer: 'another', seq: 1, prev: 0 }))
  expect(await peer.take('published')).toMatchObject({ id: 4, duplicate: false })
  await expectAlive(peer)
})

describe('[A35] very many rooms', () => {
  test('the 129th is refused as limit; the others work', async () => {
    const { peer, welcome } = await enterLive(
      running.port,
      Array.from({ length: 128 }, (_, index) => ({ room: `r${index}` })),
    )
    for (let id = 1; id <= 3; id++) {
      peer.send({ type: 'join', id, room: `beyond-${id}` })
      expect(await peer.take('denied')).toMatchObject({ id, reason: 'limit' })
    }
    peer.send(publishOf(welcome.session, { id: 9, room: 'r127' }))
    expect(await peer.take('published')).toMatchObject({ id: 9 })
    peer.send({ type: 'leave', id: 10, room: 'r0' })
    await peer.take('left')
    await expectAlive(peer)
  })

  test('a hello with 10 000 rooms is refused', async () => {
    const peer = await openPeer(running.port)
    peer.send(
      helloOf(createIdentity(), { rooms: Array.from({ length: 10_000 }, (_, index) => ({ room: `${index}` })) }),
    )
    expect([4500, 4501, 1009]).toContain((await peer.ended()).code)
  })

  test('refused joins of distinct names leave nothing behind', async () => {
    const strict = await startServer({
      rooms: { 'closed/:id': { canJoin: () => false } },
      settings: { messagesPerSecond: 1_000_000, messagesBurst: 1_000_000 },
    })
    const { peer } = await enterLive(strict.port, [])
    const deny = async (from: number, to: number) => {
      for (let start = from; start < to; start += 20) {
        for (let id = start; id < start + 20; id++)
          peer.send({ type: 'join', id, room: `${id % 2 === 0 ? 'closed' : 'no'}/${id}` })
        await peer.take('denied', (frame) => frame.id === start + 19)
      }
      peer.frames.length = 0
      return usedBytes()
    }
    await deny(0, 2_000)
    const before = await deny(2_000, 4_000)
    const after = await deny(4_000, 24_000)
    expect(after - before).toBeLessThan(3_000_000)
    peer.destroy()
  })
})

/** Of the heap, after a collection. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

test('[A44] unknown, forbidden and failing rooms: no head, no members, nothing created', async () => {
  const strict = await startServer({ rooms: { 'closed/:id': { canJoin: () => false } } })
  await strict.server.room('closed/1').publish('secret')
  const { peer } = await enterLive(strict.port, [])
  const ask = async (id: number, room: string) => {
    peer.send({ type: 'join', id, room, last: 10, presence: true, since: { epoch: 'e', offset: 5, tag: 't' } })
    const { room: _, id: __, ...rest } = await peer.take('denied')
    return rest
  }
  const [forbidden, unknown] = [await ask(1, 'closed/1'), await ask(2, 'nowhere')]
  expect(forbidden).toEqual(unknown)
  expect(forbidden).toMatchObject({ reason: 'forbidden', retry: false })
  expect(JSON.stringify(forbidden)).not.toMatch(/offset|position|head/)
  await expectAliveIn(peer)
})

async function expectAliveIn(peer: RawPeer) {
  peer.send({ type: 'beat' })
  peer.send({ type: 'leave', id: 77, room: 'x' })
  expect(await peer.take('refused', (frame) => frame.id === 77)).toMatchObject({ reason: 'not-joined' })
  peer.destroy()
}
