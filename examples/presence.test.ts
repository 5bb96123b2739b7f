// Who is here: what each shows of himself, and a drop that nobody sees.

import { connect } from 'holdfast'
import { createNetwork, createSeededChance, createTestServer, createVirtualClock } from 'holdfast/testing'
import { expect, test } from 'vitest'

test('a drop shorter than the grace is invisible; a longer one shows as held; a leave is at once', async () => {
  const clock = createVirtualClock()
  const chance = createSeededChance(1)
  const network = createNetwork({ clock, chance })
  const rooms = { 'call/:id': { presence: { graceMs: 10_000 } } }
  const starting = createTestServer({ clock, chance, network, rooms })
  await clock.settle()
  const server = await starting
  const line = network.line('ann')
  const ann = connect(server.url, { key: 'ann', clock, chance, dial: line.dial })
  const ben = connect(server.url, { key: 'ben', clock, chance, dial: network.line('ben').dial })

  ann.join('call/7').presence.track({ name: 'Ann', camera: 'on' }) // the last value wins, and survives drops
  const call = ben.join('call/7', { presence: true })
  const seen: string[] = []
  call.on('presence', ({ members }) => {
    const other = members.find(({ session }) => session === ann.id)
    seen.push(other === undefined ? 'gone' : `${nameOf(other.data)} is ${other.state}`)
  })
  await clock.advance(2_000)
  seen.splice(0)

  line.cut()
  await clock.advance(3_000)
  expect(seen).toEqual([])

  line.down()
  await clock.advance(15_000)
  expect(seen).toEqual(['Ann is held'])

  line.up()
  ann.retryNow()
  await clock.advance(5_000)
  void ann.leave()
  await clock.advance(2_000)
  expect(seen).toEqual(['Ann is held', 'Ann is live', 'gone'])
})

function nameOf(shown: unknown): string {
  return (shown as { name?: string } | undefined)?.name ?? 'somebody'
}
