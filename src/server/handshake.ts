// From the first frame to the welcome or the bye: a small state, and one step for each. It ends in `welcomed` or
// `closed`; it knows nothing of rooms, and nothing of what is asked after the welcome.

import type { LiveSession, Outlet } from '../engine/engine.js'
import type { CloseReason } from '../protocol/close.js'
import type { Hello, RoomAsk } from '../protocol/frames.js'
import { type Attached, type SessionRow, StoreUnavailable } from '../store/store.js'
import { expiryOf, guestName, provesRow } from './auth.js'
import type { Context, Peer } from './context.js'
import { hashOf, Secret } from './secret.js'

/** What a hello asks for. Secrets are hashes from here on, the token shows itself to the hook alone. */
export interface Ask {
  readonly instance: string
  readonly attempt: number
  readonly nextHash: string
  readonly session: { readonly id: string; readonly secretHash: string; readonly previousHash: string | null } | null
  readonly token: Secret | null
  readonly deviceHash: string | null
  readonly rooms: readonly RoomAsk[]
}

type Admitted = Extract<Attached, { kind: 'resumed' | 'created' }>
type Refused = Exclude<Attached, { kind: 'resumed' | 'created' }>

/** Who the hooks say it is; null: only the secret speaks. */
type Proof = { readonly user: string; readonly claims: SessionRow['claims'] } | null

interface Asked {
  readonly ask: Ask
  /** Rights changed this often while attaching. */
  readonly retryCount: number
  /** True once the store said that the secret alone does not do. */
  readonly needsUser: boolean
}

/** What the store had before the hooks ran. */
interface Seen {
  readonly row: SessionRow | null
  readonly rightsCount: number
}

export type HandshakeState =
  | { readonly state: 'waiting'; readonly deadlineMs: number }
  | ({ readonly state: 'reading' } & Asked)
  | ({ readonly state: 'authenticating' } & Seen & Asked)
  | ({ readonly state: 'attaching'; readonly proof: Proof } & Seen & Asked)
  | { readonly state: 'welcomed'; readonly ask: Ask; readonly session: LiveSession; readonly attached: Admitted }
  | { readonly state: 'closed'; readonly bye: Bye | null }

export type Bye = Omit<Parameters<Outlet['close']>[0], 'reason'> & { readonly reason: CloseReason }
type Step<S extends HandshakeState['state']> = Extract<HandshakeState, { state: S }>

const retriesMax = 3
const storeRestMs = 1_000

export function askOf(hello: Hello): Ask {
  const { session, token, device } = hello
  return {
    instance: hello.instance,
    attempt: hello.attempt,
    nextHash: hello.nextHash,
    session:
      session === undefined
        ? null
        : {
            id: session.id,
            secretHash: hashOf(session.secret),
            previousHash: session.previous === undefined ? null : hashOf(session.previous),
          },
    token: token === undefined ? null : new Secret(token),
    deviceHash: device === undefined ? null : hashOf(device),
    rooms: hello.rooms,
  }
}

/**
 * Runs from the hello to the end. Never rejects: a store that does not answer and a hook that fails end in `closed`
 * with the session kept. Whoever closed the outlet meanwhile gets `closed` without a bye.
 */
export async function shakeHands(
  context: Context,
  way: { readonly outlet: Outlet; readonly peer: Peer },
  hello: Hello,
): Promise<Step<'welcomed' | 'closed'>> {
  let state = greeted(context, askOf(hello))
  try {
    while (state.state !== 'welcomed' && state.state !== 'closed') {
      if (state.state === 'reading') state = await read(context, state)
      else if (state.state === 'authenticating') state = await authenticate(context, state, way.peer)
      else if (state.state === 'attaching') state = await attach(context, state, way.outlet)
      else throw new Error('a handshake cannot wait again')
      if (!way.outlet.isOpen) return { state: 'closed', bye: null }
    }
    return state
  } catch (error) {
    if (error instanceof StoreUnavailable) return closed('store-unavailable', { afterMs: storeRestMs })
    context.log.report(error, 'a handshake')
    return closed('internal')
  }
}

/** The hello has come: is there room for it now? */
function greeted({ admission, clock }: Context, ask: Ask): HandshakeState {
  const nowMs = clock.nowMs()
  const restMs = ask.session === null ? 0 : admission.restMs(ask.session.id, nowMs)
  if (restMs > 0) return closed('session-busy', { afterMs: restMs })
  const afterMs = admission.admit(ask.session === null ? 'new' : 'resume', nowMs)
  if (afterMs > 0) return closed('overloaded', { afterMs, kept: ask.session !== null })
  return { state: 'reading', ask, retryCount: 0, needsUser: false }
}

/** The row as the hooks will see it, and how rights stand: attach tells whether they are others by then. */
async function read({ engine }: Context, { ask, retryCount, needsUser }: Step<'reading'>): Promise<HandshakeState> {
  const [row, rightsCount] = await Promise.all([
    ask.session === null ? null : engine.row(ask.session.id),
    engine.rightsCount(),
  ])
  return { state: 'authenticating', ask, retryCount, needsUser, row, rightsCount }
}

/** A token is always judged. Without one a secret may speak alone, while what proved the user before still holds. */
async function authenticate(context: Context, from: Step<'authenticating'>, peer: Peer): Promise<HandshakeState> {
  const { ask, row } = from
  if (ask.token === null && ask.session !== null && !from.needsUser) {
    const { id, secretHash } = ask.session
    const isProven = row !== null && provesRow(row, secretHash, ask.nextHash)
    if (!isProven || context.clock.wallMs() < expiryOf(row.claims)) return { ...from, state: 'attaching', proof: null }
    context.log.happened('refusal', { session: id, user: row.user, reason: 'token-expired', address: peer.address })
    return closed('token-expired')
  }
  const guest = guestName(ask.deviceHash, context.chance)
  const answer = await context.authenticator.ask(ask.token, { origin: peer.origin, address: peer.address, guest })
  if (answer.kind === 'failed') return closed('internal')
  if (answer.kind === 'refused') return closed('token-refused', { kept: ask.session !== null })
  return { ...from, state: 'attaching', proof: { user: answer.user, claims: answer.claims } }
}

/** The atomic step of the store. */
async function attach(context: Context, from: Step<'attaching'>, outlet: Outlet): Promise<HandshakeState> {
  const { ask, row, proof } = from
  const { session } = ask
  const answer = await context.engine.attach(outlet, {
    resume:
      session === null
        ? null
        : { session: session.id, secretHash: session.secretHash, previousHash: session.previousHash },
    nextHash: ask.nextHash,
    attempt: ask.attempt,
    instance: ask.instance,
    user: proof,
    mayTakeOver: ask.token !== null,
    rightsVersion: row?.rightsVersion ?? null,
    rightsCount: from.rightsCount,
  })
  if (answer.kind === 'refused') return refused(from, answer.attached)
  context.admission.attached(answer.session.id, context.clock.nowMs())
  return { state: 'welcomed', ask, session: answer.session, attached: answer.attached }
}

function refused(from: Step<'attaching'>, no: Refused): HandshakeState {
  const { ask, retryCount, needsUser } = from
  switch (no.kind) {
    case 'user-needed':
      if (from.proof !== null) return closed('token-refused')
      return { ...from, state: 'authenticating', needsUser: true }
    case 'rights-changed':
      if (retryCount + 1 >= retriesMax) return closed('rights-changed')
      return { state: 'reading', ask, needsUser, retryCount: retryCount + 1 }
    case 'stale-attempt':
      return closed('stale-attempt', { lastAttempt: no.lastAttempt })
    case 'user-mismatch':
      return closed('user-mismatch')
    case 'secret-reused':
      return closed('secret-reused', { kept: false, ended: 'revoked' })
    case 'revoked':
      return closed('revoked', { kept: false, ended: 'revoked' })
    default:
      return unreachable(no)
  }
}

/** The session is kept unless it is said otherwise. */
function closed(reason: CloseReason, more: Partial<Bye> = {}): Step<'closed'> {
  return { state: 'closed', bye: { kept: true, ...more, reason } }
}

function unreachable(value: never): never {
  throw new Error(`not a case: ${JSON.stringify(value)}`)
}
