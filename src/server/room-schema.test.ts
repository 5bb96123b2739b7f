// Rooms whose data a schema judges, with the schema libraries that people use, and the types that follow from it.

import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { createServerRig, hash, hello, inShort, publish } from '../../test/support/server-rig.js'
import type { Data, Json } from '../protocol/frames.js'
import { bounds } from '../protocol/limits.js'
import { type createServer, defineRooms, type RoomConfig, type RoomsOf, type StandardSchema } from './index.js'
import { roomOptionsOf } from './rooms.js'

const rooms = defineRooms({
  'chat/:id': {
    schema: { entry: z.object({ text: z.string().max(5) }), presence: z.object({ name: z.string() }) },
    canJoin: ({ params }) => params.id !== 'closed',
  },
  'game/:id/moves': {
    schema: { entry: v.object({ move: v.string(), at: v.optional(v.number()) }), signal: v.string() },
  },
  lobby: { durability: 'memory' },
})

const scores = defineRooms({
  'score/:id': { schema: { entry: type({ points: 'number', 'by?': 'string' }) } },
})

test('[SCHEMA-1] the types of rooms are those of their schemas; what has none takes everything', () => {
  type App = RoomsOf<typeof rooms>
  expectTypeOf<App['chat/:id']['entry']>().toEqualTypeOf<{ text: string }>()
  expectTypeOf<App['chat/:id']['presence']>().toEqualTypeOf<{ name: string }>()
  expectTypeOf<App['chat/:id']['signal']>().toEqualTypeOf<Data>()
  expectTypeOf<App['game/:id/moves']['entry']>().toEqualTypeOf<{ move: string; at?: number | undefined }>()
  expectTypeOf<App['game/:id/moves']['signal']>().toEqualTypeOf<string>()
  expectTypeOf<RoomsOf<typeof scores>['score/:id']['entry']>().toEqualTypeOf<{ points: number; by?: string }>()
  expectTypeOf<App['lobby']>().toEqualTypeOf<{ readonly entry: Data; readonly presence: Json; readonly signal: Data }>()
  const options = { rooms } satisfies Parameters<typeof createServer>[0]
  expect(Object.keys(options.rooms)).toEqual(['chat/:id', 'game/:id/moves', 'lobby'])
})

/** A peer in `room`, and what publishing `data` there is answered. */
async function inRoom(room: string, table: Readonly<Record<string, RoomConfig>> = rooms) {
  const rig = await createServerRig({ rooms: table })
  const { peer, session } = await rig.enter({ rooms: [{ room, presence: true }] })
  await peer.take()
  let id = 0
  const ask = async (data: unknown) => {
    id += 1
    peer.send(publish(session, id, { room, data, prev: 0, producer: `p${id}` }))
    return peer.take()
  }
  return { rig, peer, ask, session }
}

describe('judging', () => {
  for (const { name, room, good, bad, path } of [
    { name: 'zod', room: 'chat/1', good: { text: 'hi' }, bad: { text: 'too long' }, path: ['text'] },
    { name: 'valibot', room: 'game/1/moves', good: { move: 'e4' }, bad: { move: 'e4', at: 'noon' }, path: ['at'] },
    { name: 'arktype', room: 'score/1', good: { points: 3 }, bad: { points: 'three' }, path: ['points'] },
  ] as const) {
    test(`[SCHEMA-2] ${name}: data that fits is kept as sent, other data is refused as invalid with what is wrong`, async () => {
      const { ask } = await inRoom(room, { ...rooms, ...scores })
      expect(inShort(await ask(good)).toSorted()).toEqual([`entry ${room} 1`, 'published'])
      const [refused] = await ask(bad)
      expect(refused).toMatchObject({ type: 'refused', reason: 'invalid', retry: false, issues: [{ path }] })
      expect(refused).toMatchObject({ message: expect.stringContaining(`${path[0]}: `) })
      const [kept] = (await ask({ ...good, extra: 1 })).filter(({ type }) => type === 'entry')
      expect(kept).toMatchObject({ data: { ...good, extra: 1 } })
    })
  }

  test('[SCHEMA-2] a schema that takes time keeps the order; canPublish is asked only of what fits', async () => {
    const asked: Data[] = []
    const entry = z.object({ n: z.number() }).refine(async () => true)
    const { ask, peer, session } = await inRoom('r', {
      r: { schema: { entry }, canPublish: ({ data }) => asked.push(data) > 0 },
    })
    peer.send(publish(session, 1, { room: 'r', data: { n: 1 } }))
    peer.send(publish(session, 2, { room: 'r', data: { n: 2 } }))
    const entries = (await peer.take()).filter(({ type }) => type === 'entry')
    expect(entries).toMatchObject([{ data: { n: 1 } }, { data: { n: 2 } }])
    expect(inShort(await ask({ n: 'x' }))).toEqual(['refused invalid'])
    expect(asked).toEqual([{ n: 1 }, { n: 2 }])
  })

  test('[SCHEMA-2] presence that does not fit is refused and not shown, null takes it away; such signals go to nobody', async () => {
    const { peer, rig } = await inRoom('chat/1')
    peer.send({ type: 'track', room: 'chat/1', data: { name: 7 } })
    expect(inShort(await peer.take())).toEqual(['refused invalid'])
    peer.send({ type: 'track', room: 'chat/1', data: { name: 'Ann' } })
    expect(await peer.take()).toMatchObject([{ type: 'presence-changed', set: [{ data: { name: 'Ann' } }] }])
    peer.send({ type: 'track', room: 'chat/1', data: null })
    expect(inShort(await peer.take())).toEqual(['presence-changed chat/1'])
    const room = 'game/1/moves'
    const game = await inRoom(room)
    const other = await game.rig.enter({ name: 'bob', rooms: [{ room }], more: { nextHash: hash('bob') } })
    await other.peer.take()
    for (const data of [5, 'thinking']) game.peer.send({ type: 'signal', room, data })
    expect(await other.peer.take()).toMatchObject([{ type: 'signalled', data: 'thinking' }])
    const refused = (await game.peer.take()).filter(({ type }) => type === 'refused')
    expect(refused).toMatchObject([{ id: null, reason: 'invalid' }])
    const closed = await rig.peer('other')
    closed.send(hello({ rooms: [{ room: 'chat/closed' }], nextHash: 'x'.repeat(43) }))
    expect(inShort(await closed.take())).toContain('denied chat/closed forbidden')
  })

  test('[SCHEMA-6] what the application publishes must fit too: it is refused, and nothing is kept', async () => {
    const { rig, peer } = await inRoom('chat/1')
    const room = rig.server.room('chat/1')
    await expect(rig.soon(room.publish({ text: 7 }))).rejects.toMatchObject({ reason: 'invalid' })
    expect(await rig.soon(room.publish({ text: 'hi' }))).toMatchObject({ offset: 1 })
    expect(inShort(await peer.take())).toEqual(['entry chat/1 1'])
  })

  test('[SCHEMA-3] issues are bounded, and half a character does not break the answer', async () => {
    const issues = Array.from({ length: 50 }, () => ({ message: '😀'.repeat(999), path: Array(99).fill({ key: 'k' }) }))
    const noisy: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues }) } }
    const { ask } = await inRoom('r', { r: { schema: { entry: noisy } } })
    const [refused] = await ask(1)
    if (refused?.type !== 'refused' || refused.issues === undefined) throw new Error('no issues')
    expect(refused.issues).toHaveLength(bounds.issuesMax)
    expect(refused.issues[0]?.path).toHaveLength(bounds.issuePathMax)
    expect(refused.issues[0]?.message).toHaveLength(bounds.issueCharsMax)
  })

  test('[SCHEMA-4] a schema that throws is hook-failed, reported, and nothing is kept', async () => {
    const validate = () => {
      throw new Error('my schema is broken')
    }
    const { ask, rig } = await inRoom('r', {
      r: { schema: { entry: { '~standard': { version: 1, vendor: 'test', validate } } } },
    })
    expect(inShort(await ask(1))).toEqual(['refused hook-failed'])
    expect(JSON.stringify(rig.lines)).toContain('schema')
  })

  test('[SCHEMA-5] what is no schema, or under a wrong name, is refused at the start', () => {
    const wrong = (schema: unknown) => () => roomOptionsOf('chat/:id', { schema } as RoomConfig)
    expect(wrong({ entries: z.string() })).toThrow('"chat/:id": schema has entry, presence and signal, not entries')
    expect(wrong({ entry: { type: 'object' } })).toThrow('schema.entry is no Standard Schema')
    expect(wrong({ entry: undefined })).not.toThrow()
  })
})
