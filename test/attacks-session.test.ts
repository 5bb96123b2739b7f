// Secrets, attempts and positions that are not one's own, over real sockets. Scaled: A45 allows 20 attaches of a
// session in ten seconds, as by default.

import { beforeAll, describe, expect, test } from 'vitest'
import { memoryStore } from 'holdfast/server'
import { sha256, type Welcome } from 'holdfast/protocol'
import { createIdentity, enter, helloOf, type Identity, openPeer, promote, random } from './support/raw.js'
import { enterLive, guardServer, type RealServer, startServer } from './support/real.js'

let running: RealServer
beforeAll(async () => {
  running = await startServer({
    authenticate: (token, { guest }) => (token === 'bad' ? null : { user: token ?? guest }),
    rooms: { 'closed/:id': { canJoin: () => false }, '*': {} },
    settings: { sessionAttachesMax: 1000 },
  })
})
guardServer(() => running)

/** One hello and its answer: the welcome or the bye. */
async function attempt(identity: Identity, overrides: Readonly<Record<string, unknown>> = {}) {
  const peer = await openPeer(running.port)
  peer.send(helloOf(identity, overrides))
  const answer = await peer.take(['welcome', 'bye'])
  return { peer, answer }
}

const asked = (id: string | null, secret: string | null, more: object = {}) => ({ session: { id, secret, ...more } })

/** A live session with everything to resume it. */
async function victim(overrides: Readonly<Record<string, unknown>> = {}) {
  const identity = createIdentity()
  const { peer, welcome } = await enter(running.port, identity, { rooms: [{ room: 'a' }], ...overrides })
  await peer.take('live', (frame) => frame.room === null)
  return { identity, peer, welcome }
}

async function expectUnharmed({ identity, peer, welcome }: Awaited<ReturnType<typeof victim>>) {
  peer.send({ type: 'leave', id: 99, room: 'nowhere' })
  expect(await peer.take('refused', (frame) => frame.id === 99)).toMatchObject({ reason: 'not-joined' })
  const again = await enter(running.port, identity)
  expect(again.welcome).toMatchObject({ session: welcome.session, verdict: { kind: 'resumed' } })
  peer.destroy()
  again.peer.destroy()
}

describe('[A37] [S34] [S35] [I38] a session is not resumed without its secret', () => {
  const secrets: Record<string, (identity: Identity, other: Identity) => string> = {
    'a random one': () => random(32),
    'a truncated one': (identity) => identity.current!.slice(0, -1),
    'a longer one': (identity) => `${identity.current}A`,
    'one of one character': () => 'x',
    'the secret of another session': (_, other) => other.current!,
    'its own next secret': (identity) => identity.next,
    'the hash of the secret': (identity) => sha256(identity.current!),
  }
  for (const [what, secretOf] of Object.entries(secrets)) {
    test(`with ${what}: a new session, and the first is untouched`, async () => {
      const held = await victim()
      const other = await victim()
      const secret = secretOf(held.identity, other.identity)
      const { peer, answer } = await attempt(createIdentity(), asked(held.welcome.session, secret))
      expect(answer).toMatchObject({ type: 'welcome', verdict: { kind: 'new', reason: 'secret-unknown' } })
      expect((answer as Welcome).session).not.toBe(held.welcome.session)
      expect((answer as Welcome).user).not.toBe(held.welcome.user)
      await expectUnharmed(held)
      for (const used of [peer, other.peer]) used.destroy()
    })
  }

  test('an empty secret, one of 1 MB, and sessions that are no objects are refused', async () => {
    for (const session of ['x', 7, [], { id: 'a' }, { secret: 'x' }]) {
      const peer = await openPeer(running.port)
      peer.send(helloOf(createIdentity(), { session }))
      expect((await peer.ended()).code).toBe(4500)
    }
    for (const [id, secret] of [
      [random(12), ''],
      ['', random(32)],
      ['', ''],
    ] as const) {
      const empty = await attempt(createIdentity(), asked(id, secret))
      expect(empty.answer).toMatchObject({ type: 'welcome', verdict: { kind: 'new', reason: 'session-unknown' } })
      empty.peer.destroy()
    }
    const peer = await openPeer(running.port)
    peer.send(helloOf(createIdentity(), asked('a', 'x'.repeat(1_000_000))))
    expect([1009, 4501]).toContain((await peer.ended()).code)
  })

  test('a session that never was is unknown', async () => {
    const { peer, answer } = await attempt(createIdentity(), asked(random(12), random(32)))
    expect(answer).toMatchObject({ type: 'welcome', verdict: { kind: 'new', reason: 'session-unknown' } })
    peer.destroy()
  })

  test('how wrong the secret is does not show in the time', { timeout: 60_000 }, async () => {
    const held = await victim()
    const right = held.identity.current!
    const kinds = [() => random(32), () => `${right.slice(0, -1)}${right.endsWith('A') ? 'B' : 'A'}`]
    const times: number[][] = [[], []]
    for (let round = 0; round < 200; round++) {
      for (const [kind, secretOf] of kinds.entries()) {
        const peer = await openPeer(running.port)
        const hello = helloOf(createIdentity(), asked(held.welcome.session, secretOf()))
        const startedMs = performance.now()
        peer.send(hello)
        await peer.take('welcome')
        times[kind]!.push(performance.now() - startedMs)
        peer.destroy()
      }
    }
    const [a, b] = times.map((list) => list.toSorted((x, y) => x - y)[100]!) as [number, number]
    expect(Math.max(a, b) / Math.min(a, b)).toBeLessThan(1.5)
    await expectUnharmed(held)
  })
})

describe('[A38] sessions that are over', () => {
  test('a revoked one is refused for good, as revoked', async () => {
    const { identity, peer, welcome } = await victim()
    await running.server.revoke({ session: welcome.session })
    expect((await peer.ended()).bye).toMatchObject({ reason: 'revoked', kept: false, retry: false, ended: 'revoked' })
    const { answer } = await attempt(identity)
    expect(answer).toMatchObject({ type: 'bye', code: 4405, reason: 'revoked', kept: false, retry: false })
  })

  for (const [how, end] of [
    ['kicked', (session: string) => running.server.kick({ session })],
    ['left', null],
  ] as const) {
    test(`one that ${how}: the same secret gives a new session`, async () => {
      const { identity, peer, welcome } = await victim()
      if (end === null) peer.send({ type: 'leave', id: 5, room: null })
      else await end(welcome.session)
      expect((await peer.ended()).bye).toMatchObject({ reason: how, kept: false, ended: how })
      const { peer: again, answer } = await attempt(identity)
      expect(answer).toMatchObject({ type: 'welcome', verdict: { kind: 'new', reason: 'session-ended' } })
      expect((answer as Welcome).session).not.toBe(welcome.session)
      again.destroy()
    })
  }
})

describe('[A39] [S37] [I35] [I36] the same secret at the same time', () => {
  for (const nodeCount of [1, 2]) {
    test(`from two attempts, over ${nodeCount} node(s): the higher one owns it, the other is told`, async () => {
      const store = memoryStore()
      const ports: number[] = []
      for (let count = 0; count < nodeCount; count++) ports.push((await startServer({ store })).port)
      for (let round = 0; round < 10; round++) {
        const identity = createIdentity()
        const first = await enter(ports[0]!, identity)
        const hellos = [helloOf(identity), helloOf(identity)]
        if (round % 2 === 0) hellos.reverse()
        const peers = await Promise.all(hellos.map((_, index) => openPeer(ports[index % nodeCount]!)))
        for (const [index, peer] of peers.entries()) peer.send(hellos[index]!)
        const answers = await Promise.all(peers.map((peer) => peer.take(['welcome', 'bye'])))
        const higher = round % 2 === 0 ? 0 : 1
        expect(answers[higher]).toMatchObject({ type: 'welcome', session: first.welcome.session })
        const lower = peers[1 - higher]!
        const { bye, code } = await lower.ended()
        expect(['superseded', 'stale-attempt']).toContain(bye?.reason)
        expect([4400, 4401]).toContain(code)
        expect((await first.peer.ended()).bye).toMatchObject({ reason: 'superseded', instance: identity.instance })
        peers[higher]!.send({ type: 'join', id: 1, room: 'a' })
        await peers[higher]!.take('joined')
        peers[higher]!.destroy()
      }
    })
  }

  test('an attempt that is not above the last changes nothing, and is told the last', async () => {
    const held = await victim()
    const { answer } = await attempt(held.identity, { attempt: held.identity.attempt })
    expect(answer).toMatchObject({ type: 'bye', reason: 'stale-attempt', lastAttempt: 1, kept: true })
    await expectUnharmed(held)
  })
})

describe('[A40] [A41] [I37] used secrets', () => {
  test('the previous secret with the same next hash is the same resume again', async () => {
    const { identity, peer, welcome } = await victim()
    const { current, next } = identity
    const lost = await attempt(identity)
    expect(lost.answer).toMatchObject({ type: 'welcome', session: welcome.session })
    const again = await attempt(identity)
    expect(again.answer).toMatchObject({ session: welcome.session, verdict: { kind: 'resumed' } })
    expect([identity.current, identity.next]).toEqual([current, next])
    promote(identity, welcome.session)
    for (const used of [peer, lost.peer, again.peer]) used.destroy()
    const later = await attempt(identity)
    expect(later.answer).toMatchObject({ session: welcome.session, verdict: { kind: 'resumed' } })
    later.peer.destroy()
  })

  test('with another next hash a guest loses the session, and both are told', async () => {
    const { identity, welcome } = await victim()
    const used = identity.current
    const resumed = await enter(running.port, identity)
    const { answer } = await attempt(createIdentity(), { ...asked(welcome.session, used), attempt: 500 })
    expect(answer).toMatchObject({ type: 'bye', reason: 'secret-reused', kept: false, retry: false, ended: 'revoked' })
    expect((await resumed.peer.ended()).bye).toMatchObject({ kept: false, retry: false, ended: 'revoked' })
    const { answer: after } = await attempt(identity)
    expect(after).toMatchObject({ type: 'bye', reason: 'revoked' })
  })

  test('with a token of the same user it is an ordinary takeover; with another user’s it is refused', async () => {
    const { identity, welcome } = await victim({ token: 'ann', device: undefined })
    const used = identity.current
    const resumed = await enter(running.port, identity, { token: 'ann' })
    const other = await attempt(createIdentity(), { ...asked(welcome.session, used), token: 'bob', attempt: 600 })
    expect(other.answer).toMatchObject({ type: 'bye', reason: 'user-mismatch' })
    const taken = await attempt(createIdentity(), { ...asked(welcome.session, used), token: 'ann', attempt: 601 })
    expect(taken.answer).toMatchObject({ type: 'welcome', session: welcome.session, verdict: { kind: 'resumed' } })
    expect((await resumed.peer.ended()).bye).toMatchObject({ reason: 'superseded', retry: false })
    taken.peer.destroy()
  })

  test('the last eight raise the alarm, older ones are unknown', async () => {
    const { identity, welcome, peer } = await victim()
    const used: string[] = []
    for (let count = 0; count < 12; count++) {
      used.push(identity.current!)
      const { peer } = await enter(running.port, identity)
      peer.destroy()
    }
    peer.destroy()
    const old = await attempt(createIdentity(), { ...asked(welcome.session, used[0]!), attempt: 700 })
    expect(old.answer).toMatchObject({ type: 'welcome', verdict: { kind: 'new', reason: 'secret-unknown' } })
    old.peer.destroy()
    const recent = await attempt(createIdentity(), { ...asked(welcome.session, used[12 - 8]!), attempt: 701 })
    expect(recent.answer).toMatchObject({ type: 'bye', reason: 'secret-reused' })
  })
})

test('[A42] my secret with another user’s token is refused, and the session unharmed', async () => {
  const held = await victim({ token: 'ann', device: undefined })
  const { answer } = await attempt(held.identity, { token: 'bob' })
  expect(answer).toMatchObject({ type: 'bye', code: 4201, reason: 'user-mismatch', kept: true })
  await expectUnharmed(held)
})

test('[A42] a token that is refused closes with token-refused and keeps the session', async () => {
  const held = await victim({ token: 'ann', device: undefined })
  const { answer } = await attempt(held.identity, { token: 'bad' })
  expect(answer).toMatchObject({ type: 'bye', code: 4301, reason: 'token-refused', kept: true, retry: true })
  await expectUnharmed(held)
})

describe('[A43] [S42] [I12] positions are believed only when they hold', () => {
  const room = 'cursor'
  const entriesMax = 10
  let server: RealServer
  beforeAll(async () => {
    server = await startServer({ rooms: { '*': { retention: { entriesMax } } } })
    for (let count = 1; count <= 20; count++) await server.server.room(room).publish(count)
  })
  const answerTo = async (since: unknown, where: 'hello' | 'join') => {
    const { peer } = await enterLive(server.port, where === 'hello' ? [{ room, since }] : [])
    if (where === 'join') peer.send({ type: 'join', id: 1, room, since })
    const joined = await peer.take('joined')
    await peer.take('live', (frame) => frame.room === room)
    const entries = peer.frames.flatMap((frame) => (frame.type === 'entry' ? [frame.offset] : []))
    peer.destroy()
    return { verdict: joined.verdict, position: joined.position, entries }
  }
  const head = async () => {
    const { peer } = await enterLive(server.port, [{ room, last: 10 }])
    const entries = peer.frames.flatMap((frame) => (frame.type === 'entry' ? [frame] : []))
    peer.destroy()
    return entries
  }

  for (const where of ['hello', 'join'] as const) {
    test(`in a ${where}: future, wrong tag, other epoch, trimmed are gaps with their reason`, async () => {
      const entries = await head()
      const { epoch, tag, offset } = entries[4]!
      const bad = [
        { since: { epoch, offset: 1000, tag }, reason: 'ahead-of-log' },
        { since: { epoch, offset: Number.MAX_SAFE_INTEGER, tag }, reason: 'ahead-of-log' },
        { since: { epoch, offset, tag: random(8) }, reason: 'forked' },
        { since: { epoch: random(8), offset, tag }, reason: 'epoch-changed' },
        { since: { epoch, offset: 3, tag: random(8) }, reason: 'trimmed' },
        { since: { epoch, offset: 0, tag: random(8) }, reason: expect.stringMatching(/trimmed|forked/) },
      ]
      for (const { since, reason } of bad) {
        const { verdict, position, entries } = await answerTo(since, where)
        expect(verdict).toMatchObject({ kind: 'gap', reason, next: position })
        expect(entries).toEqual(Array.from({ length: 20 - position.offset }, (_, at) => position.offset + 1 + at))
      }
      const good = await answerTo({ epoch, offset, tag }, where)
      expect(good.verdict).toEqual({ kind: 'complete', from: offset, to: 20 })
      expect(good.entries).toEqual([16, 17, 18, 19, 20])
    })
  }

  test('no positions at all: a string, a negative, 2^64, a float', async () => {
    const { epoch, tag } = (await head())[0]!
    for (const since of [
      '"x"',
      `{"epoch":"${epoch}","offset":-1,"tag":"${tag}"}`,
      `{"epoch":"${epoch}","offset":18446744073709551616,"tag":"${tag}"}`,
      `{"epoch":"${epoch}","offset":1.5,"tag":"${tag}"}`,
      'null',
      '{}',
    ]) {
      const { peer } = await enterLive(server.port, [])
      peer.send(`{"type":"join","id":1,"room":"${room}","since":${since}}`)
      expect(await peer.take(['denied', 'refused'])).toMatchObject({ id: 1, reason: 'bad-message' })
      peer.destroy()
    }
  })
})

test('[A44] a position of a room one may not be in is not answered', async () => {
  await running.server.room('closed/7').publish(1)
  const { peer } = await enterLive(running.port, [{ room: 'closed/7', since: { epoch: 'e', offset: 0, tag: 't' } }])
  const denied = peer.frames.find((frame) => frame.type === 'denied')
  expect(denied).toMatchObject({ room: 'closed/7', reason: 'forbidden' })
  expect(JSON.stringify(peer.frames)).not.toContain('joined')
  peer.destroy()
})

test('[A45] one session that resumes without end is told to wait; little is replayed for little', async () => {
  const busy = await startServer({ rooms: { '*': {} } })
  for (let count = 0; count < 100; count++) await busy.server.room('a').publish('x'.repeat(500))
  const identity = createIdentity()
  const first = await enter(busy.port, identity, { rooms: [{ room: 'a' }] })
  first.peer.destroy()
  let [bytesIn, bytesOut, busyCount] = [0, 0, 0]
  for (let count = 0; count < 200; count++) {
    const peer = await openPeer(busy.port)
    const hello = JSON.stringify(helloOf(identity, { rooms: [{ room: 'a', last: 100 }] }))
    peer.send(hello)
    const answer = await peer.take(['welcome', 'bye'])
    if (answer.type === 'bye') {
      expect(answer).toMatchObject({ reason: 'session-busy', kept: true, retry: true })
      expect(answer.afterMs).toBeGreaterThan(0)
      busyCount += 1
    } else {
      promote(identity, answer.session)
      await peer.take('live', (frame) => frame.room === null)
    }
    bytesIn += hello.length
    bytesOut += peer.raw.text().length
    peer.destroy()
  }
  expect(busyCount).toBeGreaterThanOrEqual(175)
  expect(bytesOut).toBeLessThan(bytesIn * 30)
})

describe('[A47] fixation', () => {
  test('a session id that the client proposes is never used', async () => {
    const proposed = random(12)
    const { peer, answer } = await attempt(createIdentity(), asked(proposed, random(32)))
    expect((answer as Welcome).session).not.toBe(proposed)
    peer.destroy()
  })

  test('a next secret is taken only from who proves the present one', async () => {
    const held = await victim()
    const attacker = createIdentity()
    const { peer, answer } = await attempt(attacker, asked(held.welcome.session, random(32)))
    expect((answer as Welcome).session).not.toBe(held.welcome.session)
    peer.destroy()
    const again = await attempt(createIdentity(), { ...asked(held.welcome.session, attacker.next), attempt: 50 })
    expect((again.answer as Welcome).session).not.toBe(held.welcome.session)
    again.peer.destroy()
    await expectUnharmed(held)
  })

  test('the same next hash of another user makes another session', async () => {
    const held = await victim({ token: 'ann', device: undefined })
    const { peer, answer } = await attempt(createIdentity(), {
      nextHash: sha256(held.identity.current!),
      token: 'mallory',
      device: undefined,
    })
    expect((answer as Welcome).session).not.toBe(held.welcome.session)
    expect((answer as Welcome).user).toBe('mallory')
    peer.destroy()
    await expectUnharmed(held)
  })
})

test('[A48] the secret changes with every resume', async () => {
  const { identity, peer, welcome } = await victim()
  const secrets = new Set([identity.current])
  for (let count = 0; count < 5; count++) {
    const again = await enter(running.port, identity)
    expect(again.welcome.session).toBe(welcome.session)
    secrets.add(identity.current)
    again.peer.destroy()
  }
  expect(secrets.size).toBe(6)
  peer.destroy()
})

test('[A68] [I55] no secret, token or device key stands in a log line or a frame', async () => {
  const identity = createIdentity()
  const token = `token-${random()}`
  const { peer } = await enter(running.port, identity, { token })
  const again = await enter(running.port, identity, { token })
  const wrong = await attempt(createIdentity(), { ...asked(identity.session, identity.current), token: 'bob' })
  const text = JSON.stringify([running.lines, peer.frames, again.peer.frames, wrong.peer.frames])
  for (const secret of [identity.current, identity.next, identity.device]) expect(text).not.toContain(secret)
  expect(JSON.stringify(running.lines.filter(({ fields }) => fields['user'] !== token))).not.toContain(token)
  for (const used of [peer, again.peer, wrong.peer]) used.destroy()
})
