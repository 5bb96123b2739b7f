import { describe, expect, test } from 'vitest'
import { byeOf, createServerRig, deferred, inShort, type Peer, publish } from '../../test/support/server-rig.js'

const inRoomA = async (options: Parameters<typeof createServerRig>[0] = {}) => {
  const rig = await createServerRig(options)
  const { peer, session, welcome } = await rig.enter({ rooms: [{ room: 'a' }] })
  await peer.take()
  return { rig, peer, session, welcome }
}

const answer = async (peer: Peer, frame: object | string | Uint8Array) => {
  peer.send(frame)
  return peer.take()
}

describe('rates', () => {
  test('[SRV-4] beyond the rate a request is not done and told when to come again; nothing waits', async () => {
    const { peer, session } = await inRoomA({ settings: { messagesPerSecond: 10, messagesBurst: 5 } })
    for (let id = 1; id <= 8; id++) peer.send(publish(session, id))
    const frames = await peer.take()
    expect(frames.filter((frame) => frame.type === 'published')).toHaveLength(5)
    const refused = frames.filter((frame) => frame.type === 'refused')
    expect(refused).toMatchObject([6, 7, 8].map((id) => ({ id, reason: 'rate-limited', retry: true })))
    expect(refused[0]?.afterMs).toBeGreaterThan(0)
    await peer.take(refused[2]?.afterMs)
    expect(inShort(await answer(peer, publish(session, 6))).sort()).toEqual(['entry a 6', 'published'])
  })

  test('[SRV-4] [A31] who goes on regardless is closed as flooding', async () => {
    const { rig, peer, session } = await inRoomA({ settings: { messagesPerSecond: 10, messagesBurst: 5 } })
    for (let at = 0; at < 20 && peer.closedWith === null; at++) {
      for (let id = 1; id <= 10; id++) peer.send(publish(session, id))
      await rig.clock.advance(100)
    }
    expect(byeOf(peer.frames)).toMatchObject({ code: 1008, reason: 'flooding' })
  })

  test('[SRV-4] the rate itself can be kept up for ever', async () => {
    const { rig, peer, session } = await inRoomA({ settings: { messagesPerSecond: 10, messagesBurst: 5 } })
    for (let id = 1; id <= 100; id++) {
      peer.send(publish(session, id))
      await rig.clock.advance(101)
    }
    expect(peer.frames.filter((frame) => frame.type === 'published')).toHaveLength(100)
  })
})

describe('bad input', () => {
  test('[SRV-5] [A24] bad messages are refused one by one, and too many close the connection', async () => {
    const { peer } = await inRoomA()
    for (let count = 0; count < 10; count++) {
      expect(inShort(await answer(peer, '{"type":"join"}'))).toEqual(['refused bad-message'])
    }
    expect(inShort(await answer(peer, 'no json'))).toEqual(['refused bad-message', 'bye bad-message'])
    expect(peer.closedWith).toBe(4504)
  })

  test('[SRV-5] a bad message now and then is forgiven', async () => {
    const { rig, peer } = await inRoomA()
    for (let count = 0; count < 30; count++) {
      peer.send('no json')
      await rig.clock.advance(10_000)
      peer.send({ type: 'beat' })
    }
    expect(peer.closedWith).toBeNull()
  })

  test('[SRV-6] [A28] a type that is not known is refused, with its id, and nothing else happens', async () => {
    const { peer } = await inRoomA()
    for (let count = 0; count < 50; count++) {
      const [refused] = await answer(peer, { type: 'fly', id: count })
      expect(refused).toMatchObject({ type: 'refused', id: count, reason: 'unsupported' })
    }
    expect(peer.closedWith).toBeNull()
  })

  test('[SRV-6] a second hello is a bad message', async () => {
    const rig = await createServerRig()
    const { peer } = await rig.enter()
    await peer.take()
    peer.send({
      type: 'hello',
      version: 1,
      features: [],
      instance: 'i',
      attempt: 2,
      nextHash: 'x'.repeat(43),
      rooms: [],
    })
    expect(inShort(await peer.take())).toEqual(['refused bad-message'])
  })

  test('[SRV-6] [A23] a binary frame without a header is the end', async () => {
    const { peer } = await inRoomA()
    expect(byeOf(await answer(peer, new Uint8Array([255, 255, 1])))).toMatchObject({
      reason: 'bad-frame',
      retry: false,
    })
  })

  test('[SRV-6] a frame that is too large but readable is refused with its id', async () => {
    const { peer, session } = await inRoomA({ settings: { payloadBytesMax: 2_000 } })
    const large = publish(session, 1, { data: 'x'.repeat(3_000) })
    expect(await answer(peer, large)).toMatchObject([{ type: 'refused', id: 1, reason: 'too-large', retry: false }])
  })
})

describe('requests', () => {
  test('[SRV-7] [A30] an id that is unanswered cannot be used again, and is free after its answer', async () => {
    const late = deferred<boolean>()
    const { peer, session } = await inRoomA({ rooms: { a: { canPublish: () => late.promise } } })
    expect(inShort(await answer(peer, publish(session, 1)))).toEqual([])
    expect(await answer(peer, publish(session, 1, { seq: 2 }))).toMatchObject([{ id: 1, reason: 'id-in-use' }])
    late.resolve(true)
    expect(inShort(await peer.take()).sort()).toEqual(['entry a 1', 'published'])
    expect(inShort(await answer(peer, publish(session, 1, { seq: 2, prev: 1 }))).sort()).toEqual([
      'entry a 2',
      'published',
    ])
  })

  test('[SRV-7] more than the allowed number of unanswered requests is refused, retryably', async () => {
    const never = new Promise<boolean>(() => {})
    const { peer, session } = await inRoomA({ rooms: { a: { canPublish: () => never } }, settings: { inFlightMax: 3 } })
    for (let id = 1; id <= 4; id++) peer.send(publish(session, id))
    expect(await peer.take()).toMatchObject([{ id: 4, reason: 'limit', retry: true }])
  })

  test('[SRV-7] a room that is not joined takes no publish, track or leave; a signal is dropped', async () => {
    const rig = await createServerRig()
    const { peer, session } = await rig.enter()
    await peer.take()
    for (const frame of [
      publish(session, 1),
      { type: 'track', room: 'a', data: 1 },
      { type: 'leave', id: 2, room: 'a' },
    ]) {
      expect(await answer(peer, frame)).toMatchObject([{ type: 'refused', reason: 'not-joined' }])
    }
    expect(await answer(peer, { type: 'signal', room: 'a', data: 1 })).toEqual([])
    expect((await rig.soon(rig.server.store.heads(['a'])))[0]?.offset).toBe(0)
  })

  test('[ROOMS-11] presence data beyond its bound is refused, the connection stays', async () => {
    const rig = await createServerRig()
    const { peer } = await rig.enter()
    await peer.take()
    expect(await answer(peer, { type: 'join', id: 1, room: 'a' })).toMatchObject([{ type: 'joined' }, { type: 'live' }])
    const track = (chars: number) => ({ type: 'track', room: 'a', data: 'x'.repeat(chars) })
    expect(await answer(peer, track(2_046))).toEqual([])
    expect(await answer(peer, track(2_047))).toMatchObject([{ type: 'refused', id: null, reason: 'too-large' }])
  })

  test('[SRV-7] joining, leaving and joining again are done in the order asked', async () => {
    const rig = await createServerRig()
    const { peer, session } = await rig.enter()
    await peer.take()
    peer.send({ type: 'join', id: 1, room: 'a' })
    peer.send(publish(session, 2, { seq: 1, prev: 0 }))
    peer.send({ type: 'leave', id: 3, room: 'a' })
    peer.send(publish(session, 4, { seq: 2, prev: 1 }))
    peer.send({ type: 'join', id: 5, room: 'a', last: 5 })
    const frames = await peer.take(100)
    const answers = frames.filter((frame) => 'id' in frame && frame.type !== 'published')
    expect(inShort(answers)).toEqual(['joined a', 'left a', 'refused not-joined', 'joined a'])
    expect(frames.filter((frame) => frame.type === 'published')).toMatchObject([{ id: 2 }])
  })

  test('[SRV-7] bytes come back as the same bytes', async () => {
    const { rig, peer, session } = await inRoomA()
    const { data: _, ...header } = publish(session, 1) as { data: unknown }
    const text = new TextEncoder().encode(JSON.stringify(header))
    peer.send(new Uint8Array([text.length >> 8, text.length & 255, ...text, 1, 2, 3]))
    await rig.clock.advance(20)
    expect(peer.frames.find((frame) => frame.type === 'entry')).toMatchObject({ data: new Uint8Array([1, 2, 3]) })
  })

  test('[SRV-17] leaving for good ends the session at once, after what was asked before', async () => {
    const { rig, peer, session, welcome } = await inRoomA()
    const left: unknown[] = []
    rig.server.on('leave', (event) => void left.push(event))
    peer.send(publish(session, 1))
    peer.send({ type: 'leave', id: 2, room: null })
    const frames = await peer.take(2_000)
    expect(frames.some((frame) => frame.type === 'published')).toBe(true)
    expect(byeOf(frames)).toMatchObject({ reason: 'left', kept: false, ended: 'left' })
    expect(left).toMatchObject([{ session, user: welcome.user, reason: 'left', rooms: ['a'] }])
  })
})
