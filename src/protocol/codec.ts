// Frames as bytes and back. What a decoder lets through has every field of frames.ts, each of its type and within
// its bounds, and no other key. It knows nothing of rooms, sessions or sockets.

import { type Check, isObject, isRoomName, isWhole } from './check.js'
import type { By, ClientFrame, ServerFrame } from './frames.js'
import { type JsonBounds, parseJson } from './json.js'
import { bounds, defaultLimits, serverFrameBounds } from './limits.js'
import type { Position } from './position.js'
import { clientShapes, serverShapes } from './shapes.js'
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

/** An entry as a log keeps it. `data` is JSON text, bytes, or null for a body that was superseded. */
export interface EncodableEntry {
  readonly position: Position
  readonly atMs: number
  readonly by: By | null
  readonly mark: string | null
  readonly key: string | null
  readonly data: string | Uint8Array | null
}

interface Side {
  readonly shapes: ReadonlyMap<string, Check>
  readonly json: JsonBounds
  readonly helloBytesMax: number
}

const clientTable: ReadonlyMap<string, Check> = new Map(Object.entries(clientShapes))
const serverTable: ReadonlyMap<string, Check> = new Map(Object.entries(serverShapes))
const binaryTypes: ReadonlySet<unknown> = new Set(['publish', 'signal', 'entry', 'signalled'])

const utf8Encoder = new TextEncoder()
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

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

/**
 * Reads what a client sent: a string is a text frame, bytes are a binary one. Never throws. The frame's `data` bytes
 * are a view of `raw`: copy them to keep them.
 */
export function decodeClientFrame(
  raw: string | Uint8Array,
  limits: { readonly payloadBytesMax: number } = defaultLimits,
): Decoded<ClientFrame> {
  return decode(raw, clientSide, limits.payloadBytesMax) as Decoded<ClientFrame>
}

/** Reads what a server sent, under wider bounds; else as `decodeClientFrame`. */
export function decodeServerFrame(raw: string | Uint8Array): Decoded<ServerFrame> {
  return decode(raw, serverSide, serverFrameBounds.bytesMax) as Decoded<ServerFrame>
}

const clientSide: Side = { shapes: clientTable, json: bounds, helloBytesMax: bounds.helloBytesMax }
const serverSide: Side = { shapes: serverTable, json: serverFrameBounds, helloBytesMax: 0 }

function decode(raw: string | Uint8Array, side: Side, frameBytesMax: number): Decoded<unknown> {
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

function quoted(text: string): string {
  return JSON.stringify(text)
}
