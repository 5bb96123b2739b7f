// Who comes: tokens that run out, rights that change, users who are sent away.

import { connect } from 'holdfast'
import { createServer } from 'holdfast/server'
import { afterAll, expect, test } from 'vitest'

const accounts = new Map([['token-of-ann', { user: 'ann', rooms: ['team/red', 'team/blue'] }]])

const server = await createServer({
  port: 0,
  log: false,
  authenticate: (token) => {
    const account = accounts.get(token ?? '')
    if (account === undefined) return null // refused: the client asks its `auth` for a new token
    return { user: account.user, claims: { rooms: account.rooms }, expiresAtMs: Date.now() + 5 * 60_000 }
  },
  rooms: {
    'team/:name': { canJoin: ({ user, room }) => roomsOf(user).includes(room) },
  },
})

function roomsOf(user: string): readonly string[] {
  return [...accounts.values()].find((account) => account.user === user)?.rooms ?? []
}

afterAll(() => server.close({ drainMs: 0 }))

test('a right that is withdrawn ends the membership, a kick ends the session', async () => {
  // Called on every dial and shared by all who wait; null means signed out: nothing is dialled any more.
  const session = connect(server.url, { auth: async () => fetchToken() })
  const red = session.join('team/red')
  const blue = session.join('team/blue')
  const told: string[] = []
  red.on('removed', ({ reason }) => told.push(`red: ${reason}`))
  blue.on('removed', ({ reason }) => told.push(`blue: ${reason}`))
  expect(await session.whenLive()).toEqual({ kind: 'live' })

  accounts.set('token-of-ann', { user: 'ann', rooms: ['team/red'] })
  await server.changeRights('ann') // on every node, at once; what `canJoin` no longer allows is left
  await expect.poll(() => told).toEqual(['blue: rights-revoked'])

  await server.kick({ user: 'ann', reason: 'spam' })
  await expect.poll(() => session.status.state).toBe('suspended')
  session.close()
})

async function fetchToken(): Promise<string> {
  return 'token-of-ann'
}
