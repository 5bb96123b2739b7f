import { afterEach, describe, expect, test, vi } from 'vitest'
import { checkNetwork, hear, kinds, settle, setUp } from '../../test/support/client-rig.js'
import type { TestServerOptions } from '../testing/test-server.js'
import { memoryStore } from '../store/memory.js'

afterEach(checkNetwork)

describe('drops', () => {
  test('[S1] [STAT-1] a drop of three seconds loses and repeats nothing, and flickers no UI', async () => {
    const { clock, client, server } = await setUp()
    const ann = client('ann')
    const health: string[] = []
    ann.session.on('health', (event) => health.push(event.health))
    const heard = hear(ann.session.join('a'))
    await clock.advance(10_000)
    const id = ann.session.id
    void server.room('a').publish(1)
    ann.line.down()
    void server.room('a').publish(2)
    await clock.advance(500)
    ann.line.up()
    await clock.advance(2_500)
    void server.room('a').publish(3)
    await clock.advance(1_000)
    expect(heard).toEqual([1, 2, 3])
    expect(ann.told).toEqual(['new-session created', 'resume resumed'])
    expect([ann.session.id, ann.session.health, health]).toEqual([id, 'ok', ['ok']])
  })

  test('[RECON-20] [S7] a half-open link is found by the watchdog and the session resumed, nothing lost', async () => {
    const { clock, client, server } = await setUp()
    const ann = client('ann')
    const heard = hear(ann.session.join('a'))
    await clock.advance(1_000)
    ann.line.link.halfOpen()
    void server.room('a').publish(1)
    await clock.advance(70_000)
    expect(heard).toEqual([1])
    expect(ann.line.dialCount).toBe(2)
  })

  test('[CRED-7] [S36] a welcome that is lost costs nothing: the same pair is shown again', async () => {
    const { clock, client } = await setUp()
    const { session, line, told } = client('ann')
    session.join('a')
    await clock.advance(10_000)
    const id = session.id
    for (let round = 0; round < 5; round++) {
      const stop = line.onDial((link) => link.loseReply((frame) => frame.type === 'welcome'))
      line.cut()
      await clock.advance(3_000)
      stop()
      await clock.advance(30_000)
      expect([session.id, session.status.state]).toEqual([id, 'connected'])
    }
    expect(told).toEqual(['new-session created', ...Array(5).fill('resume resumed')])
  })

  test('[CRED-7] the first welcome may be lost as well: one session is made', async () => {
    const { clock, client, server } = await setUp()
    const { line, session } = client('ann')
    const stop = line.onDial((link) => link.loseReply((frame) => frame.type === 'welcome'))
    await clock.advance(3_000)
    stop()
    await clock.advance(30_000)
    expect(session.status.state).toBe('connected')
    const rows = settle(server.sessionsOf(session.user ?? ''))
    await clock.advance(1)
    expect(rows.value).toHaveLength(1)
  })

  test('[CRED-8] [S18] a reload is the same session, also when the old link is still open', async () => {
    const { clock, client } = await setUp()
    const before = client('ann')
    await clock.advance(1_000)
    const reloaded = client('ann', {
      key: '',
      clock: before.line.clock,
      dial: (url, events) => before.line.dial(url, events),
    })
    await clock.advance(1_000)
    expect(reloaded.session.id).toBe(before.session.id)
    expect(reloaded.told).toEqual(['resume resumed'])
    expect(before.told).toEqual(['new-session created', 'superseded superseded'])
    await clock.advance(60_000)
    expect(before.session.status).toMatchObject({ state: 'suspended', reason: 'superseded' })
  })

  test('[S41] a store that was wiped gives a new session, told once, with the rooms joined', async () => {
    const { clock, client, server, start } = await setUp()
    const ann = client('ann')
    const heard = hear(ann.session.join('a'))
    await clock.advance(1_000)
    void server.room('a').publish(1)
    await clock.advance(6_000)
    server.crash()
    const next = await start()
    await clock.advance(30_000)
    void next.room('a').publish(2)
    await clock.advance(100)
    expect(ann.told).toEqual(['new-session created', 'new-session session-unknown', 'resume new'])
    expect(heard).toEqual([1, 'gap epoch-changed', 2])
  })

  test('[S22] after disconnect() the session stays down, is held, and comes back by retryNow()', async () => {
    const { clock, client, server } = await setUp()
    let tell: (what: 'wake' | 'freeze' | 'thaw') => void = () => {}
    const { line, session, told } = client('ann', {
      wake: [
        (listener) => {
          tell = listener
          return () => {}
        },
      ],
    })
    const heard = hear(session.join('a'))
    await clock.advance(1_000)
    session.disconnect()
    void server.room('a').publish(1)
    for (const what of ['wake', 'freeze', 'thaw'] as const) tell(what)
    await clock.advance(60_000)
    expect(line.dialCount).toBe(1)
    expect(await session.whenLive()).toEqual({ kind: 'stopped', reason: 'disconnected' })
    session.retryNow()
    await clock.advance(1_000)
    expect([told.at(-1), heard]).toEqual(['resume resumed', [1]])
  })
})

describe('publishes', () => {
  test('[S63] a hundred made offline arrive in order before any later one', async () => {
    const { clock, client } = await setUp()
    const ann = client('ann')
    const room = ann.session.join('a')
    const heard = hear(room)
    await clock.advance(6_000)
    ann.line.down()
    await clock.advance(100)
    const results = Array.from({ length: 100 }, (_, index) => settle(room.publish(index)))
    await clock.advance(3_000)
    ann.line.up()
    await clock.advance(10_000)
    results.push(settle(room.publish(100)))
    await clock.advance(1_000)
    expect(heard).toEqual(Array.from({ length: 101 }, (_, index) => index))
    expect(new Set(kinds(results))).toEqual(new Set(['kept']))
    expect(ann.session.outbox.list()).toEqual([])
  })

  test('[OUT-19] more than the server takes per second is slowed down, never flooding, and arrives in order', async () => {
    const { clock, client, frames } = await setUp({ settings: { messagesPerSecond: 100, messagesBurst: 100 } })
    const { session, line } = client('ann', { outbox: { itemsMax: 5_000 } })
    const room = session.join('a')
    const heard = hear(room)
    await clock.advance(1_000)
    const results = Array.from({ length: 500 }, (_, index) => settle(room.publish(index)))
    await clock.advance(6_000)
    expect(heard).toEqual(Array.from({ length: 500 }, (_, index) => index))
    expect(new Set(kinds(results))).toEqual(new Set(['kept']))
    const refusals = frames.filter((frame) => frame.type === 'refused').length
    expect([refusals < 80, line.dialCount]).toEqual([true, 1])
  })

  test('[OUT-6] [S64] an answer that was lost is given again; the entry is there once', async () => {
    const { clock, client } = await setUp()
    const { session, line } = client('ann')
    const room = session.join('a')
    const heard = hear(room)
    await clock.advance(6_000)
    line.link.loseReply((frame) => frame.type === 'published')
    const sent = settle(room.publish('x'))
    await clock.advance(10_000)
    expect(sent.value).toMatchObject({ kind: 'kept', position: { offset: 1 }, duplicate: true })
    expect(heard).toEqual(['x'])
  })

  test('[OUT-6] a request that was lost is made again', async () => {
    const { clock, client } = await setUp()
    const { session, line } = client('ann')
    const room = session.join('a')
    const heard = hear(room)
    await clock.advance(6_000)
    line.link.loseRequest((frame) => frame.type === 'publish')
    const sent = [settle(room.publish('x')), settle(room.publish('y'))]
    await clock.advance(10_000)
    expect(kinds(sent)).toEqual(['kept', 'kept'])
    expect(heard).toEqual(['x', 'y'])
  })

  test('[OUT-9] [S71] a ttl that passes offline fails at once, by the clock alone', async () => {
    const { clock, client } = await setUp()
    const { session, line } = client('ann')
    const room = session.join('a')
    await clock.advance(1_000)
    line.down()
    await clock.advance(100)
    const sent = settle(room.publish('x', { ttlMs: 10_000 }))
    await clock.advance(9_999)
    expect(sent.value).toBe('pending')
    await clock.advance(1)
    expect(kinds([sent])).toEqual(['expired'])
  })

  test('[OUT-16] what cannot be sent fails with a reason, and never throws', async () => {
    const { clock, client } = await setUp({ rooms: { a: {}, b: { canPublish: () => ({ reason: 'read only' }) } } })
    const { session } = client('ann', { outbox: { itemsMax: 1 } })
    const room = session.join('a')
    const circular: { self?: unknown } = {}
    circular.self = circular
    const results = [
      settle(room.publish(circular as never)),
      settle(room.publish('x'.repeat(70_000))),
      settle(room.publish('first', { mark: 'm' })),
      settle(room.publish('second')),
    ]
    await clock.advance(1_000)
    const second = session.join('b')
    results.push(settle(second.publish('y')))
    await clock.advance(1_000)
    second.leave()
    results.push(settle(second.publish('z')))
    await clock.advance(1_000)
    expect(kinds(results)).toEqual(['bad-message', 'too-large', 'kept', 'outbox-full', 'forbidden', 'left'])
  })

  test('[OUT-17] the data is copied, bytes stay bytes, the mark comes back on the own entry', async () => {
    const { clock, client } = await setUp()
    const { session } = client('ann')
    const room = session.join('a')
    const marks: unknown[] = []
    const heard = hear(room)
    room.on('entry', ({ mark }) => marks.push(mark))
    const data = { text: 'hi' }
    const bytes = Uint8Array.of(1, 2)
    const sent = [room.publish(data), room.publish(bytes, { mark: 'mine', key: 'k' })]
    data.text = 'ho'
    bytes.fill(9)
    await clock.advance(1_000)
    expect(heard).toEqual([{ text: 'hi' }, Uint8Array.of(1, 2)])
    expect(marks).toEqual([sent[0]?.mark, 'mine'])
  })

  test('[OUT-18] close settles everything: unsent is closed, what was sent is unknown', async () => {
    const { clock, client } = await setUp()
    const { session, line } = client('ann')
    const room = session.join('a')
    await clock.advance(1_000)
    line.link.stall()
    const sent = settle(room.publish('x'))
    line.down({ client: 0 })
    await clock.advance(10)
    const unsent = settle(room.publish('y'))
    session.close()
    await clock.advance(10)
    const late = settle(room.publish('z'))
    await clock.advance(10)
    expect(kinds([sent, unsent, late])).toEqual(['unknown', 'closed', 'closed'])
    expect(session.status.state).toBe('closed')
    await clock.advance(60_000)
    expect(clock.pending).toBeLessThan(20)
  })

  test('[S25] a room that is left finishes its publishes first', async () => {
    const { clock, client } = await setUp()
    const { session, line } = client('ann')
    const room = session.join('a')
    await clock.advance(6_000)
    line.down()
    await clock.advance(10)
    const sent = settle(room.publish('x'))
    room.leave()
    line.up()
    await clock.advance(10_000)
    expect(kinds([sent])).toEqual(['kept'])
  })
})

describe('signing in', () => {
  const authenticate: TestServerOptions['authenticate'] = (token) => (token === null ? null : { user: token })

  test('[S77] the token is asked for before each dial, once at a time', async () => {
    const { clock, client } = await setUp({ authenticate })
    let give: (token: string) => void = () => {}
    const auth = vi.fn(() => new Promise<string>((resolve) => (give = resolve)))
    const { session, line } = client('ann', { auth })
    await clock.advance(25_000)
    expect([auth.mock.calls.length, line.dialCount]).toEqual([1, 0])
    give('ann')
    await clock.advance(30_000)
    expect([auth.mock.calls.length, line.dialCount, session.user]).toEqual([1, 1, 'ann'])
  })

  test('[S78] while no token can be had nothing is dialled; then the session goes on', async () => {
    const { clock, client } = await setUp({ authenticate })
    let isDown = false
    const auth = async () => {
      if (isDown) throw new Error('503')
      return 'ann'
    }
    const { session, line, told } = client('ann', { auth })
    await clock.advance(6_000)
    isDown = true
    line.cut()
    await clock.advance(60_000)
    expect([line.dialCount, session.status.state]).toEqual([1, 'reconnecting'])
    isDown = false
    await clock.advance(25_000)
    expect(told.filter((what) => !what.startsWith('error'))).toEqual(['new-session created', 'resume resumed'])
  })

  test('[S79] null is signed out: nothing is dialled until somebody acts', async () => {
    const { clock, client } = await setUp({ authenticate })
    let token: string | null = null
    const { session, line, told } = client('ann', { auth: async () => token })
    await clock.advance(60_000)
    expect([line.dialCount, told]).toEqual([0, ['signed-out signed-out']])
    token = 'ann'
    session.retryNow()
    await clock.advance(1_000)
    expect(session.user).toBe('ann')
  })

  test('[OUT-13] another user gets a session of his own, and nothing of the first one is sent', async () => {
    const { clock, client, server } = await setUp({ authenticate })
    let token = 'ann'
    const { session, line, told } = client('ann', { auth: async () => token })
    const room = session.join('a')
    await clock.advance(6_000)
    line.down()
    await clock.advance(10)
    token = 'bob'
    const unsent = settle(room.publish('from ann'))
    line.up()
    await clock.advance(10_000)
    expect(session.user).toBe('bob')
    expect(told).toEqual(['new-session created', 'new-session user-mismatch'])
    expect(kinds([unsent])).toEqual(['user-changed'])
    const heads = settle(server.store.heads(['a']))
    await clock.advance(1)
    expect(heads.value).toMatchObject([{ offset: 0 }])
  })
})

describe('rooms', () => {
  test('[S81] a room that is forbidden after a drop is told once; the others go on', async () => {
    let isOpen = true
    const { clock, client } = await setUp({ rooms: { a: {}, b: { canJoin: () => isOpen } } })
    const { session, line } = client('ann')
    const outcomes: unknown[] = []
    session.on('resume', ({ rooms }) => outcomes.push([...rooms].map(([name, { kind }]) => `${name} ${kind}`).sort()))
    const heard = [hear(session.join('a')), hear(session.join('b'))]
    await clock.advance(6_000)
    isOpen = false
    for (let round = 0; round < 3; round++) {
      line.cut()
      await clock.advance(30_000)
    }
    expect(heard).toEqual([[], ['denied forbidden']])
    expect(outcomes).toEqual([['a complete', 'b denied'], ['a complete'], ['a complete']])
  })

  test('[ROOM-20] [S23] left and joined again in one turn is seen by nobody, and starts as the new hold says', async () => {
    const { clock, client, frames, server } = await setUp()
    const { session } = client('ann')
    const first = session.join('a')
    first.leave()
    const heard = hear(session.join('a', { last: 1 }))
    await clock.advance(1_000)
    void server.room('a').publish(1)
    await clock.advance(1_000)
    expect(heard).toEqual([1])
    const extra = session.join('a')
    extra.leave()
    extra.leave()
    first.leave()
    await clock.advance(1_000)
    void server.room('a').publish(2)
    await clock.advance(1_000)
    expect([heard, frames.filter(({ type }) => type === 'left')]).toEqual([[1, 2], []])
  })

  test('[ROOM-21] remounted in one turn, a view gets its history again', async () => {
    const { clock, client, server } = await setUp()
    const { session } = client('ann')
    const room = session.join('a', { last: 5 })
    const heard = [hear(room)]
    await clock.advance(1_000)
    void server.room('a').publish(1)
    await clock.advance(1_000)
    const sent = settle(room.publish(2))
    room.leave()
    heard.push(hear(session.join('a', { last: 5 })))
    await clock.advance(1_000)
    expect(heard).toEqual([[1], [1, 2]])
    expect(kinds([sent])).toEqual(['kept'])
  })

  test('[ROOM-21] a room is left when its last holder leaves, and starts anew when joined again', async () => {
    const { clock, client, server } = await setUp()
    const { session } = client('ann')
    const first = session.join('a')
    const heard = hear(first)
    await clock.advance(1_000)
    void server.room('a').publish(1)
    await clock.advance(100)
    first.leave()
    await clock.advance(1_000)
    void server.room('a').publish(2)
    await clock.advance(100)
    const again = hear(session.join('a', { last: 5 }))
    await clock.advance(1_000)
    expect([heard, again]).toEqual([[1], [1, 2]])
  })

  test('[ROOM-22] more rooms than fit into a hello, or into the requests allowed, are all joined', async () => {
    const { clock, client } = await setUp({ settings: { roomsMax: 300 } })
    const { session, line } = client('ann')
    const rooms = Array.from({ length: 200 }, (_, index) => session.join(`${'x'.repeat(240)}${index}`))
    await clock.advance(5_000)
    expect(rooms.filter((room) => room.isLive).length).toBe(200)
    line.cut()
    await clock.advance(10_000)
    expect(rooms.filter((room) => room.isLive).length).toBe(200)
  })

  test('[ROOM-23] signals reach who is there, and tell when they were dropped', async () => {
    const { clock, client } = await setUp()
    const [ann, bob] = [client('ann').session.join('a'), client('bob').session.join('a')]
    const heard: unknown[] = []
    bob.on('signal', ({ data }) => heard.push(data))
    expect(ann.signal('early')).toBe(false)
    await clock.advance(1_000)
    expect(ann.signal('now')).toBe(true)
    expect(ann.signal('x'.repeat(70_000))).toBe(false)
    await clock.advance(1_000)
    expect(heard).toEqual(['now'])
  })

  test('[ROOM-19] presence: who is there, what they show, through a drop', async () => {
    const { clock, client } = await setUp()
    const [ann, bob] = [client('ann'), client('bob')]
    const room = ann.session.join('a', { presence: true })
    const other = bob.session.join('a')
    other.presence.track({ status: 'here' })
    await clock.advance(1_000)
    const shown = () => room.presence.state().map(({ data, state }) => [state, data])
    const expected = [
      ['live', undefined],
      ['live', { status: 'here' }],
    ]
    expect(shown().sort()).toEqual(expected.sort())
    bob.line.cut()
    await clock.advance(5_000)
    expect(shown().sort()).toEqual(expected.sort())
    other.presence.untrack()
    other.leave()
    await clock.advance(1_000)
    expect(room.presence.state().length).toBe(1)
  })
})

describe('ends', () => {
  test('[S21] leave ends the session at once, and the next one is new', async () => {
    const { clock, client, server } = await setUp()
    const ann = client('ann')
    await clock.advance(1_000)
    const { id, user } = ann.session
    const left = settle(ann.session.leave())
    await clock.advance(1_000)
    expect(left.value).toEqual({ kind: 'left' })
    const rows = settle(server.sessionsOf(user ?? ''))
    await clock.advance(1)
    expect(rows.value).toEqual([])
    const again = client('ann')
    await clock.advance(1_000)
    expect(again.session.id).not.toBe(id)
    expect(again.told).toEqual(['new-session created'])
  })

  test('[S21] leave settles also when nobody answers', async () => {
    const { clock, client } = await setUp()
    const ann = client('ann')
    await clock.advance(1_000)
    ann.line.link.halfOpen()
    const left = settle(ann.session.leave())
    await clock.advance(3_000)
    expect([left.value, ann.session.status.state]).toEqual([{ kind: 'not-told' }, 'closed'])
  })

  test('[S80] kicked is final until the user acts; then it is a new session', async () => {
    const { clock, client, server } = await setUp()
    const ann = client('ann')
    await clock.advance(1_000)
    const id = ann.session.id ?? ''
    void server.kick({ session: id })
    await clock.advance(60_000)
    expect(ann.session.status).toMatchObject({ state: 'suspended', reason: 'kicked' })
    ann.session.retryNow()
    await clock.advance(1_000)
    expect(ann.session.id).not.toBe(id)
  })

  test('[S46] a drain moves the client to the next server, in the slot it was given', async () => {
    const store = memoryStore()
    const { clock, client, server, start } = await setUp({ store })
    const ann = client('ann')
    const heard = hear(ann.session.join('a'))
    await clock.advance(10_000)
    const next = await start()
    const stopping = settle(server.stop())
    await clock.advance(30_000)
    void next.room('a').publish(1)
    await clock.advance(1_000)
    expect(stopping.value).toBeUndefined()
    expect([heard, ann.told]).toEqual([[1], ['new-session created', 'resume resumed']])
  })
})
