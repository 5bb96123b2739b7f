// Data that no server reads is told to who gave it, before anything is queued.

import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { checkNetwork, kinds, settle, setUp } from '../../test/support/client-rig.js'
import type { Json } from '../protocol/frames.js'

afterEach(checkNetwork)

const nested = (depth: number): Json => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
const keyed = (count: number): Json => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at]))

/** JSON that no server reads. */
const unsendable: readonly (readonly [what: string, data: Json])[] = [
  ['half of a surrogate pair', 'a😀'.slice(0, 2)],
  ['a key of prototypes', { constructor: 'x' }],
  ['nesting of 32 in a frame', nested(32)],
  ['nesting of 40', nested(40)],
  ['1001 keys', keyed(1_001)],
]

describe('publishes', () => {
  test.each(unsendable)('[OUT-16] %s fails at once, and the next publish is kept', async (_, data) => {
    const { clock, client } = await setUp()
    const room = client('ann').session.join('a')
    const results = [settle(room.publish(data)), settle(room.publish('next'))]
    await clock.advance(1_000)
    expect(kinds(results)).toEqual(['bad-message', 'kept'])
  })

  test('[OUT-16] data at the bounds is kept; a mark or key that no server takes fails at once', async () => {
    const { clock, client } = await setUp()
    const room = client('ann').session.join('a')
    const results = [
      room.publish(nested(31)),
      room.publish(keyed(983), { key: 'k' }),
      room.publish(keyed(986), { key: 'k' }),
      room.publish(1, { key: 'a😀'.slice(0, 2) }),
      room.publish(Uint8Array.of(1), { key: 'k'.repeat(20_000) }),
      room.publish(1, { mark: 'a b' }),
      room.publish('next'),
    ].map(settle)
    await clock.advance(1_000)
    const bad = 'bad-message'
    expect(kinds(results)).toEqual(['kept', 'kept', bad, bad, bad, bad, 'kept'])
  })
})

describe('signals and presence', () => {
  test('[ROOM-23] a signal that no server takes is dropped and reported', async () => {
    const { clock, client } = await setUp()
    const { session, told } = client('ann')
    const room = session.join('a')
    await clock.advance(1_000)
    const all = [...unsendable.map(([, data]) => data), undefined as never, '€'.repeat(30_000)]
    expect(all.map((data) => room.signal(data))).toEqual(all.map(() => false))
    expect(told).toEqual(['new-session created', ...all.map(() => 'error ')])
    await clock.advance(10_000)
    expect([session.health, room.signal(1), room.signal(Uint8Array.of(1))]).toEqual(['ok', true, true])
  })

  test('[ROOM-23] what the server refuses of signals and presence data is reported', async () => {
    const { clock, client } = await setUp({ rooms: { a: { schema: { signal: z.number(), presence: z.number() } } } })
    const { session, told } = client('ann')
    const errors: unknown[] = []
    session.on('error', ({ error }) => errors.push(error))
    const room = session.join('a', { presence: true })
    await clock.advance(1_000)
    expect(room.signal('no number')).toBe(true)
    room.presence.track('no number either')
    await clock.advance(1_000)
    expect(told).toEqual(['new-session created', 'error ', 'error '])
    expect(errors.map(String)).toEqual(Array(2).fill(expect.stringContaining('refused as invalid')))
    room.presence.track(1)
    await clock.advance(1_000)
    expect(room.presence.state().map(({ data }) => data)).toEqual([1])
    expect(errors).toHaveLength(2)
  })

  test('[ROOM-19] what no server takes is not tracked, now or after a resume, but reported', async () => {
    const { clock, client } = await setUp()
    const ann = client('ann')
    const room = ann.session.join('a', { presence: true })
    await clock.advance(1_000)
    room.presence.track('before')
    const all = [...unsendable.map(([, data]) => data), undefined as never, 'x'.repeat(70_000)]
    for (const data of all) room.presence.track(data)
    await clock.advance(1_000)
    ann.line.cut()
    await clock.advance(5_000)
    expect(ann.told).toEqual(['new-session created', ...all.map(() => 'error '), 'resume resumed'])
    expect(room.presence.state().map(({ data }) => data)).toEqual(['before'])
  })
})
