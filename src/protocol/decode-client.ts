// Reads what a client sent.

import { clientShapes } from './client-shapes.js'
import { decode, type Decoded, type Side } from './decode.js'
import type { ClientFrame } from './frames.js'
import { bounds, defaultLimits } from './limits.js'

const side: Side = {
  shapes: new Map(Object.entries(clientShapes)),
  json: bounds,
  helloBytesMax: bounds.helloBytesMax,
}

/**
 * Reads what a client sent: a string is a text frame, bytes are a binary one. Never throws. The frame's `data` bytes
 * are a view of `raw`: copy them to keep them.
 */
export function decodeClientFrame(
  raw: string | Uint8Array,
  limits: { readonly payloadBytesMax: number } = defaultLimits,
): Decoded<ClientFrame> {
  return decode(raw, side, limits.payloadBytesMax) as Decoded<ClientFrame>
}
