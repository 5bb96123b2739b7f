// What the clients were handed, counted. It knows nothing of connections.

export interface Report {
  readonly clients: number
  readonly seconds: number
  readonly seed: number
  /** Clients times messages. */
  readonly expected: number
  readonly delivered: number
  /** Handed over more than once. */
  readonly duplicates: number
  /** Skipped without a `gap` between: what must never be. */
  readonly silentGaps: number
  readonly resumed: number
  readonly newSessions: number
  readonly replayP95Ms: number
  readonly replayP99Ms: number
}

export class Tally {
  /** The last number each client was handed. */
  readonly #last: number[]
  readonly #wasToldGap: boolean[]
  readonly #replaysMs: number[] = []
  delivered = 0
  duplicates = 0
  silentGaps = 0
  gaps = 0
  resumed = 0
  newSessions = 0

  constructor(clients: number) {
    this.#last = Array.from({ length: clients }, () => 0)
    this.#wasToldGap = Array.from({ length: clients }, () => false)
  }

  entry(client: number, n: number): void {
    const last = this.#last[client] ?? 0
    if (n <= last) {
      this.duplicates += 1
      return
    }
    if (n > last + 1 && this.#wasToldGap[client] !== true) this.silentGaps += 1
    this.#last[client] = n
    this.#wasToldGap[client] = false
    this.delivered += 1
  }

  gap(client: number): void {
    this.gaps += 1
    this.#wasToldGap[client] = true
  }

  resume(replayMs: number): void {
    this.resumed += 1
    this.#replaysMs.push(replayMs)
  }

  /** Clients that have not been handed the message `n` yet. */
  behind(n: number): number {
    return this.#last.filter((last) => last < n).length
  }

  report(run: { clients: number; seconds: number; seed: number; messages: number }): Report {
    const { clients, seconds, seed, messages } = run
    const { delivered, duplicates, silentGaps, resumed, newSessions } = this
    const sorted = this.#replaysMs.toSorted((a, b) => a - b)
    return {
      clients,
      seconds,
      seed,
      expected: clients * messages,
      delivered,
      duplicates,
      silentGaps,
      resumed,
      newSessions,
      replayP95Ms: quantile(sorted, 0.95),
      replayP99Ms: quantile(sorted, 0.99),
    }
  }
}

/** What is broken of the promises this run checks; empty: nothing. */
export function brokenPromises(report: Report): readonly string[] {
  const broken: string[] = []
  if (report.delivered !== report.expected) broken.push(`delivered ${report.delivered} of ${report.expected}`)
  if (report.duplicates !== 0) broken.push(`${report.duplicates} duplicates`)
  if (report.silentGaps !== 0) broken.push(`${report.silentGaps} silent gaps`)
  if (report.newSessions !== 0) broken.push(`${report.newSessions} sessions were not resumed`)
  return broken
}

/** Of sorted numbers, to a tenth; 0 when there are none. */
function quantile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0
  return Math.round(value * 10) / 10
}
