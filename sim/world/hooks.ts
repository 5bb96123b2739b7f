// What the application behind the servers answers: who a token belongs to, who may be where. Its functions may throw,
// reject or never answer for a while, and its listeners too.

import { type Authenticate, guests } from '../../src/server/auth.js'
import type { SeededChance } from '../../src/testing/seeded-chance.js'
import type { AuthPlan, RoomHooks } from '../config.js'
import { isDrawn } from '../draw.js'
import type { Trace } from '../trace.js'

export type HookName = 'authenticate' | 'canJoin' | 'canPublish' | 'event'

export interface HookFailure {
  readonly how: 'throws' | 'rejects' | 'hangs'
  readonly share: number
}

export interface Hooks extends RoomHooks {
  /** As one server calls it, by its own wall clock. */
  authenticate(wallMs: () => number): Authenticate
  /** What a listener of the servers' events does. */
  event(): void | Promise<void>
  /** A token of that user, issued at this time. */
  token(user: string, atMs: number): string
  fail(hook: HookName, failure: HookFailure | null): void
  /** Nothing fails any more, and tokens hold for as long as it goes on. */
  heal(): void
}

const word = 'tok'
const longMs = 1e9

export function createHooks(parts: {
  readonly auth: AuthPlan
  readonly chance: SeededChance
  readonly trace: Trace
  /** Pairs of user and room that are not allowed. */
  readonly banned: ReadonlySet<string>
}): Hooks {
  const { auth, chance, trace, banned } = parts
  const failures = new Map<HookName, HookFailure>()
  let ttlMs = auth?.ttlMs ?? longMs
  const answer = <T>(hook: HookName, right: () => T): T | Promise<T> => {
    const failure = failures.get(hook)
    if (failure === undefined || !isDrawn(chance, failure.share)) return right()
    const error = new Error(`sim: the hook ${hook} ${failure.how}`)
    if (failure.how === 'throws') throw error
    return failure.how === 'rejects' ? Promise.reject(error) : new Promise(() => {})
  }
  const asGuest = guests()
  return {
    authenticate: (wallMs) => (token, context) =>
      answer('authenticate', () => {
        if (auth === null) return asGuest(token, context)
        const [kind, user = '', untilMs = ''] = token?.split('|') ?? []
        if (kind !== word || Number(untilMs) <= wallMs()) return null
        trace.add({ kind: 'proved', user, leftMs: Number(untilMs) - wallMs() })
        return { user, expiresAtMs: Number(untilMs) }
      }) as ReturnType<Authenticate>,
    mayJoin: (user, room) =>
      answer('canJoin', () => {
        const isAllowed = !banned.has(`${user} ${room}`)
        trace.add({ kind: 'asked', user, room, isAllowed })
        return isAllowed
      }),
    mayPublish: () => answer('canPublish', () => true),
    event: () => answer('event', () => {}),
    token: (user, atMs) => `${word}|${user}|${atMs + ttlMs}`,
    fail(hook, failure) {
      if (failure === null) failures.delete(hook)
      else failures.set(hook, failure)
    },
    heal() {
      failures.clear()
      ttlMs = longMs
    },
  }
}
