// Entries of a room by page, and one publish: the same log, hooks and store steps as the socket's.

import type { Appended, Page } from '../../store/store.js'
import { anything, id, maybe, name, oneOf, shape } from '../../protocol/check.js'
import { entryJson, positionToken } from '../../protocol/events.js'
import type { Data } from '../../protocol/frames.js'
import type { Position } from '../../protocol/position.js'
import { hashOf } from '../secret.js'
import { checkBodyHead, readJson } from './body.js'
import { no, problemResponse, type Step, yes } from './problem.js'
import { type Admitted, admit, countOf, positionOf, type Visit } from './visit.js'

const defaultLimit = 100

/** All that is kept. */
const everything = Number.MAX_SAFE_INTEGER

/** `GET /v1/rooms/{room}/entries` */
export async function readEntries(visit: Visit): Promise<Response> {
  const { query, api } = visit
  const after = positionOf(query.get('after') ?? undefined, 'after')
  if (after.kind === 'no') return problemResponse(after.problem)
  const limit = countOf(query, 'limit', { least: 1, fallback: defaultLimit })
  if (limit.kind === 'no') return problemResponse(limit.problem)
  const last = countOf(query, 'last', { least: 0, fallback: after.value === undefined ? everything : 0 })
  if (last.kind === 'no') return problemResponse(last.problem)

  const admitted = await admit(visit)
  if (admitted.kind === 'no') return problemResponse(admitted.problem)
  const { asker, room, readableFrom } = admitted.value
  const page = await api.engine.visits.readPage(
    { user: asker.user, room, readableFrom },
    { since: after.value, last: last.value },
    Math.min(limit.value, api.settings.pageEntriesMax),
  )
  return jsonResponse(200, pageJson(page))
}

/** The entries are JSON already. */
function pageJson({ verdict, start, entries, head }: Page): string {
  const end = entries.at(-1)?.position ?? start
  const rest = {
    verdict,
    next: positionToken(end),
    head: positionToken(head),
    hasMore: end.offset < head.offset,
  }
  return `{"entries":[${entries.map(entryJson).join(',')}],${JSON.stringify(rest).slice(1)}`
}

/** `POST /v1/rooms/{room}/entries` */
export async function publishEntry(visit: Visit): Promise<Response> {
  const asked = await askedPublish(visit)
  if (asked.kind === 'no') return problemResponse(asked.problem)
  const { admitted, publication, producer } = asked.value
  const { asker, room, readableFrom } = admitted
  const { api } = visit
  const permit = await api.rooms.mayPublish({ ...asker, kind: 'publish', room, data: publication.data })
  if (permit.kind === 'no') {
    const { reason, message, ...more } = permit
    return problemResponse({ reason, detail: message, ...('issues' in more ? { issues: more.issues } : {}) })
  }
  // Always a first time: where the record is there, the first answer is given again.
  const appended = await api.engine.visits.publish(
    { user: asker.user, room, readableFrom },
    { ...publication, producer: { user: asker.user, producer, seq: 1, prev: 0, again: false } },
  )
  const answer = positionOfAppended(appended)
  if (answer.kind === 'no') return problemResponse(answer.problem)
  const { position, duplicate } = answer.value
  const told = { position: positionToken(position), offset: position.offset, duplicate }
  return jsonResponse(duplicate ? 200 : 201, JSON.stringify(told))
}

interface AskedPublish {
  readonly admitted: Admitted
  readonly publication: { readonly data: Data; readonly key: string | null; readonly mark: string }
  readonly producer: string
}

/** The cheap steps first; the body is read for those only who may be in the room. */
async function askedPublish(visit: Visit): Promise<Step<AskedPublish>> {
  const { api, incoming } = visit
  const { payloadBytesMax: bytesMax, requestDeadlineMs: deadlineMs } = api.settings
  const head = checkBodyHead(incoming, bytesMax)
  if (head.kind === 'no') return head
  const key = idempotencyKey(incoming.headers['idempotency-key'])
  if (key.kind === 'no') return key
  const admitted = await admit(visit)
  if (admitted.kind === 'no') return admitted
  const { asker, isSame } = admitted.value
  if (!isSame) return no('device-needed', 'send Holdfast-Device: a random word that you keep, at least 128 bits')
  const afterMs = api.publishes.wait(asker.user, api.clock.nowMs())
  if (afterMs > 0) return no('rate-limited', 'too many publishes of this user', { afterMs })
  const body = await readJson(incoming, { bytesMax, deadlineMs, clock: api.clock })
  if (body.kind === 'no') return body
  const publication = publicationOf(body.value)
  if (publication.kind === 'no') return publication
  const producer = `http:${hashOf(`${asker.user.length}:${asker.user}${key.value}`)}`
  return yes({ admitted: admitted.value, publication: publication.value, producer })
}

/** Plain, or a string of structured fields (RFC 8941): `"8e03978e"`. */
function idempotencyKey(header: string | string[] | undefined): Step<string> {
  if (typeof header !== 'string') {
    return no('idempotency-key-missing', 'send Idempotency-Key: a word of your own, the same for each retry')
  }
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return yes(key)
  return no('bad-message', 'Idempotency-Key has 1 to 255 visible ASCII characters')
}

interface PublishBody {
  readonly kind?: 'json' | 'bytes'
  readonly data: Data
  readonly key?: string
  readonly mark?: string
}

const bodyShape = shape<PublishBody>({
  kind: maybe(oneOf({ json: true, bytes: true })),
  data: anything,
  key: maybe(name),
  mark: maybe(id),
})

function publicationOf(body: unknown): Step<AskedPublish['publication']> {
  const problem = bodyShape(body)
  if (problem !== null) return no('bad-message', `the body ${problem}`)
  const { kind = 'json', data, key = null, mark = '' } = body as PublishBody
  if (kind === 'json') return yes({ data, key, mark })
  if (typeof data !== 'string' || !/^[A-Za-z0-9_-]*$/.test(data)) {
    return no('bad-message', 'data of kind bytes must be base64url')
  }
  return yes({ data: new Uint8Array(Buffer.from(data, 'base64url')), key, mark })
}

function positionOfAppended(appended: Appended): Step<{ position: Position; duplicate: boolean }> {
  switch (appended.kind) {
    case 'appended':
      return yes({ position: appended.position, duplicate: false })
    case 'duplicate':
      if (appended.position !== null) return yes({ position: appended.position, duplicate: true })
      return no('unknown', 'it was applied, too long ago to say where')
    case 'payload-mismatch':
      return no('payload-mismatch', 'take another key for other data')
    case 'unknown':
      return no('unknown', 'read the room to see whether it is there')
    case 'out-of-order':
    case 'fenced':
      throw new Error(`a publish of a visitor was answered ${appended.kind}`)
  }
}

export function jsonResponse(status: number, body: string): Response {
  return new Response(body, { status, headers: { 'Content-Type': 'application/json' } })
}
