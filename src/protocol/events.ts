// Entries and frames as HTTP tells them: JSON for pages, server-sent events for streams, and positions as one token.
// The same entry has the same JSON in both. It knows nothing of requests, rooms or sockets.

import { base64url } from './base64url.js'
import { isId } from './check.js'
import type { EncodableEntry } from './encode.js'
import type { Bye, GapFrame, ServerFrame } from './frames.js'
import type { Position } from './position.js'

/** Stands for the session of whoever comes over HTTP: no session has this id. */
export const visitorSession = 'http'

/** A position as one opaque word that may stand in URLs and headers. */
export function positionToken({ epoch, offset, tag }: Position): string {
  return `${epoch}.${offset}.${tag}`
}

/** The position of a token; null for what is none. Whether a room knows the position is for its log to say. */
export function positionOfToken(token: string): Position | null {
  const [epoch = '', digits = '', tag = '', more] = token.split('.')
  const offset = /^(0|[1-9]\d{0,15})$/.test(digits) ? Number(digits) : Number.NaN
  if (more !== undefined || !Number.isSafeInteger(offset) || !isId(epoch) || !isId(tag)) return null
  return { epoch, offset, tag }
}

/** An entry as JSON text; its own JSON goes in as it is, bytes become base64url. */
export function entryJson({ position, atMs, by, mark, key, data }: EncodableEntry): string {
  const place = `"position":${quoted(positionToken(position))},"offset":${position.offset}`
  if (data === null) return `{"kind":"void",${place}}`
  const kind = typeof data === 'string' ? 'json' : 'bytes'
  const who = by === null ? 'null' : `{"session":${quoted(by.session)},"user":${quoted(by.user)}}`
  const words = `${mark === null ? '' : `,"mark":${quoted(mark)}`}${key === null ? '' : `,"key":${quoted(key)}`}`
  const body = typeof data === 'string' ? data : quoted(base64url(data))
  return `{"kind":"${kind}",${place},"atMs":${atMs},"by":${who}${words},"data":${body}}`
}

/** An entry as one event. An emptied one only moves the position on: no reader hears of it. */
export function entryEvent(entry: EncodableEntry): string {
  const id = `id: ${positionToken(entry.position)}\n`
  return entry.data === null ? `${id}\n` : `${id}data: ${entryJson(entry)}\n\n`
}

/** What a stream tells beside entries. Beats are comments. Frames that no stream needs are empty. */
export function frameEvent(frame: ServerFrame): string {
  switch (frame.type) {
    case 'beat':
      return ':\n\n'
    case 'live':
      return 'event: live\ndata: {}\n\n'
    case 'joined':
      // A place alone: a reader that hears nothing more resumes here.
      if (frame.verdict.kind === 'complete') return `id: ${positionToken(frame.position)}\n\n`
      return gapEvent(frame.verdict)
    case 'gap':
      return gapEvent(frame)
    case 'bye':
      return byeEvent(frame)
    default:
      return ''
  }
}

function gapEvent({ reason, from, to, next }: Omit<GapFrame, 'type' | 'room'>): string {
  const token = positionToken(next)
  return `event: gap\nid: ${token}\ndata: ${JSON.stringify({ reason, from, to, next: token })}\n\n`
}

/** The last event of a stream. */
export function byeEvent({ reason, message, retry, afterMs }: Pick<Bye, 'reason' | 'message' | 'retry' | 'afterMs'>) {
  const hint = afterMs === undefined ? '' : `retry: ${Math.ceil(afterMs)}\n`
  const told = { reason, message, retry, ...(afterMs === undefined ? {} : { afterMs }) }
  return `event: bye\n${hint}data: ${JSON.stringify(told)}\n\n`
}

function quoted(text: string): string {
  return JSON.stringify(text)
}
