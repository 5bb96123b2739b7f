// Who asks over HTTP: a token in the Authorization header or in the cookie that the application named, else a guest.
// The hook is the socket's `authenticate`.

import type { IncomingMessage } from 'node:http'
import { parse } from 'hono/utils/cookie'
import { visible } from '../../protocol/check.js'
import { visitorSession } from '../../protocol/events.js'
import { bounds } from '../../protocol/limits.js'
import { claimsOf, expiryOf, guestName } from '../auth.js'
import type { Context, Peer } from '../context.js'
import type { Asker } from '../rooms.js'
import { hashOf, Secret } from '../secret.js'
import { no, type Step, yes } from './problem.js'

/** What the request shows of its sender. */
export interface Credentials {
  readonly token: Secret | null
  readonly isByCookie: boolean
  readonly deviceHash: string | null
}

export interface Identity {
  readonly asker: Asker
  /** Until when the proof holds, ms since 1970; Infinity: for ever. */
  readonly expiresAtMs: number
  /** False: a guest who is another one with each request. */
  readonly isSame: boolean
}

const isToken = visible(bounds.tokenCharsMax)
const isDevice = visible(bounds.secretCharsMax)

/** `cookie`: the name of the cookie that carries a token; null: none counts. A header comes before the cookie. */
export function credentialsOf({ headers }: IncomingMessage, cookie: string | null): Step<Credentials> {
  const { authorization } = headers
  const device = headers['holdfast-device']
  if (device !== undefined && isDevice(device) !== null) {
    return no('bad-message', `Holdfast-Device has 1 to ${bounds.secretCharsMax} visible ASCII characters`)
  }
  const deviceHash = typeof device === 'string' ? hashOf(device) : null
  if (authorization !== undefined) {
    const token = /^bearer +(\S+) *$/i.exec(authorization)?.[1]
    if (token === undefined || isToken(token) !== null)
      return no('token-refused', 'write: Authorization: Bearer <token>')
    return yes({ token: new Secret(token), isByCookie: false, deviceHash })
  }
  const value = cookie === null ? undefined : parse(headers.cookie ?? '', cookie)[cookie]
  if (value === undefined || isToken(value) !== null) return yes({ token: null, isByCookie: false, deviceHash })
  return yes({ token: new Secret(value), isByCookie: true, deviceHash })
}

/** Asks the application. */
export async function identify(context: Context, credentials: Credentials, peer: Peer): Promise<Step<Identity>> {
  const { token, deviceHash } = credentials
  const guest = guestName(deviceHash, context.chance)
  const answer = await context.authenticator.ask(token, { origin: peer.origin, address: peer.address, guest })
  if (answer.kind === 'failed') return no('hook-failed', 'the application failed to say who this is')
  if (answer.kind === 'refused') return no('token-refused', token === null ? 'a token is needed' : 'get a new token')
  const expiresAtMs = expiryOf(answer.claims)
  if (context.clock.wallMs() >= expiresAtMs) return no('token-expired', 'get a new token')
  const asker = { user: answer.user, claims: claimsOf(answer.claims), session: visitorSession }
  return yes({ asker, expiresAtMs, isSame: deviceHash !== null || answer.user !== guest })
}
