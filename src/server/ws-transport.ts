// A WebSocket as the engine's Transport. One function writes raw, prebuilt frames; `ws` reads, answers pings and does
// the closing handshake on the same socket. Both write whole frames only, so theirs and ours may interleave.

import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { DropReason } from '../engine/engine.js'
import type { Transport } from '../engine/transport.js'
import type { Clock } from '../protocol/time.js'
import type { Connection } from './connection.js'

/** A client that does not answer a close is cut after this. */
const closingMs = 1_000

/** `socket` is the one of the upgrade event; `webSocket` reads from it. */
export function createWsTransport(webSocket: WebSocket, socket: Duplex, clock: Clock): Transport {
  return new WsTransport(webSocket, socket, clock)
}

class WsTransport implements Transport {
  readonly #webSocket: WebSocket
  readonly #socket: Duplex
  readonly #clock: Clock

  constructor(webSocket: WebSocket, socket: Duplex, clock: Clock) {
    this.#webSocket = webSocket
    this.#socket = socket
    this.#clock = clock
  }

  write(chunks: readonly Uint8Array[], written: () => void): boolean {
    if (!this.#isOpen()) return false
    const socket = this.#socket
    const last = chunks.length - 1
    if (last > 0) socket.cork()
    for (let at = 0; at < last; at++) socket.write(chunks[at])
    socket.write(chunks[last] ?? nothing, (error) => {
      if (error === null || error === undefined) written()
    })
    if (last > 0) socket.uncork()
    return true
  }

  close(code: number, reason: string, last: Uint8Array | null): void {
    if (!this.#isOpen()) return
    if (last !== null) this.#socket.write(last)
    // A paused socket would never show the client's answer.
    this.#webSocket.resume()
    this.#webSocket.close(code, reason)
    const cancel = this.#clock.after(closingMs, () => this.#socket.destroy())
    this.#socket.once('close', cancel)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  pause(): void {
    this.#webSocket.pause()
  }

  resume(): void {
    this.#webSocket.resume()
  }

  /** Behind a close frame, ours or an answer of ws, nothing may be written (RFC 6455 §5.5.1). */
  #isOpen(): boolean {
    return this.#webSocket.readyState === WebSocket.OPEN && this.#socket.writable
  }
}

const nothing = new Uint8Array(0)

/** Feeds the connection with what arrives, until the end. */
export function feed(connection: Connection, webSocket: WebSocket, socket: Duplex): void {
  let isViolation = false
  socket.on('data', () => connection.heard())
  webSocket.on('message', (data, isBinary) => {
    const bytes = wholeOf(data)
    connection.received(isBinary ? bytes : bytes.toString('utf8'))
  })
  webSocket.on('ping', () => connection.pinged())
  // Broken framing, invalid UTF-8, too long: ws has answered with its close code.
  webSocket.on('error', () => {
    isViolation = true
  })
  webSocket.on('close', (code) => connection.ended(dropReasonOf(code, isViolation)))
}

function dropReasonOf(code: number, isViolation: boolean): DropReason {
  if (isViolation) return 'protocol'
  return code === 1006 ? 'cut' : 'closed'
}

function wholeOf(data: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
}
