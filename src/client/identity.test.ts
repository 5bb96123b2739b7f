import { describe, expect, test } from 'vitest'
import type { Welcome } from '../protocol/frames.js'
import { createSeededChance } from '../testing/seeded-chance.js'
import { createVirtualClock } from '../testing/virtual-clock.js'
import { type Claims, Identity, type IdentityOptions } from './identity.js'
import { type ClientStorage, memoryStorage, SafeStorage, type Slots } from './storage.js'

const created = (session: string) => ({ session, user: 'ann', verdict: { kind: 'new', reason: 'created' } }) as Welcome

let seed = 0

function identityOf(storage: ClientStorage, more: Partial<IdentityOptions> = {}) {
  const clock = createVirtualClock()
  const errors: unknown[] = []
  const safe = new SafeStorage(storage, clock, (error) => errors.push(error))
  const identity = new Identity({
    instance: 'i1',
    storage: safe,
    sessionKey: 's',
    deviceKey: 'd',
    chance: createSeededChance(seed++),
    claims: null,
    auth: null,
    ...more,
  })
  return { identity, safe, clock, errors }
}

/** Slots that fail, hang or wait on demand. */
function troubled(kind: 'throws' | 'hangs'): ClientStorage {
  const act = () => (kind === 'throws' ? Promise.reject(new Error('blocked')) : new Promise<never>(() => {}))
  const slots: Slots = { get: act, set: act, remove: act }
  return { session: slots, profile: slots, kind: 'persistent' }
}

describe('credentials around a dial', () => {
  test('[CRED-9] everything is saved before the dial: a process that dies then goes on where it was', async () => {
    const storage = memoryStorage()
    const first = identityOf(storage).identity
    await first.prepare()
    const shown = first.proof()
    const second = identityOf(storage).identity
    await second.prepare()
    expect(second.proof()).toEqual({ ...shown, attempt: shown.attempt + 1 })
  })

  test('[STAT-5] auth may give its token, or null, at once', async () => {
    const given = identityOf(memoryStorage(), { auth: () => 'ann' }).identity
    expect(await given.prepare()).toEqual({ kind: 'ready' })
    expect(given.proof().token).toBe('ann')
    const { identity } = identityOf(memoryStorage(), { auth: () => null })
    expect(await identity.prepare()).toMatchObject({ kind: 'not-ready', reason: 'signed-out' })
  })

  test('[CRED-9] attempts are saved in order, also when dials overlap', async () => {
    const storage = memoryStorage()
    const { identity } = identityOf(storage)
    await Promise.all([identity.prepare(), identity.prepare(), identity.prepare()])
    expect(identity.proof().attempt).toBe(3)
    const later = identityOf(storage).identity
    await later.prepare()
    expect(later.proof().attempt).toBe(4)
  })

  test('[CRED-10] a storage that throws is replaced by memory, and told', async () => {
    const { identity, safe, errors } = identityOf(troubled('throws'))
    expect(safe.kind).toBe('persistent')
    await identity.prepare()
    expect([safe.kind, errors.length > 0, identity.proof().attempt]).toEqual(['memory', true, 1])
  })

  test('[CRED-10] a storage that hangs is given up after two seconds', async () => {
    const { identity, safe, clock } = identityOf(troubled('hangs'))
    const prepared = identity.prepare()
    await clock.advance(10_000)
    expect(await prepared).toEqual({ kind: 'ready' })
    expect(safe.kind).toBe('memory')
  })

  test('[CRED-11] damaged storage is a new session, never an error', async () => {
    const storage = memoryStorage()
    await storage.session.set('s', '{"session":7}')
    await storage.profile.set('d', '<script>')
    const { identity } = identityOf(storage)
    await identity.prepare()
    expect(identity.session).toBeNull()
    expect(identity.proof().device).toMatch(/^[\w-]{43}$/)
  })

  test('[CRED-12] a guest is the same in every tab of a profile; who has a token shows no device', async () => {
    const profile = memoryStorage().profile
    const tab = () => identityOf({ ...memoryStorage(), profile }).identity
    const [one, two] = [tab(), tab()]
    await Promise.all([one.prepare(), two.prepare()])
    expect(one.proof().device).toBe(two.proof().device)
    const { identity } = identityOf({ ...memoryStorage(), profile }, { auth: async () => 'token' })
    await identity.prepare()
    expect(identity.proof()).toMatchObject({ token: 'token' })
    expect(identity.proof().device).toBeUndefined()
  })

  test('[CRED-13] a token must be a text of the right size', async () => {
    for (const token of ['', 'x'.repeat(20_000), 7 as never]) {
      await expect(identityOf(memoryStorage(), { auth: async () => token }).identity.prepare()).rejects.toThrow(
        TypeError,
      )
    }
  })
})

describe('duplicated tabs', () => {
  function claimsOf(answer: 'mine' | 'copy') {
    const asked: string[] = []
    const claims: Claims = {
      claim: async (session, instance) => {
        asked.push(`${session} ${instance}`)
        return answer
      },
      release: () => {
        asked.push('release')
      },
    }
    return { claims, asked }
  }

  async function stored() {
    const storage = memoryStorage()
    const { identity } = identityOf(storage)
    await identity.prepare()
    identity.welcomed(created('s1'))
    await identity.prepare()
    return storage
  }

  test('[CRED-14] [S31] a copy forgets the secret before it dials, and says why it is a new session', async () => {
    const { claims, asked } = claimsOf('copy')
    const { identity } = identityOf(await stored(), { claims })
    await identity.prepare()
    expect(asked).toEqual(['s1 i1'])
    expect(identity.proof().session).toBeUndefined()
    expect(identity.welcomed(created('s2'))).toBe('copied-tab')
  })

  test('[CRED-14] who is alone goes on, and claims again after being frozen', async () => {
    const { claims, asked } = claimsOf('mine')
    const { identity } = identityOf(await stored(), { claims })
    await identity.prepare()
    expect(identity.proof().session?.id).toBe('s1')
    identity.letGo()
    await identity.prepare()
    await identity.prepare()
    expect(asked).toEqual(['s1 i1', 'release', 's1 i1'])
  })

  test('[CRED-14] a first session claims nothing before it exists', async () => {
    const { claims, asked } = claimsOf('copy')
    const { identity } = identityOf(memoryStorage(), { claims })
    await identity.prepare()
    expect(asked).toEqual([])
    identity.welcomed(created('s1'))
    expect(asked).toEqual(['release', 's1 i1'])
  })
})
