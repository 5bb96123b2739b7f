// WebSocket frames as a server writes them: whole, unmasked, without extensions (RFC 6455 §5.2). Entries are encoded
// once and the same bytes go to every reader. The reader here is for networks in memory and for tests; over real
// sockets a WebSocket library reads.

import { truncate, utf8Length } from './utf8.js'

export const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export interface WebSocketFrame {
  readonly opcode: number
  readonly payload: Uint8Array
}

const controlBytesMax = 125
const encoder = new TextEncoder()

/** A whole text frame. */
export function frameText(payload: string): Uint8Array {
  return framed(payload)
}

/** A whole binary frame; the bytes are copied. */
export function frameBinary(bytes: Uint8Array): Uint8Array {
  return framed(bytes)
}

/** A close frame. A reason beyond 123 bytes is cut at a character. Throws for codes that must not be sent. */
export function frameClose(code: number, reason: string): Uint8Array {
  const isSendable = (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code <= 4999)
  if (!isSendable) throw new RangeError(`close code ${code} must not be sent`)
  let cut = truncate(reason, controlBytesMax - 2)
  while (utf8Length(cut) > controlBytesMax - 2) cut = truncate(cut, cut.length - 1)
  const reasonBytes = encoder.encode(cut)
  const payload = new Uint8Array(2 + reasonBytes.length)
  payload[0] = code >>> 8
  payload[1] = code & 0xff
  payload.set(reasonBytes, 2)
  return control(opcodes.close, payload)
}

/** The answer to a ping, with its payload (≤ 125 bytes, else it throws: such a ping is a violation itself). */
export function framePong(payload: Uint8Array): Uint8Array {
  return control(opcodes.pong, payload)
}

/** The exact size of the frame that `writeFrame` writes. */
export function frameLength(payload: string | Uint8Array): number {
  const payloadBytes = typeof payload === 'string' ? utf8Length(payload) : payload.length
  return headerLength(payloadBytes) + payloadBytes
}

/**
 * Writes a whole frame (text for a string, else binary) at `at`. Returns the index behind it, or -1 when it does not
 * fit; bytes from `at` on may then be spoilt, those before never are.
 */
export function writeFrame(payload: string | Uint8Array, into: Uint8Array, at: number): number {
  if (typeof payload === 'string') return writeText(payload, into, at)
  const start = at + headerLength(payload.length)
  const end = start + payload.length
  if (end > into.length) return -1
  writeHeader(opcodes.binary, payload.length, into, at)
  into.set(payload, start)
  return end
}

function writeText(text: string, into: Uint8Array, at: number): number {
  // The header's size depends on the length in bytes, which is known in advance only when all texts of so many
  // characters have headers of one size. Otherwise it is counted.
  const least = headerLength(text.length)
  const headerBytes = least === headerLength(text.length * 3) ? least : headerLength(utf8Length(text))
  const start = at + headerBytes
  if (start + text.length > into.length) return -1
  const { read, written } = encoder.encodeInto(text, into.subarray(start))
  if (read < text.length) return -1
  writeHeader(opcodes.text, written, into, at)
  return start + written
}

function framed(payload: string | Uint8Array): Uint8Array {
  const frame = new Uint8Array(frameLength(payload))
  writeFrame(payload, frame, 0)
  return frame
}

function control(opcode: number, payload: Uint8Array): Uint8Array {
  if (payload.length > controlBytesMax) throw new RangeError(`a control frame carries at most ${controlBytesMax} bytes`)
  const frame = new Uint8Array(2 + payload.length)
  writeHeader(opcode, payload.length, frame, 0)
  frame.set(payload, 2)
  return frame
}

function headerLength(payloadBytes: number): number {
  if (payloadBytes <= 125) return 2
  return payloadBytes <= 0xffff ? 4 : 10
}

function writeHeader(opcode: number, payloadBytes: number, into: Uint8Array, at: number): void {
  into[at] = 0x80 | opcode
  if (payloadBytes <= 125) {
    into[at + 1] = payloadBytes
    return
  }
  if (payloadBytes <= 0xffff) {
    into[at + 1] = 126
    into[at + 2] = payloadBytes >>> 8
    into[at + 3] = payloadBytes & 0xff
    return
  }
  into[at + 1] = 127
  const length = new DataView(into.buffer, into.byteOffset + at + 2, 8)
  length.setUint32(0, Math.floor(payloadBytes / 2 ** 32))
  length.setUint32(4, payloadBytes % 2 ** 32)
}

/**
 * A reader of unmasked frames: takes bytes as they arrive, cut anywhere, and returns the frames that are complete by
 * then, in order. Payloads are copies. Throws on what this protocol's server never sends: fragments, masks, RSV bits.
 */
export function createFrameReader(): (bytes: Uint8Array) => readonly WebSocketFrame[] {
  let kept: Uint8Array = new Uint8Array(0)
  return function readFrames(bytes) {
    const all = new Uint8Array(kept.length + bytes.length)
    all.set(kept)
    all.set(bytes, kept.length)
    const frames: WebSocketFrame[] = []
    let at = 0
    for (let next = frameAt(all, at); next !== null; next = frameAt(all, at)) {
      frames.push(next.frame)
      at = next.end
    }
    kept = all.subarray(at)
    return frames
  }
}

function frameAt(bytes: Uint8Array, at: number): { frame: WebSocketFrame; end: number } | null {
  const first = bytes[at]
  const second = bytes[at + 1]
  if (first === undefined || second === undefined) return null
  if ((first & 0xf0) !== 0x80) throw new Error('expected a whole frame without RSV bits')
  if ((second & 0x80) !== 0) throw new Error('expected an unmasked frame')
  const start = at + (second === 127 ? 10 : second === 126 ? 4 : 2)
  if (start > bytes.length) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset + at)
  const length = second === 127 ? view.getUint32(2) * 2 ** 32 + view.getUint32(6) : second
  const end = start + (second === 126 ? view.getUint16(2) : length)
  if (end > bytes.length) return null
  return { frame: { opcode: first & 0x0f, payload: bytes.slice(start, end) }, end }
}
