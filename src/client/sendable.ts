// What a server takes of an application's data, by the protocol's own rules, known before anything is queued: a frame
// that cannot be read is answered without an id, so nobody would learn whose it was.

import type { Data, Json } from '../protocol/frames.js'
import { parseJson } from '../protocol/json.js'
import { bounds } from '../protocol/limits.js'

export const notData = 'data must be JSON or a Uint8Array'

/** Keys of the longest envelope, a publish's with its position, beside `data`. */
const envelopeKeys = 14

/** Null for what is no JSON. */
export function jsonOf(data: Data | Json): string | null {
  try {
    return JSON.stringify(data) ?? null
  } catch {
    return null
  }
}

/** Why no server reads a frame with this JSON text as its data; null: it does. */
export function problemOf(json: string): string | null {
  const { depthMax, keysMax } = bounds
  const parsed = parseJson(`{"data":${json}}`, { depthMax, keysMax: keysMax - envelopeKeys })
  if (parsed.kind === 'json') return null
  return `data cannot be sent: ${parsed.kind === 'refused' ? parsed.why : 'it is not JSON'} (in the frame around it)`
}
