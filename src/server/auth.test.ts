import { describe, expect, test } from 'vitest'
import { byeOf, createServerRig, hash, hello, inShort, resume } from '../../test/support/server-rig.js'
import type { AuthContext, AuthUser } from './auth.js'

const hourMs = 3_600_000

describe('a token', () => {
  test('[AUTH-1] is judged by the hook, which is told where it comes from', async () => {
    const asked: [string | null, AuthContext][] = []
    const rig = await createServerRig({
      authenticate: (token, context) => {
        asked.push([token, context])
        return { user: 'ann' }
      },
    })
    const { welcome } = await rig.enter({ more: { token: 'good' } })
    expect(welcome.user).toBe('ann')
    expect(asked).toMatchObject([['good', { origin: null, address: 'peer', guest: expect.stringMatching(/^guest-/) }]])
  })

  test('[AUTH-1] that is refused closes with token-refused; a session is kept', async () => {
    const rig = await createServerRig({ authenticate: (token) => (token === 'good' ? { user: 'ann' } : null) })
    const { session } = await rig.enter({ more: { token: 'good' } })
    const again = await rig.peer('again')
    again.send(resume(session, 1, { token: 'bad' }))
    expect(byeOf(await again.take())).toMatchObject({ code: 4301, reason: 'token-refused', kept: true })
    const other = await rig.peer('other')
    other.send(hello())
    expect(byeOf(await other.take())).toMatchObject({ reason: 'token-refused', kept: false })
  })

  test('[AUTH-1] [A42] of another user does not open a session, and does not harm it', async () => {
    const rig = await createServerRig({ authenticate: (token) => (token === null ? null : { user: token }) })
    const { peer, session } = await rig.enter({ more: { token: 'ann' } })
    const other = await rig.peer('other')
    other.send(resume(session, 1, { token: 'bob' }))
    expect(byeOf(await other.take())).toMatchObject({ reason: 'user-mismatch' })
    expect(peer.closedWith).toBeNull()
  })

  const broken: { what: string; authenticate: () => Promise<AuthUser> | AuthUser }[] = [
    { what: 'throws', authenticate: () => Promise.reject(new Error('cannot read tok3n-canary')) },
    { what: 'never answers', authenticate: () => new Promise(() => {}) },
    { what: 'answers no user', authenticate: () => ({ user: '' }) },
    { what: 'answers a wrong expiry', authenticate: () => ({ user: 'ann', expiresAtMs: Number.NaN }) },
  ]
  for (const { what, authenticate } of broken) {
    test(`[AUTH-2] a hook that ${what} sends the client away for a while and is reported without the token`, async () => {
      const rig = await createServerRig({ authenticate })
      const peer = await rig.peer()
      peer.send(hello({ token: 'tok3n-canary' }))
      expect(byeOf(await peer.take(6_000))).toMatchObject({ code: 1011, retry: true, kept: true })
      expect(rig.lines.filter((line) => line.level === 'error')).toHaveLength(1)
      expect(JSON.stringify(rig.lines)).not.toContain('canary')
    })
  }
})

describe('a resume without a token', () => {
  const rigOf = async (user: Partial<AuthUser> = {}) => {
    const joins: unknown[] = []
    let askedCount = 0
    const rig = await createServerRig({
      authenticate: (token) => {
        askedCount += 1
        return token === null ? null : { user: 'ann', claims: { role: 'admin' }, ...user }
      },
      rooms: {
        '*': {
          canJoin: ({ room, claims }) => {
            joins.push([room, claims])
            return true
          },
        },
      },
    })
    const entered = await rig.enter({ rooms: [{ room: 'a' }], more: { token: 'good' } })
    return { rig, joins, count: () => askedCount, ...entered }
  }

  test('[AUTH-3] [I56] is carried by its secret: the hook is not asked, canJoin is, with the same claims', async () => {
    const { rig, joins, count, session } = await rigOf()
    const again = await rig.peer('again')
    again.send(resume(session, 1, { rooms: [{ room: 'a' }] }))
    expect(inShort(await again.take())[0]).toBe('welcome')
    expect(count()).toBe(1)
    expect(joins).toEqual([
      ['a', { role: 'admin' }],
      ['a', { role: 'admin' }],
    ])
  })

  test('[AUTH-6] whose secret is not the session’s is asked for a token', async () => {
    const { rig, count, session } = await rigOf()
    const thief = await rig.peer('thief')
    thief.send(hello({ session: { id: session, secret: 'guessed' } }))
    expect(byeOf(await thief.take())).toMatchObject({ reason: 'token-refused' })
    expect(count()).toBe(2)
  })

  test('[AUTH-4] [S77] is asked for a new one when the proof has run out, and only who knows the secret is told', async () => {
    const { rig, session } = await rigOf({ expiresAtMs: Date.UTC(2026, 0, 1) + hourMs })
    const before = await rig.peer('before')
    before.send(resume(session, 1))
    expect(inShort(await before.take())[0]).toBe('welcome')
    await rig.clock.advance(hourMs)

    const owner = await rig.peer('owner')
    owner.send(resume(session, 2))
    expect(byeOf(await owner.take())).toMatchObject({ code: 4300, reason: 'token-expired', kept: true })
    const thief = await rig.peer('thief')
    thief.send(hello({ session: { id: session, secret: 'guessed' } }))
    expect(byeOf(await thief.take())).toMatchObject({ reason: 'token-refused' })
  })

  test('[AUTH-4] the connection is closed when the proof runs out, and a new token resumes the session', async () => {
    const expiresAtMs = Date.UTC(2026, 0, 1) + hourMs
    const { rig, session, peer } = await rigOf({ expiresAtMs })
    for (let beats = 0; beats < 250 && peer.closedWith === null; beats++) {
      peer.send({ type: 'beat' })
      await rig.clock.advance(20_000)
    }
    expect(byeOf(peer.frames)).toMatchObject({ reason: 'token-expired', kept: true })
    expect(rig.clock.wallMs()).toBeGreaterThanOrEqual(expiresAtMs)
    const again = await rig.peer('again')
    again.send(resume(session, 1, { token: 'good' }))
    expect((await again.take())[0]).toMatchObject({ type: 'welcome', verdict: { kind: 'resumed' } })
  })
})

describe('guests', () => {
  test('[AUTH-5] the same device is the same guest, another one another; nobody can choose a name', async () => {
    const rig = await createServerRig()
    const users: string[] = []
    for (const [at, device] of ['d1', 'd1', 'd2', undefined, undefined].entries()) {
      const more = { nextHash: hash(`s-${at}`), ...(device === undefined ? {} : { device }) }
      users.push((await rig.enter({ more, name: `p-${at}` })).welcome.user)
    }
    expect(users[0]).toBe(`guest-${hash('d1').slice(0, 16)}`)
    expect(users[1]).toBe(users[0])
    expect(new Set(users).size).toBe(4)
  })

  test('[AUTH-5] a guest who lost his session gets a new one under the same name', async () => {
    const rig = await createServerRig()
    const first = await rig.enter({ more: { device: 'd1' } })
    const again = await rig.peer('again')
    again.send(hello({ session: { id: 'gone', secret: 'x' }, device: 'd1', nextHash: hash('s2') }))
    const [welcome] = await again.take()
    expect(welcome).toMatchObject({ user: first.welcome.user, verdict: { kind: 'new', reason: 'session-unknown' } })
  })
})
