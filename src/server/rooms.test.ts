import { describe, expect, test } from 'vitest'
import { createServerRig, deferred, hello, inShort, publish, resume } from '../../test/support/server-rig.js'
import { memoryStore } from '../store/memory.js'
import { compilePatterns } from './room-pattern.js'
import { checkDurability, type RoomConfig, roomOptionsOf } from './rooms.js'

describe('patterns', () => {
  const find = compilePatterns({ lobby: 1, 'chat/:id': 2, 'chat/:id/:part': 3, 'docs/*': 4, 'a.b/:x': 5, '*': 6 })
  for (const [room, value, params] of [
    ['lobby', 1, {}],
    ['chat/42', 2, { id: '42' }],
    ['chat/é ü', 2, { id: 'é ü' }],
    ['chat/42/x', 3, { id: '42', part: 'x' }],
    ['docs/a/b/c', 4, { rest: 'a/b/c' }],
    ['a.b/1', 5, { x: '1' }],
    ['aXb/1', 6, { rest: 'aXb/1' }],
    ['chat/', 6, { rest: 'chat/' }],
    ['lobby/', 6, { rest: 'lobby/' }],
    ['chat/a\nb', 2, { id: 'a\nb' }],
  ] as const) {
    test(`[ROOMS-1] ${JSON.stringify(room)} is pattern ${value} with ${JSON.stringify(params)}`, () => {
      expect(find(room)).toEqual({ value, params })
    })
  }

  test('[ROOMS-1] a name that nothing fits is no room; parameters have no prototype', () => {
    const few = compilePatterns({ 'chat/:constructor': 1 })
    expect(few('other')).toBeNull()
    expect(few('__proto__')).toBeNull()
    expect(Object.getPrototypeOf(few('chat/x')?.params)).toBeNull()
    expect(few('chat/x')?.params).toEqual({ constructor: 'x' })
  })

  for (const pattern of ['$control', 'a//b', '/a', '', 'a/*/b', 'a/b*', ':id/:id', 'chat/:', 'chat/:1']) {
    test(`[ROOMS-2] the pattern ${JSON.stringify(pattern)} is a mistake, and named`, () => {
      expect(() => compilePatterns({ [pattern]: 1 })).toThrow(JSON.stringify(pattern))
    })
  }

  test('[ROOMS-1] a name made to hurt is matched in linear time', () => {
    const slow = compilePatterns({ ':a/:b/:c/:d/:e/:f/x': 1 })
    expect(slow('/'.repeat(255))).toBeNull()
    expect(slow('a/'.repeat(127))).toBeNull()
  })
})

describe('who may come in', () => {
  const forbidden = { type: 'denied', reason: 'forbidden', retry: false }

  test('[ROOMS-3] a room that does not exist is answered like one that is forbidden', async () => {
    const rig = await createServerRig({ rooms: { 'chat/:id': { canJoin: () => false } } })
    const peer = await rig.peer()
    peer.send(hello({ rooms: [{ room: 'chat/1' }, { room: 'none' }] }))
    const [, first, second] = await peer.take()
    expect(first).toMatchObject({ ...forbidden, room: 'chat/1' })
    expect(second).toEqual({ ...first, room: 'none' })
  })

  test('[ROOMS-3] the hook is told who asks for which room', async () => {
    const asked: unknown[] = []
    const canJoin: RoomConfig['canJoin'] = (question) => {
      asked.push(question)
      return true
    }
    const authenticate = () => ({ user: 'ann', claims: { admin: true } })
    const rig = await createServerRig({ authenticate, rooms: { 'chat/:id': { canJoin } } })
    const { session } = await rig.enter({ rooms: [{ room: 'chat/7' }] })
    const who = { user: 'ann', claims: { admin: true }, session }
    expect(asked).toEqual([{ ...who, room: 'chat/7', params: { id: '7' } }])
  })

  for (const { what, canJoin } of [
    { what: 'throws', canJoin: () => Promise.reject(new Error('no database')) },
    { what: 'throws at once', canJoin: () => JSON.parse('{') },
    { what: 'never answers', canJoin: () => new Promise<boolean>(() => {}) },
  ]) {
    test(`[ROOMS-4] [S65] a hook that ${what} refuses this room, is reported, and harms nothing else`, async () => {
      const rig = await createServerRig({ rooms: { bad: { canJoin }, '*': {} } })
      const { peer } = await rig.enter({ rooms: [{ room: 'bad' }, { room: 'a' }] })
      await peer.take(6_000)
      const { frames } = peer
      expect(frames).toContainEqual(expect.objectContaining({ type: 'denied', room: 'bad', reason: 'hook-failed' }))
      expect(inShort(frames)).toContain('live')
      expect(peer.closedWith).toBeNull()
      expect(rig.lines.filter((line) => line.level === 'error')).toHaveLength(1)
    })
  }

  for (const answer of [undefined, null, 1, 'yes', {}, { readableFrom: 'then' }, { readableFrom: 1.5 }]) {
    test(`[ROOMS-4] an answer that is neither yes nor no (${JSON.stringify(answer)}) is a no`, async () => {
      const rig = await createServerRig({ rooms: { a: { canJoin: () => answer as unknown as boolean } } })
      const { peer } = await rig.enter({ rooms: [{ room: 'a' }] })
      await peer.take()
      expect(inShort(peer.frames)).toEqual(['welcome', 'denied a forbidden', 'live'])
    })
  }

  for (const { readableFrom, offsets } of [
    { readableFrom: 'now', offsets: [] },
    { readableFrom: 2, offsets: [2, 3] },
  ] as const) {
    test(`[ROOMS-6] readableFrom ${readableFrom} lets a new member read ${JSON.stringify(offsets)} of 3`, async () => {
      const rig = await createServerRig({ rooms: { a: { canJoin: () => ({ readableFrom }) } } })
      for (const data of [1, 2, 3]) await rig.soon(rig.server.room('a').publish(data))
      const { peer } = await rig.enter({ rooms: [{ room: 'a', last: 10 }] })
      await peer.take()
      expect(peer.frames.flatMap((frame) => (frame.type === 'entry' ? [frame.offset] : []))).toEqual(offsets)
    })
  }
})

describe('who may publish', () => {
  test('[ROOMS-5] a refusal tells the reason of the application, and nothing is kept', async () => {
    const canPublish: RoomConfig['canPublish'] = ({ data }) => (data === 'bad' ? { reason: 'mind your words' } : true)
    const rig = await createServerRig({ rooms: { a: { canPublish } } })
    const { peer, session } = await rig.enter({ rooms: [{ room: 'a' }] })
    await peer.take()
    peer.send(publish(session, 1, { data: 'bad' }))
    expect(await peer.take()).toMatchObject([{ id: 1, reason: 'forbidden', message: 'mind your words' }])
    peer.send(publish(session, 1, { data: 'good' }))
    expect(inShort(await peer.take()).sort()).toEqual(['entry a 1', 'published'])
  })

  test('[ROOMS-5] publishes keep their order while hooks take their time', async () => {
    const waits = [deferred<boolean>(), deferred<boolean>(), deferred<boolean>()]
    const canPublish: RoomConfig['canPublish'] = ({ data }) => waits[Number(data) - 1]?.promise ?? false
    const rig = await createServerRig({ rooms: { a: { canPublish } } })
    const { peer, session } = await rig.enter({ rooms: [{ room: 'a' }] })
    await peer.take()
    for (const id of [1, 2, 3]) peer.send(publish(session, id))
    for (const { resolve } of waits.toReversed()) {
      resolve(true)
      await peer.take()
    }
    const data = peer.frames.flatMap((frame) => (frame.type === 'entry' ? [frame.data] : []))
    expect(data).toEqual([1, 2, 3])
  })

  test('[ROOMS-5] a membership that ends while the hook decides ends the publish', async () => {
    const late = deferred<boolean>()
    const rig = await createServerRig({ rooms: { a: { canPublish: () => late.promise } } })
    const { peer, session, welcome } = await rig.enter({ rooms: [{ room: 'a' }] })
    await peer.take()
    peer.send(publish(session, 1))
    await peer.take()
    await rig.soon(rig.server.room('a').remove(welcome.user))
    late.resolve(true)
    const frames = await peer.take(2_000)
    expect(frames).toContainEqual(expect.objectContaining({ id: 1, reason: 'not-joined' }))
  })
})

describe('rights that change', () => {
  const rigOf = async () => {
    const open = new Set(['a', 'b'])
    const canJoin: RoomConfig['canJoin'] = ({ room }) => open.has(room)
    const rig = await createServerRig({ rooms: { '*': { canJoin } }, authenticate: () => ({ user: 'ann' }) })
    const entered = await rig.enter({ rooms: [{ room: 'a' }, { room: 'b' }] })
    await entered.peer.take()
    return { rig, open, ...entered }
  }

  test('[ROOMS-7] every room is asked again; the client is told which it lost', async () => {
    const { rig, open, peer, session } = await rigOf()
    open.delete('b')
    await rig.soon(rig.server.changeRights('ann'))
    expect(await peer.take(2_000)).toMatchObject([{ type: 'removed', room: 'b', reason: 'rights-revoked' }])
    expect(rig.server.sessions.get(session)?.rooms).toEqual(new Set(['a']))
  })

  test('[ROOMS-9] [S81] a right that was lost while away is denied at the resume, and the membership ends', async () => {
    const { rig, open, peer, session } = await rigOf()
    rig.network.line('peer').cut()
    await rig.clock.advance(1_000)
    open.delete('b')
    const again = await rig.peer('again')
    again.send(resume(session, 1, { rooms: [{ room: 'a' }, { room: 'b' }] }))
    expect(inShort(await again.take())).toEqual(['welcome', 'denied b forbidden', 'joined a', 'live a', 'live'])
    const [row] = await rig.soon(rig.server.sessionsOf('ann'))
    expect(Object.keys(row?.rooms ?? {})).toEqual(['a'])
    expect(peer.closedWith).not.toBeNull()
  })
})

describe('options', () => {
  test('[ROOMS-8] what is left out has the defaults of its durability', () => {
    expect(roomOptionsOf('a', {})).toMatchObject({
      durability: 'memory',
      retention: { entriesMax: 1_000, bytesMax: 1_048_576, ageMs: 300_000 },
      history: 'retained',
      presence: { graceMs: 15_000 },
      replayMax: 10_000,
    })
    expect(roomOptionsOf('a', { durability: 'disk', retention: { entriesMax: 7 } }).retention).toMatchObject({
      entriesMax: 7,
      bytesMax: 67_108_864,
      ageMs: 2_592_000_000,
    })
    expect(roomOptionsOf('a', { presence: false }).presence).toBeNull()
    expect(roomOptionsOf('a', { presence: { graceMs: 5 } }).presence).toMatchObject({ graceMs: 5 })
  })

  test('[ROOMS-8] a key that is misspelt within retention or presence is named', () => {
    const misspelt = (config: object) => () => roomOptionsOf('chat/:id', config)
    expect(misspelt({ retention: { entries: 5 } })).toThrow(
      /"chat\/:id": retention: there is no entries, only entriesMax/,
    )
    expect(misspelt({ presence: { grace: 5 } })).toThrow(/presence: there is no grace, only graceMs, membersMax/)
    expect(misspelt({ retention: 5 })).toThrow(/retention must be an object/)
  })

  test('[ROOMS-8] a number that makes no sense is named', () => {
    expect(() => roomOptionsOf('chat/:id', { retention: { ageMs: Number.NaN } })).toThrow(/"chat\/:id": ageMs/)
    expect(() => roomOptionsOf('chat/:id', { replayMax: -1 })).toThrow(/replayMax/)
  })

  const mistakes = [
    { config: { canjoin: () => false }, names: 'canjoin' },
    { config: { canJoin: 'members' }, names: 'canJoin' },
    { config: { history: 'all' }, names: 'history' },
    { config: null, names: 'options' },
  ]
  for (const { config, names } of mistakes) {
    test(`[ROOMS-8] ${JSON.stringify(config)} (${names}) is a mistake, and named`, () => {
      expect(() => roomOptionsOf('a', config as unknown as RoomConfig)).toThrow(new RegExp(names))
    })
  }

  test('[ROOMS-10] a room that asks for more durability than the store has is refused at the start', () => {
    const store = memoryStore()
    expect(() => checkDurability({ 'a/:b': { durability: 'disk' } }, store)).toThrow(/"a\/:b".*disk.*memory/)
    expect(() => checkDurability({ a: {}, b: { durability: 'memory' } }, store)).not.toThrow()
  })
})
