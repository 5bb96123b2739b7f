// What proves a session to be ours. Every secret is made here and only its hash is told in advance, so a lost answer
// loses nothing: the same pair is shown again on every dial until a welcome came. Pure.

import type { Hello, Welcome } from '../protocol/frames.js'
import { sha256 } from '../protocol/sha256.js'

export interface Credentials {
  readonly session: string | null
  /** The user last welcomed as. */
  readonly user: string | null
  /** The secret of the session; null while there is none. */
  readonly current: string | null
  /** The secret it will have after the next welcome. */
  readonly next: string
  /** The one before `current`: a store that lost its last writes still knows it. */
  readonly previous: string | null
  /** Rises with every dial; saved before it. */
  readonly attempt: number
}

/** A server may raise the counter no further than this. */
const attemptMax = 2 ** 50

export function newCredentials(secret: string): Credentials {
  return { session: null, user: null, current: null, next: secret, previous: null, attempt: 0 }
}

/** The session is given up; the counter goes on, and who we were is remembered to tell a change of user. */
export function renewed(old: Credentials, secret: string): Credentials {
  return { ...newCredentials(secret), user: old.user, attempt: old.attempt }
}

export function forNextDial(credentials: Credentials): Credentials {
  return { ...credentials, attempt: credentials.attempt + 1 }
}

/** After a welcome: what was `next` is the secret now. */
export function promoted(old: Credentials, welcome: Welcome, secret: string): Credentials {
  const { session, user, verdict } = welcome
  const previous = verdict.kind === 'resumed' ? old.current : null
  return { session, user, current: old.next, next: secret, previous, attempt: old.attempt }
}

/** A later attempt than ours has attached; ours go on above it. */
export function raised(credentials: Credentials, lastAttempt: number): Credentials {
  return { ...credentials, attempt: Math.max(credentials.attempt, Math.min(lastAttempt, attemptMax)) }
}

export function proofOf(credentials: Credentials): Pick<Hello, 'attempt' | 'nextHash' | 'session'> {
  const { session: id, current: secret, next, previous, attempt } = credentials
  const proof = { attempt, nextHash: sha256(next) }
  if (id === null || secret === null) return proof
  return { ...proof, session: previous === null ? { id, secret } : { id, secret, previous } }
}

export function serialised(credentials: Credentials): string {
  return JSON.stringify(credentials)
}

/** Null for anything that this file has not written. */
export function parsed(text: string | null): Credentials | null {
  if (text === null || text.length > 4_096) return null
  try {
    const { session, user, current, next, previous, attempt } = JSON.parse(text)
    const areTexts = [session, user, current, previous].every((value) => value === null || isText(value))
    if (!areTexts || !isText(next) || !Number.isSafeInteger(attempt) || attempt < 0 || attempt > attemptMax) return null
    return { session, user, current, next, previous, attempt }
  } catch {
    return null
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
