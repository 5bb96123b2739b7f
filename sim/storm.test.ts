import { expect, test } from 'vitest'
import { connect, memoryStorage } from '../src/client/node.js'
import { memoryStore } from '../src/store/memory.js'
import { createNetwork } from '../src/testing/memory-network.js'
import { createSeededChance } from '../src/testing/seeded-chance.js'
import { createTestServer } from '../src/testing/test-server.js'
import { createVirtualClock } from '../src/testing/virtual-clock.js'

const clientCount = 300
const perSecond = 50
/** What may come at once beyond it. */
const burst = 4 * perSecond
const bucketMs = 100

/** Everybody is in, then everything breaks at once; the server is away for `downMs`. Times count from the break. */
async function storm(downMs: number) {
  const clock = createVirtualClock()
  const chance = createSeededChance(59)
  const network = createNetwork({ clock, chance })
  const store = memoryStore()
  const dialledMs: number[] = []
  const resumedMs: number[] = []
  const settings = { resumesPerSecond: perSecond, newSessionsPerSecond: perSecond }
  const start = async () => {
    const starting = createTestServer({ clock, chance, network, store, settings })
    await clock.settle()
    const server = await starting
    server.on('resume', () => void resumedMs.push(clock.nowMs()))
    return server
  }
  const server = await start()
  const sessions = []
  for (let at = 0; at < clientCount; at++) {
    const line = network.line(`c${at}`)
    line.onDial(() => void dialledMs.push(clock.nowMs()))
    const storage = memoryStorage()
    sessions.push(connect('ws://server.test', { dial: line.dial, clock: line.clock, chance, storage, wake: [] }))
    await clock.advance(1_000 / perSecond)
  }
  await clock.advance(20_000)
  const brokenMs = clock.nowMs()
  dialledMs.length = 0
  server.crash()
  await clock.advance(downMs)
  await start()
  await clock.advance(60_000)
  const sinceBreak = (times: readonly number[]) => times.map((atMs) => atMs - brokenMs)
  const states = new Set(sessions.map(({ status }) => status.state))
  return { dialled: sinceBreak(dialledMs), resumed: sinceBreak(resumedMs), states }
}

const cases = [
  // A welcome tells the spread for those who were there then: who came while few were there comes back sooner.
  { downMs: 0, busiestMost: 6 },
  { downMs: 8_000, busiestMost: 3 },
]

for (const { downMs, busiestMost } of cases) {
  test(`[I59] ${clientCount} clients come back to a server that was away for ${downMs} ms, no faster than it takes them`, async () => {
    const { dialled, resumed, states } = await storm(downMs)
    expect(states).toEqual(new Set(['connected']))
    expect(resumed.length).toBeGreaterThanOrEqual(clientCount)

    for (const [index, atMs] of resumed.entries()) {
      const count = index - resumed.findIndex((other) => other > atMs - 1_000) + 1
      expect(count).toBeLessThanOrEqual(perSecond + burst)
    }
    // N / rate, and the longest back-off.
    expect(Math.max(...resumed)).toBeLessThan(downMs + (1_000 * clientCount) / perSecond + 20_000)

    const until = (fromMs: number, toMs: number) => dialled.filter((atMs) => atMs >= fromMs && atMs < toMs).length
    expect(until(downMs + 20_000, downMs + 40_000)).toBeLessThan(until(0, 20_000) / 4)
    expect(busiest(dialled)).toBeLessThanOrEqual(busiestMost)
  }, 60_000)
}

/** How much more than on average was dialled in the busiest moment, over the time in which most was dialled. */
function busiest(times: readonly number[]): number {
  const spreadMs = (1_000 * clientCount) / perSecond
  const buckets = Array.from({ length: spreadMs / bucketMs }, () => 0)
  for (const atMs of times) {
    const at = Math.floor(atMs / bucketMs)
    if (at < buckets.length) buckets[at] = (buckets[at] ?? 0) + 1
  }
  const mean = buckets.reduce((sum, count) => sum + count, 0) / buckets.length
  return Math.max(...buckets) / mean
}
