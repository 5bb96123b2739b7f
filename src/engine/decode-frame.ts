// An entry out of the frame that a tail keeps of it: for a second encoding of the same tail.

import { decodeServerFrame } from '../protocol/decode-server.js'
import type { EncodableEntry } from '../protocol/encode.js'
import { opcodes } from '../protocol/websocket-frame.js'
import { storedData } from './encode.js'

const decoder = new TextDecoder()

/** Throws for what is no whole frame of an entry. */
export function entryOfFrame(frame: Uint8Array): EncodableEntry {
  const [first = 0, length = 0] = frame
  const payload = frame.subarray(length < 126 ? 2 : length === 126 ? 4 : 10)
  const isText = (first & 0x0f) === opcodes.text
  const decoded = decodeServerFrame(isText ? decoder.decode(payload) : payload)
  if (decoded.kind !== 'frame') throw new Error('a frame of a tail cannot be read')
  const told = decoded.frame
  if (told.type !== 'entry' && told.type !== 'void') throw new Error(`a ${told.type} is no entry`)
  const position = { epoch: told.epoch, offset: told.offset, tag: told.tag }
  if (told.type === 'void') return { position, atMs: 0, by: null, mark: null, key: null, data: null }
  const { atMs, by, mark = null, key = null, data } = told
  return { position, atMs, by, mark, key, data: storedData(data) }
}
