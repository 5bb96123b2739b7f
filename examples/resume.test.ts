// "My game survives a resume whose reply is lost", on virtual time and a network in memory: no sleeping, no sockets.

import { connect } from 'holdfast'
import { createNetwork, createSeededChance, createTestServer, createVirtualClock } from 'holdfast/testing'
import { expect, test } from 'vitest'

test('a move made while the network is down arrives once, though the reply to the resume is lost', async () => {
  const clock = createVirtualClock()
  const chance = createSeededChance(1)
  const network = createNetwork({ clock, chance })
  const starting = createTestServer({ clock, chance, network, rooms: { 'game/:id': {} } })
  await clock.settle()
  const server = await starting

  const line = network.line('ann')
  const session = connect(server.url, { clock, chance, dial: line.dial })
  const game = session.join('game/1')
  const moves: unknown[] = []
  game.on('entry', ({ data }) => moves.push(data))
  await clock.advance(1_000)

  line.cut()
  const move = game.publish({ move: 'e4' })
  const stop = line.onDial((link) => {
    link.loseReply(1) // the welcome never arrives, and the link breaks there
    stop()
  })
  await clock.advance(60_000)

  expect(await move).toMatchObject({ kind: 'kept' })
  expect(moves).toEqual([{ move: 'e4' }])
  expect(session.status.state).toBe('connected')
})
