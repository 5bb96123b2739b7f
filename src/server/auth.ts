// Who comes: the application's `authenticate` hook, guests, and what of its answer is kept with the session.

import type { Json } from '../protocol/frames.js'
import { isName } from '../protocol/check.js'
import { base64url } from '../protocol/base64url.js'
import type { Chance } from '../protocol/time.js'
import type { SessionRow } from '../store/store.js'
import type { HookCaller } from './hook.js'
import type { Secret } from './secret.js'

export interface AuthContext {
  /** The page's origin; null when none was sent (not a browser). */
  readonly origin: string | null
  /** The client's address, as far as it can be trusted (setting `proxyHops`). */
  readonly address: string
  /** A guest's name: the same for the same browser profile, otherwise random. Nobody can choose it. */
  readonly guest: string
}

export interface AuthUser {
  /** 1 to 255 bytes without control characters. */
  readonly user: string
  /** Kept with the session and given to every hook. Default null. */
  readonly claims?: Json
  /** Until when this holds, in ms since 1970. Then the client is asked for a new token; its session is kept. */
  readonly expiresAtMs?: number
}

/**
 * Tells who a token belongs to; null refuses it. It runs for every hello with a token. A resume without a token is
 * carried by its secret alone: the user stays who he was, until `expiresAtMs`, and every room's `canJoin` runs again.
 * A hello with neither is asked with `token: null`. One that throws refuses nothing: the client comes again.
 */
export type Authenticate = (token: string | null, context: AuthContext) => AuthUser | null | Promise<AuthUser | null>

export type AuthAnswer =
  | { readonly kind: 'user'; readonly user: string; readonly claims: Json }
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed' }

export interface Authenticator {
  ask(token: Secret | null, context: AuthContext): Promise<AuthAnswer>
}

/** Everybody may come, without a token: a browser profile is a user, `guest-` and 16 characters. */
export function guests(): Authenticate {
  return (_token, { guest }) => ({ user: guest })
}

/** Never rejects. An answer that is no user is the application's mistake: `failed`, reported. */
export function createAuthenticator(
  authenticate: Authenticate,
  hooks: HookCaller,
  report: (error: unknown, doing: string) => void,
): Authenticator {
  return {
    async ask(token, context) {
      const answer = await hooks.call('authenticate', async () => {
        try {
          return await authenticate(token?.reveal() ?? null, context)
        } catch (error) {
          throw token === null ? error : withoutSecret(error, token)
        }
      })
      if (answer.kind === 'failed') return answer
      if (answer.value === null || answer.value === undefined) return { kind: 'refused' }
      const { user, claims, expiresAtMs } = answer.value
      const wrong = problemOf(answer.value)
      if (wrong !== null) {
        report(new TypeError(wrong), 'the hook authenticate')
        return { kind: 'failed' }
      }
      return {
        kind: 'user',
        user,
        claims: { claims: claims ?? null, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) },
      }
    },
  }
}

/** The guest's name for a device key's hash, or a random one. */
export function guestName(deviceHash: string | null, chance: Chance): string {
  return `guest-${(deviceHash ?? base64url(chance.bytes(12))).slice(0, 16)}`
}

/** What the application said of the user, out of what is kept with the session. */
export function claimsOf(kept: Json): Json {
  return isKept(kept) ? (kept['claims'] ?? null) : kept
}

/** Until when the session's proof holds (ms since 1970); Infinity: for as long as the session. */
export function expiryOf(kept: Json): number {
  const expiresAtMs = isKept(kept) ? kept['expiresAtMs'] : undefined
  return typeof expiresAtMs === 'number' ? expiresAtMs : Number.POSITIVE_INFINITY
}

/** Does the secret prove the session? As the store will judge it; for verdicts that come before it is asked. */
export function provesRow(row: SessionRow, secretHash: string, nextHash: string): boolean {
  if (row.secrets.current === secretHash) return true
  return row.secrets.previous === secretHash && row.secrets.current === nextHash
}

/** Verifiers like to quote the token that they could not read. */
function withoutSecret(error: unknown, secret: Secret): Error {
  const hide = (text: string) => text.replaceAll(secret.reveal(), String(secret))
  if (!(error instanceof Error)) return new Error(hide(String(error)))
  const shown = new Error(hide(error.message))
  if (error.stack !== undefined) shown.stack = hide(error.stack)
  return shown
}

function isKept(kept: Json): kept is { readonly [key: string]: Json } {
  return typeof kept === 'object' && kept !== null && !Array.isArray(kept) && 'claims' in kept
}

function problemOf({ user, expiresAtMs }: AuthUser): string | null {
  if (!isName(user)) return 'authenticate must answer { user } of 1 to 255 bytes without control characters'
  if (expiresAtMs !== undefined && !Number.isFinite(expiresAtMs)) return 'expiresAtMs must be a number of ms since 1970'
  return null
}
