// Reads what a server sent.

import { decode, type Decoded, type Side } from './decode.js'
import type { ServerFrame } from './frames.js'
import { serverFrameBounds } from './limits.js'
import { serverShapes } from './server-shapes.js'

const side: Side = { shapes: new Map(Object.entries(serverShapes)), json: serverFrameBounds, helloBytesMax: 0 }

/** As `decodeClientFrame`, under the wider bounds of what a server sends. */
export function decodeServerFrame(raw: string | Uint8Array): Decoded<ServerFrame> {
  return decode(raw, side, serverFrameBounds.bytesMax) as Decoded<ServerFrame>
}
