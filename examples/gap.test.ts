// What a reader is told when what it missed is no longer kept.

import { connect } from 'holdfast'
import { createNetwork, createSeededChance, createTestServer, createVirtualClock } from 'holdfast/testing'
import { expect, test } from 'vitest'

test('ten entries were trimmed while the link was down: a gap says so, then the rest follows in order', async () => {
  const clock = createVirtualClock()
  const chance = createSeededChance(1)
  const network = createNetwork({ clock, chance })
  const rooms = { 'ticks/:id': { retention: { entriesMax: 5 } } }
  const starting = createTestServer({ clock, chance, network, rooms })
  await clock.settle()
  const server = await starting
  const line = network.line('ann')
  const session = connect(server.url, { clock, chance, dial: line.dial })

  const seen: string[] = []
  const room = session.join('ticks/1', {
    snapshot: async ({ reason, from, to }) => {
      // Read the state of your own application here; entries wait until this settles, then follow.
      seen.push(`snapshot, because ${from} to ${to} are ${reason}`)
    },
  })
  room.on('entry', ({ position }) => seen.push(`entry ${position.offset}`))
  session.on('resume', ({ session: verdict, rooms: outcomes, downMs }) => {
    seen.push(`${verdict.kind} after ${downMs} ms: ticks/1 is ${outcomes.get('ticks/1')?.kind}`)
  })
  await clock.advance(1_000)

  line.cut()
  for (let tick = 1; tick <= 15; tick++) {
    void server.room('ticks/1').publish({ tick })
    await clock.advance(10)
  }
  await clock.advance(30_000)

  expect(seen.filter((line) => line.startsWith('snapshot'))).toEqual(['snapshot, because 1 to 10 are trimmed'])
  expect(seen.filter((line) => line.startsWith('entry'))).toEqual([11, 12, 13, 14, 15].map((n) => `entry ${n}`))
  expect(seen.find((line) => line.startsWith('resumed'))).toMatch(/ticks\/1 is gap$/)
})
