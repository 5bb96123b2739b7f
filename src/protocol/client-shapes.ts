// Which fields each frame of a client has, as checks: frames.ts again, at run time. The types keep the two together.

import {
  anything,
  type Check,
  digest,
  flag,
  id,
  json,
  listOf,
  literal,
  maybe,
  name,
  ordinal,
  orNull,
  roomName,
  shape,
  stringUpTo,
  textUpTo,
  visible,
  whole,
} from './check.js'
import type * as frames from './frames.js'
import { bounds } from './limits.js'
import { features, position } from './shared-shapes.js'

const secret = visible(bounds.secretCharsMax)
/** What a client stored may be damaged: then it proves nothing, and the answer is a new session, not an error. */
const proof = stringUpTo(bounds.secretCharsMax)

const roomAsk = { room: roomName, since: maybe(position), last: maybe(whole), presence: maybe(flag) }

const askedRooms: Check = (value) => {
  const problem = listOf(shape<frames.RoomAsk>(roomAsk), bounds.helloRoomsMax)(value)
  if (problem !== null) return problem
  const rooms = value as readonly frames.RoomAsk[]
  return new Set(rooms.map((ask) => ask.room)).size === rooms.length ? null : 'must not name a room twice'
}

const hello = shape<frames.Hello>({
  type: literal('hello'),
  version: whole,
  features,
  instance: id,
  attempt: whole,
  nextHash: digest,
  session: maybe(shape<NonNullable<frames.Hello['session']>>({ id: proof, secret: proof, previous: maybe(proof) })),
  token: maybe(textUpTo(bounds.tokenCharsMax)),
  device: maybe(secret),
  rooms: askedRooms,
  why: maybe(shape<NonNullable<frames.Hello['why']>>({ code: maybe(whole), attempts: whole, awayMs: whole })),
})

const publish = shape<frames.Publish>({
  type: literal('publish'),
  id: whole,
  session: id,
  room: roomName,
  producer: id,
  seq: ordinal,
  prev: whole,
  again: flag,
  sentAfter: maybe(position),
  mark: id,
  key: maybe(name),
  data: anything,
})

/** The frames a client sends. */
export const clientShapes = {
  hello,
  publish,
  join: shape<frames.Join>({ type: literal('join'), id: whole, ...roomAsk }),
  leave: shape<frames.Leave>({ type: literal('leave'), id: whole, room: orNull(roomName) }),
  signal: shape<frames.Signal>({ type: literal('signal'), room: roomName, data: anything }),
  track: shape<frames.Track>({ type: literal('track'), room: roomName, data: json }),
  beat: shape<frames.ClientBeat>({ type: literal('beat') }),
} as const satisfies { readonly [type in frames.ClientFrame['type']]: Check }
