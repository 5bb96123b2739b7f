// What the namespace has to tell once: taken from the store, done, settled. Doing is repeatable, because a node may die
// in between and another one repeats it.

import type { ChangeBoard, StoreEvent } from '../store/store.js'
import { BackOff } from './back-off.js'
import type { Core } from './core.js'
import { presenceBoard, shownItem, shownOf } from './members.js'

const inFlightMax = 64

/** Another node repeats an event that is not settled by then. */
const takenMs = 30_000

export class StoreEvents {
  readonly #core: Core
  /** Being done here: the store may give them again meanwhile. */
  readonly #doing = new Set<string>()
  /** Done here, and not yet settled. */
  readonly #done = new Set<string>()
  readonly #backOff: BackOff
  #isTaking = false
  #isSettling = false

  constructor(core: Core) {
    this.#core = core
    this.#backOff = new BackOff(core)
  }

  /** Idempotent. What is not settled is given to another node. */
  close(): void {
    this.#backOff.cancel()
  }

  /** Takes what is due, unless enough is being done. */
  pump(): void {
    const eventsMax = inFlightMax - this.#doing.size
    if (this.#isTaking || eventsMax <= 0) return
    this.#isTaking = true
    this.#core
      .ask((store) => store.takeEvents({ node: this.#core.node, having: [...this.#doing], eventsMax, takenMs }))
      .then(
        (events) => {
          this.#isTaking = false
          for (const event of events) this.#begin(event)
        },
        () => {
          this.#isTaking = false
        },
      )
  }

  #begin(event: StoreEvent): void {
    if (this.#doing.has(event.id)) return
    this.#doing.add(event.id)
    this.#do(event).then(
      () => {
        this.#done.add(event.id)
        this.#settle()
      },
      // What failed stays with the store, which gives it again.
      () => this.#doing.delete(event.id),
    )
  }

  /** Repeated until the store answers: what was told is not told again by this node. */
  #settle(): void {
    if (this.#isSettling || this.#backOff.isWaiting || this.#done.size === 0) return
    this.#isSettling = true
    const ids = [...this.#done]
    this.#core
      .ask((store) => store.settleEvents(ids))
      .then(
        () => {
          this.#isSettling = false
          this.#backOff.succeeded()
          for (const id of ids) {
            this.#done.delete(id)
            this.#doing.delete(id)
          }
          this.#settle()
        },
        () => {
          this.#isSettling = false
          this.#backOff.failed(() => this.#settle())
        },
      )
  }

  async #do(event: StoreEvent): Promise<void> {
    switch (event.kind) {
      case 'ended': {
        await Promise.all(event.rooms.map((room) => this.#remove(room, event)))
        return this.#tellLeave(event)
      }
      case 'grace-over':
        await Promise.all(event.rooms.map((room) => this.#showHeld(room, event.session, event.generation)))
        return
      default:
        return
    }
  }

  async #tellLeave(event: Extract<StoreEvent, { kind: 'ended' }>): Promise<void> {
    const { session, user, generation, reason, rooms } = event
    try {
      await this.#core.host.onEvent({
        id: `${session}:${generation}:leave`,
        session,
        user,
        kind: 'leave',
        reason,
        rooms,
      })
    } catch (error) {
      this.#core.report(error, 'telling the application of a leave')
    }
  }

  /** For good, whatever generation it is shown by: one of before the store was set back may be above its last. */
  async #remove(room: string, { session, generation }: Extract<StoreEvent, { kind: 'ended' }>): Promise<void> {
    if (!this.#hasPresence(room)) return
    const board = await this.#core.ask((store) => store.board(room, presenceBoard))
    const shown = board.items.find(({ key }) => key === session)?.fence ?? 0
    // Above its last generation: what a dead node still has on the way to the store must not bring it back.
    await this.#change(room, [], [{ key: session, fence: Math.max(generation + 1, shown) }])
  }

  /** A session that has come back has a higher fence there: then this changes nothing. */
  async #showHeld(room: string, session: string, generation: number): Promise<void> {
    if (!this.#hasPresence(room)) return
    const board = await this.#core.ask((store) => store.board(room, presenceBoard))
    const shown = shownOf(board.items.find(({ key }) => key === session))
    if (shown === null || shown.state === 'held') return
    await this.#change(room, [shownItem(session, { ...shown, state: 'held' }, generation)], [])
  }

  async #change(room: string, set: ChangeBoard['set'], removed: ChangeBoard['removed']): Promise<void> {
    const presence = this.#core.roomOptions(room)?.presence ?? null
    if (presence === null) return
    const ask = { room, board: presenceBoard, set, removed, itemsMax: presence.membersMax }
    await this.#core.ask((store) => store.changeBoard(ask))
  }

  #hasPresence(room: string): boolean {
    return (this.#core.roomOptions(room)?.presence ?? null) !== null
  }
}
