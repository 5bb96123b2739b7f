// Where the hooks of one provider get their session from: connected when the first component needs it, shared with every
// provider of the same session. Rendering touches nothing here; only subscribing does.

import { systemClock } from '../client/clock.js'
import type { Connect, ConnectOptions } from '../client/connect.js'
import type { Auth } from '../client/identity.js'
import { connect as connectPage } from '../client/index.js'
import type { Publication, PublishOptions } from '../client/publishing.js'
import { identityOf, type Session } from '../client/session.js'
import type { Data } from '../protocol/frames.js'
import type { Clock } from '../protocol/time.js'
import { type RoomParts, type RoomStore, type RoomWish, unknownRoom } from './room-store.js'
import { SessionHub, type SessionParts, unconnected } from './session-hub.js'

export type Origin =
  | { readonly kind: 'own'; readonly url: string; readonly options: ConnectOptions; readonly connect?: Connect }
  /** Made, and closed, by the application. */
  | { readonly kind: 'given'; readonly session: Session }

/** How long session and rooms are kept after the last component that used them. */
const lingerMsDefault = 1_000

const hubs = new WeakMap<object, SessionHub>()

export class SessionSource {
  readonly #origin: Origin
  readonly #lingerMs: number
  readonly #clock: Clock
  #auth: Auth | undefined
  #hub: SessionHub | null = null

  constructor(origin: Origin, lingerMs = lingerMsDefault) {
    this.#origin = origin
    this.#lingerMs = lingerMs
    const options = origin.kind === 'own' ? origin.options : {}
    this.#auth = options.auth
    this.#clock = options.clock ?? systemClock
  }

  /** The same object, and the same parts in it, until something changes. */
  get parts(): SessionParts {
    return this.#live?.parts ?? unconnected
  }

  /** Of a room that nobody holds: nothing is known. */
  roomParts(name: string): RoomParts {
    return this.#live?.roomParts(name) ?? unknownRoom
  }

  /** A later `auth` takes the place of the earlier one; session and outbox stay. */
  renewAuth(auth: Auth | undefined): void {
    const isFirst = this.#auth === undefined && auth !== undefined
    this.#auth = auth
    // An equal call hands it to the session that there is.
    if (isFirst && this.#live !== null && this.#origin.kind === 'own') this.#connect(this.#origin).close()
  }

  /** Keeps the session, connected, until the returned function is called; `hear` is told of each change. */
  hold(hear: () => void): () => void {
    return this.#held().hold(hear, this.#lingerMs)
  }

  /** Keeps this session in the room, as widely as `wish` says, until the returned function is called. */
  holdRoom(name: string, wish: RoomWish, hear: () => void): () => void {
    return this.#held().holdRoom(name, wish, hear, this.#lingerMs)
  }

  /** Publishes; session and room are kept until it has settled, whatever is unmounted meanwhile. */
  publish(name: string, data: Data, options?: PublishOptions): Publication {
    return this.#held().publish(name, data, options, this.#lingerMs)
  }

  /** Publishes a failed one again, under a new mark. Null: there is no failed one with this mark. */
  retry(name: string, mark: string): Publication | null {
    const draft = this.roomParts(name).drafts.find(({ id, state }) => id === mark && state === 'failed')
    if (draft === undefined) return null
    this.dismiss(name, mark)
    return this.publish(name, draft.data)
  }

  dismiss(name: string, mark: string): void {
    this.room(name)?.dismiss(mark)
  }

  cancel(mark: string): boolean {
    return this.#live?.session.outbox.cancel(mark) ?? false
  }

  /** The room that some component holds; null: none does. */
  room(name: string): RoomStore | null {
    return this.#live?.room(name) ?? null
  }

  retryNow(): void {
    this.#live?.session.retryNow()
  }

  get #live(): SessionHub | null {
    return this.#hub === null || this.#hub.isOver ? null : this.#hub
  }

  #held(): SessionHub {
    const hub =
      this.#live ?? (this.#origin.kind === 'given' ? this.#given(this.#origin.session) : this.#own(this.#origin))
    this.#hub = hub
    return hub
  }

  #given(session: Session): SessionHub {
    return hubs.get(session) ?? this.#hubOf(session, session, () => {})
  }

  #own(origin: Extract<Origin, { kind: 'own' }>): SessionHub {
    const session = this.#connect(origin)
    const identity = identityOf(session)
    const known = hubs.get(identity)
    if (known === undefined) return this.#hubOf(identity, session, () => session.close())
    session.close()
    return known
  }

  #hubOf(identity: object, session: Session, close: () => void): SessionHub {
    const ended = () => {
      hubs.delete(identity)
      close()
    }
    const hub = new SessionHub({ session, clock: this.#clock, ended })
    hubs.set(identity, hub)
    return hub
  }

  #connect({ url, options, connect = connectPage }: Extract<Origin, { kind: 'own' }>): Session {
    const { auth: _, ...others } = options
    return connect(url, this.#auth === undefined ? others : { ...others, auth: () => this.#auth?.() ?? null })
  }
}
