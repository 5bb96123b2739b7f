// Frames as the engine writes them: whole unmasked WebSocket frames, ready to send.

import { encodeFrame } from '../protocol/encode.js'
import type { Data, ServerFrame } from '../protocol/frames.js'
import { frameBinary, frameText } from '../protocol/websocket-frame.js'

/** One frame of the protocol as one WebSocket frame. */
export function frameBytes(frame: ServerFrame): Uint8Array {
  const payload = encodeFrame(frame)
  return typeof payload === 'string' ? frameText(payload) : frameBinary(payload)
}

/** What a store keeps of an application's data: JSON text, or the bytes. */
export function storedData(data: Data): string | Uint8Array {
  return data instanceof Uint8Array ? data : JSON.stringify(data)
}

/** The opposite of `storedData`. */
export function givenData(stored: string | Uint8Array): Data {
  return typeof stored === 'string' ? (JSON.parse(stored) as Data) : stored
}
