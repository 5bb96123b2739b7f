// What happened to one person's session: drops, resumes, what was replayed, suppressed or missing, each with its time.
// It counts on its own what was lost and what came twice, so that the page does not have to believe the library. Kept
// through reloads of the tab. It knows nothing of how it is drawn.

import type { Entry, Gap, Room, Session } from 'holdfast'

export type Kind = 'drop' | 'resume' | 'new' | 'live' | 'replayed' | 'mine' | 'duplicate' | 'gap' | 'reload' | 'break'

export interface Happening {
  readonly id: number
  readonly kind: Kind
  readonly atMs: number
  readonly text: string
}

/** A stretch of time in one state; `toMs` null: now. */
export interface Span {
  readonly state: 'connected' | 'away'
  readonly fromMs: number
  readonly toMs: number | null
}

export interface Counts {
  readonly drops: number
  readonly resumes: number
  readonly replayed: number
  readonly suppressed: number
  /** Entries that are missing, by what this page was handed, told or not. */
  readonly lost: number
  /** Entries that this page was handed more than once. */
  readonly twice: number
}

export interface Recorded {
  readonly happenings: readonly Happening[]
  readonly spans: readonly Span[]
  readonly counts: Counts
}

const happeningsMax = 400
const spansMax = 120
const none: Counts = { drops: 0, resumes: 0, replayed: 0, suppressed: 0, lost: 0, twice: 0 }

const logbooks = new WeakMap<Session, Logbook>()

/** The same one for the same session. */
export function logbookOf(session: Session, person: string): Logbook {
  const logbook = logbooks.get(session) ?? new Logbook(session, person)
  logbooks.set(session, logbook)
  return logbook
}

export class Logbook {
  readonly #key: string
  readonly #session: Session
  readonly #listeners = new Set<() => void>()
  /** The last offset of each room that this page was handed. */
  readonly #lastOf = new Map<string, number>()
  #recorded: Recorded
  #nextId: number
  #saveTimer: ReturnType<typeof setTimeout> | null = null

  constructor(session: Session, person: string) {
    this.#session = session
    this.#key = `demo.logbook.${person}`
    const kept = restored(this.#key)
    this.#recorded = kept ?? { happenings: [], spans: [], counts: none }
    this.#nextId = (this.#recorded.happenings.at(-1)?.id ?? 0) + 1
    if (kept !== null) {
      this.#enter('away')
      this.add('reload', 'the page was loaded again')
    }
    this.#listen()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly snapshot = (): Recorded => this.#recorded

  add(kind: Kind, text: string): void {
    const happening = { id: this.#nextId++, kind, atMs: Date.now(), text }
    const happenings = [...this.#recorded.happenings, happening].slice(-happeningsMax)
    this.#change({ happenings })
  }

  /** Listens to what a room hands over. Returns how to stop. */
  watch(room: Room): () => void {
    this.#lastOf.delete(room.name)
    const offs = [room.on('entry', (entry) => this.#entry(entry)), room.on('gap', (gap) => this.#gap(gap))]
    return () => {
      for (const off of offs) off()
    }
  }

  #listen(): void {
    const session = this.#session
    session.on('status', ({ state }) => this.#enter(state === 'connected' ? 'connected' : 'away'))
    session.on('drop', ({ reason }) => {
      this.#count({ drops: 1 })
      this.add('drop', `the connection ended (${reason})`)
    })
    session.on('resume', ({ session: verdict }) => {
      if (verdict.kind !== 'resumed') return
      this.#count({ resumes: 1 })
      this.add('resume', `the same session again after ${(this.#lastAwayMs() / 1_000).toFixed(1)} s`)
    })
    session.on('new-session', ({ reason }) => this.add('new', `a new session (${reason})`))
    let duplicates = 0
    session.on('live', () => {
      const again = session.stats.duplicates - duplicates
      duplicates += again
      if (again > 0) this.#suppressed(again, `${again} came again and ${again === 1 ? 'was' : 'were'} not shown`)
    })
    // Said by the server: it had this one already.
    session.on('publish', (change) => {
      if (change.state === 'kept' && change.duplicate) this.#suppressed(1, '1 reached the server twice, kept once')
    })
    // A reload must not take what was counted in its last moment.
    addEventListener('pagehide', () => this.#save())
  }

  #suppressed(count: number, text: string): void {
    this.#count({ suppressed: count })
    this.add('duplicate', text)
  }

  /** How long this person was away before now, by this page's own clock. */
  #lastAwayMs(): number {
    const span = this.#recorded.spans.findLast(({ state }) => state === 'away')
    return span === undefined ? 0 : (span.toMs ?? Date.now()) - span.fromMs
  }

  #entry({ room, position: { offset }, source, by }: Entry): void {
    const last = this.#lastOf.get(room)
    if (last !== undefined && offset <= last) this.#count({ twice: 1 })
    else if (last !== undefined && offset > last + 1) this.#count({ lost: offset - last - 1 })
    this.#lastOf.set(room, Math.max(offset, last ?? 0))
    if (source === 'replay') this.#count({ replayed: 1 })
    const isMine = by !== null && by.session === this.#session.id
    if (source !== 'history') this.add(source === 'replay' ? 'replayed' : isMine ? 'mine' : 'live', `${room} ${offset}`)
  }

  #gap({ room, from, to, reason, next }: Gap): void {
    this.#count({ lost: Math.max(0, to - from + 1) })
    this.#lastOf.set(room, next.offset)
    this.add('gap', `${room} ${from} to ${to} are missing (${reason})`)
  }

  #enter(state: Span['state']): void {
    const spans = [...this.#recorded.spans]
    const open = spans.at(-1)
    if (open?.toMs === null && open.state === state) return
    if (open?.toMs === null) spans[spans.length - 1] = { ...open, toMs: Date.now() }
    spans.push({ state, fromMs: Date.now(), toMs: null })
    this.#change({ spans: spans.slice(-spansMax) })
  }

  #count(more: Partial<Counts>): void {
    const { counts } = this.#recorded
    const sum = (key: keyof Counts) => counts[key] + (more[key] ?? 0)
    this.#change({
      counts: {
        drops: sum('drops'),
        resumes: sum('resumes'),
        replayed: sum('replayed'),
        suppressed: sum('suppressed'),
        lost: sum('lost'),
        twice: sum('twice'),
      },
    })
  }

  #change(change: Partial<Recorded>): void {
    this.#recorded = { ...this.#recorded, ...change }
    for (const listener of this.#listeners) listener()
    // Written soon, and once: a burst of entries changes it many times.
    this.#saveTimer ??= setTimeout(() => this.#save(), 100)
  }

  #save(): void {
    if (this.#saveTimer === null) return
    clearTimeout(this.#saveTimer)
    this.#saveTimer = null
    sessionStorage.setItem(this.#key, JSON.stringify(this.#recorded))
  }
}

function restored(key: string): Recorded | null {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? 'null') as Recorded | null
  } catch {
    return null
  }
}
