// The life of an outbox beyond its page: what is stored when, which publishes of pages before this one are taken over,
// and when nothing may leave yet. It knows nothing of frames and links. Without a storage it does nothing.

import type { Position } from '../protocol/position.js'
import type { Clock } from '../protocol/time.js'
import type { OpenRooms, Outbox } from './outbox.js'
import type { OutboxItem, PublishResult } from './outbox-item.js'
import { Journal } from './outbox-journal.js'
import type { OutboxStore, StoredItem } from './outbox-store.js'

/** How often a connected page looks for what a page that died has left. */
const lookMs = 30_000

export interface LifeOptions {
  readonly clock: Clock
  readonly newProducer: () => string
  /** Null: there is no storage. What waits for longer than `ageMs` for a user who does not come back is forgotten. */
  readonly stored: {
    readonly store: OutboxStore
    readonly scope: string
    readonly ageMs: number
    /** True: nobody signs in, the profile itself is the user. */
    readonly isGuest: () => boolean
  } | null
}

export interface LifeHost {
  /** More may leave now. */
  ready(): void
  adopted(marks: ReadonlySet<string>): void
  report(error: unknown): void
}

export class OutboxLife {
  readonly #outbox: Outbox
  readonly #options: LifeOptions
  readonly #host: LifeHost
  readonly #journal: Journal
  #user: string | null = null
  /** What must be over before anything leaves. */
  #waits = 0
  #isFrozen = false
  #isLooking = false
  #adopting: Promise<void> = Promise.resolve()
  #isClosed = false
  #cancelLook = () => {}

  constructor(outbox: Outbox, options: LifeOptions, host: LifeHost) {
    this.#outbox = outbox
    this.#options = options
    this.#host = host
    this.#journal = new Journal(options.stored?.store ?? null, options.clock, (error) => host.report(error))
  }

  get kind(): 'persistent' | 'memory' {
    return this.#journal.isUsable ? 'persistent' : 'memory'
  }

  /** Once. `user` is who this tab was last welcomed as, when that is known. */
  start(user: Promise<string | null>): void {
    const { stored } = this.#options
    if (stored === null) return
    this.#wait(async () => {
      const known = user.then((name) => {
        this.#user ??= name
      })
      await this.#journal.open(stored.store, stored.scope, known)
      await this.#journal.hold(this.#outbox.producer)
      await this.#adopt()
    })
  }

  /** False: nothing may leave yet. Then `ready` follows. */
  mayLeave(rooms: OpenRooms): boolean {
    if (this.#waits > 0 || this.#isFrozen) return false
    if (!this.#journal.isUsable || !this.#outbox.mark(rooms)) return true
    this.#wait(() => this.#journal.kept())
    return false
  }

  /** True: what is published now is on its way at once. */
  get isOpen(): boolean {
    return this.#waits === 0 && !this.#isFrozen
  }

  keep(item: OutboxItem, again: boolean, sentAfter: Position | null): void {
    const { producer, seq, room, mark, key = null, data, wallMs, ttlMs } = item
    const told = { producer, seq, room, mark, key, data, ttlMs, again, sentAfter, madeAtMs: wallMs }
    this.#journal.write(() => ({ put: { ...told, user: this.#user } }))
  }

  settled({ producer, seq }: OutboxItem, result: PublishResult): void {
    if (result.kind === 'failed' && result.reason === 'handed-on') return
    this.#journal.write(() => ({ remove: { producer, seq } }))
    const isOver = producer !== this.#outbox.producer && !this.#outbox.producers.has(producer)
    if (isOver) void this.#journal.kept().then(() => this.#isFrozen || this.#journal.letGo([producer]))
  }

  /** Nothing of another user is sent; what he left in other tabs waits for him. */
  welcomed(user: string, isOtherUser: boolean): void {
    if (isOtherUser) this.#outbox.failAll('user-changed', 'another user has signed in')
    const isKnown = user === this.#user
    this.#user = user
    if (!this.#journal.isUsable) return
    if (!isKnown) this.#wait(() => this.#adopt())
    this.#look(isKnown)
  }

  /** The page may never run again: from here on others may take over what waits. */
  freeze(): void {
    if (this.#isFrozen) return
    this.#isFrozen = true
    this.#cancelLook()
    if (!this.#journal.isUsable) return
    this.#outbox.lend(true)
    this.#outbox.renew(this.#options.newProducer())
    this.#journal.letGo()
  }

  /** As on load: what others took over meanwhile is theirs. */
  thaw(): void {
    if (!this.#isFrozen) return
    this.#isFrozen = false
    if (!this.#journal.isUsable) {
      this.#outbox.doubt()
      this.#outbox.lend(false)
      return
    }
    const { newProducer } = this.#options
    const before = this.#outbox.producers
    this.#outbox.renew(newProducer())
    this.#wait(async () => {
      await this.#journal.kept()
      await this.#journal.hold(this.#outbox.producer)
      for (const producer of before) await this.#journal.hold(producer)
      const stored = new Set((await this.#journal.read()).map(nameOf))
      const isTheirs = (item: OutboxItem) =>
        before.has(item.producer) && !(this.#journal.has(item.producer) && stored.has(nameOf(item)))
      // A storage that has failed tells nothing: the server sees what comes twice, when it is told that it may.
      if (this.#journal.isUsable) this.#outbox.handOn(isTheirs, 'another page has taken it over')
      else this.#outbox.doubt()
      if (!this.#isFrozen) this.#outbox.lend(false)
      await this.#adopt()
    })
  }

  /** `isForGood`: the session is over, and so is what waits; else it stays stored for the next page. Settles everything. */
  close(isForGood: boolean): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelLook()
    if (this.#journal.isUsable && !isForGood) {
      this.#outbox.handOn(() => true, 'the session was closed; it stays stored, and the next page sends it')
    }
    // What a storage that failed still has, nobody knows.
    if (this.#options.stored !== null && !this.#journal.isUsable) this.#outbox.lend(true)
    this.#outbox.failAll('closed', 'the session was closed')
    void this.#journal.close()
  }

  #wait(work: () => Promise<void>): void {
    this.#waits += 1
    void work().then(() => {
      this.#waits -= 1
      if (this.#waits === 0 && !this.#isClosed) this.#host.ready()
    })
  }

  /** Looks now and again, and keeps nothing back meanwhile. */
  #look(isNow: boolean): void {
    this.#cancelLook()
    if (this.#isClosed || this.#isFrozen || !this.#journal.isUsable) return
    this.#cancelLook = this.#options.clock.after(lookMs, () => this.#look(true))
    if (!isNow || this.#isLooking) return
    this.#isLooking = true
    void this.#adopt().then(() => {
      this.#isLooking = false
      if (!this.#isClosed) this.#host.ready()
    })
  }

  /** One after the other: two at once would each find half, and out of order. */
  #adopt(): Promise<void> {
    this.#adopting = this.#adopting.then(() => this.#adoptNow())
    return this.#adopting
  }

  async #adoptNow(): Promise<void> {
    const user = this.#user
    const { clock, stored } = this.#options
    const oldMs = clock.wallMs() - (stored?.ageMs ?? Infinity)
    const items = await this.#journal.adopt({
      // A guest is the same in all pages of a profile, also in those that were never welcomed.
      isOurs: (item) => item.user === user || (item.user === null && stored?.isGuest() === true),
      isOld: (item) => item.madeAtMs < oldMs,
    })
    // Frozen, closed or somebody else meanwhile: they wait for whom they belong to.
    if (this.#isFrozen || this.#isClosed || user !== this.#user) {
      this.#journal.letGo(new Set(items.map(({ producer }) => producer)))
      return
    }
    if (items.length === 0) return
    this.#outbox.adopt(items, clock.nowMs(), clock.wallMs())
    this.#host.adopted(new Set(items.map(({ mark }) => mark)))
  }
}

function nameOf({ producer, seq }: Pick<StoredItem, 'producer' | 'seq'>): string {
  return `${producer} ${seq}`
}
