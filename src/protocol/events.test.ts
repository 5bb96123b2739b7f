import { createParser } from 'eventsource-parser'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { entryEvent, entryJson, frameEvent, positionOfToken, positionToken } from './events.js'
import type { ServerFrame } from './frames.js'

const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)
const positions = fc.record({ epoch: word, offset: fc.nat({ max: Number.MAX_SAFE_INTEGER }), tag: word })
const by = { session: 's', user: 'änn "x"' }
const at = { epoch: 'e', offset: 7, tag: 't' }

describe('positions as words', () => {
  test('[HTTP-15] a token is its position, and may stand in a URL as it is', () => {
    fc.assert(
      fc.property(positions, (position) => {
        const token = positionToken(position)
        expect(positionOfToken(token)).toEqual(position)
        expect(encodeURIComponent(token)).toBe(token)
      }),
    )
  })

  for (const token of [
    '',
    '.',
    '..',
    'a.1',
    'a.1.b.c',
    'a..b',
    '.1.b',
    'a.1.',
    'a.-1.b',
    'a.01.b',
    'a.1e3.b',
    'a. 1.b',
  ]) {
    test(`[HTTP-15] ${JSON.stringify(token)} is no position`, () => expect(positionOfToken(token)).toBeNull())
  }

  test('[HTTP-15] an offset beyond what is exact, and words that are too long, are no positions', () => {
    expect(positionOfToken(`a.${'9'.repeat(16)}.b`)).toBeNull()
    expect(positionOfToken(`${'a'.repeat(65)}.1.b`)).toBeNull()
  })
})

describe('entries', () => {
  test('[HTTP-15] any data comes back, also what has line ends in it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (data) => {
        const entry = { position: at, atMs: 5, by, mark: 'm', key: 'k\u2028', data: JSON.stringify(data) }
        const told: { id?: string | undefined; data: string }[] = []
        createParser({ onEvent: (event) => told.push(event) }).feed(entryEvent(entry))
        expect(told).toHaveLength(1)
        expect(told[0]?.id).toBe('e.7.t')
        expect(told[0]?.data).toBe(entryJson(entry))
        const { data: parsed, ...rest } = JSON.parse(entryJson(entry))
        expect(parsed).toEqual(JSON.parse(JSON.stringify(data)))
        expect(rest).toEqual({ kind: 'json', position: 'e.7.t', offset: 7, atMs: 5, by, mark: 'm', key: 'k\u2028' })
      }),
    )
  })

  test('[HTTP-15] bytes are base64url, and what is emptied only moves the id', () => {
    const entry = { position: at, atMs: 5, by: null, mark: null, key: null }
    const json = JSON.parse(entryJson({ ...entry, data: new Uint8Array([0, 255, 254]) }))
    expect(json).toEqual({ kind: 'bytes', position: 'e.7.t', offset: 7, atMs: 5, by: null, data: 'AP_-' })
    expect(entryEvent({ ...entry, data: null })).toBe('id: e.7.t\n\n')
    expect(JSON.parse(entryJson({ ...entry, data: null }))).toEqual({ kind: 'void', position: 'e.7.t', offset: 7 })
  })

  const frames: readonly (readonly [ServerFrame, string])[] = [
    [{ type: 'beat', everyMs: 5, sent: [] }, ':\n\n'],
    [{ type: 'live', room: 'a' }, 'event: live\ndata: {}\n\n'],
    [{ type: 'removed', room: 'a', reason: 'removed' }, ''],
    [
      { type: 'gap', room: 'a', reason: 'trimmed', from: 1, to: 7, next: at },
      'event: gap\nid: e.7.t\ndata: {"reason":"trimmed","from":1,"to":7,"next":"e.7.t"}\n\n',
    ],
    [
      { type: 'bye', code: 4000, reason: 'drain', message: 'm', retry: true, kept: true, afterMs: 1_500.2 },
      'event: bye\nretry: 1501\ndata: {"reason":"drain","message":"m","retry":true,"afterMs":1500.2}\n\n',
    ],
  ]
  for (const [frame, event] of frames) {
    test(`[HTTP-15] a ${frame.type} is written as a block`, () => expect(frameEvent(frame)).toBe(event))
  }
})
