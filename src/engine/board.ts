// A mirror of one board of one room: the items at a version, and which of them changed lately. Hints move it on; where
// a version is missing it reads the board again. It knows nothing of what the items mean.

import type { BoardChange, BoardItem } from '../store/store.js'
import { BackOff } from './back-off.js'
import type { Core } from './core.js'
import type { Timer } from './timers.js'

/** Keys of changes that are remembered; whoever is further behind gets the whole board. */
const changedKeysMax = 2_048

/** How long a change that is known to exist may take to be hinted before the board is read. */
const hintGraceMs = 25

interface Change {
  readonly from: number
  readonly to: number
  readonly keys: readonly string[]
}

/** What changed since a version: keys that are there now, and keys that are gone. */
export interface Delta {
  readonly set: readonly BoardItem[]
  readonly removed: readonly string[]
}

export class BoardMirror {
  readonly #core: Core
  readonly #room: string
  readonly #board: string
  readonly #changed: (isVisible: boolean) => void
  readonly #backOff: BackOff
  #items = new Map<string, BoardItem>()
  /** Null: not read yet. */
  #version: number | null = null
  #changes: Change[] = []
  #keyCount = 0
  /** Rises when the board was set back: versions before and after cannot be compared. */
  #life = 0
  #reading: Promise<void> | null = null
  #noted = 0
  #soon: Timer | null = null
  #isClosed = false

  /** `changed` is called with every new version; `isVisible`: some item is different. */
  constructor(
    core: Core,
    place: { readonly room: string; readonly board: string },
    changed: (isVisible: boolean) => void,
  ) {
    this.#core = core
    this.#room = place.room
    this.#board = place.board
    this.#changed = changed
    this.#backOff = new BackOff(core)
  }

  get version(): number | null {
    return this.#version
  }

  get life(): number {
    return this.#life
  }

  get items(): ReadonlyMap<string, BoardItem> {
    return this.#items
  }

  hear(change: BoardChange): void {
    if (change.board !== this.#board || change.version <= (this.#version ?? -1)) return
    if (this.#version === null || change.version > this.#version + 1) {
      // The read that is under way may be older than this.
      this.#noted = Math.max(this.#noted, change.version)
      if (this.#version !== null) this.refresh()
      return
    }
    const keys: string[] = []
    for (const item of change.set) if (this.#put(item)) keys.push(item.key)
    for (const key of change.removed) if (this.#items.delete(key)) keys.push(key)
    this.#moved(this.#version, change.version, keys)
  }

  /** A version is known to exist: the board is read soon unless the hint comes first. */
  note(version: number): void {
    this.#noted = Math.max(this.#noted, version)
    if (this.#version === null || version <= this.#version || this.#isClosed) return
    this.#soon ??= this.#core.after(hintGraceMs, () => {
      this.#soon = null
      if (this.#version !== null && this.#version < this.#noted) this.refresh()
    })
  }

  /** Reads the board, now or as soon as the store is there. */
  refresh(): void {
    if (!this.#backOff.isWaiting) this.whenRead().catch(() => {})
  }

  /** Versions from now on cannot be compared with those of before; what was read before counts for nothing. */
  restart(): void {
    this.#life += 1
    this.#version = null
    this.#noted = 0
    this.refresh()
  }

  /** Resolves when the board was read once; rejects with StoreUnavailable when this attempt failed: it is repeated. */
  whenKnown(): Promise<void> {
    return this.#version === null ? this.whenRead() : Promise.resolve()
  }

  whenRead(): Promise<void> {
    if (this.#reading !== null) return this.#reading
    const reading = this.#read().finally(() => {
      this.#reading = null
    })
    this.#reading = reading
    reading.then(
      () => this.#backOff.succeeded(),
      () => {
        if (!this.#isClosed) this.#backOff.failed(() => this.refresh())
      },
    )
    return reading
  }

  /** What changed since a version of this life; null: that is no longer known, the whole board must be told. */
  since(version: number): Delta | null {
    const oldest = this.#changes[0]?.from ?? this.#version
    if (oldest === null || version < oldest) return null
    const keys = new Set(this.#changes.filter(({ to }) => to > version).flatMap((change) => change.keys))
    const set: BoardItem[] = []
    const removed: string[] = []
    for (const key of keys) {
      const item = this.#items.get(key)
      if (item === undefined) removed.push(key)
      else set.push(item)
    }
    return { set, removed }
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#soon?.cancel()
    this.#backOff.cancel()
  }

  async #read(): Promise<void> {
    const [before, life] = [this.#version ?? 0, this.#life]
    const board = await this.#core.ask((store) => store.board(this.#room, this.#board))
    if (this.#isClosed) return
    if (life !== this.#life) return this.#read()
    // Hints came meanwhile and know more.
    if (this.#version !== null && this.#version > before && board.version < this.#version) return
    if (board.version < before) {
      this.#life += 1
      this.#noted = board.version
    }
    if (board.version === this.#version) return this.note(this.#noted)
    const items = new Map(board.items.map((item) => [item.key, item]))
    const keys = [...this.#items.keys()].filter((key) => !items.has(key))
    for (const item of items.values()) if (isDifferent(this.#items.get(item.key), item)) keys.push(item.key)
    const from = this.#version
    this.#items = items
    this.#moved(board.version < before ? null : from, board.version, keys)
    this.note(this.#noted)
  }

  #put(item: BoardItem): boolean {
    const before = this.#items.get(item.key)
    this.#items.set(item.key, item)
    return isDifferent(before, item)
  }

  #moved(from: number | null, to: number, keys: readonly string[]): void {
    this.#version = to
    if (from === null) {
      this.#changes = []
      this.#keyCount = 0
    } else {
      this.#changes.push({ from, to, keys })
      this.#keyCount += keys.length + 1
    }
    while (this.#keyCount > changedKeysMax) {
      this.#keyCount -= (this.#changes.shift()?.keys.length ?? 0) + 1
    }
    this.#changed(keys.length > 0 || from === null)
  }
}

/** A change of the fence alone shows nothing. */
function isDifferent(before: BoardItem | undefined, after: BoardItem): boolean {
  return before === undefined || JSON.stringify(before.value) !== JSON.stringify(after.value)
}
