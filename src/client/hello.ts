// Which rooms go into a hello: it has a size, and they have names and positions.

import type { RoomAsk } from '../protocol/frames.js'
import { bounds } from '../protocol/limits.js'
import { utf8Length } from '../protocol/utf8.js'
import type { RoomCore } from './room-core.js'

/** What a hello takes without its rooms and token: secrets, ids and keys. */
const envelopeBytes = 2_048

/** The rooms that fit into a hello beside this token, as asked for; the others are joined after the welcome. */
export function asksOf(rooms: readonly RoomCore[], token: string | undefined): readonly RoomAsk[] {
  const asks: RoomAsk[] = []
  let bytes = envelopeBytes + utf8Length(token ?? '')
  for (const room of rooms) {
    const askBytes = utf8Length(JSON.stringify(room.name)) + 320
    if (asks.length === bounds.helloRoomsMax || bytes + askBytes > bounds.helloBytesMax) break
    if (!room.isWanting(Infinity)) continue
    bytes += askBytes
    asks.push(room.ask(null))
  }
  return asks
}
