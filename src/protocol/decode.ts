// Bytes as frames: what a decoder lets through has every field of frames.ts, each of its type and within its bounds, and
// no other key. Each end decodes the frames of the other: decode-client.ts, decode-server.ts.

import { type Check, isObject, isRoomName, isWhole } from './check.js'
import { type JsonBounds, parseJson } from './json.js'
import { bounds } from './limits.js'
import { isLongerThan, truncate } from './utf8.js'

export type Decoded<F> =
  | { readonly kind: 'frame'; readonly frame: F }
  /** A binary frame whose header cannot be read: the ends no longer understand each other. Close `bad-frame`. */
  | { readonly kind: 'bad-frame'; readonly message: string }
  /** A field is wrong, or the text is no JSON object. `id` and `room` are told when they themselves are right. */
  | { readonly kind: 'bad-message'; readonly message: string; readonly id: number | null; readonly room?: string }
  /** A type of frame, or (type `hello`) a version, that this end does not know. */
  | { readonly kind: 'unsupported'; readonly type: string; readonly id: number | null }
  /** `id` is null when the frame was too large even to be looked at. */
  | { readonly kind: 'too-large'; readonly bytesMax: number; readonly id: number | null; readonly room?: string }

/** What one direction may carry. */
export interface Side {
  readonly shapes: ReadonlyMap<string, Check>
  readonly json: JsonBounds
  readonly helloBytesMax: number
}

const binaryTypes: ReadonlySet<unknown> = new Set(['publish', 'signal', 'entry', 'signalled'])
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Never throws. The frame's `data` bytes are a view of `raw`. */
export function decode(raw: string | Uint8Array, side: Side, frameBytesMax: number): Decoded<unknown> {
  const bytesMax = Math.max(side.helloBytesMax, frameBytesMax)
  if (isBeyond(raw, bytesMax)) return { kind: 'too-large', bytesMax, id: null }
  return typeof raw === 'string' ? decodeText(raw, side, frameBytesMax) : decodeBinary(raw, side, frameBytesMax)
}

function decodeText(text: string, side: Side, frameBytesMax: number): Decoded<unknown> {
  const parsed = parseJson(text, side.json)
  if (parsed.kind === 'not-json') return { kind: 'bad-message', message: 'a text frame must be JSON', id: null }
  if (parsed.kind === 'refused') return { kind: 'bad-message', message: parsed.why, id: null }
  if (!isObject(parsed.value)) return { kind: 'bad-message', message: 'a frame must be a JSON object', id: null }
  return checked(parsed.value, text, side, frameBytesMax)
}

function decodeBinary(raw: Uint8Array, side: Side, frameBytesMax: number): Decoded<unknown> {
  if (raw.length < 2) return { kind: 'bad-frame', message: 'a binary frame starts with two bytes of header length' }
  const headerBytes = ((raw[0] ?? 0) << 8) | (raw[1] ?? 0)
  const end = 2 + headerBytes
  if (end > raw.length) return { kind: 'bad-frame', message: 'the header is longer than the frame' }
  if (headerBytes > bounds.headerBytesMax) {
    return { kind: 'bad-frame', message: `a header has at most ${bounds.headerBytesMax} bytes` }
  }
  const text = utf8Text(raw.subarray(2, end))
  const parsed = text === null ? null : parseJson(text, side.json)
  if (parsed === null || parsed.kind === 'not-json') return { kind: 'bad-frame', message: 'the header must be JSON' }
  if (parsed.kind === 'refused') return { kind: 'bad-message', message: parsed.why, id: null }
  const frame = parsed.value
  if (!isObject(frame)) return { kind: 'bad-frame', message: 'the header must be a JSON object' }
  if (side.shapes.has(String(frame['type'])) && !binaryTypes.has(frame['type'])) {
    return badMessage(frame, `a frame of type ${String(frame['type'])} has no bytes: send it as text`)
  }
  if ('data' in frame) return badMessage(frame, 'data is the bytes behind the header, not a key of it')
  // A plain view, whatever subclass (Buffer) came in.
  frame['data'] = new Uint8Array(raw.buffer, raw.byteOffset + end, raw.length - end)
  return checked(frame, raw, side, frameBytesMax)
}

/** The frame if all its fields are right. `raw` tells its size. */
function checked(
  frame: Record<string, unknown>,
  raw: string | Uint8Array,
  side: Side,
  frameBytesMax: number,
): Decoded<unknown> {
  const type = frame['type']
  if (typeof type !== 'string') return badMessage(frame, 'type must be a string')
  const check = side.shapes.get(type)
  if (check === undefined || speaksOtherVersion(frame)) {
    return { kind: 'unsupported', type: truncate(type, bounds.idCharsMax), id: idOf(frame) }
  }
  const bytesMax = type === 'hello' ? side.helloBytesMax : frameBytesMax
  const other = type === 'hello' ? frameBytesMax : side.helloBytesMax
  // Whether it is beyond the greater of the two limits is known by now.
  if (bytesMax < other && isBeyond(raw, bytesMax)) {
    return { kind: 'too-large', bytesMax, id: idOf(frame), ...roomOf(frame) }
  }
  const problem = check(frame)
  return problem === null ? { kind: 'frame', frame } : badMessage(frame, `${type}: ${problem}`)
}

/** A hello of another version may have other fields: it is told apart before they are looked at. */
function speaksOtherVersion(frame: Record<string, unknown>): boolean {
  return frame['type'] === 'hello' && isWhole(frame['version']) && frame['version'] !== 1
}

function badMessage(frame: Record<string, unknown>, message: string): Decoded<never> {
  return { kind: 'bad-message', message, id: idOf(frame), ...roomOf(frame) }
}

function idOf(frame: Record<string, unknown>): number | null {
  return isWhole(frame['id']) ? frame['id'] : null
}

function roomOf(frame: Record<string, unknown>): { room?: string } {
  return isRoomName(frame['room']) ? { room: frame['room'] } : {}
}

function utf8Text(bytes: Uint8Array): string | null {
  try {
    return utf8Decoder.decode(bytes)
  } catch {
    return null
  }
}

function isBeyond(raw: string | Uint8Array, bytesMax: number): boolean {
  return typeof raw === 'string' ? isLongerThan(raw, bytesMax) : raw.length > bytesMax
}
