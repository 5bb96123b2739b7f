import { describe, expect, test } from 'vitest'
import { createOutboxDisk, openOutboxDisk } from './memory-outbox.js'
import { outboxSuite } from './outbox-suite.js'
import { createVirtualClock } from './virtual-clock.js'

outboxSuite({ describe, test, expect }, 'memory', () => {
  const disk = createOutboxDisk()
  return { page: () => openOutboxDisk(disk, { clock: createVirtualClock() }) }
})

test('[OBX-4] what a page held that died is free; it changes nothing any more', async () => {
  const disk = createOutboxDisk()
  const clock = createVirtualClock()
  const page = openOutboxDisk(disk, { clock, delayMs: () => 10, isEarly: () => false })
  const opening = page.open('s')
  await clock.advance(10)
  const shelf = await opening
  void shelf.hold('p')
  await clock.advance(10)
  expect(disk.holders.size).toBe(1)
  void shelf.write([{ remove: { producer: 'p', seq: 1 } }])
  page.die()
  await clock.advance(1_000)
  expect([disk.holders.size, clock.pending]).toEqual([0, 0])
})
