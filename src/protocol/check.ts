// Small validators: each says in words what is wrong with a value, or null. They never echo the value: it may be a
// secret. They trust `parseJson` for what holds everywhere (finite numbers, well-formed strings, no forbidden keys).

import { bounds } from './limits.js'
import { isLongerThan, isWellFormed } from './utf8.js'

/** What was allowed instead, or null when the value is fine. */
export type Check = (value: unknown) => string | null

/** A field that may be absent. `null` is not absent. */
export interface Maybe {
  readonly check: Check
}

/** One check per field of `F`: a field forgotten, or optional on one side only, does not compile. */
export type Fields<F> = {
  readonly [K in keyof F]-?: Record<never, never> extends Pick<F, K> ? Maybe : Check
}

export const maybe = (check: Check): Maybe => ({ check })

export const anything: Check = () => null

export const flag: Check = (value) => (typeof value === 'boolean' ? null : `must be true or false, ${came(value)}`)

export const text: Check = (value) => (typeof value === 'string' ? null : `must be a string, ${came(value)}`)

/** A whole number in [0, 2^53). -0 is not one. */
export const whole: Check = (value) =>
  isWhole(value) ? null : `must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, ${came(value)}`

/** A whole number that counts from 1. */
export const ordinal: Check = (value) => (value === 0 ? 'must be at least 1' : whole(value))

/** JSON as against bytes. */
export const json: Check = (value) => (value instanceof Uint8Array ? 'must be JSON, but bytes came' : null)

/** A name made by a program: 1 to 64 visible ASCII characters. */
export const id = visible(bounds.idCharsMax)

/** A SHA-256 in base64url. */
export const digest: Check = (value) =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{43}$/.test(value) ? null : 'must be 43 characters of base64url'

/** A name made by people: 1 to 255 bytes of UTF-8 without control characters. */
export const name: Check = (value) =>
  isName(value) ? null : `must be 1 to ${bounds.roomBytesMax} bytes of text without control characters, ${came(value)}`

export const roomName: Check = (value) => {
  if (typeof value === 'string' && value.startsWith('$')) return 'must not start with $'
  return name(value)
}

/** True for a name that a client may ask for: as `isName`, and not starting with `$` (reserved). */
export function isRoomName(value: unknown): value is string {
  return roomName(value) === null
}

/** True for 1 to 255 bytes of well-formed text without control characters: a user, a key, any room. */
export function isName(value: unknown): value is string {
  if (typeof value !== 'string' || value === '' || isLongerThan(value, bounds.roomBytesMax)) return false
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false
  }
  return isWellFormed(value)
}

/** True for 1 to 64 visible ASCII characters: session, instance, producer, mark, epoch and tag are such. */
export function isId(value: unknown): value is string {
  return id(value) === null
}

/** True for a whole number in [0, 2^53), -0 excluded. */
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0)
}

/** 1 to `charsMax` characters from ! to ~. */
export function visible(charsMax: number): Check {
  const problem = `must be 1 to ${charsMax} visible ASCII characters`
  return (value) => {
    if (typeof value !== 'string') return `${problem}, ${came(value)}`
    if (value.length === 0 || value.length > charsMax) return `${problem}, but ${value.length} came`
    for (let at = 0; at < value.length; at++) {
      const code = value.charCodeAt(at)
      if (code <= 0x20 || code >= 0x7f) return problem
    }
    return null
  }
}

/** A string of 0 to `charsMax` UTF-16 units. */
export function stringUpTo(charsMax: number): Check {
  return (value) => {
    if (typeof value === 'string' && value.length <= charsMax) return null
    return `must be a string of at most ${charsMax} characters`
  }
}

/** A string of 1 to `charsMax` UTF-16 units. */
export function textUpTo(charsMax: number): Check {
  return (value) => {
    if (typeof value === 'string' && value.length > 0 && value.length <= charsMax) return null
    return `must be a string of 1 to ${charsMax} characters`
  }
}

export function orNull(check: Check): Check {
  return (value) => (value === null ? null : check(value))
}

export function literal(expected: string): Check {
  return (value) => (value === expected ? null : `must be ${JSON.stringify(expected)}`)
}

/** One of the words of a closed union; the record makes the list complete. */
export function oneOf<W extends string>(words: { readonly [word in W]: true }): Check {
  const known: ReadonlySet<unknown> = new Set(Object.keys(words))
  return (value) => (known.has(value) ? null : `must be one of ${[...known].join(', ')}`)
}

export function listOf(item: Check, countMax = Number.POSITIVE_INFINITY): Check {
  return (value) => {
    if (!Array.isArray(value)) return `must be an array, ${came(value)}`
    if (value.length > countMax) return `must have at most ${countMax} items, but ${value.length} came`
    for (let at = 0; at < value.length; at++) {
      const problem = item(value[at])
      if (problem !== null) return `[${at}] ${problem}`
    }
    return null
  }
}

export function pairOf(first: Check, second: Check): Check {
  return (value) => {
    if (!Array.isArray(value) || value.length !== 2) return 'must be an array of two'
    return first(value[0]) ?? second(value[1])
  }
}

/** An object with these fields. Unknown keys are dropped, from the value itself. */
export function shape<F>(fields: Fields<F>): Check {
  const rows = Object.entries<Check | Maybe>(fields).map(([key, row]) => {
    return typeof row === 'function'
      ? { key, check: row, isRequired: true }
      : { key, check: row.check, isRequired: false }
  })
  const known: ReadonlySet<string> = new Set(Object.keys(fields))
  return (value) => {
    if (!isObject(value)) return `must be an object, ${came(value)}`
    for (const { key, check, isRequired } of rows) {
      const field = value[key]
      if (field === undefined) {
        if (isRequired) return `${key} is missing`
        continue
      }
      const problem = check(field)
      if (problem !== null) return `${key} ${problem}`
    }
    for (const key of Object.keys(value)) if (!known.has(key)) delete value[key]
    return null
  }
}

/** Objects told apart by their `kind`. */
export function byKind(kinds: { readonly [kind: string]: Check }): Check {
  const checks: ReadonlyMap<unknown, Check> = new Map(Object.entries(kinds))
  return (value) => {
    if (!isObject(value)) return `must be an object, ${came(value)}`
    const check = checks.get(value['kind'])
    return check === undefined ? `kind must be one of ${Object.keys(kinds).join(', ')}` : check(value)
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function came(value: unknown): string {
  if (value === null) return 'but null came'
  if (Array.isArray(value)) return 'but an array came'
  return typeof value === 'number' ? 'but another number came' : `but a ${typeof value} came`
}
