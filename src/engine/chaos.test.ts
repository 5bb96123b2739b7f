// Late, lost, repeated and reordered hints, late and refused answers, drops, stalls and takeovers over two nodes:
// every reader still gets every entry once, in order.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Client, type Node, startNode, within } from '../../test/support/engine-rig.js'
import { memoryStore } from '../store/memory.js'
import { StoreUnavailable } from '../store/store.js'
import { type Disturbance, disturbStore } from '../testing/disturbed-store.js'
import { createSeededChance } from '../testing/seeded-chance.js'
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock.js'

const steps = [
  'publish',
  'publish',
  'publish',
  'burst',
  'drop',
  'dial',
  'takeover',
  'stall',
  'unstall',
  'wait',
] as const

const scenario = fc.record({
  seed: fc.nat(),
  hintLoss: fc.constantFrom(0, 0.2, 0.9),
  failureShare: fc.constantFrom(0, 0.05),
  tailEntriesMax: fc.constantFrom(3, 1_000),
  steps: fc.array(fc.record({ step: fc.constantFrom(...steps), who: fc.nat(2), ms: fc.nat(400) }), {
    minLength: 5,
    maxLength: 40,
  }),
})

interface World {
  readonly clock: VirtualClock
  readonly nodes: readonly Node[]
  readonly clients: readonly Client[]
  readonly published: Promise<unknown>[]
  readonly others: Promise<unknown>[]
}

/** A refusal of the store is an answer; everything else would be a mistake. */
async function answered(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise
  } catch (error) {
    if (error instanceof StoreUnavailable) return null
    throw error
  }
}

async function comeBack(client: Client, node: Node): Promise<void> {
  const answer = (await answered(client.dial(node))) as { kind: string } | null
  if (answer?.kind !== 'attached' || client.session === null) return
  await answered(client.join('r'))
}

function isThere(client: Client): boolean {
  return client.outlet?.isOpen === true && client.wire.closed === null && client.place('r').isJoined
}

async function run(world: World, { step, who, ms }: { step: (typeof steps)[number]; who: number; ms: number }) {
  const { clock, nodes, clients, published, others } = world
  const client = clients[who]
  const node = nodes[ms % nodes.length]
  if (client === undefined || node === undefined) return
  const publish = (data: number) => {
    if (isThere(client)) published.push(answered(client.publish('r', data)))
  }
  if (step === 'publish') publish(ms)
  if (step === 'burst') for (let count = 0; count < 20; count++) publish(count)
  if (step === 'drop') client.drop()
  if (step === 'dial' && !isThere(client)) others.push(comeBack(client, node))
  if (step === 'takeover') others.push(comeBack(client, node))
  if (step === 'stall') client.wire.stall()
  if (step === 'unstall') client.wire.unstall()
  for (const one of clients) one.outlet?.heard()
  await clock.advance(ms)
}

async function heal(world: World): Promise<void> {
  const { clock, clients } = world
  for (let round = 0; round < 70; round++) {
    for (const client of clients) {
      client.wire.unstall()
      client.outlet?.heard()
      const node = client.node
      if (round % 10 === 0 && !isThere(client)) world.others.push(comeBack(client, node))
    }
    await clock.advance(1_000)
  }
  await within(clock, Promise.all([...world.published, ...world.others]), 60_000)
}

test('[I08] [I09] [I10] [I13] [I04] [F53] [F54] no seed leaves a hole, a repetition or another order', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ seed, hintLoss, failureShare, tailEntriesMax, steps: script }) => {
      const clock = createVirtualClock()
      const chance = createSeededChance(seed)
      const random = () => chance.fraction()
      const sleep = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve))
      const memory = memoryStore()
      const disturbance: { -readonly [key in keyof Disturbance]: Disturbance[key] } = { random, sleep }
      const store = disturbStore(memory, disturbance)
      const settings = { tailEntriesMax, pageEntriesMax: 7, slowMs: 5_000, writeBytesMax: 4_000 }
      const nodes = [
        await startNode({ clock, store, name: 'n1', seed, settings }),
        await startNode({ clock, store, name: 'n2', seed, settings }),
      ] as const
      const clients = ['ann', 'bob', 'cid'].map((user, index) => new Client(nodes[index % 2] ?? nodes[0], user))
      const world: World = { clock, nodes, clients, published: [], others: [] }
      for (const client of clients) world.others.push(comeBack(client, client.node))
      await clock.settle()

      disturbance.hintLoss = hintLoss
      disturbance.hintRepeat = 0.3
      disturbance.hintLateMs = [0, 300]
      disturbance.answerLateMs = [0, 60]
      disturbance.failures = (operation) => operation !== 'settleEvents' && random() < failureShare
      for (const one of script) await run(world, one)

      disturbance.hintLoss = 0
      disturbance.failures = () => false
      await heal(world)
      const [head] = await memory.heads(['r'])
      for (const client of clients) {
        const { position, gaps } = client.place('r')
        expect(client.violations).toEqual([])
        expect(gaps).toEqual([])
        expect(position?.offset).toBe(head?.offset)
        expect(client.wire.hasChangedBytes).toBe(false)
        expect(client.wire.violations).toEqual([])
      }
      for (const node of nodes) expect(node.reports).toEqual([])
    }),
    { numRuns: Number(process.env['CHAOS_RUNS'] ?? 25), endOnFailure: true },
  )
}, 600_000)
