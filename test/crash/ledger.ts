// What clients were told and handed, and what differs from it. It knows what is promised; nothing of how it is kept.

import type { Entry, Gap, PublishResult } from 'holdfast'

/** What may not happen; each has a count in the result. */
export type Kind = 'lost' | 'duplicated' | 'forks' | 'sessionsLost' | 'falseLeaves' | 'other'

export interface Difference {
  readonly kind: Kind
  readonly what: string
  /** When it showed: the round, and how the server was ended in it. */
  readonly during: string
}

/** An entry as the log has it in the end. */
export interface Kept {
  readonly offset: number
  readonly tag: string
  readonly mark: string | null
}

interface Acked {
  readonly room: string
  readonly position: { readonly offset: number; readonly tag: string } | null
  readonly during: string
}

/** Of one room, as one client was handed it. */
interface Place {
  last: number | null
}

/** `isStrong`: whatever was acknowledged or handed over in this room survives every end of the server. */
export class Ledger {
  readonly differences: Difference[] = []
  during = 'the start'
  handedCount = 0
  gapCount = 0
  unsureCount = 0
  readonly #isStrong: (room: string) => boolean
  readonly #acked = new Map<string, Acked>()
  readonly #asked = new Map<string, { readonly room: string; readonly by: string; readonly n: number }>()
  readonly #refused = new Map<string, string>()
  readonly #tags = new Map<string, string>()
  readonly #places = new Map<string, Place>()
  readonly #sessions = new Map<string, string>()

  constructor(isStrong: (room: string) => boolean) {
    this.#isStrong = isStrong
  }

  get ackedCount(): number {
    return this.#acked.size
  }

  count(kind: Kind): number {
    return this.differences.filter((difference) => difference.kind === kind).length
  }

  differs(kind: Kind, what: string, during = this.during): void {
    this.differences.push({ kind, what, during })
  }

  asked(by: string, room: string, mark: string): void {
    this.#asked.set(mark, { room, by, n: this.#asked.size })
  }

  settled(mark: string, result: PublishResult): void {
    const room = this.#asked.get(mark)?.room ?? ''
    if (result.kind === 'kept') {
      this.#acked.set(mark, { room, position: result.position, during: this.during })
      if (result.position !== null) this.#stands(room, result.position, 'acknowledged')
      return
    }
    const { reason } = result
    // What a producer has done is kept as well as its entries are.
    if (reason === 'unknown' && this.#isStrong(room)) this.differs('lost', `${mark} in ${room} is answered unknown`)
    if (reason === 'unknown' || reason === 'poison') this.unsureCount += 1
    else this.#refused.set(mark, reason)
  }

  handed(by: string, { room, position }: Entry): void {
    this.handedCount += 1
    const place = this.#place(by, room)
    const { offset } = position
    if (place.last !== null && offset <= place.last) {
      this.differs('duplicated', `${by} was handed ${room} ${offset} behind ${place.last}`)
    } else if (place.last !== null && offset > place.last + 1) {
      this.differs('lost', `${by} was handed ${room} ${offset} behind ${place.last}, and no gap`)
    }
    place.last = offset
    this.#stands(room, position, `handed to ${by}`)
  }

  gap(by: string, { room, reason, from, to, next }: Gap): void {
    this.gapCount += 1
    this.#place(by, room).last = next.offset
    if (this.#isStrong(room)) this.differs('lost', `${by} was told a gap in ${room}: ${reason}, ${from} to ${to}`)
  }

  /** The first session of a client is its own for good. */
  session(by: string, session: string, reason: string): void {
    const own = this.#sessions.get(by)
    if (own === undefined) this.#sessions.set(by, session)
    else this.differs('sessionsLost', `${by} came back as another session: ${reason}`)
  }

  sessionLost(by: string, what: string): void {
    this.differs('sessionsLost', `${by}: ${what}`)
  }

  /** Everything that anybody was told, against the log of a room as it is in the end. */
  compare(room: string, log: readonly Kept[]): void {
    const byMark = new Map<string, Kept>()
    for (const [index, kept] of log.entries()) {
      if (kept.offset !== index + 1) this.differs('lost', `${room} has no entry ${index + 1}`, 'the end')
      if (kept.mark === null) continue
      if (byMark.has(kept.mark)) this.differs('duplicated', `${kept.mark} stands in ${room} twice`, 'the end')
      byMark.set(kept.mark, kept)
      const reason = this.#refused.get(kept.mark)
      if (reason !== undefined)
        this.differs('other', `${kept.mark} stands in ${room}, though refused: ${reason}`, 'the end')
    }
    this.#compareOrder(room, log)
    if (!this.#isStrong(room)) return
    for (const [mark, { position, during, ...acked }] of this.#acked) {
      if (acked.room !== room) continue
      const kept = byMark.get(mark)
      if (kept === undefined) this.differs('lost', `${mark} was acknowledged in ${room} and is not there`, during)
      else if (position !== null && (kept.offset !== position.offset || kept.tag !== position.tag)) {
        this.differs(
          'forks',
          `${mark} was acknowledged at ${room} ${position.offset} and stands at ${kept.offset}`,
          during,
        )
      }
    }
    for (const [place, tag] of this.#tags) {
      const [name, offset] = place.split(' ')
      if (name !== room || log[Number(offset) - 1]?.tag === tag) continue
      this.differs('forks', `${place} was another entry than the log has in the end`, 'the end')
    }
  }

  /** What one client published stands in the order of its calls. */
  #compareOrder(room: string, log: readonly Kept[]): void {
    const last = new Map<string, number>()
    for (const { mark, offset } of log) {
      const ask = this.#asked.get(mark ?? '')
      if (ask === undefined) continue
      if (ask.n < (last.get(ask.by) ?? 0))
        this.differs('other', `${room} ${offset}: ${ask.by} is out of order`, 'the end')
      last.set(ask.by, ask.n)
    }
  }

  /** One place, one entry. Where the tail may be lost it is so within an epoch. */
  #stands(room: string, position: { epoch?: string; offset: number; tag: string }, how: string): void {
    const place = this.#isStrong(room) ? `${room} ${position.offset}` : `${room} ${position.offset} ${position.epoch}`
    const tag = this.#tags.get(place)
    if (tag === undefined) this.#tags.set(place, position.tag)
    else if (tag !== position.tag) this.differs('forks', `${place} ${how} is two entries`)
  }

  #place(by: string, room: string): Place {
    const key = `${by} ${room}`
    const place = this.#places.get(key) ?? { last: null }
    this.#places.set(key, place)
    return place
  }
}
