// What travels over HTTP as JSON Schema (2020-12): for the OpenAPI document. Tests hold every answer against it.

import { bounds } from '../../protocol/limits.js'
import { problems, problemType } from './problem.js'

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const text = (description: string, more: object = {}) => ({ type: 'string', description, ...more })
const whole = (description: string, more: object = {}) => ({ type: 'integer', minimum: 0, description, ...more })
const object = (properties: Readonly<Record<string, object>>, optional: readonly string[] = []) => ({
  type: 'object',
  required: Object.keys(properties).filter((key) => !optional.includes(key)),
  properties,
})

const gapReasons = ['trimmed', 'ahead-of-log', 'forked', 'epoch-changed', 'too-far-behind', 'not-permitted'] as const
const name = { type: 'string', minLength: 1, maxLength: bounds.roomBytesMax }
const mark = { type: 'string', pattern: '^[!-~]{1,64}$' }
const base64url = { type: 'string', contentEncoding: 'base64url', pattern: '^[A-Za-z0-9_-]*$' }
const place = { position: ref('Position'), offset: whole('Dense: 1 is the first entry of the room.') }
const written = {
  ...place,
  atMs: { type: 'number', description: 'For display only: the wall clock of the server, ms since 1970.' },
  by: ref('By'),
  mark: { ...mark, description: 'A word of the publisher, to know its own entry by.' },
  key: { ...name, description: 'A later entry with the same key empties this one.' },
}
const missing = {
  reason: { enum: gapReasons },
  from: whole('The first offset that is missing.'),
  to: whole('The last one. Less than `from`: not known how many.'),
}

export const schemas = {
  Position: text('Where an entry sits: an opaque word. Positions are only compared for equality.', {
    pattern: '^[!-~]+\\.[0-9]+\\.[!-~]+$',
  }),
  By: {
    description: 'Who published; null: the server. The session of a publish over HTTP is `http`.',
    oneOf: [object({ session: { type: 'string' }, user: { type: 'string' } }), { type: 'null' }],
  },
  Entry: {
    oneOf: [ref('JsonEntry'), ref('BytesEntry'), ref('VoidEntry')],
    discriminator: {
      propertyName: 'kind',
      mapping: { json: ref('JsonEntry').$ref, bytes: ref('BytesEntry').$ref, void: ref('VoidEntry').$ref },
    },
  },
  JsonEntry: object({ kind: { const: 'json' }, ...written, data: {} }, ['mark', 'key']),
  BytesEntry: object({ kind: { const: 'bytes' }, ...written, data: base64url }, ['mark', 'key']),
  VoidEntry: {
    description: 'Emptied by a later entry with the same key.',
    ...object({ kind: { const: 'void' }, ...place }),
  },
  Verdict: {
    description: 'Is anything missing between `after` and the first entry here?',
    oneOf: [object({ kind: { const: 'complete' } }), object({ kind: { const: 'gap' }, ...missing })],
  },
  Page: object({
    entries: { type: 'array', items: ref('Entry') },
    verdict: ref('Verdict'),
    next: { ...ref('Position'), description: 'Ask for what comes behind this page with `after`.' },
    head: { ...ref('Position'), description: 'The last position of the room at the time of the answer.' },
    hasMore: { type: 'boolean', description: 'True: the head is behind this page.' },
  }),
  Publish: object(
    {
      kind: { enum: ['json', 'bytes'], default: 'json' },
      data: { description: 'JSON; of kind `bytes`: base64url.' },
      key: name,
      mark,
    },
    ['kind', 'key', 'mark'],
  ),
  Published: object({ ...place, duplicate: { type: 'boolean', description: 'True: the first answer again.' } }),
  Gap: { description: 'The data of the event `gap`.', ...object({ ...missing, next: ref('Position') }) },
  Bye: {
    description: 'The data of the event `bye`, the last one of a stream.',
    ...object(
      {
        reason: { type: 'string' },
        message: { type: 'string' },
        retry: { type: 'boolean' },
        afterMs: { type: 'number' },
      },
      ['afterMs'],
    ),
  },
  Problem: {
    description: 'RFC 9457. `reason` is the last part of `type`.',
    ...object(
      {
        type: { enum: Object.keys(problems).map((reason) => problemType(reason as keyof typeof problems)) },
        title: { type: 'string' },
        status: { type: 'integer' },
        detail: { type: 'string' },
        reason: { enum: Object.keys(problems) },
        retry: { type: 'boolean', description: 'May the same request be sent again by itself?' },
        afterMs: { type: 'number', minimum: 0, description: 'Not before this; as Retry-After, in ms.' },
        issues: {
          type: 'array',
          items: object({
            message: { type: 'string' },
            path: { type: 'array', items: { type: ['string', 'number'] } },
          }),
        },
      },
      ['afterMs', 'issues'],
    ),
  },
} as const
