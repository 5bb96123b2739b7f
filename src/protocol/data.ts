// What an application's data must be to travel: the decoder's rules, for the end that sends.

import { parseJson } from './json.js'
import { bounds } from './limits.js'

/** Keys and depth that the envelope itself may take. */
const envelopeKeys = 16

/**
 * Why this JSON text cannot be the `data` of a frame, in words for people; null when it can. Undefined is what
 * `JSON.stringify` makes of a function, a symbol or undefined itself. Sizes are not judged here.
 */
export function dataProblem(text: string | undefined): string | null {
  if (text === undefined) return 'data must be JSON or bytes: undefined, functions and symbols are neither'
  const parsed = parseJson(`{"data":${text}}`, { depthMax: bounds.depthMax, keysMax: bounds.keysMax - envelopeKeys })
  if (parsed.kind === 'json') return null
  return parsed.kind === 'refused' ? `data: ${parsed.why}` : 'data must be JSON'
}
