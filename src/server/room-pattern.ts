// Names of rooms as patterns: `lobby`, `chat/:id`, `docs/*`. It knows nothing of what a room's options mean.

import { OptionError } from './option-error.js'

/** The parameters in a pattern: `'chat/:id'` → `{ id: string }`; `*` → `{ rest: string }`. */
export type RoomParams<P extends string> = string extends P
  ? Readonly<Record<string, string>>
  : { readonly [name in ParamNames<P>]: string }

type ParamNames<P extends string> = P extends `${infer Head}/${infer Tail}`
  ? ParamNames<Head> | ParamNames<Tail>
  : P extends `:${infer Name}`
    ? Name
    : P extends '*'
      ? 'rest'
      : never

export interface PatternMatch<V> {
  readonly value: V
  readonly params: Readonly<Record<string, string>>
}

/**
 * Compiles patterns once. `:name` is one segment (at least one character, no `/`), a last `*` is all the rest (`rest`,
 * at least one character). A name without parameters comes first; otherwise the first pattern that fits, in the order
 * given. Matching takes time linear in the name. Throws for a pattern that could match nothing or is written wrongly.
 */
export function compilePatterns<V>(patterns: Readonly<Record<string, V>>): (room: string) => PatternMatch<V> | null {
  const exact = new Map<string, PatternMatch<V>>()
  const open: { readonly shape: RegExp; readonly names: readonly string[]; readonly value: V }[] = []
  for (const [pattern, value] of Object.entries(patterns)) {
    const segments = segmentsOf(pattern)
    const names = segments.flatMap(nameOf)
    if (names.length === 0) exact.set(pattern, { value, params: noParams })
    else open.push({ shape: shapeOf(segments), names, value })
  }
  return (room) => {
    const match = exact.get(room)
    if (match !== undefined) return match
    for (const { shape, names, value } of open) {
      const found = shape.exec(room)
      if (found !== null) return { value, params: paramsOf(names, found) }
    }
    return null
  }
}

const noParams: Readonly<Record<string, string>> = Object.freeze(Object.create(null))

function segmentsOf(pattern: string): readonly string[] {
  const wrong = (why: string) => new OptionError(`room pattern ${JSON.stringify(pattern)}: ${why}`)
  if (pattern.startsWith('$')) throw wrong('names that start with $ are the server’s own')
  const segments = pattern.split('/')
  const seen = new Set<string>()
  for (const [at, segment] of segments.entries()) {
    if (segment === '') throw wrong('a segment is empty; write chat/:id')
    if (segment === '*' && at < segments.length - 1) throw wrong('* can only be the last segment')
    if (segment !== '*' && segment.includes('*')) throw wrong('* must be a whole segment')
    if (segment.startsWith(':') && !/^:[A-Za-z]\w*$/.test(segment)) throw wrong(`${segment} is no parameter name`)
    for (const name of nameOf(segment)) {
      if (seen.has(name)) throw wrong(`the parameter ${name} occurs twice`)
      seen.add(name)
    }
  }
  return segments
}

function nameOf(segment: string): string[] {
  if (segment === '*') return ['rest']
  return segment.startsWith(':') ? [segment.slice(1)] : []
}

function shapeOf(segments: readonly string[]): RegExp {
  const parts = segments.map((segment) => {
    if (segment === '*') return '(.+)'
    return segment.startsWith(':') ? '([^/]+)' : segment.replace(/[\\^$.|?+()[\]{}]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('/')}$`, 'su')
}

/** Without a prototype: a parameter called `constructor` is just that. */
function paramsOf(names: readonly string[], found: RegExpExecArray): Readonly<Record<string, string>> {
  const params: Record<string, string> = Object.create(null)
  for (const [at, name] of names.entries()) params[name] = found[at + 1] ?? ''
  return params
}
