// The whole system over a store that keeps its contract and not one promise more: answers late, hints late, lost and
// repeated, operations that fail before or after their effect; two nodes, links that break all the time. Virtual time,
// ten seeds each; nothing is scaled.

import { type Disturbance, disturbStore } from 'holdfast/testing'
import type { PublishResult } from 'holdfast'
import { memoryStore } from 'holdfast/server'
import { describe, expect, test } from 'vitest'
import { type Client, createWorld, range, type RoomRecord, type World } from './support/world.js'

const byName = { authenticate: (token: string | null) => (token === null ? null : { user: token }) }
const as = (user: string) => ({ auth: async () => user })

const disturbances: Record<string, Omit<Disturbance, 'random' | 'sleep'>> = {
  'late answers': { answerLateMs: [0, 40], hintLateMs: [0, 300] },
  // About five operations a second in the room, and fifteen publishes: answers take longer than the deadline.
  'an overloaded store': { answerLateMs: [0, 200], hintLateMs: [0, 300] },
  'lost and repeated hints': { hintLoss: 0.5, hintRepeat: 0.3, hintLateMs: [0, 500] },
  'no hints at all': { hintLoss: 1 },
  'failing operations': { answerLateMs: [0, 50], failures: (operation) => operation !== 'tick' },
}

async function disturbedWorld(seed: number, disturbance: Omit<Disturbance, 'random' | 'sleep'>, failureShare: number) {
  const isOn = { now: false }
  const world = await createWorld({
    seed,
    nodeCount: 2,
    ...byName,
    wrapStore: (store, clock, chance) =>
      disturbStore(store, {
        ...disturbance,
        random: () => chance.fraction(),
        sleep: (ms) => new Promise((resolve) => clock.after(ms, () => resolve())),
        failures: (operation, room) => {
          if (!isOn.now || chance.fraction() >= failureShare) return false
          return disturbance.failures?.(operation, room) ?? false
        },
      }),
    store: memoryStore(),
  })
  return { world, isOn }
}

async function storm(world: World, clients: Client[], rooms: RoomRecord[], isOn: { now: boolean }, count: number) {
  const chance = world.chance.fork('storm')
  const results: Promise<PublishResult>[] = []
  isOn.now = true
  for (const n of range(1, count)) {
    for (const [index, { room }] of rooms.entries()) results.push(room.publish(`${clients[index]!.name} ${n}`))
    await world.clock.advance(chance.below(400))
    if (chance.fraction() < 0.25) {
      const { line } = clients[chance.below(clients.length)]!
      const how = chance.fraction()
      if (how < 0.4) line.cut()
      else if (how < 0.7) line.cut({ server: 'never' })
      else line.cut({ client: 20_000 })
    }
  }
  isOn.now = false
  return results
}

for (const [what, disturbance] of Object.entries(disturbances)) {
  describe(`[I04] [I05] [I08] [I09] [I18] [I20] [I26] ${what}`, () => {
    for (const seed of range(1, 10)) {
      test(`seed ${seed}: everything once, one order, every promise settled, one owner each`, async () => {
        const { world, isOn } = await disturbedWorld(seed, disturbance, 0.1)
        const clients = ['ann', 'bob', 'eve'].map((name) => world.client(name, as(name)))
        const rooms = clients.map((client) => client.room('a', { presence: true }))
        await world.until('all to be live', () => rooms.every(({ room }) => room.isLive))
        const results = await storm(world, clients, rooms, isOn, 40)
        const settled = await world.settled(Promise.all(results), 300_000)
        // Whoever was in flight at three breaks in a row without an answer is given up, as documented: links are cut
        // about twice a second here, and answers fail or are late.
        const kinds = settled.map((result) => (result.kind === 'failed' ? result.reason : result.kind))
        const canWantAnswers = what === 'an overloaded store' || what === 'failing operations'
        const mayBe = canWantAnswers ? ['kept', 'poison'] : ['kept']
        expect(kinds.filter((kind) => !mayBe.includes(kind))).toEqual([])
        const keptCount = kinds.filter((kind) => kind === 'kept').length
        await world.until(
          'all to have everything',
          () => rooms.every(({ entries }) => entries.length >= keptCount),
          120_000,
        )
        await world.clock.advance(60_000)
        const [first, ...others] = rooms
        for (const other of others) expect(other.data()).toEqual(first!.data())
        expect(rooms.flatMap(({ gaps }) => gaps)).toEqual([])
        for (const [index, { name }] of clients.entries()) {
          const own = first!.data().filter((data) => String(data).startsWith(name))
          const all = range(1, 40).map((n) => `${name} ${n}`)
          const isKept = (data: unknown) => kinds[(Number(String(data).split(' ')[1]) - 1) * 3 + index] === 'kept'
          expect(own).toEqual(all.filter((data) => isKept(data) || own.includes(data)))
          const owners = world.servers.filter(({ sessions }) =>
            [...sessions.values()].some(({ user }) => user === name),
          )
          expect(owners.length).toBe(1)
        }
        for (const { presence } of rooms) expect(presence.at(-1)).toBe('ann:live bob:live eve:live')
        world.problems.splice(0)
      })
    }
  })
}
