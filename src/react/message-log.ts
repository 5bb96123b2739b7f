// What a room's screen shows, in order: entries and gaps of the log, then what this session has on its way. It knows
// nothing of React, nor of where entries come from.

import type { Data, RefusedIssue } from '../protocol/frames.js'
import type { PublishChange } from '../client/publishing.js'
import type { Entry, Gap } from '../client/room-events.js'

export interface KeptMessage<Content = Data> {
  readonly kind: 'entry'
  /** The same as while it was sent, for who sent it: a key for lists. */
  readonly id: string
  readonly state: 'kept'
  readonly data: Content
  /** Published by this session. */
  readonly isMine: boolean
  readonly entry: Entry<Content>
}

/** Mine, not in the room's log yet. `kept`: it is acknowledged, and the entry is on its way back. */
export interface Draft<Content = Data> {
  readonly kind: 'draft'
  /** The publish's mark. */
  readonly id: string
  readonly state: 'sending' | 'kept' | 'failed'
  readonly data: Content
  readonly isMine: true
  /** Why it failed; `unknown` and `poison` may have been applied all the same. Null: it has not. */
  readonly error: {
    readonly reason: string
    readonly message: string
    /** With `invalid`: what is wrong with the data, and where. */
    readonly issues?: readonly RefusedIssue[]
  } | null
}

export interface GapMessage {
  readonly kind: 'gap'
  readonly id: string
  readonly gap: Gap
}

export type Message<Content = Data> = KeptMessage<Content> | Draft<Content> | GapMessage

type Logged = KeptMessage | GapMessage

export class MessageLog {
  /** How many entries and gaps are shown; the oldest fall out. */
  max = 1_000
  #logged: Logged[] = []
  #drafts: readonly Draft[] = []
  /** Where the log has drafts that were acknowledged; 0: nobody knows. */
  readonly #keptAt = new Map<string, number>()
  #all: readonly Message[] | null = []

  /** A new array after each change, the same one until then. */
  get all(): readonly Message[] {
    this.#all ??= [...this.#logged, ...this.#drafts]
    return this.#all
  }

  /** As `all`. */
  get drafts(): readonly Draft[] {
    return this.#drafts
  }

  /** The offset of the oldest entry or gap shown; null: there is none. */
  get oldestOffset(): number | null {
    const [oldest] = this.#logged
    return oldest === undefined ? null : offsetOf(oldest)
  }

  /** The highest offset shown. */
  get newestOffset(): number | null {
    const newest = this.#logged.at(-1)
    return newest === undefined ? null : offsetOf(newest)
  }

  /** At its place in the log, once: history may be read again, further back. */
  entry(entry: Entry, isOwn: boolean): void {
    const { position, mark, data } = entry
    // A draft of a page before this one may have been published by the session before.
    const isMine = isOwn || this.#drafts.some((draft) => draft.id === mark)
    const id = isMine && mark !== null ? mark : `${position.epoch}:${position.offset}:${position.tag}`
    this.#insert({ kind: 'entry', id, state: 'kept', data, isMine, entry })
    this.#forget((draft) => draft.id === mark)
    this.#forgetPassed()
  }

  gap(gap: Gap): void {
    const { next, reason, from, to } = gap
    this.#insert({ kind: 'gap', id: `gap:${reason}:${from}:${to}:${next.epoch}:${next.tag}`, gap })
  }

  publish(change: PublishChange): void {
    const draft = this.#drafts.find(({ id }) => id === change.mark)
    if (change.state === 'sending') {
      if (draft === undefined) this.#setDrafts([...this.#drafts, draftOf(change.mark, change.data)])
      return
    }
    if (draft === undefined) return
    const { state } = change
    const error = state === 'failed' ? failureOf(change) : null
    this.#setDrafts(this.#drafts.map((other) => (other === draft ? { ...draft, state, error } : other)))
    if (change.state === 'kept') this.#keptAt.set(change.mark, change.position?.offset ?? 0)
    this.#forgetPassed()
  }

  /** Shows a failed one no more. */
  dismiss(mark: string): void {
    this.#forget(({ id, state }) => id === mark && state === 'failed')
  }

  /** What was kept, and is behind what is shown, was superseded or lies in a gap: its entry will not come. */
  #forgetPassed(): void {
    const newest = this.newestOffset ?? 0
    this.#forget(({ id }) => (this.#keptAt.get(id) ?? Infinity) <= newest)
  }

  #forget(isOver: (draft: Draft) => boolean): void {
    const over = this.#drafts.filter(isOver)
    if (over.length === 0) return
    for (const { id } of over) this.#keptAt.delete(id)
    this.#setDrafts(this.#drafts.filter((draft) => !over.includes(draft)))
  }

  #setDrafts(drafts: readonly Draft[]): void {
    this.#drafts = drafts
    this.#all = null
  }

  #insert(item: Logged): void {
    if (this.#logged.at(-1)?.id === item.id) return
    const offset = offsetOf(item)
    let at = this.#logged.length
    for (; at > 0; at--) {
      if (isNewBeginning(item)) break
      const before = this.#logged[at - 1]
      // Behind it the numbers begin anew.
      if (before === undefined || isNewBeginning(before) || offsetOf(before) < offset) break
      if (before.id === item.id || isSameEntry(before, item)) return
    }
    this.#logged.splice(at, 0, item)
    if (this.#logged.length > this.max) this.#logged.splice(0, this.#logged.length - this.max)
    this.#all = null
  }
}

function failureOf({ reason, message, issues }: Extract<PublishChange, { state: 'failed' }>): Draft['error'] {
  return issues === undefined ? { reason, message } : { reason, message, issues }
}

function draftOf(mark: string, data: Data): Draft {
  return { kind: 'draft', id: mark, state: 'sending', data, isMine: true, error: null }
}

/** A gap stands between the entries it separates. */
function offsetOf(item: Logged): number {
  return item.kind === 'entry' ? item.entry.position.offset : item.gap.next.offset + 0.5
}

function isNewBeginning(item: Logged): boolean {
  return item.kind === 'gap' && item.gap.reason === 'epoch-changed'
}

function isSameEntry(one: Logged, other: Logged): boolean {
  if (one.kind !== 'entry' || other.kind !== 'entry') return false
  const [a, b] = [one.entry.position, other.entry.position]
  return a.offset === b.offset && a.tag === b.tag
}
