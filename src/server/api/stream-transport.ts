// A response that stays open, as the engine's Transport: server-sent events, written as they come, until the end of the
// connection ends them (RFC 9112 §6.3): chunks that many share go out untouched.

import type { ServerResponse } from 'node:http'
import type { Transport } from '../../engine/transport.js'
import type { Clock } from '../../protocol/time.js'

/** A client that does not take the end is cut after this. */
const closingMs = 1_000

/** Dead peers are found by the kernel: nothing is ever heard from a reader. */
const keepAliveMs = 30_000

/** Sends the head. `firstLine` comes before everything that the engine writes. */
export function openStream(
  response: ServerResponse,
  head: { readonly headers: Readonly<Record<string, string>>; readonly firstLine: string },
  clock: Clock,
): Transport {
  // No length and no chunks: the body ends with the connection.
  response.useChunkedEncodingByDefault = false
  response.writeHead(200, { ...head.headers, Connection: 'close' })
  response.socket?.setKeepAlive(true, keepAliveMs)
  response.socket?.setNoDelay(true)
  response.write(head.firstLine)
  return new StreamTransport(response, clock)
}

class StreamTransport implements Transport {
  readonly #response: ServerResponse
  readonly #clock: Clock

  constructor(response: ServerResponse, clock: Clock) {
    this.#response = response
    this.#clock = clock
  }

  write(chunks: readonly Uint8Array[], written: () => void): boolean {
    const response = this.#response
    if (!this.#isOpen()) return false
    const last = chunks.length - 1
    for (let at = 0; at < last; at++) response.write(chunks[at])
    response.write(chunks[last] ?? nothing, (error) => {
      if (error === null || error === undefined) written()
    })
    return true
  }

  close(_code: number, _reason: string, last: Uint8Array | null): void {
    if (!this.#isOpen()) return
    this.#response.end(last ?? nothing)
    const cancel = this.#clock.after(closingMs, () => this.#response.destroy())
    this.#response.once('close', cancel)
  }

  destroy(): void {
    this.#response.destroy()
  }

  /** Nothing comes in that could be held back. */
  pause(): void {}

  resume(): void {}

  #isOpen(): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed
  }
}

const nothing = new Uint8Array(0)
