// Which rooms there are, with which options, and who may be in them: the application's `rooms` table with its hooks.

import type { RoomOptions } from '../engine/engine.js'
import type { Data, Json } from '../protocol/frames.js'
import type { Durability, Retention, Store } from '../store/store.js'
import { type HookCaller, isPromise } from './hook.js'
import { checkKeysOf, OptionError } from './option-error.js'
import { checkSchema, type Invalid, type Judged, judge, type RoomSchema } from './room-schema.js'
import { compilePatterns, type PatternMatch, type RoomParams } from './room-pattern.js'

/** Who asks. */
export interface Asker {
  readonly user: string
  /** What `authenticate` said of the user. */
  readonly claims: Json
  readonly session: string
}

export interface JoinQuestion<P extends string = string> extends Asker {
  readonly room: string
  readonly params: RoomParams<P>
}

export interface PublishQuestion<P extends string = string> extends JoinQuestion<P> {
  readonly kind: 'publish' | 'signal' | 'track'
  readonly data: Data
}

/** True: as the room's `history` says. An offset: nothing below it may be read; `now`: nothing from before the join. */
export type CanJoinAnswer = boolean | { readonly readableFrom: 'now' | number }
export type CanPublishAnswer = boolean | { readonly reason: string }

/** Options of the rooms whose names fit one pattern. Everything may be left out. */
export interface RoomConfig<P extends string = string> {
  /** How much an acknowledgement promises. Default `process`; `memory` where the store has no more. */
  readonly durability?: Durability
  /** What is kept: whichever is reached first trims. Defaults: `memory` 1000, 1 MB, 5 min; else 100 000, 64 MB, 30 d. */
  readonly retention?: Partial<Retention>
  /** What a new member may read. Default `retained`. */
  readonly history?: 'retained' | 'since-join'
  /** Who is here, told to the members. Default on; `false` saves one store write per join. */
  readonly presence?: boolean | { readonly graceMs?: number; readonly membersMax?: number }
  /** More missing entries than this are not replayed but told as a gap. Default 10 000. */
  readonly replayMax?: number
  /** What may travel, by schemas of zod, valibot, arktype or another library that speaks Standard Schema. Default: all. */
  readonly schema?: RoomSchema
  /** Runs at every join, also after a resume. Default: everybody may. A hook that throws refuses. */
  canJoin?(question: JoinQuestion<P>): CanJoinAnswer | Promise<CanJoinAnswer>
  /** Runs at every publish, signal and track that fits the schema, in their order. Default: every member may. */
  canPublish?(question: PublishQuestion<P>): CanPublishAnswer | Promise<CanPublishAnswer>
}

export type JoinPermit =
  | { readonly kind: 'yes'; readonly readableFrom: 'retained' | 'now' | number }
  | { readonly kind: 'no'; readonly reason: 'forbidden' | 'hook-failed'; readonly message: string }

export type PublishPermit =
  | { readonly kind: 'yes' }
  | { readonly kind: 'no'; readonly reason: 'forbidden' | 'hook-failed'; readonly message: string }
  | Invalid

export interface Rooms {
  /** Null: no pattern fits. */
  options(room: string): RoomOptions | null
  /** A room that does not exist cannot be told from one that a synchronous `canJoin` refuses. Never rejects. */
  mayJoin(asker: Asker, room: string): Promise<JoinPermit>
  /** At once when there is nothing to wait for. Never throws. */
  mayPublish(question: Omit<PublishQuestion, 'params'>): PublishPermit | Promise<PublishPermit>
  /** Does it fit the room's schema? Asked of the application's own publishes, for which no hook runs. Never throws. */
  judge(room: string, data: Data): Judged | Promise<Judged>
}

interface CompiledRoom {
  readonly options: RoomOptions
  readonly config: RoomConfig
}

const dayMs = 86_400_000
const memoryRetention = { entriesMax: 1_000, bytesMax: 1_048_576, ageMs: 300_000 }
const durableRetention = { entriesMax: 100_000, bytesMax: 67_108_864, ageMs: 30 * dayMs }
const producers = { producersMax: 10_000, producerAgeMs: dayMs }

const yes = { kind: 'yes' } as const
const forbidden = { kind: 'no', reason: 'forbidden', message: 'this room is not open to you' } as const
const failed = {
  kind: 'no',
  reason: 'hook-failed',
  message: 'the application failed to decide; it is in its log',
} as const

/** Throws for a pattern or an option that makes no sense, naming it. */
export function createRooms(
  configs: Readonly<Record<string, RoomConfig>>,
  hooks: HookCaller,
  durability: Durability = 'memory',
): Rooms {
  const compiled = Object.entries(configs).map(([pattern, config]): [string, CompiledRoom] => [
    pattern,
    { options: roomOptionsOf(pattern, config, durability), config },
  ])
  const find = compilePatterns(Object.fromEntries(compiled))

  return {
    options: (room) => find(room)?.value.options ?? null,

    async mayJoin(asker, room) {
      const match = find(room)
      const ask = () => {
        // A room that does not exist takes the same way as one that is refused.
        if (match === null) return false
        const question = questionOf(asker, room, match)
        return match.value.config.canJoin?.(question) ?? match.value.config.canJoin === undefined
      }
      const answer = await hooks.call('canJoin', ask)
      return answer.kind === 'failed' ? failed : joinPermitOf(answer.value)
    },

    judge: (room, data) => judge(find(room)?.value.config.schema, { kind: 'publish', data }, hooks),

    mayPublish(question) {
      const match = find(question.room)
      if (match === null) return forbidden
      const { canPublish, schema } = match.value.config
      const ask = (judged: Judged) => {
        if (judged.kind === 'failed') return failed
        if (judged.kind === 'no' || canPublish === undefined) return judged
        const answer = hooks.call('canPublish', () => canPublish({ ...question, params: match.params }))
        const permitOf = (known: Awaited<typeof answer>) =>
          known.kind === 'failed' ? failed : publishPermitOf(known.value)
        return isPromise(answer) ? answer.then(permitOf) : permitOf(answer)
      }
      const judged = judge(schema, question, hooks)
      return isPromise(judged) ? judged.then(ask) : ask(judged)
    },
  }
}

/** Throws for a room that asks for more durability than the store has. */
export function checkDurability(configs: Readonly<Record<string, RoomConfig>>, store: Store): void {
  for (const [pattern, { durability }] of Object.entries(configs)) {
    if (durability === undefined || store.durabilities.includes(durability)) continue
    const had = store.durabilities.join(', ')
    throw new OptionError(
      `room ${JSON.stringify(pattern)}: the ${store.driver} store has no durability ${durability}, only ${had}`,
    )
  }
}

/** What a room that says nothing gets: it survives the end of the process wherever the store does. */
export function defaultDurability({ durabilities }: Pick<Store, 'durabilities'>): Durability {
  return durabilities.includes('process') ? 'process' : 'memory'
}

const roomKeys: { readonly [key in keyof Required<RoomConfig>]: 'function' | null } = {
  durability: null,
  retention: null,
  history: null,
  presence: null,
  replayMax: null,
  schema: null,
  canJoin: 'function',
  canPublish: 'function',
}

/** A hook under a wrong name would leave the room open to all. */
function checkKeys(pattern: string, config: RoomConfig): void {
  const where = `room ${JSON.stringify(pattern)}`
  if (typeof config !== 'object' || config === null) throw new OptionError(`${where}: its options must be an object`)
  for (const [key, value] of Object.entries(config)) {
    if (!Object.hasOwn(roomKeys, key)) throw new OptionError(`${where}: there is no option ${key}`)
    const mustBe = roomKeys[key as keyof RoomConfig]
    if (mustBe === null || value === undefined || typeof value === mustBe) continue
    throw new OptionError(`${where}: ${key} must be a ${mustBe}, but ${typeof value} came`)
  }
  checkSchema(where, config.schema)
  checkKeysOf(`${where}: retention`, config.retention, Object.keys({ ...memoryRetention, ...producers }))
  if (typeof config.presence !== 'boolean') {
    checkKeysOf(`${where}: presence`, config.presence, ['graceMs', 'membersMax'])
  }
  const { history = 'retained' } = config
  if (history === 'retained' || history === 'since-join') return
  throw new OptionError(`${where}: history must be retained or since-join, but ${String(history)} came`)
}

/** The options in force, defaults filled in. */
export function roomOptionsOf(pattern: string, config: RoomConfig, fallback: Durability = 'memory'): RoomOptions {
  checkKeys(pattern, config)
  const durability = config.durability ?? fallback
  const kept = durability === 'memory' ? memoryRetention : durableRetention
  const options: RoomOptions = {
    durability,
    retention: { ...kept, ...producers, ...config.retention },
    history: config.history ?? 'retained',
    presence: presenceOf(config.presence ?? true),
    replayMax: config.replayMax ?? 10_000,
  }
  const numbers = { ...options.retention, ...options.presence, replayMax: options.replayMax }
  for (const [name, value] of Object.entries(numbers)) {
    if (Number.isFinite(value) && value >= 0) continue
    throw new OptionError(`room ${JSON.stringify(pattern)}: ${name} must be a number from 0, but ${String(value)} came`)
  }
  return options
}

function presenceOf(asked: NonNullable<RoomConfig['presence']>): RoomOptions['presence'] {
  if (asked === false) return null
  const given = asked === true ? {} : asked
  return { graceMs: given.graceMs ?? 15_000, membersMax: given.membersMax ?? 1_000 }
}

function questionOf(asker: Asker, room: string, match: PatternMatch<CompiledRoom>): JoinQuestion {
  return { user: asker.user, claims: asker.claims, session: asker.session, room, params: match.params }
}

/** Only `true` and a proper range are a yes: `undefined` of a forgotten `return` is a no. */
function joinPermitOf(answer: CanJoinAnswer): JoinPermit {
  if (answer === true) return { kind: 'yes', readableFrom: 'retained' }
  if (typeof answer !== 'object' || answer === null) return forbidden
  const { readableFrom } = answer
  if (readableFrom === 'now' || Number.isSafeInteger(readableFrom)) return { kind: 'yes', readableFrom }
  return forbidden
}

function publishPermitOf(answer: CanPublishAnswer): PublishPermit {
  if (answer === true) return yes
  const reason = typeof answer === 'object' && answer !== null ? String(answer.reason) : 'you may not publish here'
  return { kind: 'no', reason: 'forbidden', message: reason.slice(0, 200) }
}
