// What carries frames to a server, as the client sees it: a browser's WebSocket, `ws` in Node, the in-memory network.

/** One dialled connection. Its events come in order: opened, received …, closed; nothing after closed. */
export interface Link {
  /** A no-op once closed. */
  send(frame: string | Uint8Array): void
  /** Starts the closing handshake and returns at once; `closed` may never come: a caller abandons, it does not wait. */
  close(code: number, reason: string): void
  /** Bytes accepted by `send` that have not left yet. */
  readonly bufferedBytes: number
}

export interface LinkEvents {
  opened(): void
  received(frame: string | Uint8Array): void
  /** 1006 when it never opened or broke without a close frame. */
  closed(code: number, reason: string): void
}

/** Starts dialling and returns at once; never throws for an unreachable server (that is `closed(1006)`). */
export type Dial = (url: string, events: LinkEvents) => Link
