import { expect, test } from 'vitest'
import { createNetwork } from '../testing/memory-network.js'
import { createSeededChance } from '../testing/seeded-chance.js'
import { createTestServer } from '../testing/test-server.js'
import { createVirtualClock } from '../testing/virtual-clock.js'
import { connect } from './node.js'

test('a session is welcomed, joins, publishes, and goes on after a cut', async () => {
  const clock = createVirtualClock()
  const chance = createSeededChance(1)
  const network = createNetwork({ clock, chance })
  const starting = createTestServer({ clock, chance, network })
  await clock.settle()
  await starting
  const line = network.line('ann')
  const session = connect('ws://server.test', { dial: line.dial, clock: line.clock, chance })
  const room = session.join('a', { last: 5, presence: true })
  const heard: unknown[] = []
  room.on('entry', ({ data }) => heard.push(data))
  const results: string[] = []
  void room.publish(1).then(({ kind }) => results.push(kind))
  await clock.advance(1000)
  line.cut()
  void room.publish(2).then(({ kind }) => results.push(kind))
  await clock.advance(5000)
  expect(heard).toEqual([1, 2])
  expect(results).toEqual(['kept', 'kept'])
  expect(session.status.state).toBe('connected')
})
