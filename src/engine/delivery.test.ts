// Delivery is replay: what a room's readers get, live, behind and after a drop.

import { expect, test } from 'vitest'
import { Client, startNode, within } from '../../test/support/engine-rig.js'
import { memoryStore } from '../store/memory.js'
import { createVirtualClock } from '../testing/virtual-clock.js'

async function oneRoom() {
  const clock = createVirtualClock()
  const node = await startNode({ clock, store: memoryStore() })
  const ann = new Client(node, 'ann')
  const bob = new Client(node, 'bob')
  for (const client of [ann, bob]) {
    await within(clock, client.dial())
    expect(await within(clock, client.join('r'))).toMatchObject({ kind: 'joined' })
  }
  return { clock, node, ann, bob }
}

test('[DLV-1] a publish reaches every reader once, in order, and joined and live come first', async () => {
  const { clock, ann, bob } = await oneRoom()
  for (const data of ['a', 'b', 'c'])
    expect(await within(clock, ann.publish('r', data))).toMatchObject({ kind: 'appended' })
  await clock.settle()
  expect(ann.data('r')).toEqual(['a', 'b', 'c'])
  expect(bob.data('r')).toEqual(['a', 'b', 'c'])
  expect(bob.wire.frames.map(({ type }) => type).slice(0, 2)).toEqual(['joined', 'live'])
  expect([...ann.violations, ...bob.violations]).toEqual([])
})
