// Time and chance come in as arguments: the shapes in which they come. The real ones are in server/clock.ts and
// client/clock.ts, the virtual one in testing/.

export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number
  /** Milliseconds since 1970, for display only; may jump. */
  wallMs(): number
  /** Runs once, at or after `delayMs` from now, never within this call. Returns an idempotent cancel. */
  after(delayMs: number, run: () => void): () => void
  /** Runs once, when the work of this turn of the event loop is done. Returns an idempotent cancel. */
  soon(run: () => void): () => void
}

export interface Chance {
  /** Uniform in [0, 1). For spreading, never for secrets. */
  fraction(): number
  /** Cryptographically strong. */
  bytes(count: number): Uint8Array
}
