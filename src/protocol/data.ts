// What an application's data must be to travel: the decoder's rules, for the end that sends. A frame that cannot be read
// is answered without an id, so nobody would learn whose it was.

import type { Data } from './frames.js'
import { parseJson } from './json.js'
import { bounds } from './limits.js'

export const notData = 'data must be JSON or a Uint8Array'

/** Keys of the longest envelope, a publish's with its position, beside `data`. */
const envelopeKeys = 14

/** Null for what has no JSON: undefined, functions, symbols, circles, bigints. */
export function jsonOf(data: Data): string | null {
  try {
    return JSON.stringify(data) ?? null
  } catch {
    return null
  }
}

/** Why a frame with this JSON text as its data cannot be read, in words for people; null: it can. Sizes are not judged. */
export function dataProblem(json: string): string | null {
  const { depthMax, keysMax } = bounds
  const parsed = parseJson(`{"data":${json}}`, { depthMax, keysMax: keysMax - envelopeKeys })
  if (parsed.kind === 'json') return null
  return `data cannot be sent: ${parsed.kind === 'refused' ? parsed.why : 'it is not JSON'} (in the frame around it)`
}
