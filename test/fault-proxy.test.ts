// Scripts of faults on real sockets: the real client reaches the real server through a proxy that a script breaks.

import { connect } from 'holdfast'
import { createTcpProxy, type Fault, InvalidFaultScript, playFaultsOnProxies, proxyFaultKinds } from 'holdfast/testing'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { type RealServer, startServer } from './support/real.js'

let server: RealServer | undefined
const undo: (() => unknown)[] = []

afterEach(async () => {
  for (const run of undo.splice(0).reverse()) await run()
})
afterAll(() => server?.server.close({ timeoutMs: 500 }))

async function setUp(key: string) {
  server ??= await startServer({ settings: { heartbeatMs: 1_000, heartbeatTimeoutMs: 500 } })
  const proxy = await createTcpProxy({ to: { port: server.port } })
  const session = connect(`ws://127.0.0.1:${proxy.port}`, {
    key,
    connectTimeoutMs: 400,
    reconnect: { minMs: 20, maxMs: 200 },
  })
  undo.push(
    () => proxy.close(),
    () => session.close(),
  )
  const room = session.join(`room/${key}`)
  const heard: unknown[] = []
  room.on('entry', ({ data }) => heard.push(data))
  await vi.waitFor(() => expect(room.isLive).toBe(true), { timeout: 5_000 })
  return { proxy, session, room, heard }
}

const faults: readonly Fault[] = [
  { fault: 'cut', line: 'ann' },
  { fault: 'cut-at', line: 'ann', direction: 'up', bytes: 20 },
  { fault: 'half-open', line: 'ann' },
  { fault: 'half-open', line: 'ann', direction: 'down' },
  { fault: 'delay', line: 'ann', ms: 150, forMs: 300 },
  { fault: 'bandwidth', line: 'ann', bytesPerSec: 2_000, forMs: 300 },
  { fault: 'stall', line: 'ann', forMs: 300 },
  { fault: 'hang', line: 'ann', forMs: 300 },
  { fault: 'refuse', line: 'ann', forMs: 300 },
  { fault: 'down', line: 'ann', forMs: 300 },
  { fault: 'storm' },
]

for (const [index, fault] of faults.entries()) {
  test(`a script of ${fault.fault} on a real socket: what was published meanwhile is there once`, async () => {
    const { proxy, session, room, heard } = await setUp(`${index}`)
    const playing = playFaultsOnProxies({ lines: { ann: proxy } }, [{ atMs: 0, ...fault }])
    await vi.waitFor(() => expect(playing.done).toHaveLength(1))
    expect(await room.publish('one')).toMatchObject({ kind: 'kept' })
    await vi.waitFor(() => expect(heard).toEqual(['one']), { timeout: 5_000 })
    expect(playing.idle).toEqual([])
    await vi.waitFor(() => expect(session.status.state).toBe('connected'))
  }, 20_000)
}

test('every fault of a proxy is played above', () => {
  expect(new Set(faults.map(({ fault }) => fault))).toEqual(new Set(proxyFaultKinds))
})

test('what a proxy cannot do is refused by name, before anything is done', async () => {
  const { proxy } = await setUp('refusal')
  const [link] = proxy.links
  const play = (fault: Fault) => () =>
    playFaultsOnProxies({ lines: { ann: proxy } }, [
      { atMs: 0, fault: 'storm' },
      { atMs: 0, ...fault },
    ])
  expect(play({ fault: 'lose-reply', line: 'ann', frame: 'welcome' })).toThrow(/step 1: .*on a proxy: cut, cut-at/)
  expect(play({ fault: 'cut', line: 'bob' })).toThrow(/the lines ann/)
  expect(play({ fault: 'stall', line: 'ann', direction: 'up', forMs: 5 })).toThrow(InvalidFaultScript)
  expect(proxy.links).toEqual([link])
})
