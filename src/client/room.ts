// What the application holds of a room.

import type { Data, Json } from '../protocol/frames.js'
import type { Position } from '../protocol/position.js'
import type { AnyRoom, RoomType } from '../protocol/room-types.js'
import { checkName, type Off } from './emitter.js'
import { Hold, Holds } from './hold.js'
import type { Publication, PublishOptions } from './publishing.js'
import type { Place, RoomCore } from './room-core.js'
import { type MemberOf, type RoomEvents, roomEventNames } from './room-events.js'
import type { SessionCore } from './session-core.js'

/** Who is in a room, and what this session shows of itself there. */
export interface RoomPresence<Shown = Json> {
  /** Who is there, as last told; empty unless joined with `presence: true`. */
  state(): readonly MemberOf<Shown>[]
  /**
   * Shows `data` of this session to the members; the last value wins, and is shown again after a resume. What cannot be
   * sent (the session's event `error` says why) changes nothing.
   */
  track(data: Shown): void
  untrack(): void
}

const holdsOf = new WeakMap<RoomCore, Holds>()

export class Room<Type extends RoomType = AnyRoom> {
  readonly name: string
  readonly presence: RoomPresence<Type['presence']>
  readonly #session: SessionCore
  readonly #core: RoomCore
  readonly #hold: Hold<RoomEvents>

  /** Made by `session.join`. */
  constructor(session: SessionCore, core: RoomCore, soon: (run: () => void) => void) {
    const holds = holdsOf.get(core) ?? new Holds(soon, (isForGood) => session.traffic.leaveRoom(core, isForGood))
    holdsOf.set(core, holds)
    holds.take()
    this.name = core.name
    this.#session = session
    this.#core = core
    this.#hold = new Hold(core.events, () => holds.release())
    this.presence = {
      state: () => core.board.members,
      // What is no JSON is refused and reported there, whatever the type says.
      track: (data) => session.traffic.track(core, data as Json),
      untrack: () => core.track(undefined),
    }
  }

  /** Where this session stands in the room; `joined` with `isLive` is up to date. */
  get place(): Place {
    return this.#core.place
  }

  /** True while everything the server has is delivered as it comes. */
  get isLive(): boolean {
    return this.#core.isLive
  }

  /** The last position handed over; keep it to go on from there with `since` after a reload. Null: none yet. */
  get position(): Position | null {
    return this.#core.position
  }

  /** After `leave` nothing more is heard here. Throws a TypeError for an event that there is not. */
  on<Name extends keyof RoomEvents>(name: Name, hear: (event: RoomEvents<Type>[Name]) => void): Off {
    checkName(roomEventNames, name)
    return this.#hold.on(name, hear as (event: RoomEvents[Name]) => void)
  }

  /** Settles when it is kept at the room's durability, or with why not. Waits through drops; never rejects. */
  publish(data: Type['entry'], options: PublishOptions = {}): Publication {
    return this.#session.traffic.publish(this.#hold.isOver ? null : this.#core, this.name, data as Data, options)
  }

  /**
   * To whoever is there now; never kept. False: dropped, because this session is not live there or is slow, or the data
   * cannot be sent (the session's event `error` says why).
   */
  signal(data: Type['signal']): boolean {
    return !this.#hold.isOver && this.#session.traffic.signal(this.#core, data as Data)
  }

  /**
   * Ends this hold of the room; the last one leaves it, after its publishes are settled. Idempotent. Joined again in
   * the same turn, others see no leave; the new hold starts as its options say.
   */
  leave(): void {
    this.#hold.end()
  }
}
