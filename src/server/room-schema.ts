// What may travel in a room, judged by a schema of any library that speaks Standard Schema, and the types that follow
// from it for clients. A schema judges; it changes nothing: what is kept is what was sent.

import type { Data, Json, RefusedIssue } from '../protocol/frames.js'
import { bounds } from '../protocol/limits.js'
import type { InputOf, StandardIssue, StandardResult, StandardSchema } from '../protocol/standard-schema.js'
import type { HookCaller } from './hook.js'
import { isPromise } from './hook.js'
import { OptionError } from './option-error.js'
import type { RoomConfig } from './rooms.js'

/** What is left out takes everything. */
export interface RoomSchema {
  /** Of published entries. */
  readonly entry?: StandardSchema
  /** Of what a session shows of itself; `null`, which takes it away, is not asked for. */
  readonly presence?: StandardSchema
  /** A signal that does not fit is dropped, and its sender is told. */
  readonly signal?: StandardSchema
}

/** The types of a table of rooms, for `connect<RoomsOf<typeof rooms>>(…)` and the hooks of `holdfast/react`. */
export type RoomsOf<Table> = {
  readonly [Pattern in keyof Table & string]: {
    readonly entry: TypeIn<Table[Pattern], 'entry', Data>
    readonly presence: TypeIn<Table[Pattern], 'presence', Json>
    readonly signal: TypeIn<Table[Pattern], 'signal', Data>
  }
}

type TypeIn<Config, Part extends keyof RoomSchema, Otherwise> = Config extends {
  readonly schema: { readonly [part in Part]: infer Schema extends StandardSchema }
}
  ? InputOf<Schema>
  : Otherwise

/** The table as it is, with its types: give it to `createServer`, and `RoomsOf<typeof rooms>` to the clients. */
export function defineRooms<const Table extends { readonly [Pattern in keyof Table]: RoomConfig<Pattern & string> }>(
  rooms: Table,
): Table {
  return rooms
}

/** Throws for what is no table of schemas: data that nobody judges must not look judged. */
export function checkSchema(where: string, schema: RoomSchema | undefined): void {
  for (const [part, judging] of Object.entries(schema ?? {})) {
    if (!Object.values<string>(parts).includes(part)) {
      throw new OptionError(`${where}: schema has entry, presence and signal, not ${part}`)
    }
    if (judging === undefined || typeof judging?.['~standard']?.validate === 'function') continue
    throw new OptionError(`${where}: schema.${part} is no Standard Schema (https://standardschema.dev)`)
  }
}

export interface Invalid {
  readonly kind: 'no'
  readonly reason: 'invalid'
  readonly message: string
  readonly issues: readonly RefusedIssue[]
}

export type Judged = { readonly kind: 'yes' } | Invalid | { readonly kind: 'failed' }

const parts = { publish: 'entry', track: 'presence', signal: 'signal' } as const
const yes = { kind: 'yes' } as const

/** At once when the schema is. `failed`: the schema threw, or took too long, and is reported. */
export function judge(
  schema: RoomSchema | undefined,
  { kind, data }: { readonly kind: keyof typeof parts; readonly data: Data },
  hooks: HookCaller,
): Judged | Promise<Judged> {
  const part = schema?.[parts[kind]]
  if (part === undefined || (kind === 'track' && data === null)) return yes
  const answer = hooks.call('schema', () => part['~standard'].validate(data))
  const judged = (known: Awaited<typeof answer>) => (known.kind === 'failed' ? known : verdictOf(known.value))
  return isPromise(answer) ? answer.then(judged) : judged(answer)
}

function verdictOf(result: StandardResult<unknown>): Judged {
  if (result.issues === undefined) return yes
  const issues = result.issues.slice(0, bounds.issuesMax).map(issueOf)
  const [first] = issues
  const where = first === undefined || first.path.length === 0 ? '' : `${first.path.join('.')}: `
  const message = `the data does not fit the room's schema: ${where}${first?.message ?? 'no reason given'}`
  return { kind: 'no', reason: 'invalid', message, issues }
}

function issueOf({ message, path = [] }: StandardIssue): RefusedIssue {
  return {
    message: cut(message),
    path: path.slice(0, bounds.issuePathMax).map((step) => {
      const key = typeof step === 'object' ? step.key : step
      return typeof key === 'number' ? key : cut(String(key))
    }),
  }
}

/** Half a character at the end would make the whole answer unreadable. */
function cut(text: string): string {
  return Buffer.from(text.slice(0, bounds.issueCharsMax), 'utf8').toString('utf8')
}
