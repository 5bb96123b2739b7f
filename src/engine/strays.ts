// Attaches whose answer never came. The store may have done them; then it takes a session for live that nobody serves,
// and nothing would ever end it. So the rows are looked at until the store answers.

import type { Attach, SessionRow } from '../store/store.js'
import { BackOff } from './back-off.js'
import type { Core } from './core.js'

/** More than this are forgotten, oldest first: they are found when their client dials again. */
const straysMax = 10_000

export class Strays {
  readonly #core: Core
  readonly #found: (row: SessionRow) => void
  readonly #backOff: BackOff
  readonly #asked = new Set<Attach>()
  #isLooking = false

  /** `found` is told every session that the store gave to a connection which was told that it has none. */
  constructor(core: Core, found: (row: SessionRow) => void) {
    this.#core = core
    this.#found = found
    this.#backOff = new BackOff(core)
  }

  look(ask: Attach): void {
    this.#asked.add(ask)
    const oldest = this.#asked.values().next().value
    if (this.#asked.size > straysMax && oldest !== undefined) this.#asked.delete(oldest)
    if (!this.#isLooking) this.#backOff.failed(() => this.#next())
  }

  #next(): void {
    const ask = this.#asked.values().next().value
    if (ask === undefined) return
    this.#isLooking = true
    this.#rowsOf(ask).then(
      (rows) => {
        this.#isLooking = false
        this.#backOff.succeeded()
        this.#asked.delete(ask)
        for (const row of rows) if (isGivenTo(row, ask)) this.#found(row)
        this.#next()
      },
      () => {
        this.#isLooking = false
        this.#backOff.failed(() => this.#next())
      },
    )
  }

  async #rowsOf({ resume, user }: Attach): Promise<readonly SessionRow[]> {
    const named = resume === null ? null : await this.#core.ask((store) => store.session(resume.session))
    const others = user === null ? [] : await this.#core.ask((store) => store.sessionsOf(user.user))
    return named === null ? others : [...others, named]
  }
}

function isGivenTo({ status }: SessionRow, { node, connection }: Attach): boolean {
  return status.state === 'live' && status.node === node && status.connection === connection
}
