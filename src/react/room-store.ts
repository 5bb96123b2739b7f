// One room as the components of a page share it: one membership, joined as widely as any of them asks, and what each
// hook shows of it. It knows nothing of React.

import type { By, Data, Json } from '../protocol/frames.js'
import type { Clock } from '../protocol/time.js'
import type { Publication, PublishOptions } from '../client/publishing.js'
import type { Room } from '../client/room.js'
import type { MemberOf } from '../client/room-events.js'
import type { Session } from '../client/session.js'
import { type Draft, type Message, MessageLog } from './message-log.js'

/** What a component wants of a room. */
export interface RoomWish {
  /** Earlier entries to start with. */
  readonly last?: number
  readonly presence?: boolean
  /** How many messages to keep; the oldest fall out. */
  readonly max?: number
  /** How long a signal is shown. */
  readonly keepMs?: number
}

export interface Failure {
  readonly reason: string
  readonly message: string
}

export interface Standing {
  readonly room: Room | null
  readonly isLive: boolean
  /** It has been live before; what is shown may be old while it is not live. */
  readonly wasLive: boolean
  readonly error: Failure | null
}

export interface Signal<Content = Data> {
  readonly by: By | null
  readonly data: Content
}

export interface RoomParts {
  readonly standing: Standing
  readonly messages: readonly Message[]
  readonly drafts: readonly Draft[]
  readonly members: readonly MemberOf<unknown>[]
  readonly signals: readonly Signal[]
  readonly hasOlder: boolean
}

/** What is known of a room that nobody has joined; also what a server renders. */
export const unknownRoom: RoomParts = {
  standing: { room: null, isLive: false, wasLive: false, error: null },
  messages: [],
  drafts: [],
  members: [],
  signals: [],
  hasOlder: false,
}

/** While a room is caught up on, its screen is drawn this often at most. */
const drawMs = 50
const keepMsDefault = 3_000

export class RoomStore {
  readonly #session: Session
  readonly #name: string
  readonly #clock: Clock
  readonly #wishes = new Set<RoomWish>()
  readonly #listeners = new Set<() => void>()
  readonly #offs: (() => void)[] = []
  readonly #log = new MessageLog()
  readonly #heard = new Map<string, Signal>()
  #parts: RoomParts = unknownRoom
  #room: Room | null = null
  #roomOffs: (() => void)[] = []
  #last = 0
  #hasPresence = false
  #tracked: unknown
  #isJoinDue = false
  #isEnded = false
  /** The oldest offset shown when older ones were asked for; null: nothing is under way. */
  #olderThan: number | null = null
  #cancelDraw: (() => void) | null = null

  constructor(session: Session, name: string, clock: Clock) {
    this.#session = session
    this.#name = name
    this.#clock = clock
    for (const { room, mark, data } of session.outbox.list()) {
      if (room === name) this.#log.publish({ room, mark, state: 'sending', data })
    }
    this.#offs.push(
      session.on('publish', (change) => {
        if (change.room !== name) return
        this.#log.publish(change)
        this.#draw()
      }),
    )
    this.#draw()
  }

  /** The same object until something changes, and within it the same parts. */
  get parts(): RoomParts {
    return this.#parts
  }

  /** Idempotent `off`. */
  listen(hear: () => void): () => void {
    this.#listeners.add(hear)
    return () => this.#listeners.delete(hear)
  }

  /** Joins, or joins again, as widely as all wishes together; those of one turn count as one. */
  wish(wish: RoomWish): () => void {
    this.#wishes.add(wish)
    this.#log.max = Math.max(...[...this.#wishes].map(({ max = 1_000, last = 0 }) => Math.max(max, last)))
    if (!this.#isJoinDue) {
      this.#isJoinDue = true
      queueMicrotask(() => {
        this.#isJoinDue = false
        if (!this.#isEnded && this.isWished) this.#join()
      })
    }
    return () => this.#wishes.delete(wish)
  }

  get isWished(): boolean {
    return this.#wishes.size > 0
  }

  publish(data: Data, options?: PublishOptions): Publication {
    return this.#joined().publish(data, options)
  }

  signal(data: Data): boolean {
    return this.#joined().signal(data)
  }

  track(data: unknown): void {
    this.#tracked = data
    const { presence } = this.#joined()
    if (data === undefined) presence.untrack()
    else presence.track(data as Json)
  }

  /** Shows a failed one no more. */
  dismiss(mark: string): void {
    this.#log.dismiss(mark)
    this.#draw()
  }

  /** Reads history further back. False: there is none, or it is under way, or `max` is reached. */
  loadOlder(count: number): boolean {
    const { oldestOffset, newestOffset } = this.#log
    if (!this.#parts.hasOlder || oldestOffset === null || newestOffset === null || this.#olderThan !== null)
      return false
    const last = Math.floor(newestOffset) - Math.floor(oldestOffset) + 1 + count
    if (last > this.#log.max) return false
    this.#olderThan = oldestOffset
    this.#join(last)
    return true
  }

  /** Leaves the room; what was published still settles. Idempotent. */
  end(): void {
    this.#isEnded = true
    this.#cancelDraw?.()
    this.#letGo()
    for (const off of this.#offs.splice(0)) off()
  }

  #joined(): Room {
    return this.#room ?? this.#join()
  }

  #join(least = 0): Room {
    const wished = Math.max(least, ...[...this.#wishes].map((wish) => wish.last ?? 0))
    // What is shown already must be within, or something could be missing between the two.
    const last = wished > this.#last ? Math.max(wished, this.#log.all.length + wished) : this.#last
    const presence = [...this.#wishes].some((wish) => wish.presence === true)
    const known = this.#room
    if (known !== null && last === this.#last && (!presence || this.#hasPresence)) return known
    // Another hold of the room as it is; or, for more history, left and joined in one turn: others see no leave.
    if (known !== null && last > this.#last) this.#letGo()
    const room = this.#session.join(this.#name, { last, presence })
    this.#letGo()
    this.#last = last
    if (this.#tracked !== undefined) room.presence.track(this.#tracked as Json)
    this.#hasPresence = presence
    this.#room = room
    this.#listenTo(room)
    this.#draw({ room, error: null })
    return room
  }

  #letGo(): void {
    for (const off of this.#roomOffs.splice(0)) off()
    this.#room?.leave()
    this.#room = null
  }

  #listenTo(room: Room): void {
    const failed = (reason: string, message: string) => this.#draw({ isLive: false, error: { reason, message } })
    this.#roomOffs = [
      room.on('entry', (entry) => {
        this.#log.entry(entry, entry.by !== null && entry.by.session === this.#session.id)
        this.#drawSoon()
      }),
      room.on('gap', (gap) => {
        this.#log.gap(gap)
        this.#drawSoon()
      }),
      room.on('live', () => {
        const isAllRead = this.#olderThan !== null && this.#olderThan === this.#log.oldestOffset
        this.#olderThan = null
        const { oldestOffset } = this.#log
        this.#draw(
          { isLive: true, wasLive: true, error: null },
          !isAllRead && oldestOffset !== null && oldestOffset > 1,
        )
      }),
      room.on('presence', () => this.#draw()),
      room.on('denied', ({ reason, message, retry }) => {
        if (!retry) failed(reason, message)
      }),
      room.on('removed', ({ reason }) => failed(reason, `this session was taken out of ${this.#name}`)),
      room.on('signal', (signal) => this.#signalled(signal)),
      this.#session.on('drop', () => this.#draw({ isLive: false })),
    ]
  }

  #signalled(signal: Signal): void {
    const from = signal.by?.session ?? ''
    const keepMs = Math.max(...[...this.#wishes].map((wish) => wish.keepMs ?? 0)) || keepMsDefault
    this.#heard.set(from, signal)
    this.#clock.after(keepMs, () => {
      if (this.#heard.get(from) !== signal) return
      this.#heard.delete(from)
      this.#draw()
    })
    this.#draw()
  }

  /** At once while the room is live; gathered while it is caught up on. */
  #drawSoon(): void {
    if (this.#parts.standing.isLive) return this.#draw()
    this.#cancelDraw ??= this.#clock.after(drawMs, () => this.#draw())
  }

  #draw(standing: Partial<Standing> = {}, hasOlder = this.#parts.hasOlder): void {
    this.#cancelDraw?.()
    this.#cancelDraw = null
    const before = this.#parts
    const members = this.#room?.presence.state() ?? []
    const signals = [...this.#heard.values()]
    this.#parts = {
      standing: sameOr(before.standing, { ...before.standing, ...standing }),
      messages: this.#log.all,
      drafts: this.#log.drafts,
      members: sameList(before.members, members),
      signals: sameList(before.signals, signals),
      hasOlder,
    }
    for (const hear of this.#listeners) hear()
  }
}

function sameOr<Value extends object>(before: Value, now: Value): Value {
  const keys = Object.keys(now) as (keyof Value)[]
  return keys.every((key) => Object.is(before[key], now[key])) ? before : now
}

function sameList<Item>(before: readonly Item[], now: readonly Item[]): readonly Item[] {
  return before.length === now.length && before.every((item, index) => item === now[index]) ? before : now
}
