// Publishes as promises: drafts become items of the outbox, items become frames, answers settle promises. Which frame
// answers what is the session's.

import { base64url } from '../protocol/base64url.js'
import { id, name } from '../protocol/check.js'
import { dataProblem, jsonOf, notData } from '../protocol/data.js'
import { encodeFrame } from '../protocol/encode.js'
import type { Data, Published } from '../protocol/frames.js'
import { defaultLimits } from '../protocol/limits.js'
import type { Position } from '../protocol/position.js'
import type { Chance, Clock } from '../protocol/time.js'
import { utf8Length } from '../protocol/utf8.js'
import { type OpenRooms, Outbox, type OutboxLimits, type Refusal } from './outbox.js'
import type { Draft, OutboxItem, Outgoing, PublishFailure, PublishResult, Sent } from './outbox-item.js'
import { type LifeOptions, OutboxLife } from './outbox-life.js'

export interface PublishOptions {
  /** Fails it as `expired` when it could not be sent for so long. Default: the outbox's. */
  readonly ttlMs?: number
  /** A later publish with the same key supersedes this one in the log. */
  readonly key?: string
  /** Comes back on the entry. 1 to 64 visible ASCII characters; random by default. */
  readonly mark?: string
}

/** How a publish stands: `sending` from the call, through drops, until it is settled. */
export type PublishChange = { readonly room: string; readonly mark: string } & (
  | { readonly state: 'sending'; readonly data: Data }
  | ({ readonly state: 'kept' } & Omit<Extract<PublishResult, { kind: 'kept' }>, 'kind'>)
  | ({ readonly state: 'failed' } & Omit<Extract<PublishResult, { kind: 'failed' }>, 'kind'>)
)

/** Settles when the publish is kept, or cannot be; never rejects. */
export type Publication = Promise<PublishResult> & { readonly mark: string }

/** What an envelope needs at most, beside room, key and data. */
const envelopeBytes = 400

export interface PublishingOptions {
  readonly outbox: OutboxLimits
  readonly stored: LifeOptions['stored']
  readonly chance: Chance
  readonly clock: Clock
}

export interface PublishingHost {
  kept(room: string, position: Position): void
  publishChanged(change: PublishChange): void
  /** More may leave now. */
  ready(): void
  report(error: unknown): void
}

export class Publishing {
  readonly outbox: Outbox
  readonly life: OutboxLife
  readonly #chance: Chance
  readonly #clock: Clock
  readonly #ttlMs: number | null
  readonly #settles = new Map<OutboxItem, (result: PublishResult) => void>()
  readonly #changed: (change: PublishChange) => void
  payloadBytesMax = defaultLimits.payloadBytesMax

  constructor({ outbox: limits, chance, clock, stored }: PublishingOptions, host: PublishingHost) {
    this.#chance = chance
    this.#clock = clock
    this.#changed = (change) => host.publishChanged(change)
    this.#ttlMs = limits.ttlMs
    const newProducer = () => this.#random(16)
    this.outbox = new Outbox(newProducer(), limits, {
      keep: (item, again, sentAfter) => this.life.keep(item, again, sentAfter),
      settled: (item, result) => {
        this.life.settled(item, result)
        if (result.kind === 'kept' && result.position !== null) host.kept(item.room, result.position)
        this.#settles.get(item)?.(result)
        this.#settles.delete(item)
        this.#changed(changeOf(item, result))
      },
    })
    this.life = new OutboxLife(
      this.outbox,
      { clock, stored, newProducer },
      {
        ready: () => host.ready(),
        report: (error) => host.report(error),
        adopted: (marks) => {
          for (const { room, mark, data } of this.outbox.list()) {
            if (marks.has(mark)) this.#changed({ room, mark, state: 'sending', data })
          }
        },
      },
    )
  }

  /** `live`: it may leave at once, from these rooms. */
  publish(room: string, data: Data, options: PublishOptions, live: OpenRooms | null): Publication {
    const mark = options.mark ?? this.#random(12)
    const settled = new Promise<PublishResult>((settle) => {
      const { key, ttlMs = this.#ttlMs } = options
      const problem = this.#add({ room, mark, key, ttlMs }, data, live, settle)
      if (problem === null) this.#changed({ room, mark, state: 'sending', data })
      else settle({ kind: 'failed', ...problem })
    })
    return Object.assign(settled, { mark })
  }

  /** For a room that cannot be published to. */
  refuse(reason: PublishFailure, message: string, { mark = this.#random(12) }: PublishOptions = {}): Publication {
    return Object.assign(Promise.resolve<PublishResult>({ kind: 'failed', reason, message }), { mark })
  }

  answered(sent: Sent, { position, duplicate }: Published): void {
    this.outbox.kept(sent, position, duplicate)
  }

  refused(sent: Sent, refusal: Refusal): void {
    this.outbox.refused(sent, refusal, this.#clock.nowMs())
  }

  #add(
    draft: Omit<Draft, 'data' | 'bytes'>,
    data: Data,
    live: OpenRooms | null,
    settle: (result: PublishResult) => void,
  ): { reason: PublishFailure; message: string } | null {
    const { room, mark, key, ttlMs } = draft
    if (ttlMs !== null && !(ttlMs >= 0)) return { reason: 'bad-message', message: 'ttlMs is a number from 0' }
    // A copy: what the application changes afterwards is not what it published.
    const copy = data instanceof Uint8Array ? data.slice() : jsonOf(data)
    if (copy === null) return { reason: 'bad-message', message: notData }
    if (this.outbox.hasMark(mark))
      return { reason: 'bad-message', message: 'a publish with this mark is not settled yet' }
    const bytes = typeof copy === 'string' ? utf8Length(copy) : copy.length
    const names = utf8Length(JSON.stringify([room, mark, key]))
    if (bytes + names + envelopeBytes > this.payloadBytesMax) {
      return { reason: 'too-large', message: `a frame has at most ${this.payloadBytesMax} bytes, the data ${bytes}` }
    }
    const problem = namesProblem(mark, key) ?? (typeof copy === 'string' ? dataProblem(copy) : null)
    if (problem !== null) return { reason: 'bad-message', message: problem }
    const item = this.outbox.add({ ...draft, data: copy, bytes }, this.#clock.nowMs(), this.#clock.wallMs(), live)
    if (item !== null) this.#settles.set(item, settle)
    if (item !== null) return null
    return { reason: 'outbox-full', message: 'too much is waiting to be sent' }
  }

  #random(bytes: number): string {
    return base64url(this.#chance.bytes(bytes))
  }
}

/** The frame as it goes on the wire. JSON data is not parsed again. */
export function publishFrame({ header, data }: Outgoing, id: number, session: string): string | Uint8Array {
  const envelope = { type: 'publish', id, session, ...header } as const
  if (typeof data !== 'string') return encodeFrame({ ...envelope, data })
  return `${JSON.stringify(envelope).slice(0, -1)},"data":${data}}`
}

function changeOf({ room, mark }: OutboxItem, result: PublishResult): PublishChange {
  const { kind: state, ...how } = result
  return { room, mark, state, ...how } as PublishChange
}

function namesProblem(mark: string, key: string | undefined): string | null {
  const [ofMark, ofKey] = [id(mark), key === undefined ? null : name(key)]
  if (ofMark !== null) return `mark ${ofMark}`
  return ofKey === null ? null : `key ${ofKey}`
}
