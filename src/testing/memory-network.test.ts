import { expect, test } from 'vitest'
import type { LinkEvents } from '../client/link.js'
import type { Transport } from '../engine/transport.js'
import { frameText } from '../protocol/websocket-frame.js'
import { createNetwork } from './memory-network.js'
import { createSeededChance } from './seeded-chance.js'
import { createVirtualClock } from './virtual-clock.js'

const url = 'ws://app.test/'

function setUp(latencyMs = 5) {
  const clock = createVirtualClock()
  const network = createNetwork({ clock, chance: createSeededChance(1), latencyMs })
  const server: string[] = []
  const transports: Transport[] = []
  const listener = network.listen(url, ({ transport, line }) => {
    transports.push(transport)
    server.push(`accepted ${line}`)
    return {
      received: (frame) => server.push(`${frame}`),
      closed: (code, reason) => server.push(`closed ${code} ${reason}`.trim()),
    }
  })
  const client: string[] = []
  const events = (name = ''): LinkEvents => ({
    opened: () => client.push(`${name}opened@${clock.nowMs()}`),
    received: (frame) => client.push(`${name}${frame}`),
    closed: (code, reason) => client.push(`${name}closed ${code} ${reason}`.trim()),
  })
  const ann = network.line('ann')
  const say = (...texts: string[]) =>
    transports.at(-1)!.write(
      texts.map((text) => frameText(text)),
      () => server.push('written'),
    )
  return { clock, network, server, client, events, ann, listener, transports, say }
}

async function opened(options?: number) {
  const world = setUp(options)
  const link = world.ann.dial(url, world.events())
  await world.clock.advance(100)
  return { ...world, link }
}

test('a dial opens after a round trip; frames go both ways, in order', async () => {
  const { clock, server, client, link, say, network } = await opened()
  expect(client).toEqual(['opened@10'])
  link.send('one')
  link.send('two')
  expect(link.bufferedBytes).toBeGreaterThan(0)
  await clock.advance(5)
  expect(link.bufferedBytes).toBe(0)
  expect(server).toEqual(['accepted ann', 'one', 'two'])
  expect(say('a', 'b')).toBe(true)
  expect(server.at(-1)).toBe('two')
  await clock.advance(5)
  expect(server.at(-1)).toBe('written')
  expect(client.slice(1)).toEqual(['a', 'b'])
  expect(network.violations).toEqual([])
})

test('closing from either end tells both the code; nothing is written afterwards', async () => {
  const a = await opened()
  a.link.close(4000, 'bye')
  await a.clock.advance(20)
  expect(a.server.at(-1)).toBe('closed 4000 bye')
  expect(a.client.at(-1)).toBe('closed 4000 bye')
  expect(a.say('late')).toBe(false)
  expect(a.ann.links).toEqual([])
  expect(a.listener.links).toEqual([])

  const b = await opened()
  b.transports[0]!.close(4001, 'moved', frameText('last'))
  expect(b.say('late')).toBe(false)
  await b.clock.advance(20)
  expect(b.client.slice(1)).toEqual(['last', 'closed 4001 moved'])
  expect(b.server.at(-1)).toBe('closed 4001')
})

test('nobody listening, a refused line and a refusing server are all 1006 after a round trip', async () => {
  const { clock, ann, client, events, network, listener } = setUp()
  ann.dial('ws://nowhere.test/', events('a '))
  ann.refuse(true)
  ann.dial(url, events('b '))
  ann.refuse(false)
  network.listen('ws://no.test/', () => null)
  ann.dial('ws://no.test/', events('c '))
  listener.close()
  ann.dial(url, events('d '))
  await clock.advance(9)
  expect(client).toEqual([])
  await clock.advance(1)
  expect(client.toSorted()).toEqual(['a closed 1006', 'b closed 1006', 'c closed 1006', 'd closed 1006'])
})

test('a hanging upgrade is never answered; closing it ends it here at once', async () => {
  const { clock, ann, client, events, server } = setUp()
  ann.hang(true)
  const link = ann.dial(url, events())
  await clock.advance(60_000)
  expect(client).toEqual([])
  link.close(1000, '')
  await clock.advance(1)
  expect(client).toEqual(['closed 1006'])
  expect(server).toEqual([])
})

test('a cut loses what is on the way and tells both ends, or whom one says, when one says', async () => {
  const a = await opened()
  a.link.send('lost')
  a.ann.cut()
  await a.clock.advance(50)
  expect([a.client.at(-1), a.server.at(-1)]).toEqual(['closed 1006', 'closed 1006'])
  expect(a.server).not.toContain('lost')

  const b = await opened()
  b.link.send('kept')
  b.ann.cut({ server: 30_000, delivers: true })
  await b.clock.advance(29_000)
  expect(b.client.at(-1)).toBe('closed 1006')
  expect(b.server.at(-1)).toBe('kept')
  expect(b.say('nobody hears')).toBe(true)
  await b.clock.advance(2000)
  expect(b.server.slice(-2)).toEqual(['written', 'closed 1006'])

  const c = await opened()
  c.ann.cut({ server: 'never' })
  await c.clock.advance(100_000)
  expect(c.server).toEqual(['accepted ann'])
})

test('half open: everything is swallowed in that direction, closes too, nobody is told', async () => {
  const { clock, ann, server, client, link, say } = await opened()
  ann.link.halfOpen('up')
  link.send('swallowed')
  say('heard')
  await clock.advance(50)
  expect(client.at(-1)).toBe('heard')
  ann.link.halfOpen()
  say('swallowed')
  link.close(1000, '')
  await clock.advance(60_000)
  expect(client.at(-1)).toBe('heard')
  expect(server).toEqual(['accepted ann', 'written', 'written'])
})

for (const direction of ['up', 'down'] as const) {
  test(`cut at every byte, ${direction}: exactly the whole frames before it arrive`, async () => {
    const sizes = direction === 'up' ? [9, 9] : [5, 5]
    for (let bytes = 0; bytes <= 20; bytes++) {
      const world = await opened()
      world.ann.link.cutAt({ bytes, direction })
      if (direction === 'up') for (const text of ['abc', 'def']) world.link.send(text)
      else world.say('abc', 'def')
      await world.clock.advance(50)
      const heard = (direction === 'up' ? world.server : world.client).filter((what) => /^(abc|def)$/.test(what))
      const whole = bytes >= sizes[0]! + sizes[1]! ? 2 : bytes >= sizes[0]! ? 1 : 0
      expect(heard, `${bytes} bytes`).toEqual(['abc', 'def'].slice(0, whole))
      expect(world.client.at(-1) === 'closed 1006', `${bytes} bytes`).toBe(bytes <= sizes[0]! + sizes[1]!)
    }
  })
}

test('a lost reply cuts the link exactly there, also inside one write', async () => {
  const a = await opened()
  a.ann.link.loseReply(2)
  a.say('one', 'two', 'three')
  await a.clock.advance(50)
  expect(a.client.slice(1)).toEqual(['one', 'closed 1006'])

  const b = await opened()
  b.ann.link.loseReply((frame) => frame.type === 'live', { server: 'never' })
  b.say('{"type":"beat","everyMs":1,"sent":[]}', '{"type":"live","room":null}', '{"type":"live","room":"a"}')
  await b.clock.advance(50)
  expect(b.client.slice(1)).toEqual(['{"type":"beat","everyMs":1,"sent":[]}', 'closed 1006'])
  expect(b.server.at(-1)).toBe('written')
})

test('a lost request cuts the link there', async () => {
  const { clock, ann, link, server } = await opened()
  ann.link.loseRequest((frame) => frame.type === 'leave')
  link.send('{"type":"beat"}')
  link.send('{"type":"leave","id":1,"room":null}')
  link.send('{"type":"beat"}')
  await clock.advance(50)
  expect(server).toEqual(['accepted ann', '{"type":"beat"}', 'closed 1006'])
})

test('a withheld link opens for its client alone; released, the server hears all of it, and its end', async () => {
  const { clock, ann, client, events, server } = setUp()
  const stop = ann.onDial((link) => link.withhold())
  const link = ann.dial(url, events())
  const withheld = ann.link
  stop()
  await clock.advance(20)
  expect(client).toEqual(['opened@5'])
  link.send('hello')
  await clock.advance(20)
  withheld.cut()
  await clock.advance(20)
  expect(client.at(-1)).toBe('closed 1006')
  expect(server).toEqual([])
  ann.dial(url, events('second '))
  await clock.advance(20)
  withheld.release()
  await clock.advance(20)
  expect(server).toEqual(['accepted ann', 'accepted ann', 'hello', 'closed 1006'])
  expect(client.at(-1)).toBe('second opened@70')
})

test('a stalled link takes nothing and loses nothing; written is called when it flows again', async () => {
  const { clock, ann, say, server, client } = await opened()
  ann.link.stall()
  say('waits')
  await clock.advance(60_000)
  expect(server).toEqual(['accepted ann'])
  ann.link.flow()
  await clock.advance(10)
  expect(server.at(-1)).toBe('written')
  expect(client.at(-1)).toBe('waits')
})

test('bandwidth and delay hold bytes back and keep the order', async () => {
  const { clock, ann, say, server, client } = await opened()
  ann.link.bandwidth(100, 'down')
  say('x'.repeat(98))
  await clock.advance(999)
  expect(server.at(-1)).toBe('accepted ann')
  await clock.advance(6)
  expect(server.at(-1)).toBe('written')
  expect(client.at(-1)).toBe('x'.repeat(98))
  ann.link.bandwidth(Infinity)
  ann.link.delay(500)
  say('late')
  await clock.advance(400)
  ann.link.delay(0)
  say('later')
  await clock.advance(104)
  expect(client.at(-1)).toBe('x'.repeat(98))
  await clock.advance(1)
  expect(client.slice(-2)).toEqual(['late', 'later'])
})

test('swallowed close frames leave the other end in the dark; a lost code is 1006', async () => {
  const a = await opened()
  a.ann.link.swallowClose()
  a.link.close(1000, '')
  await a.clock.advance(60_000)
  expect(a.server).toEqual(['accepted ann'])
  a.transports[0]!.close(4000, 'drain', frameText('bye'))
  await a.clock.advance(60_000)
  expect(a.server.at(-1)).toBe('closed 1006')
  expect(a.client).toEqual(['opened@10'])

  const b = await opened()
  b.ann.link.loseCloseCode()
  b.transports[0]!.close(4000, 'drain', frameText('bye'))
  await b.clock.advance(50)
  expect(b.client.slice(1)).toEqual(['bye', 'closed 1006'])
})

test('a paused transport reads later, in order, its end too; destroy is told as 1006', async () => {
  const { clock, link, transports, server, client } = await opened()
  transports[0]!.pause()
  link.send('one')
  link.send('two')
  await clock.advance(50)
  expect(server).toEqual(['accepted ann'])
  transports[0]!.resume()
  await clock.advance(50)
  expect(server.slice(1)).toEqual(['one', 'two'])
  transports[0]!.destroy()
  transports[0]!.destroy()
  await clock.advance(50)
  expect(server.slice(3)).toEqual(['closed 1006'])
  expect(client.at(-1)).toBe('closed 1006')
})

test('a write before the last was written is a violation', async () => {
  const { network, say } = await opened()
  say('one')
  say('two')
  expect(network.violations).toEqual(['ann#1: a write began before the last one was written'])
})

test('two listeners of one host take turns; a crashed one is gone and its clients are told', async () => {
  const { clock, network, listener, ann, client, server, events } = setUp()
  const other: string[] = []
  const second = network.listen(url, () => {
    other.push('accepted')
    return { received() {}, closed: (code) => other.push(`closed ${code}`) }
  })
  for (let count = 0; count < 4; count++) ann.dial(url, events())
  await clock.advance(50)
  expect([server.length, other.length]).toEqual([2, 2])
  ann.via(second)
  ann.dial(url, events())
  await clock.advance(50)
  expect(other.length).toBe(3)
  second.crash()
  ann.dial(url, events())
  await clock.advance(50)
  expect(client.filter((what) => what === 'closed 1006').length).toBe(3)
  expect(other.length).toBe(3)
  expect(server.length).toBe(3)
  expect(listener.links.length).toBe(3)
})

test('a paused client hears in order when it wakes: its timers first', async () => {
  const { clock, ann, say, client } = await opened()
  ann.clock.after(30_000, () => client.push('timer'))
  ann.clock.pause()
  say('during')
  await clock.advance(60_000)
  expect(client).toEqual(['opened@10'])
  ann.clock.thaw()
  await clock.settle()
  expect(client.slice(1)).toEqual(['timer', 'during'])
})
