// The frames of test/frames/ as bytes: whoever writes another client or server starts from these files.

import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { decodeClientFrame } from './decode-client.js'
import { decodeServerFrame } from './decode-server.js'
import { encodeEntry, encodeFrame } from './encode.js'
import type { ClientFrame, Data, EntryFrame, Json, ServerFrame, Void } from './frames.js'
import { clientShapes } from './client-shapes.js'
import { serverShapes } from './server-shapes.js'

interface Golden {
  readonly name: string
  readonly direction: 'client' | 'server'
  readonly frame: { readonly type: string; readonly [field: string]: Json }
  readonly text?: string
  readonly header?: string
  readonly bytesBase64?: string
  readonly wireBase64?: string
}

interface Invalid {
  readonly name: string
  readonly direction: 'client' | 'server'
  readonly kind: string
  /** A word of the message. */
  readonly why: string
  readonly text?: string
  readonly wireBase64?: string
  readonly id?: number | null
  readonly room?: string
  readonly type?: string
}

const folder = new URL('../../test/frames/', import.meta.url)
const readJson = (file: string): unknown => JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
const types = readdirSync(folder)
  .map((file) => file.replace('.json', ''))
  .filter((type) => type !== 'invalid')
const golden = types.flatMap((type) => (readJson(`${type}.json`) as Golden[]).map((each) => ({ ...each, type })))
const bytesOf = (base64 = ''): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'))

const frameOf = ({ frame, bytesBase64 }: Golden) =>
  (bytesBase64 === undefined ? frame : { ...frame, data: bytesOf(bytesBase64) }) as unknown as ClientFrame | ServerFrame
const wireOf = ({ text, wireBase64 }: Golden | Invalid) => text ?? bytesOf(wireBase64)
const decode = (direction: 'client' | 'server', raw: string | Uint8Array) =>
  direction === 'client' ? decodeClientFrame(raw) : decodeServerFrame(raw)

test('[WIRE-1] every frame type has golden frames', () => {
  expect(types.toSorted()).toEqual(
    [...new Set([...Object.keys(clientShapes), ...Object.keys(serverShapes)])].toSorted(),
  )
  for (const { type, frame } of golden) expect(frame.type).toBe(type)
})

for (const each of golden) {
  const title = `${each.type}, ${each.name} (${each.text === undefined ? 'binary' : 'text'})`

  test(`[WIRE-1] encodes ${title}`, () => {
    expect(encodeFrame(frameOf(each))).toEqual(wireOf(each))
  })

  test(`[WIRE-1] decodes ${title}`, () => {
    expect(decode(each.direction, wireOf(each))).toEqual({ kind: 'frame', frame: frameOf(each) })
  })

  test(`[WIRE-5] drops an unknown key of ${title}`, () => {
    const frame = { ...frameOf(each), later: { kind: 'unknown' } } as unknown as ClientFrame
    expect(decode(each.direction, encodeFrame(frame))).toEqual({ kind: 'frame', frame: frameOf(each) })
  })

  for (const field of requiredOf(each)) {
    test(`[WIRE-4] refuses ${title} without ${field}`, () => {
      const { [field]: _, ...rest } = frameOf(each) as unknown as Record<string, Data>
      const decoded = decode(each.direction, encodeFrame(rest as unknown as ClientFrame))
      expect(decoded).toMatchObject({ kind: 'bad-message', message: `${each.type}: ${field} is missing` })
    })
  }
}

/** The fields that every golden frame of this type and direction has, save those that may be absent all the same. */
function requiredOf({ type, direction, frame, bytesBase64 }: (typeof golden)[number]): string[] {
  const alike = golden.filter((other) => other.type === type && other.direction === direction)
  const maybe = ['type', 'last', 'afterMs', 'retry' in frame ? '' : 'id', bytesBase64 === undefined ? '' : 'data']
  if (type === 'hello') maybe.push('device', 'session', 'token', 'why')
  if (type === 'join') maybe.push('since', 'presence')
  if (type === 'presence-changed' || type === 'presence') maybe.push('data')
  return Object.keys(frame).filter((field) => !maybe.includes(field) && alike.every((other) => field in other.frame))
}

test('[WIRE-10] an entry spliced from stored JSON equals the frame encoded whole', () => {
  const entries = golden.filter(({ type }) => type === 'entry' || type === 'void')
  for (const each of entries) {
    const frame = frameOf(each) as EntryFrame | Void
    const position = { epoch: frame.epoch, offset: frame.offset, tag: frame.tag }
    const body =
      frame.type === 'void'
        ? { atMs: 0, by: null, mark: null, key: null, data: null }
        : {
            atMs: frame.atMs,
            by: frame.by,
            mark: frame.mark ?? null,
            key: frame.key ?? null,
            data: frame.data instanceof Uint8Array ? frame.data : JSON.stringify(frame.data),
          }
    expect(encodeEntry(frame.room, { position, ...body })).toEqual(wireOf(each))
  }
  expect(entries).toHaveLength(4)
})

const rules = ['A23', 'A24', 'A26', 'A27', 'A28', 'A30', 'A43', 'A69', 'WIRE-2', 'WIRE-3', 'WIRE-4', 'WIRE-6']
const invalid = readJson('invalid.json') as Invalid[]

test('[WIRE-4] every invalid frame stands under a rule that is tested', () => {
  expect(invalid.filter(({ name }) => !rules.some((rule) => name.startsWith(`[${rule}] `)))).toEqual([])
})

for (const rule of rules) {
  for (const each of invalid.filter(({ name }) => name.startsWith(`[${rule}] `))) {
    test(`[${rule}] ${each.direction} frame is ${each.kind}: ${each.name.slice(rule.length + 3)}`, () => {
      const decoded = decode(each.direction, wireOf(each))
      const { id = null, room, type } = each
      const told = each.kind === 'unsupported' ? { id, type } : each.kind === 'bad-message' ? { id } : {}
      expect(decoded).toEqual({
        kind: each.kind,
        ...told,
        ...(each.why === '' ? {} : { message: expect.stringContaining(each.why) }),
        ...(room === undefined ? {} : { room }),
      })
      expect('polluted' in {}).toBe(false)
    })
  }
}
