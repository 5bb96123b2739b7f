// Members that are not there: what a board shows of sessions that its store does not have, and leaves that a store did
// not take at once.

import { expect, test } from 'vitest'
import { advanceAlive, Client, shownUsers, startNode, watchStore, within } from '../../test/support/engine-rig.js'
import { memoryStore } from '../store/memory.js'
import type { BoardItem, Store } from '../store/store.js'
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import { presenceBoard, shownItem } from './members.js'

const settings = { heartbeatMs: 5_000 }

async function joined(clock: VirtualClock, client: Client): Promise<Client> {
  await within(clock, client.dial())
  await within(clock, client.join('r', { presence: true }))
  await clock.advance(50)
  return client
}

async function show(store: Store, item: BoardItem): Promise<void> {
  await store.changeBoard({ room: 'r', board: presenceBoard, set: [item], removed: [], itemsMax: 100 })
}

test('[PRES-12, I39] who is on a board and not in the room is off it within two beats; all others stay', async () => {
  const clock = createVirtualClock()
  const store = memoryStore()
  const [n1, n2] = [
    await startNode({ clock, store, settings }),
    await startNode({ clock, store, name: 'n2', settings }),
  ]
  const ann = await joined(clock, new Client(n1, 'ann'))
  const bob = await joined(clock, new Client(n2, 'bob'))
  const gone = await joined(clock, new Client(n2, 'gone'))
  gone.drop()

  const known = await joined(clock, new Client(n2, 'known'))
  await within(clock, n2.engine.leave(known.current, 'r'))
  const item = (session: string, user: string, fence: number) => shownItem(session, { user, state: 'live' }, fence)
  for (let n = 0; n < 40; n++) await show(store, item(`never-${n}`, 'never', 1))
  await show(store, item(known.current.id, 'left', known.current.generation))
  await clock.advance(100)
  expect(shownUsers(ann).filter((user) => user.startsWith('never'))).toHaveLength(40)

  await advanceAlive(clock, [ann, bob, known], 2 * settings.heartbeatMs + 10_000)
  expect(shownUsers(ann)).toEqual(['ann live', 'bob live', 'gone held'])
})

test('[PRES-3, I52] who is over is taken off, also where a life of the store that is lost showed him by a later generation', async () => {
  const clock = createVirtualClock()
  const store = memoryStore()
  const node = await startNode({ clock, store, settings })
  const ann = await joined(clock, new Client(node, 'ann'))
  const { id, generation } = ann.current
  ann.drop()
  await show(store, shownItem(id, { user: 'ann', state: 'live' }, generation + 100))
  await clock.advance(140_000)
  expect((await store.session(id))?.status.state).toBe('ended')
  expect((await store.board('r', presenceBoard)).items).toEqual([])
})

test('[ROOM-21, PRES-3] a leave that the store does not take is told, and repeated until it does', async () => {
  const clock = createVirtualClock()
  let isDown = false
  const { store } = watchStore(memoryStore(), (operation) => isDown && operation === 'changeBoard')
  const node = await startNode({ clock, store, settings })
  const ann = await joined(clock, new Client(node, 'ann'))
  const bob = await joined(clock, new Client(node, 'bob'))
  isDown = true
  const answer = within(clock, node.engine.leave(bob.current, 'r')).catch((error: unknown) => String(error))
  expect(await answer).toContain('StoreUnavailable')
  expect(Object.keys((await store.session(bob.current.id))?.rooms ?? {})).toEqual(['r'])
  isDown = false
  await advanceAlive(clock, [ann, bob], 10_000)
  expect(Object.keys((await store.session(bob.current.id))?.rooms ?? {})).toEqual([])
  expect(shownUsers(ann)).toEqual(['ann live'])
})

test('[ROOM-21] who joins again meanwhile stays', async () => {
  const clock = createVirtualClock()
  let isDown = false
  const { store } = watchStore(memoryStore(), (operation) => isDown && operation === 'exit')
  const node = await startNode({ clock, store, settings })
  const bob = await joined(clock, new Client(node, 'bob'))
  isDown = true
  await within(clock, node.engine.leave(bob.current, 'r')).catch(() => {})
  await within(clock, bob.join('r', { presence: true }))
  isDown = false
  await advanceAlive(clock, [bob], 10_000)
  expect(Object.keys((await store.session(bob.current.id))?.rooms ?? {})).toEqual(['r'])
  expect(shownUsers(bob)).toEqual(['bob live'])
})
