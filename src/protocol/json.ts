// JSON from a stranger: bounded before it is parsed, and free of everything that two readers would read differently.
// It knows nothing of frames.

import { isWellFormed } from './utf8.js'

export interface JsonBounds {
  readonly depthMax: number
  /** Keys of all objects of the text together. */
  readonly keysMax: number
}

export type JsonResult =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'not-json' }
  /** Well-formed perhaps, but not taken. */
  | { readonly kind: 'refused'; readonly why: string }

const quote = 0x22
const backslash = 0x5c

/**
 * Parses JSON. Refused are: more depth or keys than the bounds (found before parsing, in one pass), duplicate keys,
 * the keys `__proto__`, `constructor` and `prototype` in any spelling, lone surrogates, -0, and numbers beyond a
 * double. What it returns round-trips. A byte order mark, NaN and trailing text are no JSON (RFC 8259).
 */
export function parseJson(text: string, bounds: JsonBounds): JsonResult {
  const keyCount = countKeys(text, bounds)
  if (typeof keyCount === 'string') return { kind: 'refused', why: keyCount }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { kind: 'not-json' }
  }
  const seen = { keyCount: 0 }
  const why = contentProblem(value, seen)
  if (why !== null) return { kind: 'refused', why }
  // Of two equal keys the parser keeps one: the tree then has fewer keys than the text.
  if (seen.keyCount !== keyCount) return { kind: 'refused', why: 'an object has the same key twice' }
  return { kind: 'json', value }
}

/**
 * The number of keys in a JSON text, or why it is beyond the bounds. Exact for JSON; for other text it says anything
 * (the parser then refuses it), but always in linear time.
 */
function countKeys(text: string, bounds: JsonBounds): number | string {
  let depth = 0
  let keyCount = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = stringEnd(text, at + 1)
        break
      case 0x7b: // {
      case 0x5b: // [
        depth += 1
        if (depth > bounds.depthMax) return `nested deeper than ${bounds.depthMax}`
        break
      case 0x7d: // }
      case 0x5d: // ]
        depth -= 1
        break
      case 0x3a: // :
        keyCount += 1
        if (keyCount > bounds.keysMax) return `more than ${bounds.keysMax} keys`
        break
    }
  }
  return keyCount
}

/** The index of the quote that ends the string whose first character is at `start`; the text's length if none does. */
function stringEnd(text: string, start: number): number {
  // A native search beats a loop here even for short strings.
  let end = text.indexOf('"', start)
  while (end !== -1 && text.charCodeAt(end - 1) === backslash) {
    let slashCount = 1
    while (end - 1 - slashCount >= start && text.charCodeAt(end - 1 - slashCount) === backslash) slashCount++
    if (slashCount % 2 === 0) return end
    end = text.indexOf('"', end + 1)
  }
  return end === -1 ? text.length : end
}

function contentProblem(value: unknown, seen: { keyCount: number }): string | null {
  if (typeof value === 'string') return isWellFormed(value) ? null : 'a string has half of a surrogate pair'
  if (typeof value === 'number') return numberProblem(value)
  if (typeof value !== 'object' || value === null) return null
  if (Array.isArray(value)) {
    for (const item of value) {
      const problem = contentProblem(item, seen)
      if (problem !== null) return problem
    }
    return null
  }
  for (const key of Object.keys(value)) {
    seen.keyCount += 1
    if (isForbiddenKey(key)) return `the key ${key} is not allowed`
    const problem = contentProblem((value as Record<string, unknown>)[key], seen)
    if (problem !== null) return problem
    if (!isWellFormed(key)) return 'a key has half of a surrogate pair'
  }
  return null
}

/** Keys that reach an object's prototype when somebody merges objects carelessly. */
function isForbiddenKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype'
}

function numberProblem(value: number): string | null {
  if (value === 0) return Object.is(value, -0) ? '-0 is not a number of this protocol' : null
  return Number.isFinite(value) ? null : 'a number is too large for a double'
}
