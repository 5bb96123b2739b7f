// The presence of one room on this node: the mirror of its board, the writer of what our own sessions show there, and
// the frames for whoever watches, encoded once per version.

import type { Json } from '../protocol/frames.js'
import { type BoardItem, type ChangeBoard, StoreUnavailable } from '../store/store.js'
import { BackOff } from './back-off.js'
import { BoardMirror } from './board.js'
import type { Core } from './core.js'
import { frameBytes } from './encode.js'
import { membersOf, presenceBoard, shownItem, shownOf } from './members.js'

/** What a session wants to be shown. The last wish of a session is the one that counts. */
type Wish =
  /** `data: undefined` keeps what is tracked, null removes it. */
  | { readonly kind: 'live'; readonly user: string; readonly generation: number; readonly data: Json | undefined }
  | { readonly kind: 'gone'; readonly generation: number }

/** One connection that is told this room's presence. */
export interface Watcher {
  /** Of what it was told last; null: nothing yet. */
  told: { readonly version: number; readonly life: number } | null
  /** There is something to tell; `frameFor` comes when the connection is writable. */
  ready(): void
}

interface Waiting {
  readonly stored: () => void
  readonly failed: (error: unknown) => void
}

export class Presence {
  readonly #core: Core
  readonly #room: string
  readonly #itemsMax: number
  readonly #idle: () => void
  readonly #mirror: BoardMirror
  readonly #backOff: BackOff
  readonly #watchers = new Set<Watcher>()
  readonly #wishes = new Map<string, Wish>()
  readonly #waiting = new Map<string, Waiting[]>()
  /** What was written and the mirror does not show yet; null: taken off. */
  readonly #written = new Map<string, BoardItem | null>()
  #writtenAt = { version: 0, life: 0 }
  /** A write of theirs is under way, or failed: nobody knows what the board shows of them. */
  readonly #doubtful = new Set<string>()
  /** Who is here, and what it tracked here; undefined: nothing since it came. */
  readonly #here = new Map<string, Extract<Wish, { kind: 'live' }>>()
  #isWriting = false
  #full: Uint8Array | null = null
  readonly #deltas = new Map<number, Uint8Array | null>()

  /** `idle` is called whenever everything wished for is stored. */
  constructor(core: Core, room: string, itemsMax: number, idle: () => void) {
    this.#core = core
    this.#room = room
    this.#itemsMax = itemsMax
    this.#idle = idle
    this.#backOff = new BackOff(core)
    this.#mirror = new BoardMirror(core, { room, board: presenceBoard }, (isVisible) => this.#changed(isVisible))
  }

  get mirror(): BoardMirror {
    return this.#mirror
  }

  get isIdle(): boolean {
    return this.#wishes.size === 0 && !this.#isWriting
  }

  get isWatched(): boolean {
    return this.#watchers.size > 0
  }

  watch(watcher: Watcher): void {
    this.#watchers.add(watcher)
    watcher.ready()
  }

  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher)
  }

  /** The session is here: shown live, with what it tracked before. */
  show(session: string, user: string, generation: number): void {
    const wish = this.#wishes.get(session)
    const data = wish?.kind === 'live' ? wish.data : undefined
    this.#isHere(session, { kind: 'live', user, generation, data })
  }

  /** The last value of a turn is the one that is written. */
  track(session: string, user: string, generation: number, data: Json): void {
    this.#isHere(session, { kind: 'live', user, generation, data })
  }

  /** The store may be another than it was: the board is read anew, and who is here says so again. */
  restart(): void {
    this.#mirror.restart()
    for (const [session, wish] of this.#here) if (!this.#wishes.has(session)) this.#wish(session, wish)
  }

  /** What it still wished to be shown as no longer matters. A removal stays wished for. */
  forget(session: string, generation: number): void {
    if ((this.#here.get(session)?.generation ?? 0) <= generation) this.#here.delete(session)
    const wish = this.#wishes.get(session)
    if (wish?.kind !== 'live' || wish.generation > generation) return
    this.#wishes.delete(session)
    if (this.isIdle) this.#idle()
  }

  /** Resolves when it is no longer shown. Rejects when the store is not there; it is then removed some time later. */
  hide(session: string, generation: number): Promise<void> {
    this.#here.delete(session)
    return new Promise((stored, failed) => {
      this.#waiting.set(session, [...(this.#waiting.get(session) ?? []), { stored, failed }])
      this.#wish(session, { kind: 'gone', generation })
    })
  }

  /** What the watcher has not been told; null: nothing. It counts as told. */
  frameFor(watcher: Watcher): Uint8Array | null {
    const { version, life } = this.#mirror
    if (version === null) return null
    const { told } = watcher
    const delta = told === null || told.life !== life ? null : this.#mirror.since(told.version)
    if (told === null || delta === null) {
      watcher.told = { version, life }
      return this.#fullFrame(version)
    }
    if (delta.set.length + delta.removed.length === 0) return null
    watcher.told = { version, life }
    return this.#deltaFrame(told.version, version)
  }

  endOfTurn(): void {
    if (this.#isWriting || this.#wishes.size === 0 || this.#backOff.isWaiting) return
    this.#isWriting = true
    const batch = new Map(this.#wishes)
    this.#write(batch)
      .then(
        () => this.#backOff.succeeded(),
        (error: unknown) => this.#failed(batch, error),
      )
      .finally(() => {
        this.#isWriting = false
        if (this.#wishes.size > 0) this.#core.turn.settle(this)
        else this.#idle()
      })
  }

  /** Idempotent. */
  close(): void {
    this.#mirror.close()
    this.#backOff.cancel()
    for (const session of [...this.#waiting.keys()])
      this.#answer(session, new StoreUnavailable('the engine has closed'))
  }

  #isHere(session: string, wish: Extract<Wish, { kind: 'live' }>): void {
    this.#here.set(session, wish)
    this.#wish(session, wish)
  }

  #wish(session: string, wish: Wish): void {
    this.#wishes.set(session, wish)
    this.#core.turn.settle(this)
  }

  async #write(batch: ReadonlyMap<string, Wish>): Promise<void> {
    await this.#mirror.whenKnown()
    const set: BoardItem[] = []
    const removed: ChangeBoard['removed'][number][] = []
    for (const [session, wish] of batch) {
      const item = wish.kind === 'live' ? this.#itemOf(session, wish) : null
      if (wish.kind === 'gone') removed.push({ key: session, fence: wish.generation })
      else if (item !== null) set.push(item)
    }
    for (const { key } of [...set, ...removed]) this.#doubtful.add(key)
    if (set.length + removed.length > 0) await this.#change(set, removed)
    for (const { key } of [...set, ...removed]) this.#doubtful.delete(key)
    for (const [session, wish] of batch) {
      if (this.#wishes.get(session) !== wish) continue
      this.#wishes.delete(session)
      this.#answer(session, null)
    }
  }

  /** Null: the board shows it already, under this generation. */
  #itemOf(session: string, wish: Extract<Wish, { kind: 'live' }>): BoardItem | null {
    const before = this.#shownOf(session)
    const shown = shownOf(before)
    const data = wish.data === undefined ? shown?.data : (wish.data ?? undefined)
    const item = shownItem(
      session,
      { user: wish.user, state: 'live', ...(data !== undefined && { data }) },
      wish.generation,
    )
    const isKnown = before !== undefined && !this.#doubtful.has(session)
    const isSame = isKnown && before.fence >= item.fence && sameJson(before.value, item.value)
    return isSame ? null : item
  }

  /** Our own changes count at once, however late their hints are. */
  #shownOf(session: string): BoardItem | undefined {
    const { version, life } = this.#writtenAt
    if (life !== this.#mirror.life || version <= (this.#mirror.version ?? 0)) this.#written.clear()
    const written = this.#written.get(session)
    return written === undefined ? this.#mirror.items.get(session) : (written ?? undefined)
  }

  async #change(set: readonly BoardItem[], removed: ChangeBoard['removed']): Promise<void> {
    const ask = { room: this.#room, board: presenceBoard, set, removed, itemsMax: this.#itemsMax }
    const changed = await this.#core.ask((store) => store.changeBoard(ask))
    if (changed.kind === 'changed') {
      for (const { key } of removed) this.#written.set(key, null)
      for (const item of set) this.#written.set(item.key, item)
      this.#writtenAt = { version: changed.version, life: this.#mirror.life }
      return this.#mirror.note(changed.version)
    }
    // One too many: each for itself, so that only those beyond the bound are not listed.
    if (set.length + removed.length <= 1) return
    if (removed.length > 0) await this.#change([], removed)
    for (const item of set) await this.#change([item], [])
  }

  #failed(batch: ReadonlyMap<string, Wish>, error: unknown): void {
    for (const session of batch.keys()) this.#answer(session, error)
    this.#backOff.failed(() => this.#core.turn.settle(this))
  }

  #answer(session: string, error: unknown): void {
    const waiting = this.#waiting.get(session)
    this.#waiting.delete(session)
    for (const { stored, failed } of waiting ?? []) {
      if (error === null) stored()
      else failed(error)
    }
  }

  #changed(isVisible: boolean): void {
    // Frames tell the version, so each is made anew with it.
    this.#full = null
    this.#deltas.clear()
    if (isVisible) for (const watcher of this.#watchers) watcher.ready()
  }

  #fullFrame(version: number): Uint8Array {
    const members = membersOf(this.#mirror.items.values())
    this.#full ??= frameBytes({ type: 'presence', room: this.#room, version, members })
    return this.#full
  }

  #deltaFrame(since: number, version: number): Uint8Array | null {
    const known = this.#deltas.get(since)
    if (known !== undefined) return known
    const delta = this.#mirror.since(since)
    const frame =
      delta === null
        ? null
        : frameBytes({
            type: 'presence-changed',
            room: this.#room,
            since,
            version,
            set: membersOf(delta.set),
            removed: delta.removed,
          })
    this.#deltas.set(since, frame)
    return frame
  }
}

function sameJson(a: Json, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
