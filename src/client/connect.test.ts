import { expect, test } from 'vitest'
import type { ClientFrame, ServerFrame, Welcome } from '../protocol/frames.js'
import { createSeededChance } from '../testing/seeded-chance.js'
import { createVirtualClock } from '../testing/virtual-clock.js'
import { addressOf } from './connect.js'
import type { LinkEvents } from './link.js'
import { connect } from './node.js'

const addresses = [
  ['wss://example.com', 'wss://example.com/v1/connect'],
  ['https://example.com/', 'wss://example.com/v1/connect'],
  ['http://localhost:7400', 'ws://localhost:7400/v1/connect'],
  ['ws://example.com/chat/v1/connect?region=eu#top', 'ws://example.com/chat/v1/connect?region=eu'],
] as const

for (const [given, gives] of addresses) {
  test(`[STAT-5] connect('${given}') dials ${gives}`, () => expect(addressOf(given)).toBe(gives))
}

test('[STAT-5] any other address is a mistake of the caller', () => {
  for (const given of ['ftp://example.com', 'example.com', '']) expect(() => addressOf(given)).toThrow(TypeError)
})

test('[STAT-5] a room name, last or since that no server takes is a mistake of the caller, told at once', async () => {
  const { session, sent, say, welcome } = await hostile()
  const join = session.join.bind(session) as (name: unknown, options?: object) => unknown
  const names = ['', '$x', 'x'.repeat(300), 'a\nb', '\ud800', undefined, null, 7, {}, ['a'], Symbol('a')]
  for (const name of names) expect(() => join(name)).toThrow(/^join takes a room name of 1 to 255 bytes/)
  for (const last of [-1, 1.5, Number.NaN, Infinity, '3', null]) {
    expect(() => join('a', { last })).toThrow(/^join takes as last .* came$/)
  }
  const position = { epoch: 'e', offset: 1, tag: 't' }
  for (const since of [{}, 'x', [], { ...position, epoch: '' }, { ...position, offset: -1 }, { ...position, tag: 1 }]) {
    expect(() => join('a', { since })).toThrow(/^join takes as since a position .* came$/)
  }
  expect(() => join(undefined)).toThrow(TypeError)
  join('a', { last: 0, since: position })
  join('b', { since: null })
  say(welcome)
  const asked = sent.flatMap((frame) => (frame.type === 'join' ? [frame.room] : []))
  expect([session.status.state, asked]).toEqual(['connected', ['a', 'b']])
})

/** A server that says what the test wants. */
async function hostile() {
  const clock = createVirtualClock()
  const links: { events: LinkEvents; isClosed: boolean; urls: string }[] = []
  const sent: ClientFrame[] = []
  const session = connect('ws://server.test', {
    clock,
    chance: createSeededChance(3),
    dial(url, events) {
      const link = { events, isClosed: false, urls: url }
      links.push(link)
      clock.after(1, () => events.opened())
      return {
        send: (frame) => sent.push(JSON.parse(`${frame}`)),
        close() {
          link.isClosed = true
        },
        bufferedBytes: 0,
      }
    },
  })
  await clock.advance(10)
  const say = (frame: ServerFrame | string) => {
    links.at(-1)?.events.received(typeof frame === 'string' ? frame : JSON.stringify(frame))
  }
  const welcome: Welcome = {
    type: 'welcome',
    version: 1,
    features: [],
    session: 's1',
    user: 'u',
    generation: 1,
    verdict: { kind: 'new', reason: 'created' },
    leases: [],
    limits: { payloadBytesMax: 65_536, inFlightMax: 32, roomsMax: 128 },
    heartbeat: { everyMs: 25_000, timeoutMs: 10_000 },
    holdMs: 120_000,
    spreadMs: 0,
  }
  return { clock, session, links, sent, say, welcome }
}

const nonsense = ['', '{', '[]', '{"type":"welcome"}', `{"type":"live","room":"${'x'.repeat(5e6)}"}`]
for (const text of nonsense) {
  test(`[RECON-26] [A69] a frame that cannot be read (${text.slice(0, 20)}) gives the link up, with back-off`, async () => {
    const { clock, session, links, say, welcome } = await hostile()
    say(welcome)
    say(text)
    expect(session.status).toMatchObject({ state: 'reconnecting', reason: 'bad-frame' })
    expect(links[0]?.isClosed).toBe(true)
    await clock.advance(2_000)
    expect(links.length).toBe(2)
  })
}

test('[RECON-26] a frame of a kind that is not known is ignored', async () => {
  const { session, say, welcome } = await hostile()
  say(welcome)
  say('{"type":"later","room":"a"}')
  expect(session.status.state).toBe('connected')
})

test('[RECON-27] frames before the welcome, a second welcome, and anything after bye mean nothing', async () => {
  const { session, say, welcome, links } = await hostile()
  say({ type: 'live', room: null })
  expect(session.status.state).toBe('connecting')
  say(welcome)
  say({ ...welcome, session: 'other', user: 'mallory' })
  expect([session.id, session.user]).toEqual(['s1', 'u'])
  say({ type: 'bye', code: 4100, reason: 'overloaded', message: '', retry: true, afterMs: 5_000, kept: true })
  say({ ...welcome, session: 'third' })
  links[0]?.events.closed(4502, 'unsupported-version')
  expect(session.id).toBe('s1')
  expect(session.status).toMatchObject({ state: 'reconnecting', reason: 'overloaded', nextAttemptInMs: 5_000 })
})

test('[RECON-28] [S37] superseded by our own next attempt is no stop; by somebody else it is', async () => {
  const { clock, session, sent, say, welcome } = await hostile()
  const seen: string[] = []
  session.on('superseded', ({ reason }) => seen.push(reason))
  say(welcome)
  const [hello] = sent
  const instance = hello?.type === 'hello' ? hello.instance : ''
  const bye = { type: 'bye', code: 4400, reason: 'superseded', message: '', retry: false, kept: true } as const
  say({ ...bye, instance })
  expect([seen, session.status.state]).toEqual([[], 'reconnecting'])
  await clock.advance(1_000)
  say(welcome)
  say({ ...bye, instance: 'somebody' })
  expect([seen, session.status.state]).toEqual([['superseded'], 'suspended'])
})

test('[RECON-29] [A69] a hostile server cannot send the client anywhere else, nor make it spin', async () => {
  const { clock, links, say } = await hostile()
  const bye = {
    type: 'bye',
    code: 4000,
    reason: 'wss://evil.test',
    message: 'go there',
    retry: true,
    kept: true,
  } as const
  const endMs = clock.nowMs() + 60_000
  while (clock.nowMs() < endMs) {
    say({ ...bye, afterMs: 0 })
    await clock.advance(50)
  }
  expect(new Set(links.map(({ urls }) => urls))).toEqual(new Set(['ws://server.test/v1/connect']))
  expect(links.length).toBeLessThan(25)
})

test('[ROOM-21] a leave that is refused for now is asked again', async () => {
  const { clock, session, links, sent, say, welcome } = await hostile()
  const joined = (id: number) => {
    const position = { epoch: 'e', offset: 0, tag: 't' }
    say({ type: 'joined', id, room: 'a', verdict: { kind: 'complete', from: 1, to: 0 }, position })
  }
  const refuse = (id: number, retry: boolean) => {
    const reason = retry ? 'store-unavailable' : 'not-joined'
    say({ type: 'refused', id, reason, message: '', retry, ...(retry ? { afterMs: 2_000 } : {}) })
  }
  const asked = () => sent.flatMap((frame) => ('id' in frame ? [`${frame.type} ${frame.id}`] : []))
  say(welcome)
  const first = session.join('a')
  joined(1)
  first.leave()
  await clock.advance(10)
  refuse(2, true)
  await clock.advance(1_900)
  expect(asked()).toEqual(['join 1', 'leave 2'])
  await clock.advance(100)
  refuse(3, true)
  await clock.advance(2_000)
  refuse(4, false)
  await clock.advance(10_000)
  expect(asked()).toEqual(['join 1', 'leave 2', 'leave 3', 'leave 4'])
  const second = session.join('a')
  joined(5)
  second.leave()
  await clock.advance(10)
  refuse(6, true)
  session.join('a')
  await clock.advance(10_000)
  expect(asked().slice(4)).toEqual(['join 5', 'leave 6', 'join 7'])
  expect(links.length).toBe(1)
})
