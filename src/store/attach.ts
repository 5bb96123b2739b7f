// The rules of attaching: who may own a session, and with what secret. One pure decision over the named session, the
// session that was created by the same `nextHash`, and the ask; the driver applies it in one atomic step.
//
// The client's secrets form a chain: each accepted attach proves one hash and sets the next. An honest client sends
// one pair (secret, next) until a welcome comes, so three things can be told apart:
//   the newest pair again      its welcome was lost: the same resume again
//   an older pair of the chain an abandoned dial that arrives late: its attempt is not above the last; changes nothing
//   a used secret, other next  a second party has a copy: the alarm, whatever its attempt

import type { NewReason } from '../protocol/reasons.js'
import { noRooms } from './session.js'
import type { Attach, Attached, SessionRow } from './store.js'

/** Used hashes kept before `previous`. */
export const retiredMax = 8

export interface AttachView {
  /** The session that the ask names, ended ones too. */
  readonly named: SessionRow | null
  /** The session of the ask's user whose `createdBy` is the ask's `nextHash`; the latest one. */
  readonly created: SessionRow | null
  /** No generation that was ever given, also in a life of the store that is lost, is above it and above the row's. */
  readonly generationFloor: number
  /** The count of the last change of the rights of the ask's user. */
  readonly rightsChanged: number
}

export type AttachDecision =
  /** Nothing changes. */
  | { readonly kind: 'refuse'; readonly answer: Exclude<Attached, { kind: 'resumed' | 'created' }> }
  /** The session ends as `revoked`; the asker is answered `secret-reused`. */
  | { readonly kind: 'revoke' }
  /** `isFirst`: the secret moved on, so the client has read the welcome before. */
  | { readonly kind: 'resume'; readonly row: SessionRow; readonly isFirst: boolean }
  /** As `created` again: the client does not know yet that it has it. */
  | { readonly kind: 'create-again'; readonly row: SessionRow }
  | { readonly kind: 'create'; readonly row: SessionRow }

export function decideAttach(view: AttachView, ask: Attach): AttachDecision {
  if (ask.resume === null) return create(view, ask, 'created')
  const row = view.named
  if (row === null) return create(view, ask, 'session-unknown')
  const isStale = ask.attempt <= row.lastAttempt
  const proof = proofOf(row.secrets, ask.resume, ask.nextHash, isStale)
  if (proof.kind === 'unknown') return create(view, ask, 'secret-unknown')

  const isOther = ask.user !== null && ask.user.user !== row.user
  if (row.status.state === 'ended') {
    if (isOther) return create(view, ask, 'session-ended')
    if (row.status.reason === 'revoked') return { kind: 'refuse', answer: { kind: 'revoked' } }
    return isStale ? stale(row) : create(view, ask, 'session-ended')
  }
  if (isOther) return { kind: 'refuse', answer: { kind: 'user-mismatch' } }

  const isTakeover = proof.kind === 'used' || (proof.kind === 'used-pair' && !isStale)
  if (isTakeover && !(ask.mayTakeOver && ask.user !== null)) return { kind: 'revoke' }
  if (isStale) return stale(row)
  if (ask.rightsVersion !== null && ask.rightsVersion !== row.rightsVersion) {
    return { kind: 'refuse', answer: { kind: 'rights-changed' } }
  }
  const isFirst = proof.kind !== 'again'
  const secrets = isFirst ? movedOn(row.secrets, proof.hash, ask.nextHash) : row.secrets
  return { kind: 'resume', isFirst, row: owned({ ...row, secrets }, view, ask) }
}

function stale(row: SessionRow): AttachDecision {
  return { kind: 'refuse', answer: { kind: 'stale-attempt', lastAttempt: row.lastAttempt } }
}

// The secrets.

type Secrets = SessionRow['secrets']

type Proof =
  | { readonly kind: 'unknown' }
  /** current: the next step · again: the last step once more · used-pair: an older step · used: no step ever taken. */
  | { readonly kind: 'current' | 'again' | 'used-pair' | 'used'; readonly hash: string }

/**
 * The previous secret is tried only when the first is not known at all: the store was set back by one step. It never
 * raises the alarm.
 */
function proofOf(secrets: Secrets, resume: NonNullable<Attach['resume']>, nextHash: string, isStale: boolean): Proof {
  const proof = classify(secrets, resume.secretHash, nextHash)
  if (proof.kind !== 'unknown' || resume.previousHash === null) return proof
  const before = classify(secrets, resume.previousHash, nextHash)
  const isAlarm = before.kind === 'used' || (before.kind === 'used-pair' && !isStale)
  return isAlarm ? { kind: 'unknown' } : before
}

function classify(secrets: Secrets, hash: string, nextHash: string): Proof {
  // All are compared, always: how long it takes says nothing about which one it was.
  const isCurrent = isSameDigest(hash, secrets.current)
  const isPrevious = secrets.previous !== null && isSameDigest(hash, secrets.previous)
  const isRetired = isAmong(hash, secrets.retired)
  const isNextCurrent = isSameDigest(nextHash, secrets.current)
  const isNextPrevious = secrets.previous !== null && isSameDigest(nextHash, secrets.previous)
  const isNextRetired = isAmong(nextHash, secrets.retired)
  if (isCurrent) return { kind: 'current', hash }
  if (isPrevious && isNextCurrent) return { kind: 'again', hash }
  if (!isPrevious && !isRetired) return { kind: 'unknown' }
  return { kind: isNextCurrent || isNextPrevious || isNextRetired ? 'used-pair' : 'used', hash }
}

/** `previous` is what the owner presented, so that its own repetition is known; all others are used. */
function movedOn(secrets: Secrets, presented: string, next: string): Secrets {
  const used = [...secrets.retired, ...(secrets.previous === null ? [] : [secrets.previous]), secrets.current]
  const retired = used.filter((hash) => hash !== presented && hash !== next).slice(-retiredMax)
  return { current: next, previous: presented, retired }
}

function isAmong(hash: string, hashes: readonly string[]): boolean {
  let found = false
  for (const one of hashes) found = isSameDigest(hash, one) || found
  return found
}

/** In a time that depends on the lengths only. */
export function isSameDigest(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

// Creating.

/**
 * One `nextHash` of one user makes one session, however often it is asked for, until that session is resumed: from
 * then on the same hello is either a late one (refused as stale), or of a copy of the client that never knew the
 * session. The copy has proved nothing about it, so it gets one of its own and the first is left alone.
 */
function create(view: AttachView, ask: Attach, newReason: NewReason): AttachDecision {
  if (ask.user === null) return { kind: 'refuse', answer: { kind: 'user-needed' } }
  const made = view.created
  if (made !== null && ask.attempt <= made.lastAttempt) return stale(made)
  const isAgain = made !== null && made.status.state !== 'ended' && isSameDigest(made.secrets.current, made.createdBy)
  if (view.rightsChanged > ask.rightsCount) return { kind: 'refuse', answer: { kind: 'rights-changed' } }
  if (isAgain) return { kind: 'create-again', row: owned(made, view, ask) }

  const fresh: Omit<SessionRow, 'status'> = {
    id: ask.newSession,
    user: ask.user.user,
    claims: ask.user.claims,
    secrets: { current: ask.nextHash, previous: null, retired: [] },
    createdBy: ask.nextHash,
    newReason,
    lastAttempt: ask.attempt,
    generation: 0,
    rightsVersion: 0,
    instance: ask.instance,
    holdMs: ask.holdMs,
    rooms: noRooms,
  }
  return { kind: 'create', row: owned(fresh, { generationFloor: 0 }, ask) }
}

function owned(
  row: Omit<SessionRow, 'status'>,
  { generationFloor }: Pick<AttachView, 'generationFloor'>,
  ask: Attach,
): SessionRow {
  return {
    ...row,
    claims: ask.user === null ? row.claims : ask.user.claims,
    lastAttempt: ask.attempt,
    generation: Math.max(row.generation, generationFloor) + 1,
    instance: ask.instance,
    holdMs: ask.holdMs,
    status: { state: 'live', node: ask.node, connection: ask.connection },
  }
}
