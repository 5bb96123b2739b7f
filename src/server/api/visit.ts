// One request of the API: where it comes from, what it asks of which room, and who asks. Each step says no in words of
// its own, or goes on.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isRoomName } from '../../protocol/check.js'
import { positionOfToken } from '../../protocol/events.js'
import type { Position } from '../../protocol/position.js'
import { networkOf } from '../address.js'
import type { Context, Peer } from '../context.js'
import type { Place } from '../door.js'
import { type Credentials, type Identity, identify } from './access.js'
import { no, type Step, yes } from './problem.js'
import type { Rates } from './rates.js'

/** What all requests share. */
export interface ApiContext extends Context {
  readonly requests: Rates
  readonly publishes: Rates
}

export interface Visit {
  readonly api: ApiContext
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  readonly peer: Peer
  readonly place: Place
  readonly credentials: Credentials
  /** Of the path, as it came: `chat%2F42`. */
  readonly rawRoom: string
  readonly query: URLSearchParams
  /** What every answer carries, also one that is a stream. */
  readonly headers: Headers
}

/** The room, and that the asker may be in it. */
export interface Admitted extends Identity {
  readonly room: string
  readonly readableFrom: 'retained' | 'now' | number
}

export function roomOf(raw: string): Step<string> {
  let room: string
  try {
    room = decodeURIComponent(raw)
  } catch {
    return no('bad-message', 'the room’s name is not percent-encoded as UTF-8')
  }
  if (isRoomName(room)) return yes(room)
  return no('bad-message', 'a room’s name is 1 to 255 bytes without control characters and does not start with $')
}

/** The same hooks as the socket's, in the same order. */
export async function admit({ api, credentials, peer, place, rawRoom }: Visit): Promise<Step<Admitted>> {
  const room = roomOf(rawRoom)
  if (room.kind === 'no') return room
  const identity = await identify(api, credentials, peer)
  if (identity.kind === 'no') return identity
  place.known()
  const { asker } = identity.value
  const permit = await api.rooms.mayJoin(asker, room.value)
  if (permit.kind === 'no') return no(permit.reason, permit.message)
  return yes({ ...identity.value, room: room.value, readableFrom: permit.readableFrom })
}

/** Before anything is looked at: requests of one address. */
export function rateProblem({ requests, clock }: ApiContext, peer: Peer): Step<null> {
  const afterMs = requests.wait(networkOf(peer.address), clock.nowMs())
  return afterMs === 0 ? yes(null) : no('rate-limited', 'too many requests of this address', { afterMs })
}

/** Absent: undefined. */
export function positionOf(token: string | undefined, name: string): Step<Position | undefined> {
  if (token === undefined) return yes(undefined)
  const position = positionOfToken(token)
  return position === null ? no('bad-message', `${name} must be a position as this API told it`) : yes(position)
}

/** A whole number of the query; absent: `fallback`. */
export function countOf(
  query: URLSearchParams,
  name: string,
  { least, fallback }: { least: number; fallback: number },
) {
  const text = query.get(name)
  if (text === null) return yes(fallback)
  const count = /^\d{1,9}$/.test(text) ? Number(text) : -1
  return count >= least ? yes(count) : no('bad-message', `${name} must be a whole number from ${least}`)
}
