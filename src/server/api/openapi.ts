// The OpenAPI 3.1 document of the HTTP API, served at /v1/openapi.json and shipped as openapi.json. One table of routes
// says what each may answer; tests hold it against the running server in both directions.

import { protocolVersion } from '../../protocol/frames.js'
import { type ProblemReason, problems } from './problem.js'
import { schemas } from './schemas.js'

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const json = (name: string, description: string) => ({
  description,
  content: { 'application/json': { schema: ref(name) } },
})

const query = (name: string, schema: object, description: string) => ({ name, in: 'query', schema, description })
const header = (name: string, schema: object, description: string) => ({ name, in: 'header', schema, description })

const room = {
  name: 'room',
  in: 'path',
  required: true,
  schema: { type: 'string', minLength: 1, maxLength: 255 },
  description: 'The name of the room, percent-encoded as one segment: `chat%2F42`.',
}
const device = header(
  'Holdfast-Device',
  { type: 'string', pattern: '^[!-~]{1,256}$' },
  'A guest’s own random word: the same word is the same guest.',
)
const after = query('after', ref('Position'), 'Only what comes behind this position.')

/** Before any route is reached. */
const always: readonly ProblemReason[] = [
  ...(['bad-message', 'token-in-url', 'token-refused', 'origin-not-allowed'] as const),
  ...(['rate-limited', 'overloaded', 'drain'] as const),
]
/** What the hooks and the store may say of a room. */
const ofRoom: readonly ProblemReason[] = [
  ...always,
  ...(['token-expired', 'forbidden', 'hook-failed', 'internal', 'store-unavailable'] as const),
]
const ofPublish: readonly ProblemReason[] = [
  ...ofRoom,
  ...(['idempotency-key-missing', 'device-needed', 'too-slow', 'unknown', 'too-large'] as const),
  ...(['unsupported-media-type', 'invalid', 'payload-mismatch'] as const),
]

/** One response per status; its description lists the reasons. */
function refusals(reasons: readonly ProblemReason[]): Record<string, object> {
  const statuses = [...new Set(reasons.map((reason) => problems[reason].status))].sort((one, other) => one - other)
  return Object.fromEntries(
    statuses.map((status) => {
      const here = reasons.filter((reason) => problems[reason].status === status)
      const description = here.map((reason) => `\`${reason}\`: ${problems[reason].title}`).join(' ')
      const headers = here.some((reason) => problems[reason].retry)
        ? { 'Retry-After': { description: 'Whole seconds.', schema: { type: 'integer' } } }
        : {}
      const schema = { allOf: [ref('Problem'), { properties: { reason: { enum: here } } }] }
      return [status, { description, headers, content: { 'application/problem+json': { schema } } }]
    }),
  )
}

const readEntries = {
  operationId: 'readEntries',
  summary: 'Entries of a room, by page.',
  description:
    'From `after`; without it from the oldest that is kept, or the `last` n. Ask again with `next` while `hasMore`.',
  parameters: [
    after,
    query('limit', { type: 'integer', minimum: 1, default: 100 }, 'At most so many; the server may give fewer.'),
    query('last', { type: 'integer', minimum: 0 }, 'Without `after`: start so many before the head.'),
    device,
  ],
  responses: { 200: json('Page', 'A page.'), ...refusals(ofRoom) },
}

const publishEntry = {
  operationId: 'publishEntry',
  summary: 'Publishes one entry, once.',
  description:
    'A retry with the same key gets the first answer again, for as long as the room knows its producers (24 h).',
  parameters: [
    {
      ...header(
        'Idempotency-Key',
        { type: 'string', pattern: '^"?[!-~]{1,255}"?$' },
        'A word of your own for this publish, the same for each retry.',
      ),
      required: true,
    },
    device,
  ],
  requestBody: { required: true, content: { 'application/json': { schema: ref('Publish') } } },
  responses: {
    200: json('Published', 'It had been published before: the first answer again.'),
    201: json('Published', 'Published.'),
    ...refusals(ofPublish),
  },
}

const streamRoom = {
  operationId: 'streamRoom',
  summary: 'Entries of a room as they come, as server-sent events.',
  description:
    'An event without a name is an Entry, its id the position. `gap` (Gap), `live` (the head was reached) and `bye` (Bye, the last one) are told by name. Comments are beats. With `Accept: text/event-stream` what may be repeated is refused by 200 and one `bye`: browsers give up after any other status.',
  parameters: [
    after,
    query('last', { type: 'integer', minimum: 0 }, 'Without a position: start so many before the head.'),
    header('Last-Event-ID', ref('Position'), 'As `after`, and before it.'),
    device,
  ],
  responses: {
    200: { description: 'A stream.', content: { 'text/event-stream': { schema: { type: 'string' } } } },
    ...refusals([...ofRoom, 'rights-changed']),
  },
}

const describe = {
  operationId: 'describe',
  summary: 'This document.',
  security: [{}],
  responses: {
    200: { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: { type: 'object' } } } },
    ...refusals(always),
  },
}

/** The document. Plain JSON; the same for every server of this version. */
export const openapi = {
  openapi: '3.1.0',
  info: {
    title: 'Holdfast over HTTP',
    version: `${protocolVersion}.0.0`,
    license: { name: 'MIT', identifier: 'MIT' },
    description:
      'Rooms without a socket: the same logs, hooks and limits. Other methods are answered 405, other paths 404.',
  },
  servers: [{ url: '/' }],
  security: [{}, { bearer: [] }, { cookie: [] }],
  paths: {
    '/v1/rooms/{room}/entries': { parameters: [room], get: readEntries, post: publishEntry },
    '/v1/rooms/{room}/stream': { parameters: [room], get: streamRoom },
    '/v1/openapi.json': { get: describe },
  },
  components: {
    schemas,
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer' },
      cookie: {
        type: 'apiKey',
        in: 'cookie',
        name: 'token',
        description: 'The name is the option `cookie` of the server.',
      },
    },
  },
} as const
