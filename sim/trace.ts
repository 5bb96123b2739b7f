// Everything that was observed in one run, as plain records in the order in which it happened, and a hash of all of
// it: the same seed gives the same hash. It knows nothing of what the records mean.

import { createHash } from 'node:crypto'
import type { By, Json, LeaseVerdict, Member, RoomVerdict, SessionVerdict } from '../src/protocol/frames.js'
import type { Position } from '../src/protocol/position.js'
import type { PublishResult } from '../src/client/outbox-item.js'

/** What happened. `by` is one page load of a tab, such as `t1.2`; `node` one life of a server, such as `s1.3`. */
export type Happened =
  // Plan: what was done to the system.
  | { readonly kind: 'op' | 'fault'; readonly what: string; readonly item: Json }
  | { readonly kind: 'phase'; readonly phase: 'running' | 'healed' | 'live' | 'leaving' | 'rest' }
  // The store, as it is: each entry and each owner when it was decided.
  | {
      readonly kind: 'life'
      readonly life: number
      readonly epoch: string
      /** False: something that the life before had is not there. */
      readonly isWhole: boolean
      /** Whose logs it goes on with; null: empty. */
      readonly parent: number | null
      /** Heads of the rooms that it goes on with. */
      readonly heads: Readonly<Record<string, number>>
      /** The sessions that it knows, ended ones too. */
      readonly sessions: readonly string[]
    }
  | {
      readonly kind: 'appended'
      readonly room: string
      readonly position: Position
      readonly mark: string | null
      readonly key: string | null
      readonly n: number
      /** Of its data, as the store counts them. */
      readonly bytes: number
      /** Which happening it tells, or the id it was published with by a server. */
      readonly event: string | null
      readonly session: string | null
      readonly user: string | null
      readonly generation: number
    }
  | {
      readonly kind: 'attached'
      readonly session: string
      readonly user: string
      readonly generation: number
      readonly node: string
      readonly how: 'created' | 'resumed'
    }
  | { readonly kind: 'attach-refused'; readonly session: string | null; readonly how: string; readonly node: string }
  | { readonly kind: 'detached'; readonly session: string; readonly generation: number; readonly how: string }
  | {
      readonly kind: 'touched'
      readonly session: string
      readonly generation: number
      readonly rooms: readonly string[]
    }
  /** A drop was decided: its connection ended, or (`silentMs`) its node was not heard of for so long. */
  | {
      readonly kind: 'dropped'
      readonly session: string
      readonly generation: number
      readonly node: string
      readonly silentMs: number | null
      /** The hold time, as ticks should count it. */
      readonly holdMs: number
    }
  | {
      readonly kind: 'ended'
      readonly session: string
      readonly generation: number
      readonly reason: string
      readonly holdMs: number
    }
  | {
      readonly kind: 'shown'
      readonly room: string
      readonly session: string
      readonly generation: number
      readonly as: 'live' | 'held' | 'gone'
    }
  | { readonly kind: 'asked'; readonly user: string; readonly room: string; readonly isAllowed: boolean }
  /** The application said who a token belongs to, and for how long. */
  | { readonly kind: 'proved'; readonly user: string; readonly leftMs: number }
  // Servers.
  | { readonly kind: 'server'; readonly node: string; readonly now: 'started' | 'crashed' | 'stopping' | 'stopped' }
  | {
      readonly kind: 'event'
      readonly node: string
      readonly what: 'connect' | 'drop' | 'resume' | 'leave'
      readonly id: string
      readonly session: string
      readonly reason: string
    }
  | { readonly kind: 'report'; readonly node: string; readonly doing: string; readonly error: string }
  // Clients.
  | {
      readonly kind: 'page'
      readonly by: string
      readonly now: 'loaded' | 'killed' | 'closed'
      /** What its client saw missing, or again, in what its servers sent. */
      readonly holes: number
      readonly duplicates: number
    }
  | { readonly kind: 'status'; readonly by: string; readonly state: string; readonly reason: string | null }
  | { readonly kind: 'live'; readonly by: string; readonly session: string; readonly user: string }
  | { readonly kind: 'new-session'; readonly by: string; readonly session: string; readonly reason: string }
  | {
      readonly kind: 'resume'
      readonly by: string
      readonly verdict: SessionVerdict
      readonly rooms: Readonly<Record<string, RoomVerdict | { readonly kind: 'denied'; readonly reason: string }>>
      readonly leases: readonly LeaseVerdict[]
    }
  | { readonly kind: 'stopped'; readonly by: string; readonly what: string; readonly reason: string }
  | { readonly kind: 'error'; readonly by: string; readonly error: string }
  | { readonly kind: 'join'; readonly by: string; readonly room: string; readonly span: number; readonly last: number }
  | { readonly kind: 'leave'; readonly by: string; readonly room: string; readonly span: number }
  | {
      readonly kind: 'entry'
      readonly by: string
      readonly room: string
      readonly span: number
      readonly position: Position
      readonly mark: string | null
      readonly n: number
      readonly from: By | null
    }
  | {
      readonly kind: 'gap'
      readonly by: string
      readonly room: string
      readonly span: number
      readonly reason: string
      readonly from: number
      readonly to: number
      readonly next: Position
    }
  | {
      readonly kind: 'room-live'
      readonly by: string
      readonly room: string
      readonly span: number
      readonly position: Position
    }
  | {
      readonly kind: 'presence'
      readonly by: string
      readonly room: string
      readonly span: number
      readonly members: readonly Member[]
    }
  | { readonly kind: 'signal'; readonly by: string; readonly room: string; readonly from: string | null }
  | {
      readonly kind: 'removed'
      readonly by: string
      readonly room: string
      readonly span: number
      readonly reason: string
    }
  | {
      readonly kind: 'denied'
      readonly by: string
      readonly room: string
      readonly span: number
      readonly reason: string
    }
  | { readonly kind: 'publish'; readonly by: string; readonly room: string; readonly n: number; readonly mark: string }
  | {
      readonly kind: 'settled'
      readonly by: string
      readonly room: string
      readonly n: number
      readonly result: PublishResult
    }
  | { readonly kind: 'left'; readonly by: string; readonly isTold: boolean }
  // Whoever is no client of ours: what was answered to what. `reason` is null where the answer was no refusal.
  | {
      readonly kind: 'probed'
      readonly by: string
      readonly what: string
      readonly room: string | null
      readonly asked: Json
      readonly answer: string
      readonly reason: string | null
    }
  /** A page died, and these of its publishes are stored. */
  | { readonly kind: 'stored'; readonly by: string; readonly ns: readonly number[] }
  /** A page took over a publish of one before it. */
  | { readonly kind: 'adopted'; readonly by: string; readonly n: number }
  // The state at the end of the healed phase.
  | { readonly kind: 'end-disk'; readonly ns: readonly number[] }
  | {
      readonly kind: 'end-page'
      readonly by: string
      readonly session: string | null
      readonly state: string
      readonly reason: string | null
      readonly waitingCount: number
    }
  | {
      readonly kind: 'end-room'
      readonly by: string
      readonly room: string
      readonly span: number
      readonly place: string
      readonly isLive: boolean
      readonly position: Position | null
      /** Null: it did not ask to be told. */
      readonly members: readonly Member[] | null
    }
  | {
      readonly kind: 'end-log'
      readonly room: string
      readonly head: Position
      /** What a read of the store gives, from the first entry kept. */
      readonly entries: readonly { readonly offset: number; readonly tag: string; readonly isVoid: boolean }[]
      readonly members: readonly Member[]
    }
  | { readonly kind: 'end-node'; readonly node: string; readonly sessions: readonly string[] }
  | {
      readonly kind: 'end-row'
      readonly session: string
      readonly user: string
      readonly state: string
      readonly node: string | null
      readonly rooms: readonly string[]
    }
  /** The most of it that there ever was at once, looked at with every frame. */
  | { readonly kind: 'most'; readonly what: string; readonly count: number; readonly bound: number }
  | { readonly kind: 'rest'; readonly what: string; readonly count: number; readonly bound: number }
  | { readonly kind: 'breach'; readonly what: string }

export type TraceRecord = Happened & { readonly atMs: number }

export interface Trace {
  readonly records: readonly TraceRecord[]
  add(happened: Happened): void
  /** Counts for the hash, and is not kept. */
  seen(text: string | Uint8Array): void
  /** SHA-256 of everything so far. */
  hash(): string
}

export function createTrace(nowMs: () => number): Trace {
  const records: TraceRecord[] = []
  const hash = createHash('sha256')
  return {
    records,
    add(happened) {
      const record = { atMs: Math.round(nowMs() * 1000) / 1000, ...happened }
      records.push(record)
      hash.update(JSON.stringify(record))
    },
    seen: (text) => void hash.update(text),
    hash: () => hash.copy().digest('hex'),
  }
}

/** One line for people. */
export function lineOf(record: TraceRecord, step: number): string {
  const { atMs, kind, ...rest } = record
  return `${String(step).padStart(6)} ${(atMs / 1000).toFixed(3).padStart(8)} s  ${kind.padEnd(14)} ${JSON.stringify(rest)}`
}
