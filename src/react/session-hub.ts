// A session with its rooms as all components of a page share them, whichever provider they are in; kept for a moment
// after the last one is gone. It knows nothing of React, nor of where the session comes from.

import type { Status } from '../client/connection.js'
import type { Health } from '../client/health.js'
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

export const unconnected: SessionParts = {
  person: { session: null, id: null, user: null },
  connection: { health: 'connecting', state: 'idle', attempt: 0, nextAttemptInMs: null, reason: null },
}

/** What `SessionHub` runs on. */
export interface HubParts {
  readonly session: Session
  readonly clock: Clock
  /** Runs once, when nobody has held it for a while. */
  readonly ended: () => void
}

export class SessionHub {
  readonly session: Session
  /** Nobody has held it for a while: the next one makes another. */
  isOver = false
  readonly #clock: Clock
  readonly #ended: () => void
  readonly #listeners = new Set<() => void>()
  readonly #rooms = new Map<string, RoomStore>()
  readonly #offs: (() => void)[]
  #holdCount = 0
  #parts = unconnected
  #cancelEnd = () => {}

  constructor({ session, clock, ended }: HubParts) {
    this.session = session
    this.#clock = clock
    this.#ended = ended
    const look = () => this.#look()
    this.#offs = (['status', 'health', 'live', 'new-session', 'drop'] as const).map((name) => session.on(name, look))
    look()
  }

  /** The same object, and the same parts in it, until something changes. */
  get parts(): SessionParts {
    return this.#parts
  }

  /** Of a room that nobody holds: nothing is known. */
  roomParts(name: string): RoomParts {
    return this.#rooms.get(name)?.parts ?? unknownRoom
  }

  /** Kept until the returned function is called, and `lingerMs` longer; `hear` is told of each change. */
  hold(hear: () => void, lingerMs: number): () => void {
    this.#holdCount += 1
    this.#cancelEnd()
    this.#listeners.add(hear)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#listeners.delete(hear)
      this.#release(lingerMs)
    }
  }

  /** Keeps this session in the room, as widely as `wish` says, until the returned function is called. */
  holdRoom(name: string, wish: RoomWish, hear: () => void, lingerMs: number): () => void {
    const release = this.hold(() => {}, lingerMs)
    const room = this.#roomOf(name)
    const unwish = room.wish(wish)
    const unlisten = room.listen(hear)
    return () => {
      unlisten()
      unwish()
      this.#clock.after(lingerMs, () => {
        if (room.isWished || this.#rooms.get(name) !== room) return
        this.#rooms.delete(name)
        room.end()
      })
      release()
    }
  }

  /** Publishes; session and room are kept until it has settled, whatever is unmounted meanwhile. */
  publish(name: string, data: Data, options: PublishOptions | undefined, lingerMs: number): Publication {
    const release = this.holdRoom(name, {}, () => {}, lingerMs)
    const publication = this.#roomOf(name).publish(data, options)
    void publication.finally(release)
    return publication
  }

  /** The room that some component holds; null: none does. */
  room(name: string): RoomStore | null {
    return this.#rooms.get(name) ?? null
  }

  #roomOf(name: string): RoomStore {
    const known = this.#rooms.get(name)
    if (known !== undefined) return known
    const room = new RoomStore(this.session, name, this.#clock)
    this.#rooms.set(name, room)
    return room
  }

  #look(): void {
    const { session } = this
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

  #release(lingerMs: number): void {
    this.#holdCount -= 1
    if (this.#holdCount === 0) this.#cancelEnd = this.#clock.after(lingerMs, () => this.#end())
  }

  #end(): void {
    this.isOver = true
    for (const room of this.#rooms.values()) room.end()
    this.#rooms.clear()
    for (const off of this.#offs) off()
    this.#ended()
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
