// Follows one log: first the subscription stands, then one read tells where the log is, then hints. A hint is only a
// hint: what comes next in order is taken, everything else is a reason to read. It keeps no entries.

import type { Position } from '../protocol/position.js'
import { type Entry, type Following, type Hint, type Page, StoreUnavailable } from '../store/store.js'
import { BackOff } from './back-off.js'
import type { Core } from './core.js'
import type { Timer } from './timers.js'

/** What a follower tells. None of these may throw. */
export interface FollowerHost {
  /** The subscription stands and the log is at `head`. Once, before anything else. */
  attached(head: Position): void
  /** The next entries, without a hole, each once. */
  entries(entries: readonly Entry[]): void
  /** Nothing was lost, but a newer epoch tells the position of the last entry. */
  renewed(head: Position): void
  /** What was told does not continue: go on behind `page.start`, with `page.entries` next. */
  broken(page: Page): void
  /** Boards and signals, as they come. */
  hint(hint: Exclude<Hint, { kind: 'entries' }>): void
}

/** How long an entry that is known to exist may take to be hinted before it is read. */
const hintGraceMs = 25

export class Follower {
  readonly #core: Core
  readonly #room: string
  readonly #host: FollowerHost
  readonly #replayMax: number
  readonly #backOff: BackOff
  /** Of the last entry told; null until attached. */
  #head: Position | null = null
  #opening: Promise<void> | null = null
  #following: Following | null = null
  #isReading = false
  #mustReadAgain = false
  #noted: Position | null = null
  #soon: Timer | null = null
  #isClosed = false

  constructor(core: Core, room: string, host: FollowerHost, limits: { readonly replayMax: number }) {
    this.#core = core
    this.#room = room
    this.#host = host
    this.#replayMax = limits.replayMax
    this.#backOff = new BackOff(core)
  }

  get head(): Position | null {
    return this.#head
  }

  /** Resolves when attached; rejects with StoreUnavailable when this attempt failed: it is repeated until `close`. */
  whenAttached(): Promise<void> {
    if (this.#head !== null) return Promise.resolve()
    if (this.#opening !== null) return this.#opening
    const opening = this.#open().finally(() => {
      this.#opening = null
    })
    this.#opening = opening
    opening.catch(() => {
      if (!this.#isClosed) this.#backOff.failed(() => this.#retry())
    })
    return opening
  }

  /** An entry at this position is said to exist. It is read soon unless it is heard first. */
  note(position: Position): void {
    if (this.#head === null || this.#isClosed || !isNews(this.#head, position)) return
    this.#noted = position
    this.#soon ??= this.#core.after(hintGraceMs, () => {
      this.#soon = null
      if (this.#noted !== null) this.check(this.#noted)
    })
  }

  /** As `note`, without waiting for a hint. */
  check(position: Position): void {
    if (this.#head !== null && isNews(this.#head, position)) this.read()
  }

  /** The next entry, known from elsewhere than a hint: as good as one. */
  hear(entries: readonly Entry[]): void {
    if (this.#head === null || this.#isClosed) return
    const next: Entry[] = []
    let head = this.#head
    let isNext = true
    for (const entry of entries) {
      const { position } = entry
      // Another epoch, or a hole: only the store can say what that means.
      if (position.epoch !== head.epoch || position.offset > head.offset + 1) isNext = false
      else if (position.offset === head.offset + 1) {
        next.push(entry)
        head = position
      }
      if (!isNext) break
    }
    this.#tell(next)
    if (!isNext) this.read()
  }

  /** Reads what follows the head. One read at a time. */
  read(): void {
    if (this.#head === null || this.#isClosed || this.#backOff.isWaiting) return
    if (this.#isReading) {
      this.#mustReadAgain = true
      return
    }
    this.#isReading = true
    this.#readOn(this.#head).then(
      (isAtEnd) => {
        this.#isReading = false
        this.#backOff.succeeded()
        if (!isAtEnd || this.#mustReadAgain) this.#readAgain()
      },
      (error: unknown) => {
        this.#isReading = false
        if (!(error instanceof StoreUnavailable)) this.#core.report(error, `following ${this.#room}`)
        if (!this.#isClosed) this.#backOff.failed(() => this.#retry())
      },
    )
  }

  /** Idempotent. Nothing is told any more. */
  close(): void {
    this.#isClosed = true
    this.#soon?.cancel()
    this.#backOff.cancel()
    this.#following?.close()
    this.#following = null
  }

  #retry(): void {
    if (this.#isClosed) return
    if (this.#head === null) this.whenAttached().catch(() => {})
    else this.read()
  }

  #readAgain(): void {
    this.#mustReadAgain = false
    this.read()
  }

  async #open(): Promise<void> {
    if (this.#following === null) {
      const hear = (hint: Hint) => this.#heard(hint)
      const following = await this.#core.ask(
        (store) => store.follow(this.#room, hear),
        (late) => late.close(),
      )
      if (this.#isClosed) return following.close()
      this.#following = following
    }
    const { pageBytesMax } = this.#core.settings
    const page = await this.#core.ask((store) =>
      store.read({
        room: this.#room,
        from: { kind: 'last', count: 0 },
        readableFrom: 0,
        entriesMax: 0,
        bytesMax: pageBytesMax,
        replayMax: this.#replayMax,
      }),
    )
    if (this.#isClosed) return
    this.#backOff.succeeded()
    this.#head = page.head
    this.#host.attached(page.head)
    if (this.#mustReadAgain) this.#readAgain()
  }

  #heard(hint: Hint): void {
    if (this.#isClosed) return
    try {
      if (hint.kind !== 'entries') this.#host.hint(hint)
      // It may be newer than the read that is under way: that one is followed by another.
      else if (this.#head === null) this.#mustReadAgain = true
      else this.hear(hint.entries)
    } catch (error) {
      // The driver is not to blame.
      this.#core.report(error, `following ${this.#room}`)
    }
  }

  /** One page. True: the end of the log was reached. */
  async #readOn(from: Position): Promise<boolean> {
    const { pageEntriesMax, pageBytesMax } = this.#core.settings
    const page = await this.#core.ask((store) =>
      store.read({
        room: this.#room,
        from: { kind: 'position', position: from, last: 0 },
        readableFrom: 0,
        entriesMax: pageEntriesMax,
        bytesMax: pageBytesMax,
        replayMax: this.#replayMax,
      }),
    )
    if (this.#isClosed) return true
    // A hint came first. The page was judged from where the head was, so it is judged again unless it says nothing new.
    if (this.#head !== from) return this.#head !== null && !isNews(this.#head, page.head)
    if (page.verdict.kind === 'gap') {
      this.#head = page.start
      this.#host.broken(page)
      this.#head = page.entries.at(-1)?.position ?? page.start
    } else {
      this.#tell(page.entries)
      if (page.entries.length === 0 && page.head.epoch !== from.epoch) {
        this.#head = page.head
        this.#host.renewed(page.head)
      }
    }
    return page.entries.length === 0 || page.head.offset <= this.#head.offset
  }

  #tell(entries: readonly Entry[]): void {
    const last = entries.at(-1)
    if (last === undefined) return
    this.#head = last.position
    this.#host.entries(entries)
  }
}

/** A store never goes back within an epoch, so an older offset of the same epoch is only late. */
function isNews(head: Position, other: Position): boolean {
  return other.epoch !== head.epoch || other.offset > head.offset
}
