// Where the hooks of one provider get their session and rooms from: connected when the first component needs it, shared
// by all, kept for a moment after the last one is gone. Rendering touches nothing here; only subscribing does.

import { connect as connectPage } from '../client/index.js'
import { systemClock } from '../client/clock.js'
import type { Connect, ConnectOptions } from '../client/connect.js'
import type { Status } from '../client/connection.js'
import type { Health } from '../client/health.js'
import type { Auth } from '../client/identity.js'
import type { Publication, PublishOptions } from '../client/publishing.js'
import type { Session } from '../client/session.js'
import type { Data } from '../protocol/frames.js'
import type { Clock } from '../protocol/time.js'
import { type RoomParts, RoomStore, type RoomWish, unknownRoom } from './room-store.js'

export interface Person {
  readonly session: Session | null
  /** Public. Null before the first welcome. */
  readonly id: string | null
  readonly user: string | null
}

export interface ConnectionView extends Status {
  /** Steady: short drops do not show. */
  readonly health: Health
}

export interface SessionParts {
  readonly person: Person
  readonly connection: ConnectionView
}

const unconnected: SessionParts = {
  person: { session: null, id: null, user: null },
  connection: { health: 'connecting', state: 'idle', attempt: 0, nextAttemptInMs: null, reason: null },
}

export type Origin =
  | { readonly kind: 'own'; readonly url: string; readonly options: ConnectOptions; readonly connect?: Connect }
  /** Made, and closed, by the application. */
  | { readonly kind: 'given'; readonly session: Session }

/** How long session and rooms are kept after the last component that used them. */
export const lingerMsDefault = 1_000

export class SessionSource {
  readonly #origin: Origin
  readonly #lingerMs: number
  readonly #clock: Clock
  readonly #listeners = new Set<() => void>()
  readonly #rooms = new Map<string, RoomStore>()
  #auth: Auth | undefined
  #holdCount = 0
  #session: Session | null = null
  #offs: (() => void)[] = []
  #parts = unconnected
  #cancelEnd = () => {}

  constructor(origin: Origin, lingerMs = lingerMsDefault) {
    this.#origin = origin
    this.#lingerMs = lingerMs
    const options = origin.kind === 'own' ? origin.options : {}
    this.#auth = options.auth
    this.#clock = options.clock ?? systemClock
  }

  /** The same object, and the same parts in it, until something changes. */
  get parts(): SessionParts {
    return this.#parts
  }

  /** Of a room that nobody holds: nothing is known. */
  roomParts(name: string): RoomParts {
    return this.#rooms.get(name)?.parts ?? unknownRoom
  }

  /** A later `auth` takes the place of the earlier one; session and outbox stay. */
  renewAuth(auth: Auth | undefined): void {
    const isFirst = this.#auth === undefined && auth !== undefined
    this.#auth = auth
    // An equal call hands it to the session that there is.
    if (isFirst && this.#session !== null) this.#connect()?.close()
  }

  /** Keeps the session, connected, until the returned function is called; `hear` is told of each change. */
  hold(hear: () => void): () => void {
    this.#holdCount += 1
    this.#cancelEnd()
    this.#listeners.add(hear)
    this.#session ??= this.#open()
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#listeners.delete(hear)
      this.#release()
    }
  }

  /** Keeps this session in the room, as widely as `wish` says, until the returned function is called. */
  holdRoom(name: string, wish: RoomWish, hear: () => void): () => void {
    const release = this.hold(() => {})
    const room = this.#roomOf(name)
    const unwish = room.wish(wish)
    const unlisten = room.listen(hear)
    return () => {
      unlisten()
      unwish()
      this.#clock.after(this.#lingerMs, () => {
        if (room.isWished || this.#rooms.get(name) !== room) return
        this.#rooms.delete(name)
        room.end()
      })
      release()
    }
  }

  /** Publishes; session and room are kept until it has settled, whatever is unmounted meanwhile. */
  publish(name: string, data: Data, options?: PublishOptions): Publication {
    const release = this.holdRoom(name, {}, () => {})
    const publication = this.#roomOf(name).publish(data, options)
    void publication.finally(release)
    return publication
  }

  /** Publishes a failed one again, under a new mark. Null: there is no failed one with this mark. */
  retry(name: string, mark: string): Publication | null {
    const draft = this.roomParts(name).drafts.find(({ id, state }) => id === mark && state === 'failed')
    if (draft === undefined) return null
    this.dismiss(name, mark)
    return this.publish(name, draft.data)
  }

  dismiss(name: string, mark: string): void {
    this.#rooms.get(name)?.dismiss(mark)
  }

  cancel(mark: string): boolean {
    return this.#session?.outbox.cancel(mark) ?? false
  }

  /** The room that some component holds; null: none does. */
  room(name: string): RoomStore | null {
    return this.#rooms.get(name) ?? null
  }

  retryNow(): void {
    this.#session?.retryNow()
  }

  #roomOf(name: string): RoomStore {
    const known = this.#rooms.get(name)
    if (known !== undefined) return known
    this.#session ??= this.#open()
    const room = new RoomStore(this.#session, name, this.#clock)
    this.#rooms.set(name, room)
    return room
  }

  #open(): Session {
    const session = this.#connect() ?? (this.#origin as Extract<Origin, { kind: 'given' }>).session
    const look = () => this.#look(session)
    this.#offs = (['status', 'health', 'live', 'new-session', 'drop'] as const).map((name) => session.on(name, look))
    look()
    return session
  }

  /** Null: the session is the application's own. */
  #connect(): Session | null {
    if (this.#origin.kind === 'given') return null
    const { url, options, connect = connectPage } = this.#origin
    const { auth: _, ...others } = options
    return connect(url, this.#auth === undefined ? others : { ...others, auth: () => this.#auth?.() ?? null })
  }

  #look(session: Session): void {
    const { health, status, id, user } = session
    const { person, connection } = this.#parts
    const isSamePerson = person.session === session && person.id === id && person.user === user
    const isSame = connection.health === health && same(connection, status)
    if (isSamePerson && isSame) return
    this.#parts = {
      person: isSamePerson ? person : { session, id, user },
      connection: isSame ? connection : { ...status, health },
    }
    for (const hear of this.#listeners) hear()
  }

  #release(): void {
    this.#holdCount -= 1
    if (this.#holdCount === 0) this.#cancelEnd = this.#clock.after(this.#lingerMs, () => this.#end())
  }

  #end(): void {
    if (this.#holdCount > 0) return
    for (const room of this.#rooms.values()) room.end()
    this.#rooms.clear()
    for (const off of this.#offs.splice(0)) off()
    if (this.#origin.kind === 'own') this.#session?.close()
    this.#session = null
    this.#parts = unconnected
  }
}

function same(one: Status, other: Status): boolean {
  return (
    one.state === other.state &&
    one.attempt === other.attempt &&
    one.reason === other.reason &&
    one.nextAttemptInMs === other.nextAttemptInMs
  )
}
