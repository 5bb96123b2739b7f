// Frames as bytes: the encoder of both ends. It knows nothing of rooms, sessions or sockets.

import type { By, ClientFrame, ServerFrame } from './frames.js'
import { bounds } from './limits.js'
import type { Position } from './position.js'

/** An entry as a log keeps it. `data` is JSON text, bytes, or null for a body that was superseded. */
export interface EncodableEntry {
  readonly position: Position
  readonly atMs: number
  readonly by: By | null
  readonly mark: string | null
  readonly key: string | null
  readonly data: string | Uint8Array | null
}

const utf8Encoder = new TextEncoder()

/** A text frame, or a binary one when `data` is bytes. The bytes are copied. */
export function encodeFrame(frame: ClientFrame | ServerFrame): string | Uint8Array {
  if (!('data' in frame) || !(frame.data instanceof Uint8Array)) return JSON.stringify(frame)
  const { data, ...header } = frame
  return binaryFrame(JSON.stringify(header), data)
}

/**
 * The `entry` frame, or the `void` frame when `data` is null. JSON text goes in as it is: it must be one valid JSON
 * value. The result equals `encodeFrame` of the same entry.
 */
export function encodeEntry(room: string, entry: EncodableEntry): string | Uint8Array {
  const { epoch, offset, tag } = entry.position
  const place = `"room":${quoted(room)},"epoch":${quoted(epoch)},"offset":${offset},"tag":${quoted(tag)}`
  if (entry.data === null) return `{"type":"void",${place}}`
  const by = entry.by === null ? 'null' : `{"session":${quoted(entry.by.session)},"user":${quoted(entry.by.user)}}`
  const mark = entry.mark === null ? '' : `,"mark":${quoted(entry.mark)}`
  const key = entry.key === null ? '' : `,"key":${quoted(entry.key)}`
  const envelope = `{"type":"entry",${place},"atMs":${entry.atMs},"by":${by}${mark}${key}`
  if (typeof entry.data === 'string') return `${envelope},"data":${entry.data}}`
  return binaryFrame(`${envelope}}`, entry.data)
}

function binaryFrame(header: string, data: Uint8Array): Uint8Array {
  const headerBytes = utf8Encoder.encode(header)
  if (headerBytes.length > bounds.headerBytesMax) {
    throw new RangeError(`a frame's header has at most ${bounds.headerBytesMax} bytes, not ${headerBytes.length}`)
  }
  const frame = new Uint8Array(2 + headerBytes.length + data.length)
  frame[0] = headerBytes.length >>> 8
  frame[1] = headerBytes.length & 0xff
  frame.set(headerBytes, 2)
  frame.set(data, 2 + headerBytes.length)
  return frame
}

function quoted(text: string): string {
  return JSON.stringify(text)
}
