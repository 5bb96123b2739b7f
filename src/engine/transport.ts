// What carries a connection's bytes, as the engine sees it. The server's WebSocket transport and the in-memory network
// implement it; the engine knows nothing of sockets.

export interface Transport {
  /**
   * Writes whole WebSocket frames (or, for another encoding, whole messages), all in one go. `written` is called once
   * when the operating system has taken every byte, in a later turn or synchronously; never after the connection has ended.
   * Answers false, and writes nothing, when the connection is no longer open.
   * The engine never calls it again before `written` was called.
   */
  write(chunks: readonly Uint8Array[], written: () => void): boolean
  /** Sends `last` (a bye; whatever else is outstanding goes first), then the closing handshake; ends soon in any case. */
  close(code: number, reason: string, last: Uint8Array | null): void
  /** Ends at once, without goodbye. Idempotent. */
  destroy(): void
  /** Stops and restarts reading: back-pressure to the sender. */
  pause(): void
  resume(): void
}
