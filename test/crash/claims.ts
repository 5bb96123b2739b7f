// Names that the clients' sessions claim while the server is killed: each stays its holder's, under one fence.

import type { ClaimAnswer } from './messages.js'
import type { Ledger } from './ledger.js'

interface Held {
  readonly session: string
  readonly fence: number
}

export class Claims {
  readonly #ledger: Ledger
  /** False: a term that was granted may be lost (a power cut). */
  readonly #isKept: boolean
  readonly #open = new Map<number, { readonly session: string; readonly key: string }>()
  readonly #held = new Map<string, Held>()
  #lastId = 0
  answeredCount = 0

  constructor(ledger: Ledger, isKept: boolean) {
    this.#ledger = ledger
    this.#isKept = isKept
  }

  ask(session: string, key: string) {
    this.#lastId += 1
    this.#open.set(this.#lastId, { session, key })
    return { id: this.#lastId, session, key }
  }

  answered(id: number, answer: ClaimAnswer): void {
    const asked = this.#open.get(id)
    this.#open.delete(id)
    if (asked === undefined) return
    this.answeredCount += 1
    const { session, key } = asked
    const held = this.#held.get(key)
    if (answer.kind === 'granted' && 'fence' in answer) {
      const { fence } = answer
      this.#held.set(key, { session, fence })
      if (held === undefined) return
      if (held.session === session && (held.fence === fence || (!this.#isKept && fence > held.fence))) return
      if (!this.#isKept && fence > held.fence) return
      this.#differs(`${key} was granted under ${fence} to ${session}; ${held.session} has it under ${held.fence}`)
    } else if (held?.session === session && answer.kind === 'taken') {
      if (this.#isKept) this.#differs(`${key} was taken from its holder ${session}`)
    }
  }

  #differs(what: string): void {
    this.#ledger.differs('sessionsLost', what)
  }
}
