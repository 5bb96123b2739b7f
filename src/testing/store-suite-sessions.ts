// The store suite: rows of sessions, their rooms and rights, their end, and what the control log tells of them.

import {
  accepted,
  acquire,
  appendAll,
  attach,
  controls,
  created,
  events,
  holdFor,
  ownerOf,
  resume,
  suite,
  user,
  withStore,
} from './store-suite-parts.js'

const member = { readableFrom: 0, graceMs: 15_000 }
const notOwner = { kind: 'not-owner' }

export const sessionRules = suite(({ describe, test, expect }, open) => {
  const on = (body: Parameters<typeof withStore>[1]) => withStore(open, body)

  describe('sessions', () => {
    test(
      '[SES-1] a created session is live, of its user, and found by id and by user',
      on(async ({ store }) => {
        const answer = accepted(await attach(store))
        expect(answer).toMatchObject({ kind: 'created', downMs: 0, superseded: null, leases: [] })
        expect(answer.row).toMatchObject({
          id: 's1',
          user: 'ann',
          claims: { role: 'player' },
          createdBy: 'h1',
          newReason: 'created',
          lastAttempt: 1,
          instance: 'i1',
          holdMs: 120_000,
          status: { state: 'live', node: 'n1', connection: 'c1' },
        })
        expect(answer.row.generation).toBeGreaterThan(0)
        expect(await store.session('s1')).toEqual(answer.row)
        expect(await store.sessionsOf('ann')).toEqual([answer.row])
        expect(await store.session('s2')).toBe(null)
        expect(await store.sessionsOf('bob')).toEqual([])
      }),
    )

    test(
      '[SES-2, S38] detach holds the session from now; repeated it changes nothing',
      on(async (suite) => {
        const { store } = suite
        const row = await created(store, 's1')
        const { holdMs } = await holdFor(suite, 2_000)
        expect(await store.detach(ownerOf(row))).toEqual({ kind: 'done' })
        await holdFor(suite, 1_000)
        expect(await store.detach(ownerOf(row))).toEqual({ kind: 'done' })
        expect((await store.session('s1'))?.status).toEqual({ state: 'held', droppedAtMs: holdMs })
      }),
    )

    test(
      '[SES-3, I35, S18] operations of an older generation change nothing',
      on(async ({ store }) => {
        const old = await created(store, 's1')
        const { row } = accepted(await resume(store, ['first-s1', 'h2'], 2))
        expect(row.generation).toBeGreaterThan(old.generation)
        for (const owner of [ownerOf(old), { session: 's1', generation: row.generation + 1 }]) {
          expect(await store.detach(owner)).toEqual(notOwner)
          expect(await store.enter(owner, 'a', member)).toEqual(notOwner)
          expect(await store.exit(owner, 'a')).toEqual(notOwner)
          expect(await store.end({ ...owner, reason: 'left' })).toEqual(notOwner)
          expect(await acquire(store, { ...row, ...owner }, 'name:ann')).toEqual(notOwner)
        }
        expect(await store.session('s1')).toEqual(row)
        expect(await store.detach({ session: 'nobody', generation: 1 })).toEqual(notOwner)
      }),
    )
  })

  describe('rooms', () => {
    test(
      '[SES-4] a membership survives drops; entering again keeps its readableFrom, leaving forgets it',
      on(async ({ store }) => {
        const row = await created(store, 's1')
        const first = await store.enter(ownerOf(row), 'a', { readableFrom: 3, graceMs: 1 })
        expect(first).toEqual({ kind: 'entered', membership: { readableFrom: 3, graceMs: 1 } })
        const again = await store.enter(ownerOf(row), 'a', { readableFrom: 9, graceMs: 2 })
        expect(again).toEqual({ kind: 'entered', membership: { readableFrom: 3, graceMs: 2 } })
        await store.enter(ownerOf(row), '__proto__', member)
        await store.detach(ownerOf(row))
        const { row: resumed } = accepted(await resume(store, ['first-s1', 'h2'], 2))
        expect(Object.keys(resumed.rooms).sort()).toEqual(['__proto__', 'a'])

        expect(await store.exit(ownerOf(resumed), 'a')).toEqual({ kind: 'done' })
        expect(await store.exit(ownerOf(resumed), 'a')).toEqual({ kind: 'done' })
        const back = await store.enter(ownerOf(resumed), 'a', { readableFrom: 9, graceMs: 1 })
        expect(back).toMatchObject({ membership: { readableFrom: 9 } })
      }),
    )

    test(
      '[SES-5, I16] who was removed reads from his return on, with every session, also after leaving again',
      on(async ({ store }) => {
        const [one, two] = [await created(store, 's1'), await created(store, 's2')]
        const other = await created(store, 's3', { user: user('bob') })
        for (const row of [one, two, other]) await store.enter(ownerOf(row), 'a', member)
        await appendAll(store, 'a', ['1', '2'])
        await store.remove('a', 'ann')
        const rooms = async () => {
          const rows = await Promise.all(['s1', 's2', 's3'].map((id) => store.session(id)))
          return rows.map((row) => Object.keys(row?.rooms ?? {}))
        }
        expect(await rooms()).toEqual([[], [], ['a']])

        await appendAll(store, 'a', ['3'])
        const returned = { kind: 'entered', membership: { ...member, readableFrom: 4 } }
        expect(await store.enter(ownerOf(one), 'a', member)).toEqual(returned)
        await appendAll(store, 'a', ['4', '5'])
        expect(await store.enter(ownerOf(two), 'a', member)).toEqual(returned)
        await store.exit(ownerOf(one), 'a')
        expect(await store.enter(ownerOf(one), 'a', member)).toEqual(returned)
        expect(await store.enter(ownerOf(one), 'b', member)).toMatchObject({ membership: member })
      }),
    )

    test(
      '[SES-9] who has no session reads everything, or from his first return after he was removed',
      on(async ({ store }) => {
        const row = await created(store, 's1')
        await appendAll(store, 'a', ['1', '2'])
        expect(await store.readableFrom('a', 'ann')).toBe(0)
        await store.enter(ownerOf(row), 'a', member)
        await store.remove('a', 'ann')
        await appendAll(store, 'a', ['3'])
        expect(await store.readableFrom('a', 'ann')).toBe(4)
        await appendAll(store, 'a', ['4'])
        expect(await store.readableFrom('a', 'ann')).toBe(4)
        const membership = { ...member, readableFrom: 4 }
        expect(await store.enter(ownerOf(row), 'a', member)).toEqual({ kind: 'entered', membership })
        expect(await store.readableFrom('a', 'bob')).toBe(0)
      }),
    )

    test(
      '[SES-6, I56] changed rights raise the version of all sessions of that user only',
      on(async ({ store }) => {
        const [one, two] = [await created(store, 's1'), await created(store, 's2')]
        const other = await created(store, 's3', { user: user('bob') })
        await store.changeRights('ann')
        for (const row of [one, two]) {
          expect((await store.session(row.id))?.rightsVersion ?? 0).toBeGreaterThan(row.rightsVersion)
        }
        expect(await store.session('s3')).toEqual(other)
      }),
    )

    test(
      '[SES-6] each change is counted, over restarts too',
      on(async ({ store, reopen }) => {
        const before = await store.rightsCount()
        await store.changeRights('ann')
        const counts = [before, await store.rightsCount()]
        const next = await reopen()
        await next.changeRights('bob')
        counts.push(await next.rightsCount())
        expect(counts).toEqual([...new Set(counts)].sort((a, b) => a - b))
      }),
    )
  })

  describe('the end', () => {
    test(
      '[SES-7, S21] an ended session has no owner, no rooms and no leases, and is told once, after them',
      on(async ({ store }) => {
        const row = await created(store, 's1')
        await store.enter(ownerOf(row), 'a', member)
        await acquire(store, row, 'name:ann')
        for (const _ of [1, 2]) {
          expect(await store.end({ ...ownerOf(row), reason: 'left' })).toEqual({ kind: 'done' })
        }
        expect(await store.session('s1')).toMatchObject({ status: { state: 'ended', reason: 'left' }, rooms: {} })
        expect(await store.sessionsOf('ann')).toEqual([])
        expect(await store.lease('name:ann')).toBe(null)
        expect(await store.detach(ownerOf(row))).toEqual(notOwner)
        expect(await events(store)).toMatchObject([
          { kind: 'freed', lease: { key: 'name:ann', session: 's1' }, reason: 'ended' },
          { kind: 'ended', session: 's1', user: 'ann', generation: row.generation, reason: 'left', rooms: ['a'] },
        ])
      }),
    )

    test(
      '[SES-7] generation null ends whoever owns it; a session that never was has no owner',
      on(async ({ store }) => {
        await created(store, 's1')
        await resume(store, ['first-s1', 'h2'], 2)
        expect(await store.end({ session: 's1', generation: null, reason: 'kicked' })).toEqual({ kind: 'done' })
        expect((await store.session('s1'))?.status).toEqual({ state: 'ended', reason: 'kicked' })
        expect(await store.end({ session: 'nobody', generation: null, reason: 'kicked' })).toEqual(notOwner)
      }),
    )

    test(
      '[SES-8] an ended session is still known long after, so that its secrets get a true answer',
      on(async (suite) => {
        const { store } = suite
        const row = await created(store, 's1')
        await store.end({ ...ownerOf(row), reason: 'left' })
        await holdFor(suite, 3_600_000, { everyMs: 3_000 })
        expect((await store.session('s1'))?.status).toEqual({ state: 'ended', reason: 'left' })
        const answer = await resume(store, ['first-s1', 'h2'], 2, { user: user('ann') })
        expect(accepted(answer).row.newReason).toBe('session-ended')
      }),
    )
  })

  describe('the control log', () => {
    test(
      '[CTL-1] each new owner, end, removal and change of rights is told, in order, by the step that does it',
      on(async ({ store }) => {
        const row = await created(store, 's1')
        const next = accepted(await resume(store, ['first-s1', 'h2'], 2, { node: 'n2', instance: 'i2' })).row
        await store.detach(ownerOf(next))
        await store.remove('a', 'ann')
        await store.changeRights('ann')
        await store.end({ ...ownerOf(next), reason: 'kicked' })
        await store.end({ ...ownerOf(next), reason: 'kicked' })
        expect(await controls(store)).toEqual([
          { kind: 'attached', session: 's1', generation: row.generation + 1, node: 'n2', instance: 'i2' },
          { kind: 'rights', user: 'ann', room: 'a' },
          { kind: 'rights', user: 'ann', room: null },
          { kind: 'ended', session: 's1', generation: next.generation, reason: 'kicked' },
        ])
      }),
    )

    test(
      '[CTL-2] it is a room like any other: followed by hints, read by position, over restarts',
      on(async ({ store, settle, reopen }) => {
        const heard: string[] = []
        const row = await created(store, 's1')
        await store.follow('$control', (hint) => heard.push(hint.kind))
        const [start] = await store.heads(['$control'])
        await store.end({ ...ownerOf(row), reason: 'left' })
        await settle()
        expect(heard).toEqual(['entries'])
        if (start === undefined) throw new Error('no head')
        const next = await reopen()
        const from = { kind: 'position', position: start, last: 0 } as const
        const page = await next.read({
          room: '$control',
          from,
          readableFrom: 0,
          entriesMax: 9,
          bytesMax: 9_999,
          replayMax: 99,
        })
        expect(page).toMatchObject({ verdict: { kind: 'complete' }, head: { offset: start.offset + 1 } })
      }),
    )

    test(
      '[CTL-3] a refused attach and a fresh session tell nothing',
      on(async ({ store }) => {
        await created(store, 's1')
        await resume(store, ['first-s1', 'h2'], 1)
        await resume(store, ['first-s1', 'h2'], 2, { user: user('bob') })
        await resume(store, ['unknown', 'h2'], 2)
        expect(await controls(store)).toEqual([])
      }),
    )
  })
})
