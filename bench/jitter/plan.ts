// When each client is cut, and how: a plan made from the seed alone, so that a run can be repeated.

export type CutKind =
  /** Both ends get a TCP reset; dials are refused while it lasts. */
  | 'reset'
  /** Both ends stay open, every byte is swallowed; a reset ends it. What the server sent meanwhile is lost. */
  | 'silence'

export interface Cut {
  readonly atMs: number
  readonly client: number
  readonly kind: CutKind
}

export interface PlanOptions {
  readonly clients: number
  readonly durationMs: number
  /** Each client is cut about this often … */
  readonly everyMs: number
  /** … and the last cut is over by this much before the end. */
  readonly quietMs: number
  readonly fraction: () => number
}

/** Cuts in the order of their time. Every client is cut at least once when `durationMs` is long enough for one. */
export function planCuts({ clients, durationMs, everyMs, quietMs, fraction }: PlanOptions): readonly Cut[] {
  const cuts: Cut[] = []
  const lastMs = durationMs - quietMs
  for (let client = 0; client < clients; client++) {
    // The first cut anywhere in the first period: the load is even from the start.
    for (let atMs = fraction() * Math.min(everyMs, lastMs); atMs < lastMs; atMs += everyMs * (0.5 + fraction())) {
      cuts.push({ atMs, client, kind: fraction() < 0.5 ? 'reset' : 'silence' })
    }
  }
  return cuts.sort((a, b) => a.atMs - b.atMs)
}
