// Rooms: which there are, who may be in them, what is kept, and who publishes.

import { connect } from 'holdfast'
import { createServer } from 'holdfast/server'
import { afterAll, expect, test } from 'vitest'

const members = new Map([['42', new Set(['ann', 'ben'])]])

const server = await createServer({
  port: 0,
  log: false,
  authenticate: (token) => (token === null ? null : { user: token }),
  rooms: {
    'chat/:id': {
      canJoin: ({ user, params }) => members.get(params.id)?.has(user) === true,
      canPublish: ({ data }) => isMessage(data) || { reason: 'a message is { text }, 1 to 500 characters' },
      retention: { entriesMax: 500, ageMs: 24 * 3_600_000 },
      presence: { graceMs: 5_000 },
    },
    'news/*': { canPublish: () => false, history: 'since-join' },
  },
})

function isMessage(data: unknown): data is { text: string } {
  const text = (data as { text?: unknown } | null)?.text
  return typeof text === 'string' && text.length > 0 && text.length <= 500
}

afterAll(() => server.close({ drainMs: 0 }))

test('a member reads and writes, a stranger is refused', async () => {
  const ann = connect(server.url, { key: 'ann', auth: () => 'ann' })
  const chat = ann.join('chat/42', { last: 50 })
  const texts: unknown[] = []
  chat.on('entry', ({ data }) => texts.push(data))

  const kept = await chat.publish({ text: 'hi' })
  if (kept.kind === 'kept') console.log(`kept at offset ${kept.position?.offset}`)
  else console.log(`refused (${kept.reason}): ${kept.message}`)
  expect(kept.kind).toBe('kept')

  const wrong = await chat.publish({ words: 'hi' })
  expect(wrong).toMatchObject({ kind: 'failed', reason: 'forbidden' })

  await server.room('chat/42').publish({ text: 'from the server' })
  await expect.poll(() => texts).toEqual([{ text: 'hi' }, { text: 'from the server' }])

  const eve = connect(server.url, { key: 'eve', auth: () => 'eve' })
  const refused = await new Promise((resolve) => {
    eve.join('chat/42').on('denied', ({ reason, retry }) => resolve({ reason, retry }))
  })
  expect(refused).toEqual({ reason: 'forbidden', retry: false })

  chat.leave() // this hold of the room; the last one leaves it
  ann.close() //  this hold of the session; the server keeps the session for its hold time
  eve.close()
})
