// Values on the disk. Entries have a form of their own, because pages of them are read all the time: one fixed head, one
// text with all strings, the bytes. Everything else is JSON. It knows nothing of keys.

import type { Entry } from '../store.js'
import type { KeptEntry } from '../room-log.js'

const decoder = new TextDecoder()

export function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

export function decodeJson(bytes: Uint8Array): unknown {
  return JSON.parse(decoder.decode(bytes))
}

// An entry: flags u8 · atMs f64 · keptMs f64 · lengths in UTF-16 units: tag u16, session u32, user u32, mark u32, key
// u32 · bytes of the text u32 · the text (tag, session, user, mark, key, and the data if it is text) · data that is bytes.
const headBytes = 39
const flags = { text: 1, bytes: 2, by: 4, mark: 8, key: 16, latin: 32 } as const

export function encodeEntry({ entry, keptMs }: KeptEntry): Uint8Array {
  const { position, atMs, by, mark, key, data } = entry
  const isText = typeof data === 'string'
  const strings = `${position.tag}${by?.session ?? ''}${by?.user ?? ''}${mark ?? ''}${key ?? ''}${isText ? data : ''}`
  const isBytes = data !== null && !isText
  const rest = isBytes ? data.byteLength : 0
  const text = Buffer.from(strings)
  const bytes = Buffer.allocUnsafe(headBytes + text.length + rest)
  const isLatin = text.length === strings.length
  bytes[0] =
    (isText ? flags.text : 0) |
    (isBytes ? flags.bytes : 0) |
    (by === null ? 0 : flags.by) |
    (mark === null ? 0 : flags.mark) |
    (key === null ? 0 : flags.key) |
    (isLatin ? flags.latin : 0)
  bytes.writeDoubleLE(atMs, 1)
  bytes.writeDoubleLE(keptMs, 9)
  bytes.writeUInt16LE(position.tag.length, 17)
  bytes.writeUInt32LE(by?.session.length ?? 0, 19)
  bytes.writeUInt32LE(by?.user.length ?? 0, 23)
  bytes.writeUInt32LE(mark?.length ?? 0, 27)
  bytes.writeUInt32LE(key?.length ?? 0, 31)
  bytes.writeUInt32LE(text.length, 35)
  text.copy(bytes, headBytes)
  if (isBytes) bytes.set(data, headBytes + text.length)
  return bytes
}

/** Its position is not written with it: the key has the offset, the room the epoch. The bytes are copied. */
export function decodeEntry(bytes: Uint8Array, place: { readonly epoch: string; readonly offset: number }): KeptEntry {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const has = buffer[0] ?? 0
  const textEnd = headBytes + buffer.readUInt32LE(35)
  const text = buffer.toString((has & flags.latin) !== 0 ? 'latin1' : 'utf8', headBytes, textEnd)
  let at = 0
  const next = (length: number) => {
    at += length
    return text.slice(at - length, at)
  }
  const tag = next(buffer.readUInt16LE(17))
  const session = next(buffer.readUInt32LE(19))
  const user = next(buffer.readUInt32LE(23))
  const mark = next(buffer.readUInt32LE(27))
  const key = next(buffer.readUInt32LE(31))
  const entry: Entry = {
    position: { epoch: place.epoch, offset: place.offset, tag },
    atMs: buffer.readDoubleLE(1),
    by: (has & flags.by) === 0 ? null : { session, user },
    mark: (has & flags.mark) === 0 ? null : mark,
    key: (has & flags.key) === 0 ? null : key,
    data: dataOf(),
  }
  return { entry, keptMs: buffer.readDoubleLE(9) }

  function dataOf(): Entry['data'] {
    if ((has & flags.text) !== 0) return text.slice(at)
    return (has & flags.bytes) === 0 ? null : new Uint8Array(buffer.subarray(textEnd))
  }
}
