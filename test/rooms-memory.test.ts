// Rooms that nobody reads leave the server's memory, and their history is on the disk.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openLmdbStore } from 'holdfast/store/lmdb'
import { readLast } from '../src/testing/store-suite-parts.js'
import { createIdentity } from './support/raw.js'
import { enterLive, guardServer, type RealServer, startServer } from './support/real.js'

const path = mkdtempSync(join(tmpdir(), 'holdfast-'))
afterAll(() => rmSync(path, { recursive: true, force: true }))

const store = await openLmdbStore({ path })
afterAll(() => store.close())
const running: RealServer = await startServer({ store, settings: { roomLingerMs: 50, tailsBytesMax: 1_048_576 } })
guardServer(() => running)

const [sessionsCount, roomsCount] = [40, 125]

test('[DISK-8, I51] of 5 000 rooms with history none stays in memory when nobody reads it; tails are bounded in all', {
  timeout: 180_000,
}, async () => {
  const { server, port } = running
  const before = server.sizes()
  let [roomsMost, tailBytesMost] = [0, 0]
  for (let session = 0; session < sessionsCount; session += 10) {
    const names = Array.from({ length: 10 }, (_, index) =>
      Array.from({ length: roomsCount }, (_, room) => `r/${session + index}/${room}`),
    )
    const entered = await Promise.all(
      names.map((rooms) =>
        enterLive(
          port,
          rooms.map((room) => ({ room })),
          createIdentity(),
        ),
      ),
    )
    await Promise.all(names.flat().map((room) => server.room(room).publish({ text: 'x'.repeat(500) })))
    roomsMost = Math.max(roomsMost, server.sizes().rooms)
    tailBytesMost = Math.max(tailBytesMost, server.sizes().tailBytes)
    for (const { peer } of entered) peer.send({ type: 'leave', id: 1, room: null })
    await Promise.all(entered.map(({ peer }) => peer.ended()))
  }
  expect(roomsMost).toBeGreaterThanOrEqual(1_250)
  // One segment more than the bound may just be written.
  expect(tailBytesMost).toBeGreaterThan(0)
  expect(tailBytesMost).toBeLessThanOrEqual(2 * 1_048_576)

  await expect.poll(() => server.sizes().rooms, { timeout: 60_000 }).toBe(before.rooms)
  await expect.poll(() => server.sizes().connections, { timeout: 10_000 }).toBe(0)
  expect(server.sizes()).toMatchObject({ tailBytes: before.tailBytes, sessions: 0 })
  for (const room of ['r/0/0', 'r/39/124']) expect((await readLast(store, room, 9)).entries).toHaveLength(1)
})
