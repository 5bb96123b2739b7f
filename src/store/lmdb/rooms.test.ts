import { expect, test } from 'vitest'
import { emptyLog } from '../log.js'
import { Journal } from './journal.js'
import { memoryDisk } from './memory-disk.js'
import { DiskRooms } from './rooms.js'
import { Numbers } from './table.js'

test('[DISK-8, I51] of rooms that are on the disk only those used lately are in memory, and each comes back', async () => {
  const disk = memoryDisk()
  const journal = new Journal({ disk, always: () => {}, bytesMax: 1e9 })
  const incarnations = { present: { epoch: 'e', tag: 'b' }, past: [] }
  const rooms = new DiskRooms({ disk, journal, incarnations, numbers: new Numbers() })
  for (let n = 0; n < 5_000; n++) {
    rooms.make(`r${n}`, emptyLog(incarnations)).declare('process')
    if (n % 500 === 0) await journal.kept(false)
  }
  // What is not yet written cannot leave.
  expect(rooms.inMemory('r4999')?.isSettled).toBe(false)
  await journal.kept(true)
  for (let n = 0; n < 5_000; n++) expect(rooms.find(`r${n}`)?.name).toBe(`r${n}`)
  expect(rooms.count).toBeLessThanOrEqual(2_000)
  expect([...rooms.next(64)].length).toBe(64)
  expect(rooms.count).toBeLessThanOrEqual(1_000)
})
