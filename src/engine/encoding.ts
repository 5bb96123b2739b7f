// The two ways in which a connection is written to: WebSocket frames, and server-sent events. A tail is kept in one of
// them; an entry is encoded once in each that somebody reads.

import { type EncodableEntry, encodeEntry } from '../protocol/encode.js'
import { entryEvent, frameEvent } from '../protocol/events.js'
import type { ServerFrame } from '../protocol/frames.js'
import { utf8Length } from '../protocol/utf8.js'
import { frameLength, writeFrame } from '../protocol/websocket-frame.js'
import { frameBytes } from './encode.js'

export interface Encoding {
  /** An entry, before it is put anywhere. */
  entry(room: string, entry: EncodableEntry): string | Uint8Array
  /** How many bytes `write` takes for it. */
  length(entry: string | Uint8Array): number
  /** Writes it whole at `at`: the index behind it, or -1 when it does not fit; bytes before `at` stay. */
  write(entry: string | Uint8Array, into: Uint8Array, at: number): number
  /** A frame of the protocol, whole. Empty: this way of writing does not tell it. */
  frame(frame: ServerFrame): Uint8Array
}

const encoder = new TextEncoder()

/** Whole unmasked WebSocket frames. */
export const webSocketFrames: Encoding = {
  entry: encodeEntry,
  length: frameLength,
  write: writeFrame,
  frame: frameBytes,
}

/** Blocks of an event stream. */
export const serverSentEvents: Encoding = {
  entry: (_room, entry) => entryEvent(entry),
  length: (event) => (typeof event === 'string' ? utf8Length(event) : event.length),
  write(event, into, at) {
    const room = into.subarray(at)
    if (typeof event !== 'string') {
      if (event.length > room.length) return -1
      room.set(event)
      return at + event.length
    }
    const { read, written } = encoder.encodeInto(event, room)
    return read < event.length ? -1 : at + written
  },
  frame: (frame) => encoder.encode(frameEvent(frame)),
}

/** An entry of its own, outside of any tail. */
export function entryBytes(encoding: Encoding, room: string, entry: EncodableEntry): Uint8Array {
  const encoded = encoding.entry(room, entry)
  const bytes = new Uint8Array(encoding.length(encoded))
  encoding.write(encoded, bytes, 0)
  return bytes
}
