// The numbers an operator sets are the numbers that happen: five dials 5 s apart, and a half-open peer held within
// heartbeat and timeout. On virtual time unscaled; on real sockets scaled ten times down (500 ms + 1 s).

import { connect, memoryStorage } from 'holdfast'
import { createTcpProxy } from 'holdfast/testing'
import { afterAll, expect, test } from 'vitest'
import { startServer } from './support/real.js'
import { createWorld, range } from './support/world.js'

const byName = { authenticate: (token: string | null) => (token === null ? null : { user: token }) }
const as = (user: string) => ({ auth: async () => user })

const undo: (() => unknown)[] = []
afterAll(async () => {
  for (const run of undo.reverse()) await run()
})

test('[S22] attemptsMax 5, minMs 5000, jitter 0: five dials 5 s apart, then reconnect-failed, then retryNow', async () => {
  const world = await createWorld(byName)
  const reconnect = { attemptsMax: 5, minMs: 5_000, jitter: 0 }
  const ann = world.client('ann', { ...as('ann'), reconnect })
  const room = ann.room('a')
  await world.until('ann to be live', () => room.room.isLive)
  // Live for long enough that the drop is no failure of its own.
  await world.clock.advance(10_000)
  const dialsMs: number[] = []
  ann.line.onDial(() => dialsMs.push(world.clock.nowMs()))
  const cutMs = world.clock.nowMs()
  ann.line.down()
  await world.clock.advance(600_000)
  expect(dialsMs.length).toBe(5)
  const steps = dialsMs.map((atMs, index) => Math.round(atMs - (dialsMs[index - 1] ?? cutMs)))
  for (const step of steps) {
    expect(step).toBeGreaterThanOrEqual(5_000)
    expect(step).toBeLessThan(5_100)
  }
  expect(ann.heard.at(-1)).toBe('reconnect-failed 5')
  expect(ann.session.status).toMatchObject({ state: 'suspended', reason: 'reconnect-failed', nextAttemptInMs: null })

  const waiting = room.room.publish('kept for later')
  ann.line.up()
  await world.clock.advance(60_000)
  expect(dialsMs.length).toBe(5)
  ann.session.retryNow()
  await world.until('ann to be live', () => room.room.isLive, 1_000)
  expect(dialsMs.length).toBe(6)
  expect(await world.settled(waiting)).toMatchObject({ kind: 'kept' })
})

test('the limit counts dials that fail in a row; a connection that stays live starts the count anew', async () => {
  const world = await createWorld(byName)
  const ann = world.client('ann', { ...as('ann'), reconnect: { attemptsMax: 3, minMs: 1_000, jitter: 0 } })
  for (const round of range(1, 5)) {
    await world.until(`ann to be live, round ${round}`, () => ann.session.status.state === 'connected', 10_000)
    await world.clock.advance(6_000)
    ann.line.down()
    await world.clock.advance(2_500)
    ann.line.up()
  }
  await world.until('ann to be live', () => ann.session.status.state === 'connected', 10_000)
  expect(ann.heard).not.toContain('reconnect-failed 3')
})

test('reconnect: false dials once, and again only on retryNow', async () => {
  const world = await createWorld(byName)
  const ann = world.client('ann', { ...as('ann'), reconnect: false })
  await world.until('ann to be live', () => ann.heard.includes('live'))
  ann.line.cut()
  await world.clock.advance(600_000)
  expect(ann.line.dialCount).toBe(1)
  expect(ann.heard.at(-1)).toBe('reconnect-failed 1')
  ann.session.retryNow()
  await world.until('ann to be back', () => ann.session.status.state === 'connected', 1_000)
})

for (const direction of ['both', 'up', 'down'] as const) {
  test(`[F05] [F06] a peer that is half open (${direction}) is held within 15 s with heartbeat 5 s + 10 s`, async () => {
    const world = await createWorld({ ...byName, settings: { heartbeatMs: 5_000, heartbeatTimeoutMs: 10_000 } })
    const ann = world.client('ann', { ...as('ann'), reconnect: false })
    const room = ann.room('a')
    await world.until('ann to be live', () => room.room.isLive)
    const drops: string[] = []
    world.servers[0]!.on('drop', ({ user, reason }) => void drops.push(`${user} ${reason}`))
    // At the worst moment: right behind a sign of life.
    let beatCount = 0
    world.network.watch(({ frame, direction: way }) => {
      if (way === 'up' && frame === '{"type":"beat"}') beatCount += 1
    })
    await world.until('a second beat', () => beatCount === 2)
    const startMs = world.clock.nowMs()
    ann.line.link.halfOpen(direction === 'both' ? undefined : direction)
    const isHeld = async () => {
      const [row] = await world.settled(world.store.sessionsOf('ann'))
      return row?.status.state === 'held'
    }
    while (!(await isHeld()) && world.clock.nowMs() - startMs < 60_000) await world.clock.advance(100)
    // One round trip, and one turn of hearing late, beyond.
    expect(world.clock.nowMs() - startMs).toBeLessThanOrEqual(15_200)
    expect(drops.length).toBe(1)
    // The client too: it would dial now.
    await world.until('ann to know', () => ann.session.status.state !== 'connected', 15_200)
  })
}

test('[F05] over real sockets, ten times faster: a half-open peer is held within 1.5 s, and comes back', {
  timeout: 20_000,
}, async () => {
  const { server, port } = await startServer({ heartbeat: { everyMs: 500, timeoutMs: 1_000 } })
  const proxy = await createTcpProxy({ to: { port } })
  const session = connect(`ws://127.0.0.1:${proxy.port}`, { storage: memoryStorage() })
  undo.push(
    () => server.close(),
    () => proxy.close(),
    () => session.close(),
  )
  await session.whenLive()
  const room = session.join('a')
  await expect.poll(() => room.isLive).toBe(true)
  const { user } = session
  // A few beats, so that both ends know the interval.
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  const droppedMs = new Promise<number>((resolve) => server.on('drop', () => resolve(performance.now())))
  const startMs = performance.now()
  proxy.halfOpenAll()
  expect((await droppedMs) - startMs).toBeLessThan(1_500 + 250)
  expect((await server.sessionsOf(user!))[0]?.state).toBe('held')
  proxy.resume()
  await expect.poll(async () => (await server.sessionsOf(user!))[0]?.state, { timeout: 10_000 }).toBe('live')
  expect(await room.publish('back')).toMatchObject({ kind: 'kept' })
})
