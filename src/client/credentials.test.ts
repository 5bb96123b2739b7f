import { expect, test } from 'vitest'
import type { Welcome } from '../protocol/frames.js'
import { sha256 } from '../protocol/sha256.js'
import {
  type Credentials,
  forNextDial,
  newCredentials,
  parsed,
  promoted,
  proofOf,
  raised,
  renewed,
  serialised,
} from './credentials.js'

const welcome = (verdict: Welcome['verdict'], session = 's1', user = 'ann') => ({ session, user, verdict }) as Welcome
const created = welcome({ kind: 'new', reason: 'created' })
const resumed = welcome({ kind: 'resumed', downMs: 1 })

test('[CRED-1] a first hello tells only the hash of the secret to be', () => {
  expect(proofOf(forNextDial(newCredentials('one')))).toEqual({ attempt: 1, nextHash: sha256('one') })
})

test('[CRED-2] every dial until a welcome shows the same pair, under a higher attempt', () => {
  const mine = forNextDial(promoted(newCredentials('one'), created, 'two'))
  const first = proofOf(mine)
  const second = proofOf(forNextDial(mine))
  expect(second).toEqual({ ...first, attempt: first.attempt + 1 })
  expect(second.session).toEqual({ id: 's1', secret: 'one' })
})

test('[CRED-3] a welcome makes next the secret; a resume keeps the one before', () => {
  const mine = promoted(promoted(newCredentials('one'), created, 'two'), resumed, 'three')
  expect(proofOf(mine)).toMatchObject({
    nextHash: sha256('three'),
    session: { id: 's1', secret: 'two', previous: 'one' },
  })
})

test('[CRED-3] a new session has no secret before its first', () => {
  const lost = welcome({ kind: 'new', reason: 'session-unknown' }, 's2')
  const mine = promoted(promoted(promoted(newCredentials('one'), created, 'two'), resumed, 'three'), lost, 'four')
  expect(proofOf(mine).session).toEqual({ id: 's2', secret: 'three' })
})

test('[CRED-4] giving the session up keeps the counter and the user', () => {
  const mine = renewed(forNextDial(promoted(newCredentials('one'), created, 'two')), 'new')
  expect(mine).toEqual({ session: null, user: 'ann', current: null, next: 'new', previous: null, attempt: 1 })
})

test('[CRED-5] a later attempt elsewhere is gone over, never under; absurd ones do not end the numbers', () => {
  expect(forNextDial(raised({ ...newCredentials('x'), attempt: 4 }, 9)).attempt).toBe(10)
  expect(raised({ ...newCredentials('x'), attempt: 40 }, 9).attempt).toBe(40)
  expect(forNextDial(raised(newCredentials('x'), Number.MAX_SAFE_INTEGER)).attempt).toBeLessThan(2 ** 51)
})

test('[CRED-6] what is stored is read again; anything else is nothing', () => {
  const mine: Credentials = promoted(newCredentials('one'), created, 'two')
  expect(parsed(serialised(mine))).toEqual(mine)
  const damaged = [
    null,
    '',
    '{',
    'null',
    '7',
    '[]',
    '{}',
    serialised({ ...mine, attempt: -1 }),
    serialised({ ...mine, attempt: 1.5 }),
    serialised({ ...mine, next: '' }),
    JSON.stringify({ ...mine, current: 7 }),
    JSON.stringify({ ...mine, next: 'x'.repeat(5_000) }),
  ]
  for (const text of damaged) expect(parsed(text)).toBeNull()
})
