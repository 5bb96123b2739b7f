// Whether something is a fault script: for scripts that come from a file, a generator or another language. It knows
// the fields of every fault, nothing of how one is done.

import type { ClientFrame, ServerFrame } from '../protocol/frames.js'
import type { Fault, FaultScript } from './fault.js'

/** What is wrong with one step: what came and what is allowed. */
export interface FaultProblem {
  /** From 0. */
  readonly step: number
  readonly field: string
  readonly found: string
  readonly allowed: string
}

export type FaultsChecked =
  | { readonly kind: 'script'; readonly script: FaultScript }
  | { readonly kind: 'wrong'; readonly problems: readonly FaultProblem[] }

/** A script that cannot be played, and why. */
export class InvalidFaultScript extends Error {
  readonly problems: readonly FaultProblem[]

  constructor(problems: readonly FaultProblem[]) {
    super(problems.map((one) => `step ${one.step}: ${one.field} is ${one.found}; allowed: ${one.allowed}`).join('\n'))
    this.name = 'InvalidFaultScript'
    this.problems = problems
  }
}

interface Field {
  readonly allowed: string
  readonly isOptional: boolean
  readonly fits: (value: unknown) => boolean
}

const field = (allowed: string, fits: Field['fits']): Field => ({ allowed, isOptional: false, fits })
const maybe = (one: Field): Field => ({ ...one, isOptional: true })
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

const name = field('a name', (value) => typeof value === 'string' && value !== '')
const names = field('an array of names', (value) => Array.isArray(value) && value.every(name.fits))
const ms = field('milliseconds, 0 or more', (value) => isNumber(value) && value >= 0)
const hearing = field("milliseconds or 'never'", (value) => value === 'never' || ms.fits(value))
const count = field('a whole number from 1', (value) => Number.isInteger(value) && (value as number) >= 1)
const bytes = field('a whole number, 0 or more', (value) => Number.isInteger(value) && (value as number) >= 0)
const speed = field('bytes per second above 0', (value) => isNumber(value) && value > 0)
const rate = field('a number above 0, such as 1.05', (value) => isNumber(value) && value > 0)
const number = field('a number', isNumber)
const share = field('a number from 0 to 1', (value) => isNumber(value) && value >= 0 && value <= 1)
const flag = field('true or false', (value) => typeof value === 'boolean')
const range = field('[least, most] milliseconds', (value) => {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [least, most] = value as readonly unknown[]
  return ms.fits(least) && ms.fits(most) && (least as number) <= (most as number)
})
const oneOf = (...words: readonly string[]): Field =>
  field(words.join(', '), (value) => typeof value === 'string' && words.includes(value))
const direction = oneOf('up', 'down')
const anyDirection = oneOf('up', 'down', 'both')

const replies = {
  welcome: true,
  joined: true,
  denied: true,
  entry: true,
  void: true,
  gap: true,
  live: true,
  published: true,
  left: true,
  refused: true,
  presence: true,
  'presence-changed': true,
  signalled: true,
  removed: true,
  beat: true,
  bye: true,
} as const satisfies Record<ServerFrame['type'], true>

const requests = {
  hello: true,
  join: true,
  leave: true,
  publish: true,
  signal: true,
  track: true,
  beat: true,
} as const satisfies Record<ClientFrame['type'], true>

const loss = { line: name, nth: maybe(count), isNext: maybe(flag), serverHears: maybe(hearing) }
const skew = { rate: maybe(rate), wallOffsetMs: maybe(number), forMs: maybe(ms) }
const outage = { line: name, forMs: ms }

type FieldsOf<K extends Fault['fault']> = {
  readonly [F in Exclude<keyof Extract<Fault, { fault: K }>, 'fault'>]-?: Field
}

const fields: { readonly [K in Fault['fault']]: FieldsOf<K> } = {
  cut: { line: name, client: maybe(hearing), server: maybe(hearing), delivers: maybe(flag) },
  'cut-at': { line: name, direction, bytes },
  storm: {},
  'half-open': { line: name, direction: maybe(anyDirection) },
  delay: { line: name, ms, forMs: ms, direction: maybe(anyDirection) },
  bandwidth: { line: name, bytesPerSec: speed, forMs: ms },
  stall: { line: name, direction: maybe(direction), forMs: ms },
  'close-lost': { line: name, how: oneOf('swallowed', 'code-lost') },
  hang: outage,
  refuse: outage,
  down: outage,
  'handshake-stall': { line: name, direction: maybe(direction), forMs: ms },
  swizzle: { lines: names, everyMs: ms, heldMs: ms },
  'late-dial': { line: name, releaseMs: ms },
  'lose-reply': { ...loss, frame: oneOf(...Object.keys(replies)) },
  'lose-request': { ...loss, frame: oneOf(...Object.keys(requests)) },
  'pause-client': outage,
  'pause-server': { server: name, forMs: ms },
  'skew-client': { line: name, ...skew },
  'skew-server': { server: name, ...skew },
  crash: { server: name, downMs: ms },
  stop: {
    server: name,
    downMs: ms,
    killAfterMs: maybe(field('milliseconds or null', (value) => value === null || ms.fits(value))),
  },
  'store-fails': {
    server: maybe(name),
    which: maybe(oneOf('all', 'writes')),
    share,
    when: maybe(oneOf('before', 'after', 'either')),
    forMs: ms,
  },
  'store-slow': { server: maybe(name), lateMs: range, forMs: ms },
  'store-hangs': { server: maybe(name), forMs: ms },
  'hints-lost': { server: maybe(name), share, forMs: ms },
}

/** Every word of the vocabulary, in the order of its table. */
export const faultKinds: readonly Fault['fault'][] = Object.keys(fields) as Fault['fault'][]

/** The fields of each, those that may be left out with a `?`. */
export function fieldsOf(kind: Fault['fault']): readonly string[] {
  return Object.entries(fields[kind] as Readonly<Record<string, Field>>).map(
    ([key, { isOptional }]) => `${key}${isOptional ? '?' : ''}`,
  )
}

/** Answers all problems at once, never throws. */
export function checkFaults(value: unknown): FaultsChecked {
  if (!Array.isArray(value)) {
    const problem = { step: 0, field: 'the script', found: shown(value), allowed: 'an array of steps' }
    return { kind: 'wrong', problems: [problem] }
  }
  const problems = value.flatMap((step: unknown, index) => problemsOf(step).map((one) => ({ step: index, ...one })))
  return problems.length === 0 ? { kind: 'script', script: value as FaultScript } : { kind: 'wrong', problems }
}

/** The script, or `InvalidFaultScript` is thrown. */
export function readFaults(value: unknown): FaultScript {
  const checked = checkFaults(value)
  if (checked.kind === 'wrong') throw new InvalidFaultScript(checked.problems)
  return checked.script
}

function problemsOf(step: unknown): Omit<FaultProblem, 'step'>[] {
  if (typeof step !== 'object' || step === null) {
    return [{ field: 'the step', found: shown(step), allowed: '{ atMs, fault, … }' }]
  }
  const given = step as Readonly<Record<string, unknown>>
  const kind = given['fault']
  const known = typeof kind === 'string' && Object.hasOwn(fields, kind) ? fields[kind as Fault['fault']] : null
  if (known === null) return [{ field: 'fault', found: shown(kind), allowed: faultKinds.join(', ') }]
  const all: Readonly<Record<string, Field>> = { atMs: ms, ...known }
  const wrong = Object.entries(all).flatMap(([key, { allowed, isOptional, fits }]) =>
    (given[key] === undefined && isOptional) || fits(given[key])
      ? []
      : [{ field: key, found: shown(given[key]), allowed }],
  )
  const strange = Object.keys(given)
    .filter((key) => key !== 'fault' && !Object.hasOwn(all, key))
    .map((key) => ({ field: key, found: shown(given[key]), allowed: `of ${kind}: ${Object.keys(all).join(', ')}` }))
  return [...wrong, ...strange]
}

function shown(value: unknown): string {
  return value === undefined ? 'absent' : (JSON.stringify(value) ?? typeof value).slice(0, 80)
}
