// How long to wait before the next dial. Pure: the random number comes in.

/** How a client comes back by itself. */
export interface Backoff {
  /** The first waiting time. Default 500. */
  readonly minMs: number
  /** The longest waiting time. Default 20 000, or `minMs` if that is more. */
  readonly maxMs: number
  /** How the waiting time grows from failure to failure. Default 2, and 1 when `jitter` is 0: a steady retry. */
  readonly factor: number
  /** 1: uniform between 0 and the waiting time. 0: exactly the waiting time. Default 1. */
  readonly jitter: number
  /** Dials in a row that did not stay live; then `reconnect-failed`. Default: no limit. */
  readonly attemptsMax: number
}

export function backoffOf(given: Partial<Backoff> = {}): Backoff {
  const { minMs = 500, jitter = 1 } = given
  return {
    minMs,
    jitter,
    maxMs: given.maxMs ?? Math.max(minMs, 20_000),
    factor: given.factor ?? (jitter === 0 ? 1 : 2),
    attemptsMax: given.attemptsMax ?? Infinity,
  }
}

export interface Retry {
  /** Dials in a row that did not stay live; 0 after a connection that did. */
  readonly failures: number
  /** The spread the server told, when the connection lost just now had been welcomed; else 0. */
  readonly spreadMs: number
  /** The close code asks for a resume without waiting. */
  readonly isAtOnce: boolean
  /** What the server asked to wait. */
  readonly afterMs: number | null
  /** Uniform in [0, 1). */
  readonly fraction: number
}

/**
 * The wait before the next dial. After a connection that stayed live: uniform in [0, spreadMs], told by the server so
 * that a whole city does not come back in one instant. Then full jitter over a window that grows by `factor`.
 * What the server asked (`afterMs`) is obeyed to the letter once, and is the least after that.
 */
export function retryDelayMs(retry: Retry, backoff: Backoff): number {
  const { failures, spreadMs, afterMs } = retry
  if (afterMs !== null && failures <= 1) return afterMs
  const growth = backoff.factor ** Math.min(30, Math.max(0, failures - 1))
  const window = Math.min(backoff.maxMs, backoff.minMs * growth)
  if (failures === 0 && (retry.isAtOnce || backoff.jitter > 0)) return retry.fraction * spreadMs
  const wide = backoff.jitter > 0 ? Math.max(window, spreadMs) : window
  return Math.max(afterMs ?? 0, wide * (1 - backoff.jitter * (1 - retry.fraction)))
}
