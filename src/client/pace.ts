// How fast requests may leave, learnt from refusals: a server that says `rate-limited` tells when one more would have
// been taken. Without a refusal nothing is held back.

/** Slower than this is never learnt. */
const intervalMsMax = 10_000

export class Pace {
  #intervalMs = 0
  #learntId = 0
  #nextAtMs = -Infinity

  /** Nothing is sent before. */
  get nextAtMs(): number {
    return this.#nextAtMs
  }

  /** `id` is of the request, `lastId` of the last one sent: those in flight behind a refused one teach nothing more. */
  refused(id: number, lastId: number, afterMs: number, nowMs: number): void {
    if (id > this.#learntId) {
      this.#learntId = lastId
      this.#intervalMs = Math.min(Math.max(this.#intervalMs * 1.5, afterMs), intervalMsMax)
    }
    this.#nextAtMs = Math.max(this.#nextAtMs, nowMs + Math.min(afterMs, intervalMsMax))
  }

  /** A request was taken: perhaps more would be. */
  accepted(): void {
    this.#intervalMs = this.#intervalMs < 0.5 ? 0 : this.#intervalMs * 0.995
  }

  /** One left. A late timer may catch up, but not on more than a tenth of a second. */
  took(nowMs: number): void {
    if (this.#intervalMs > 0) this.#nextAtMs = Math.max(this.#nextAtMs, nowMs - 100) + this.#intervalMs
  }
}
