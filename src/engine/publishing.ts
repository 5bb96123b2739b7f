// How an entry gets into a room's log: one atomic step of the store, then the tail of this node hears of it without
// waiting for a hint.

import { isName } from '../protocol/check.js'
import { dataProblem, jsonOf, notData } from '../protocol/data.js'
import type { By, Data } from '../protocol/frames.js'
import { serverFrameBounds } from '../protocol/limits.js'
import { visitorSession } from '../protocol/events.js'
import type { Position } from '../protocol/position.js'
import { isLongerThan } from '../protocol/utf8.js'
import { type Append, type Appended, StoreUnavailable } from '../store/store.js'
import type { Core } from './core.js'
import { storedData } from './encode.js'
import type { Engine, ServerRoom } from './engine.js'
import { presenceBoard, shownOf } from './members.js'
import type { Rooms } from './rooms.js'
import type { Session } from './session.js'

const tagBytes = 8

/** What the envelope of an entry needs at most. */
const envelopeBytes = 4_096

/** The producer user of the server's own publishes: no user of an application has a name like this. */
const serverUser = '$server'

/** A publish of the server that was not applied, or whose outcome can no longer be told. */
export class PublishRefused extends Error {
  override readonly name = 'PublishRefused'
  readonly reason: 'payload-mismatch' | 'unknown' | 'bad-message' | 'too-large' | 'invalid'

  constructor(reason: PublishRefused['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

export type PublishAsk = Parameters<Engine['publish']>[2]

interface Publication extends Omit<PublishAsk, 'data'> {
  /** As the store keeps it. */
  readonly data: string | Uint8Array
  readonly by: By | null
  readonly fence: Append['fence']
}

export class Publishing {
  readonly #core: Core
  readonly #rooms: Rooms
  readonly #fenced = new WeakSet<Session>()

  constructor(core: Core, rooms: Rooms) {
    this.#core = core
    this.#rooms = rooms
  }

  async bySession(session: Session, room: string, ask: PublishAsk): Promise<Appended> {
    const { id, user, owner, generation } = session
    // Another connection owns it, or it is over: the store would say so as soon as the newer one has touched the room.
    if (session.isOver) return { kind: 'fenced', generation }
    const by = { session: id, user }
    const appended = await this.#append(room, { ...ask, data: storedData(ask.data), by, fence: owner })
    if (appended.kind === 'fenced') this.#wasFenced(session)
    return appended
  }

  /** Over HTTP, which has no sessions. */
  byVisitor(user: string, room: string, ask: PublishAsk): Promise<Appended> {
    return this.#append(room, {
      ...ask,
      data: storedData(ask.data),
      by: { session: visitorSession, user },
      fence: null,
    })
  }

  async byServer(room: string, data: Data, options: { readonly id?: string; readonly key?: string } = {}) {
    const { id, key = null } = options
    const sendable = sendableData(data, key)
    // Always a first time: when the record is there, the seq is known and answered again.
    const producer = id === undefined ? null : { user: serverUser, producer: id, seq: 1, prev: 0, again: false }
    const appended = await this.#append(room, { producer, mark: '', key, data: sendable, by: null, fence: null })
    return positionOf(appended)
  }

  serverRoom(name: string): ServerRoom {
    return {
      publish: (data, options) => this.byServer(name, data, options),
      members: () => this.#members(name),
      remove: (user) => this.#remove(name, user),
    }
  }

  /**
   * A newer connection would be heard of by now. If none is, the room remembers a generation that the sessions do not: a
   * store was set back, and a write of before came late. Coming again raises the generation, as often as it takes.
   */
  #wasFenced(session: Session): void {
    const { tickMs, storeDeadlineMs } = this.#core.settings
    if (this.#fenced.has(session)) return
    this.#fenced.add(session)
    this.#core.after(tickMs + storeDeadlineMs, () => {
      if (session.isServed) session.outlet.close({ reason: 'moved', kept: true })
    })
  }

  async #append(room: string, { by, fence, producer, mark, key, data }: Publication): Promise<Appended> {
    const options = this.#core.roomOptions(room)
    if (options === null) throw new Error(`there is no room ${room}: ask roomOptions first`)
    const { retention, durability } = options
    const tag = this.#core.randomId(tagBytes)
    const entry = { atMs: this.#core.wallMs(), by, mark: mark === '' ? null : mark, key, tag, data }
    const heard = (appended: Appended) => {
      if (appended.kind !== 'appended') return
      const { tag: _, ...kept } = entry
      this.#rooms.find(room)?.published({ ...kept, position: appended.position })
    }
    const appended = await this.#core.ask(
      (store) => store.append({ room, entry, fence, producer, retention, durability }),
      heard,
    )
    heard(appended)
    return appended
  }

  async #members(name: string) {
    const board = await this.#core.ask((store) => store.board(name, presenceBoard))
    return board.items.flatMap((item) => {
      const shown = shownOf(item)
      return shown === null ? [] : [{ session: item.key, user: shown.user, state: shown.state }]
    })
  }

  /** Nodes hear of it by the control log; sessions that nobody serves now are taken off the board here. */
  async #remove(name: string, user: string): Promise<void> {
    await this.#core.ask((store) => store.remove(name, user))
    const presence = this.#core.roomOptions(name)?.presence ?? null
    if (presence === null) return
    const board = await this.#core.ask((store) => store.board(name, presenceBoard))
    const removed = board.items.filter((item) => shownOf(item)?.user === user).map(({ key, fence }) => ({ key, fence }))
    if (removed.length === 0) return
    const ask = { room: name, board: presenceBoard, set: [], removed, itemsMax: presence.membersMax }
    await this.#core.ask((store) => store.changeBoard(ask))
  }
}

/** As a store keeps it. What no client could read must not get into a log: every member would break on it. */
function sendableData(data: Data, key: string | null): string | Uint8Array {
  if (key !== null && !isName(key)) throw new PublishRefused('bad-message', 'key must be 1 to 255 bytes of text')
  const stored = data instanceof Uint8Array ? data : jsonOf(data)
  if (stored === null) throw new PublishRefused('bad-message', notData)
  const problem = typeof stored === 'string' ? dataProblem(stored) : null
  if (problem !== null) throw new PublishRefused('bad-message', problem)
  const bytesMax = serverFrameBounds.bytesMax - envelopeBytes
  const isTooLarge = typeof stored === 'string' ? isLongerThan(stored, bytesMax) : stored.length > bytesMax
  if (isTooLarge) throw new PublishRefused('too-large', `clients read at most ${bytesMax} bytes of data`)
  return stored
}

function positionOf(appended: Appended): Position {
  switch (appended.kind) {
    case 'appended':
      return appended.position
    case 'duplicate':
      if (appended.position !== null) return appended.position
      throw new PublishRefused('unknown', 'it was applied, too long ago to say where')
    case 'payload-mismatch':
      throw new PublishRefused('payload-mismatch', 'this id was published before with other data: take another id')
    case 'unknown':
      throw new PublishRefused('unknown', 'it can no longer be told whether this id was published')
    case 'out-of-order':
    case 'fenced':
      throw new StoreUnavailable(`a publish of the server was answered ${appended.kind}`)
  }
}
