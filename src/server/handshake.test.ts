import { describe, expect, test } from 'vitest'
import { memoryStore } from '../store/memory.js'
import type { Attached, Store } from '../store/store.js'
import { StoreUnavailable } from '../store/store.js'
import { createSeededChance } from '../testing/seeded-chance.js'
import { createVirtualClock } from '../testing/virtual-clock.js'
import { createLog } from './log.js'
import { createNodeCore } from './node-core.js'
import { readSettings } from './settings.js'
import {
  byeOf,
  createServerRig,
  deferred,
  hash,
  hello,
  inShort,
  overridden,
  publish,
  resume,
} from '../../test/support/server-rig.js'

describe('the order of answers', () => {
  test('[HAND-1] welcome, per room verdict, entries and live, then live of all', async () => {
    const rig = await createServerRig()
    await rig.soon(rig.server.room('a').publish('first'))
    const peer = await rig.peer()
    peer.send(hello({ rooms: [{ room: 'a', last: 5 }] }))
    expect(inShort(await peer.take())).toEqual(['welcome', 'joined a', 'entry a 1', 'live a', 'live'])
  })

  test('[HAND-1] a hello without rooms is live at once', async () => {
    const rig = await createServerRig()
    const peer = await rig.peer()
    peer.send(hello())
    expect(inShort(await peer.take())).toEqual(['welcome', 'live'])
  })

  test('[HAND-2] a room whose hook takes its time holds no other room back', async () => {
    const late = deferred<boolean>()
    const rig = await createServerRig({ rooms: { slow: { canJoin: () => late.promise }, '*': {} } })
    const peer = await rig.peer()
    peer.send(hello({ rooms: [{ room: 'slow' }, { room: 'a' }] }))
    expect(inShort(await peer.take())).toEqual(['welcome', 'joined a', 'live a'])
    late.resolve(true)
    expect(inShort(await peer.take())).toEqual(['joined slow', 'live slow', 'live'])
  })

  test('[HAND-3] what is sent behind the hello is done after the verdict, publishes after that of their room', async () => {
    const late = deferred<boolean>()
    const rig = await createServerRig({ rooms: { a: { canJoin: () => late.promise }, '*': {} } })
    const { peer, session } = await rig.enter()
    const again = await rig.peer('again')
    again.send(resume(session, 1, { rooms: [{ room: 'a' }, { room: 'b' }] }))
    again.send(publish(session, 1, { room: 'a' }))
    again.send(publish(session, 2, { room: 'b', seq: 1, prev: 0 }))
    const early = inShort(await again.take())
    expect(early[0]).toBe('welcome')
    expect(early.filter((words) => words.startsWith('published'))).toHaveLength(1)
    late.resolve(true)
    const rest = await again.take()
    expect(rest.map((frame) => frame.type)).toContain('published')
    expect(inShort(rest)[0]).toBe('joined a')
    expect(peer.closedWith).toBe(4400)
  })
})

describe('before the verdict', () => {
  const signals = (count: number, bytes = 0) =>
    Array.from({ length: count }, () => JSON.stringify({ type: 'signal', room: 'a', data: 'x'.repeat(bytes) }))

  for (const [what, sent, closes] of [
    ['64 frames', signals(64), []],
    ['65 frames', signals(65), ['too-large']],
    ['128 kB', signals(3, 60_000), ['too-large']],
  ] as const) {
    test(`[HAND-3] ${what} that were read before the verdict close as ${JSON.stringify(closes)}`, async () => {
      const clock = createVirtualClock()
      const core = createNodeCore({
        store: overridden({ rightsCount: async () => 0 }),
        clock,
        chance: createSeededChance(1),
        settings: readSettings({}),
        authenticate: () => new Promise<null>(() => {}),
        rooms: { '*': {} },
        log: createLog({ sink: null, linesPerSecond: 1, nowMs: clock.nowMs }),
      })
      const closed: string[] = []
      const calls: string[] = []
      const connection = core.connect(
        {
          write: () => true,
          close: (_code, reason) => void closed.push(reason),
          destroy() {},
          pause: () => void calls.push('pause'),
          resume: () => void calls.push('resume'),
        },
        { origin: null, address: '10.0.0.1' },
      )
      connection.received(JSON.stringify(hello()))
      for (const frame of sent) connection.received(frame)
      await clock.settle()
      expect(closed).toEqual(closes)
      expect(calls).toEqual(closes.length === 0 ? ['pause'] : ['pause', 'resume'])
    })
  }

  test('[HAND-4] silence is closed at the deadline', async () => {
    const rig = await createServerRig()
    const peer = await rig.peer()
    await rig.clock.advance(9_900)
    expect(peer.closedWith).toBeNull()
    await rig.clock.advance(200)
    expect(byeOf(peer.frames)).toMatchObject({ code: 4503, reason: 'auth-timeout', retry: false })
  })

  for (const { sent, gives } of [
    { sent: { type: 'beat' }, gives: 'bad-frame' },
    { sent: 'no json', gives: 'bad-frame' },
    { sent: new Uint8Array([9]), gives: 'bad-frame' },
    { sent: hello({ attempt: -1 }), gives: 'bad-frame' },
    { sent: hello({ version: 2, what: 'ever' }), gives: 'unsupported-version' },
    { sent: { type: 'greeting' }, gives: 'bad-frame' },
    { sent: hello({ token: 'x'.repeat(66_000) }), gives: 'too-large' },
  ]) {
    test(`[HAND-4] a first frame ${JSON.stringify(sent).slice(0, 60)} is closed as ${gives}`, async () => {
      const rig = await createServerRig()
      const peer = await rig.peer()
      peer.send(sent)
      expect(byeOf(await peer.take())).toMatchObject({ reason: gives })
    })
  }
})

describe('what the store refuses', () => {
  const attaching = (answers: (Attached | null)[]): Store => {
    const store = memoryStore()
    return overridden({ attach: async (ask) => answers.shift() ?? store.attach(ask) }, store)
  }

  const cases: { no: Attached; bye: object }[] = [
    { no: { kind: 'stale-attempt', lastAttempt: 9 }, bye: { reason: 'stale-attempt', lastAttempt: 9, kept: true } },
    { no: { kind: 'user-mismatch' }, bye: { reason: 'user-mismatch', kept: true } },
    { no: { kind: 'user-needed' }, bye: { reason: 'token-refused' } },
    { no: { kind: 'secret-reused' }, bye: { reason: 'secret-reused', kept: false, ended: 'revoked' } },
    { no: { kind: 'revoked' }, bye: { reason: 'revoked', kept: false, ended: 'revoked' } },
  ]
  for (const { no, bye } of cases) {
    test(`[HAND-6] ${no.kind} is told as ${JSON.stringify(bye)}`, async () => {
      const rig = await createServerRig({ store: attaching([no]) })
      const peer = await rig.peer()
      peer.send(hello())
      expect(byeOf(await peer.take())).toMatchObject(bye)
      expect(rig.lines.filter((line) => line.message === 'refusal')).toHaveLength(1)
    })
  }

  for (const [changeCount, gives] of [
    [2, 'welcome'],
    [3, 'bye rights-changed'],
  ] as const) {
    test(`[HAND-5] rights that change ${changeCount} times while attaching give ${gives}`, async () => {
      let askedCount = 0
      const changed = Array.from({ length: changeCount }, () => ({ kind: 'rights-changed' }) as const)
      const authenticate = () => {
        askedCount += 1
        return { user: 'ann' }
      }
      const rig = await createServerRig({ store: attaching(changed), authenticate })
      const peer = await rig.peer()
      peer.send(hello({ token: 't' }))
      expect(inShort(await peer.take())[0]).toBe(gives)
      expect(askedCount).toBe(3)
    })
  }

  test('[HAND-5, I56] rights that change while the hooks of a new session run are asked for again', async () => {
    const store = memoryStore()
    const claims: string[] = []
    const authenticate = async () => {
      const role = claims.length === 0 ? 'admin' : 'guest'
      claims.push(role)
      if (role === 'admin') await store.changeRights('ann')
      return { user: 'ann', claims: { role } }
    }
    const rig = await createServerRig({ store, authenticate })
    const peer = await rig.peer()
    peer.send(hello({ token: 't' }))
    expect(inShort(await peer.take())[0]).toBe('welcome')
    expect(claims).toEqual(['admin', 'guest'])
    const [row] = await store.sessionsOf('ann')
    expect(row?.claims).toMatchObject({ claims: { role: 'guest' } })
  })

  test('[HAND-10] a store that does not answer ends in store-unavailable, the session kept', async () => {
    const attach = () => Promise.reject(new StoreUnavailable('away'))
    const rig = await createServerRig({ store: overridden({ attach }) })
    const peer = await rig.peer()
    peer.send(hello())
    expect(byeOf(await peer.take())).toMatchObject({ code: 4102, retry: true, kept: true, afterMs: expect.any(Number) })
  })

  test('[HAND-10] a client that is gone before the verdict leaves a held session, and nothing is said', async () => {
    const rig = await createServerRig()
    const peer = await rig.peer()
    peer.send(hello({ device: 'd' }))
    await rig.clock.advance(1)
    rig.network.line('peer').cut()
    await rig.clock.advance(1_000)
    const [row] = await rig.soon(rig.server.sessionsOf(`guest-${hash('d').slice(0, 16)}`))
    expect(row === undefined || row.status.state === 'held').toBe(true)
    expect(peer.frames).toEqual([])
    expect(rig.lines.filter((line) => line.level === 'error')).toEqual([])
  })
})

describe('resuming', () => {
  test('[HAND-7] a publish meant for another session is refused, the connection stays', async () => {
    const rig = await createServerRig()
    const { peer } = await rig.enter({ rooms: [{ room: 'a' }] })
    await peer.take()
    peer.send(publish('another', 5))
    expect(await peer.take()).toMatchObject([{ type: 'refused', id: 5, reason: 'not-resumed', retry: true }])
    expect(peer.closedWith).toBeNull()
  })

  test('[HAND-8] a resume raises its generation in all its rooms', async () => {
    const touched: unknown[] = []
    const store = memoryStore()
    const touch: Store['touch'] = (owner, rooms) => {
      touched.push([owner.generation, [...rooms].sort()])
      return store.touch(owner, rooms)
    }
    const rig = await createServerRig({ store: overridden({ touch }, store) })
    const { session } = await rig.enter({ rooms: [{ room: 'a' }, { room: 'b' }] })
    const again = await rig.peer('again')
    again.send(resume(session, 1))
    expect((await again.take())[0]).toMatchObject({ type: 'welcome', verdict: { kind: 'resumed' }, generation: 2 })
    expect(touched).toEqual([[2, ['a', 'b']]])
  })

  test('[HAND-12] the id of a new session is the server’s own', async () => {
    const rig = await createServerRig()
    const { welcome } = await rig.enter({ more: { session: { id: 'mine', secret: 'mine' } } })
    expect(welcome).toMatchObject({ verdict: { kind: 'new', reason: 'session-unknown' } })
    expect(welcome.session).not.toBe('mine')
  })
})

describe('admission', () => {
  test('[HAND-9] a session that attaches too often is sent away for a while', async () => {
    const rig = await createServerRig({ settings: { sessionAttachesMax: 3 } })
    const { session } = await rig.enter()
    const dial = async (count: number) => {
      const peer = await rig.peer(`again-${count}`)
      peer.send(resume(session, count))
      return peer.take()
    }
    for (const count of [1, 2]) expect(inShort(await dial(count))[0]).toBe('welcome')
    const bye = byeOf(await dial(3))
    expect(bye).toMatchObject({ reason: 'session-busy', retry: true, kept: true })
    await rig.clock.advance(bye?.afterMs ?? 0)
    expect(inShort(await dial(3))[0]).toBe('welcome')
  })

  test('[HAND-9] [A45] who does not know the secret cannot keep the owner out', async () => {
    const rig = await createServerRig({ settings: { sessionAttachesMax: 3 } })
    const { session } = await rig.enter()
    for (let count = 0; count < 10; count++) {
      const thief = await rig.peer(`thief-${count}`)
      thief.send(hello({ session: { id: session, secret: 'guessed' }, nextHash: hash(`t${count}`) }))
      expect((await thief.take())[0]).toMatchObject({ verdict: { kind: 'new', reason: 'secret-unknown' } })
    }
    const owner = await rig.peer('owner')
    owner.send(resume(session, 1))
    expect((await owner.take())[0]).toMatchObject({ verdict: { kind: 'resumed' } })
  })

  test('[HAND-11] hellos beyond the rate are told when to come, each later than the one before', async () => {
    const rig = await createServerRig({ settings: { newSessionsPerSecond: 1 } })
    const answers: number[] = []
    for (let count = 0; count < 8; count++) {
      const peer = await rig.peer(`p-${count}`)
      peer.send(hello({ nextHash: hash(`s-${count}`) }))
      const bye = byeOf(await peer.take())
      if (bye !== null) answers.push(rig.clock.nowMs() + (bye.afterMs ?? 0))
    }
    expect(answers.length).toBeGreaterThanOrEqual(3)
    expect(answers).toEqual([...answers].sort((a, b) => a - b))
    for (const [at, time] of answers.entries()) if (at > 0) expect(time - (answers[at - 1] ?? 0)).toBeGreaterThan(900)
  })
})

describe('joins without a verdict', () => {
  test('[SRV-7, I20] a join of a session that is somebody else’s by now is denied, and may be asked again', async () => {
    const rig = await createServerRig({ store: overridden({ enter: async () => ({ kind: 'not-owner' }) }) })
    const { peer } = await rig.enter()
    await peer.take()
    peer.send({ type: 'join', id: 1, room: 'a' })
    expect(await peer.take()).toMatchObject([{ type: 'denied', id: 1, room: 'a', reason: 'fenced', retry: true }])
  })

  test('[SRV-7, I20] so is a join of somebody who is taken out of the room meanwhile, for good', async () => {
    const store = memoryStore()
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const enter: Store['enter'] = async (...ask) => {
      const answer = await store.enter(...ask)
      await gate
      return answer
    }
    const rig = await createServerRig({ store: overridden({ enter }, store) })
    const { peer, welcome } = await rig.enter()
    await peer.take()
    peer.send({ type: 'join', id: 1, room: 'a' })
    await rig.clock.advance(10)
    await rig.soon(rig.server.room('a').remove(welcome.user))
    await rig.clock.advance(1_500)
    open()
    const frames = (await peer.take(100)).filter(({ type }) => type === 'removed' || type === 'denied')
    expect(frames).toMatchObject([
      { type: 'removed', room: 'a' },
      { type: 'denied', id: 1, reason: 'not-joined', retry: false },
    ])
  })
})

test('[EVT-7, I20] a store that hangs at the start refuses it at its deadline', async () => {
  const store = overridden({ open: () => new Promise<never>(() => {}) })
  await expect(createServerRig({ store, settings: { storeDeadlineMs: 800 } })).rejects.toThrow('within 800 ms')
})
