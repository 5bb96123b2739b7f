// The OpenAPI document against the running server, in both directions: requests are built from the document alone, every
// answer must be one that it tells, and every refusal that it tells must be one that the server gives.

import { readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import {
  createServer,
  guests,
  type HoldfastServer,
  memoryStore,
  type ServerOptions,
  type Store,
  StoreUnavailable,
} from 'holdfast/server'
import { openEvents } from './support/http.js'
import { overridden } from './support/server-rig.js'

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
}

interface Media {
  readonly schema: object
}

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> }
  readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, Media>> }>>
}

interface Call {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

const file = JSON.parse(readFileSync(new URL('../openapi.json', import.meta.url), 'utf8'))
const ajv = new Ajv2020({ strict: false, validateFormats: false })
ajv.addSchema(file, 'openapi')

const calls: readonly Call[] = Object.entries<Record<string, object>>(file.paths).flatMap(([path, item]) =>
  Object.entries(item)
    .filter(([method]) => method !== 'parameters')
    .map(([method, operation]) => {
      const own = operation as Operation
      const parameters = [...((item['parameters'] ?? []) as Parameter[]), ...(own.parameters ?? [])]
      return { method: method.toUpperCase(), path, operation: { ...own, parameters } }
    }),
)

const open: HoldfastServer[] = []
const seen = new Set<string>()

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close({ timeoutMs: 2_000 })))
})

async function start(options: ServerOptions = {}): Promise<HoldfastServer> {
  const server = await createServer({ port: 0, host: '127.0.0.1', env: {}, log: false, ...options })
  open.push(server)
  return server
}

/** What is not said is as the document asks for it. */
interface Deviation {
  readonly values?: Readonly<Record<string, string | null>>
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

const ordinary: Readonly<Record<string, string>> = {
  room: 'chat/42',
  'Idempotency-Key': 'key-1',
  'Holdfast-Device': 'a-device-of-this-test',
}

/** Sends the call; the answer must be one that the document tells. Gives its status and reason. */
async function send(
  server: { readonly url: string },
  call: Call,
  deviation: Deviation = {},
): Promise<[number, string | null]> {
  const values: Record<string, string | null> = { ...ordinary, ...deviation.values }
  const given = (place: Parameter['in']) =>
    (call.operation.parameters ?? [])
      .filter((parameter) => parameter.in === place)
      .flatMap(({ name }) =>
        values[name] === undefined || values[name] === null ? [] : [[name, values[name]] as const],
      )
  let path = call.path
  for (const [name, value] of given('path')) path = path.replace(`{${name}}`, encodeURIComponent(value))
  const query = [
    new URLSearchParams(given('query').map(([name, value]) => [name, value])).toString(),
    deviation.query ?? '',
  ]
  const body = call.operation.requestBody === undefined ? undefined : (deviation.body ?? { data: 1 })
  const [type = null] = Object.keys(call.operation.requestBody?.content ?? {})
  const abort = new AbortController()
  const response = await fetch(`${server.url}${path}?${query.filter((part) => part !== '').join('&')}`, {
    method: call.method,
    signal: abort.signal,
    headers: {
      ...(type === null ? {} : { 'Content-Type': type }),
      ...Object.fromEntries(given('header')),
      ...deviation.headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const told = call.operation.responses[response.status]
  expect(told, `${call.operation.operationId} answered ${response.status}: ${await peek(response)}`).toBeDefined()
  const media = (response.headers.get('content-type') ?? '').split(';')[0] ?? ''
  expect(Object.keys(told?.content ?? {})).toContain(media)
  if (media === 'text/event-stream') {
    abort.abort()
    return [response.status, null]
  }
  const json = await response.json()
  expectValid(pointerOf(call, response.status, media), json)
  if (typeof json.reason === 'string' && response.status >= 400)
    seen.add(`${call.operation.operationId} ${json.reason}`)
  return [response.status, response.status >= 400 ? json.reason : null]
}

async function peek(response: Response): Promise<string> {
  return response.status < 400 ? '' : response.clone().text()
}

function pointerOf({ path, method }: Call, status: number, media: string): string {
  const parts = ['paths', path, method.toLowerCase(), 'responses', String(status), 'content', media, 'schema']
  return parts.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')
}

function expectValid(pointer: string, json: unknown): void {
  const validate = ajv.getSchema(`openapi#/${pointer}`)
  expect(validate, pointer).toBeDefined()
  expect([validate?.(json), validate?.errors, json]).toEqual([true, null, json])
}

const isOf =
  (...ids: string[]) =>
  ({ operation }: Call) =>
    ids.includes(operation.operationId)
const call = (id: string): Call => {
  const found = calls.find(isOf(id))
  if (found === undefined) throw new Error(`no operation ${id}`)
  return found
}

describe('the document', () => {
  test('[HTTP-10] is valid OpenAPI 3.1, shipped and served alike', async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(file))
    expect([valid, errors]).toEqual([true, undefined])
    expect(file.openapi).toMatch(/^3\.1\./)
    const server = await start()
    expect(await (await fetch(`${server.url}/v1/openapi.json`)).json(), 'run npm run openapi').toEqual(file)
  })

  test('[HTTP-10] every path answers what it tells', async () => {
    const server = await start()
    await server.room('chat/42').publish('old', { key: 'k' })
    await server.room('chat/42').publish('new', { key: 'k' })
    await server.room('chat/42').publish(new Uint8Array([1, 2, 3]))
    for (const each of calls) expect((await send(server, each))[0]).toBeLessThan(300)
    expect(await send(server, call('publishEntry'))).toEqual([200, null])
    expect(await send(server, call('readEntries'), { values: { limit: '2', last: '3' } })).toEqual([200, null])
    expect(await send(server, call('readEntries'), { values: { after: 'other.5.life' } })).toEqual([200, null])
    expect(
      await send(server, call('publishEntry'), {
        values: { 'Idempotency-Key': '"key-2"' },
        body: { kind: 'bytes', data: 'AP8', key: 'slot', mark: 'm' },
      }),
    ).toEqual([201, null])
  })

  test('[HTTP-10] the events of a stream are what it tells', async () => {
    const server = await start({ rooms: { '*': { retention: { entriesMax: 2 } } } })
    const before = await (await fetch(`${server.url}/v1/rooms/a/entries`)).json()
    for (const data of [1, { text: 'two' }, new Uint8Array([3])]) await server.room('a').publish(data)
    const stream = await openEvents(`${server.url}/v1/rooms/a/stream?after=${before.next}`)
    await stream.until((told) => told.some(({ event }) => event === 'live'))
    await server.close({ drainMs: 100 })
    await stream.ended
    const schemas = { message: 'Entry', gap: 'Gap', bye: 'Bye' } as const
    const kinds = stream.told.map(({ event, id, data }) => {
      const name = schemas[event as keyof typeof schemas]
      if (name !== undefined) expectValid(`components/schemas/${name}`, JSON.parse(data))
      if (id !== null) expectValid('components/schemas/Position', id)
      return event
    })
    expect(kinds).toEqual(['gap', 'message', 'message', 'live', 'bye'])
  })

  test('[HTTP-10] a body is taken exactly when it fits the schema', async () => {
    const server = await start()
    const validate = ajv.getSchema('openapi#/components/schemas/Publish')
    const bodies: unknown[] = [
      { data: null },
      { data: 1, key: '' },
      { data: 1, key: 'x'.repeat(255) },
      { data: 1, key: 'x'.repeat(256) },
      { data: 1, mark: 'a b' },
      { data: 1, mark: 'x'.repeat(65) },
      { data: 1, mark: '!~' },
      { data: 1, key: 5 },
      { kind: 'json', data: 'x' },
      { kind: 'other', data: 'x' },
      { key: 'a' },
      [1],
      'text',
    ]
    for (const [at, body] of bodies.entries()) {
      const [status] = await send(server, call('publishEntry'), {
        values: { 'Idempotency-Key': `b${at}` },
        body: typeof body === 'string' ? JSON.stringify(body) : body,
      })
      expect([body, status < 300]).toEqual([body, validate?.(body)])
    }
  })
})

describe('refusals', () => {
  const everywhere = () => true
  const inRooms = isOf('readEntries', 'publishEntry', 'streamRoom')
  const store = (own: Parameters<typeof overridden>[0]) => ({ store: overridden(own) })
  const away = () => Promise.reject(new StoreUnavailable('away'))
  const nonsense = (async () => ({ kind: 'fenced' })) as () => never
  const brokenReads = () => {
    const whole = memoryStore()
    const read = ((question) => (question.room.startsWith('$') ? whole.read(question) : nonsense())) as Store['read']
    return { store: overridden({ read }, whole) }
  }
  const schema = {
    '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'no', path: ['a', 1] }] }) },
  } as const

  const refusals: readonly (Deviation & {
    readonly reason: string
    readonly of: (call: Call) => boolean
    readonly server?: () => ServerOptions
    readonly before?: (server: HoldfastServer) => Promise<unknown>
  })[] = [
    { reason: 'bad-message', of: everywhere, headers: { 'Holdfast-Device': 'two words' } },
    { reason: 'token-in-url', of: everywhere, query: 'access_token=x' },
    { reason: 'token-refused', of: everywhere, headers: { Authorization: 'Basic eDp5' } },
    { reason: 'origin-not-allowed', of: everywhere, headers: { Origin: 'https://evil.example' } },
    {
      reason: 'rate-limited',
      of: everywhere,
      server: () => ({ settings: { requestsPerSecond: 1, requestsBurst: 1 } }),
      before: (server) => fetch(`${server.url}/v1/openapi.json`),
    },
    {
      reason: 'overloaded',
      of: everywhere,
      server: () => ({ settings: { connectionsMax: 1 } }),
      before: async (server) => {
        const stream = await openEvents(`${server.url}/v1/rooms/a/stream`)
        await stream.until((told) => told.length > 0)
      },
    },
    { reason: 'token-expired', of: inRooms, server: () => ({ authenticate: () => ({ user: 'ann', expiresAtMs: 1 }) }) },
    { reason: 'forbidden', of: inRooms, server: () => ({ rooms: {} }) },
    { reason: 'hook-failed', of: inRooms, server: () => ({ authenticate: () => Promise.reject(new Error('no')) }) },
    { reason: 'store-unavailable', of: inRooms, server: () => store({ append: away, readableFrom: away }) },
    { reason: 'internal', of: isOf('publishEntry'), server: () => store({ append: nonsense }) },
    { reason: 'internal', of: isOf('readEntries', 'streamRoom'), server: brokenReads },
    { reason: 'idempotency-key-missing', of: isOf('publishEntry'), values: { 'Idempotency-Key': null } },
    {
      reason: 'device-needed',
      of: isOf('publishEntry'),
      values: { 'Holdfast-Device': null },
      server: () => ({ authenticate: guests() }),
    },
    { reason: 'unknown', of: isOf('publishEntry'), server: () => store({ append: async () => ({ kind: 'unknown' }) }) },
    { reason: 'too-large', of: isOf('publishEntry'), body: { data: 'x'.repeat(70_000) } },
    { reason: 'unsupported-media-type', of: isOf('publishEntry'), headers: { 'Content-Type': 'text/plain' } },
    { reason: 'invalid', of: isOf('publishEntry'), server: () => ({ rooms: { '*': { schema: { entry: schema } } } }) },
    { reason: 'too-slow', of: isOf('publishEntry'), server: () => ({ settings: { requestDeadlineMs: 100 } }) },
    {
      reason: 'payload-mismatch',
      of: isOf('publishEntry'),
      body: { data: 2 },
      before: (server) => send(server, call('publishEntry')),
    },
    {
      reason: 'rights-changed',
      of: isOf('streamRoom'),
      server: () => {
        const shared = memoryStore()
        const canJoin = async ({ user }: { user: string }) => {
          await shared.changeRights(user)
          // Heard by the node before the stream is asked for.
          await new Promise((resolve) => setTimeout(resolve, 20))
          return true
        }
        return { store: shared, rooms: { '*': { canJoin } } }
      },
    },
  ]

  for (const { reason, of, server: options, before, ...deviation } of refusals) {
    for (const each of calls.filter(of)) {
      const { operationId } = each.operation
      test(`[HTTP-10] ${operationId} is refused as ${reason}, as the document says`, async () => {
        const server = await start(options?.())
        await before?.(server)
        const answer = reason === 'too-slow' ? sendSlowly(server, each) : send(server, each, deviation)
        expect((await answer)[1]).toBe(reason)
      })
    }
  }

  for (const each of calls) {
    test(`[HTTP-10] ${each.operation.operationId} is refused as drain, as the document says`, async () => {
      const server = await start()
      const streams = await Promise.all(Array.from({ length: 60 }, () => openEvents(`${server.url}/v1/rooms/a/stream`)))
      await Promise.all(streams.map((stream) => stream.until((told) => told.length > 0)))
      const closing = server.close({ drainMs: 2_000 })
      expect(await send(server, each)).toEqual([503, 'drain'])
      for (const stream of streams) stream.close()
      await closing
    })
  }

  afterAll(() => {
    const told = calls.flatMap(({ operation }) =>
      Object.values(operation.responses).flatMap(({ content }) => {
        const schema = content['application/problem+json']?.schema as {
          allOf: { properties?: { reason: { enum: string[] } } }[]
        }
        return (schema?.allOf[1]?.properties?.reason.enum ?? []).map((reason) => `${operation.operationId} ${reason}`)
      }),
    )
    expect([...seen].sort()).toEqual([...new Set(told)].sort())
  })
})

function slowBody(): ReadableStream {
  return new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{"data"')) })
}

/** The first bytes of a body, and then nothing. */
async function sendSlowly({ url }: HoldfastServer, { path }: Call): Promise<[number, string | null]> {
  const response = await fetch(`${url}${path.replace('{room}', 'a')}`, {
    method: 'POST',
    headers: { ...ordinary, 'Content-Type': 'application/json' },
    body: slowBody(),
    duplex: 'half',
  } as RequestInit)
  const json = (await response.json()) as { reason: string }
  expectValid('components/schemas/Problem', json)
  seen.add(`publishEntry ${json.reason}`)
  return [response.status, json.reason]
}
