// What the application holds of a session.

import { isId, isObject, isRoomName, isWhole } from '../protocol/check.js'
import { bounds } from '../protocol/limits.js'
import type { AnyRooms, RoomName, RoomOf, RoomTypes } from '../protocol/room-types.js'
import { came } from './came.js'
import type { Status } from './connection.js'
import { checkName, type Off } from './emitter.js'
import type { Health } from './health.js'
import { Hold, type Holds } from './hold.js'
import type { Waiting } from './outbox-item.js'
import { Room } from './room.js'
import type { JoinOptions } from './room-events.js'
import type { SessionCore } from './session-core.js'
import { type SessionEvents, type Stats, sessionEventNames } from './session-events.js'
import type { ClientStorage } from './storage.js'

/** `stopped`: nothing is dialled until somebody acts; `reason` says why. */
export type WhenLive = { readonly kind: 'live' } | { readonly kind: 'stopped'; readonly reason: string }

export interface SessionOutbox {
  /** Publishes that are not settled, in their order; those of pages before this one come first. */
  list(): readonly Waiting[]
  /** `persistent`: they outlive the page or the process. `memory` where that cannot be, or the storage has failed. */
  readonly storage: ClientStorage['kind']
  /** Fails the publish as `cancelled`. False: it is settled, or bytes of it may have been sent. */
  cancel(mark: string): boolean
}

export interface SessionParts {
  readonly core: SessionCore
  readonly holds: Holds
  readonly storage: () => ClientStorage['kind']
  readonly soon: (run: () => void) => void
}

const cores = new WeakMap<object, SessionCore>()

/** The same object for all holds of one session. Not for applications: it says nothing. */
export function identityOf(session: object): object {
  return cores.get(session) ?? session
}

export class Session<Rooms extends RoomTypes = AnyRooms> {
  readonly outbox: SessionOutbox
  readonly #parts: SessionParts
  readonly #core: SessionCore
  readonly #hold: Hold<SessionEvents>

  /** Made by `connect`. */
  constructor(parts: SessionParts) {
    const { core, holds } = parts
    const { outbox } = core.traffic
    holds.take()
    cores.set(this, core)
    this.#parts = parts
    this.#core = core
    this.#hold = new Hold(core.events, () => holds.release())
    this.outbox = {
      list: () => outbox.list(),
      cancel: (mark) => core.traffic.cancel(mark),
      get storage() {
        return core.traffic.outboxLife.kind
      },
    }
  }

  /** Public: others see it. Null before the first welcome. */
  get id(): string | null {
    return this.#core.identity.session
  }

  /** Null before the first welcome. */
  get user(): string | null {
    return this.#core.identity.user
  }

  get status(): Status {
    return this.#core.connection.status
  }

  /** For people: `connecting` until the first connection, then `ok`, also through drops of less than a second. */
  get health(): Health {
    return this.#core.health.health
  }

  /** `memory`: after a reload, or a new process, this will be another session, or its outbox will be empty. */
  get storage(): ClientStorage['kind'] {
    return this.#parts.storage()
  }

  /** The counts as they are now; a later read gives a later object. */
  get stats(): Readonly<Stats> {
    return { ...this.#core.stats }
  }

  /** After `close` nothing more is heard here. Throws a TypeError for an event that there is not. */
  on<Name extends keyof SessionEvents>(name: Name, hear: (event: SessionEvents[Name]) => void): Off {
    checkName(sessionEventNames, name)
    return this.#hold.on(name, hear)
  }

  /** Resolves when everything asked for is delivered, or dialling has stopped. While it is retried, it waits. */
  whenLive(): Promise<WhenLive> {
    return new Promise((resolve) => {
      const offs: Off[] = []
      const look = () => {
        const { state, reason } = this.status
        const isStopped = state === 'suspended' || state === 'closed'
        if (!this.#core.isLive && !isStopped) return false
        for (const off of offs) off()
        resolve(isStopped ? { kind: 'stopped', reason: reason ?? state } : { kind: 'live' })
        return true
      }
      if (!look()) offs.push(this.#core.events.on('live', look), this.#core.events.on('status', look))
    })
  }

  /**
   * The room by this name; joined when the session is live. Joining again gives another hold of the same room: the
   * first one's options count, and each holds it until it calls `leave`. Throws a TypeError for a name, `last` or `since`
   * that no server takes.
   */
  join<Name extends RoomName<Rooms>>(name: Name, options: JoinOptions = {}): Room<RoomOf<Rooms, Name>> {
    checkAsk(name, options)
    return new Room(this.#core, this.#core.traffic.join(name, options), this.#parts.soon)
  }

  /** Goes down and stays down, whatever wakes up; the server holds the session. `retryNow` comes back. */
  disconnect(): void {
    this.#core.connection.dispatch({ type: 'disconnect' })
  }

  /** Dials now, also after anything that stopped it. While connected: checks that the connection lives. */
  retryNow(): void {
    this.#core.retryNow()
  }

  /**
   * Ends the session for good: seats and names are freed at once, nothing can be resumed. `not-told`: the server could
   * not be reached, and ends it when its hold runs out.
   */
  async leave(): Promise<{ readonly kind: 'left' | 'not-told' }> {
    return { kind: (await this.#core.leave()) ? 'left' : 'not-told' }
  }

  /** Ends this hold; the last one closes the connection. The server holds the session. Idempotent. */
  close(): void {
    this.#hold.end()
  }
}

/** A hello with one bad ask would be refused as a whole, and every room with it. */
function checkAsk(name: unknown, { last, since }: JoinOptions): void {
  if (!isRoomName(name)) {
    const allowed = `1 to ${bounds.roomBytesMax} bytes of text without control characters, not starting with $`
    throw new TypeError(`join takes a room name of ${allowed}; ${came(name)} came`)
  }
  if (last !== undefined && !isWhole(last)) {
    throw new TypeError(`join takes as last how many entries, a whole number from 0; ${came(last)} came`)
  }
  if (since !== undefined && since !== null && !isPosition(since)) {
    const allowed = 'a position { epoch, offset, tag } as room.position or an entry gave it'
    throw new TypeError(`join takes as since ${allowed}; ${came(since)} came`)
  }
}

function isPosition(value: unknown): boolean {
  return isObject(value) && isId(value['epoch']) && isWhole(value['offset']) && isId(value['tag'])
}
