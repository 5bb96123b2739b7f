// Presence under late, lost, repeated and refused answers and hints, over two nodes: in the end everybody sees the
// same, and what is true.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { advanceAlive, Client, type Node, shownUsers, startNode, within } from '../../test/support/engine-rig.js'
import { memoryStore } from '../store/memory.js'
import { StoreUnavailable } from '../store/store.js'
import { disturbStore } from '../testing/disturbed-store.js'
import { createSeededChance } from '../testing/seeded-chance.js'
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock.js'

const steps = ['drop', 'back', 'other', 'track', 'leave', 'wait'] as const

const script = fc.array(
  fc.record({ step: fc.constantFrom(...steps), who: fc.nat(2), ms: fc.integer({ min: 0, max: 9_000 }) }),
  { minLength: 3, maxLength: 15 },
)

interface World {
  readonly clock: VirtualClock
  readonly nodes: readonly [Node, Node]
  readonly clients: readonly Client[]
  readonly pending: Promise<unknown>[]
}

function disturbed(clock: VirtualClock, seed: number) {
  const chance = createSeededChance(seed)
  const random = () => chance.fraction()
  const knobs = { failureShare: 0, hintLoss: 0 }
  const memory = memoryStore()
  const store = disturbStore(memory, {
    random,
    sleep: (ms) => new Promise((resolve) => void clock.after(ms, resolve)),
    answerLateMs: [0, 40],
    hintLateMs: [0, 80],
    hintRepeat: 0.2,
    get hintLoss() {
      return knobs.hintLoss
    },
    failures: () => random() < knobs.failureShare,
  })
  return { memory, store, knobs }
}

/** A store that is away refuses; everything else would be a mistake. */
async function refusable(promise: Promise<unknown>): Promise<void> {
  try {
    await promise
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error
  }
}

async function come(client: Client, node: Node): Promise<void> {
  await client.dial(node)
  if (client.session !== null) await client.join('r', { presence: true })
}

async function run(world: World, { step, who, ms }: { step: (typeof steps)[number]; who: number; ms: number }) {
  const { clock, nodes, clients, pending } = world
  const client = clients[who]
  if (client === undefined) return
  const isServed = client.session !== null && client.outlet?.isOpen === true && client.place('r').isJoined
  if (step === 'drop') client.drop()
  if (step === 'back') pending.push(refusable(come(client, nodes[0])))
  if (step === 'other') pending.push(refusable(come(client, nodes[1])))
  if (step === 'track' && isServed) client.node.engine.track(client.current, 'r', ms)
  if (step === 'leave' && isServed) pending.push(refusable(client.node.engine.leave(client.current, 'r')))
  await advanceAlive(clock, clients, ms)
}

test('[I39] [I41] [F53] presence converges on every node, whatever was late, lost or refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), script, async (seed, acts) => {
      const clock = createVirtualClock()
      const { memory, store, knobs } = disturbed(clock, seed)
      const nodes = [
        await startNode({ clock, store, name: 'n1' }),
        await startNode({ clock, store, name: 'n2' }),
      ] as const
      const clients = ['ann', 'bob', 'cid'].map((user) => new Client(nodes[0], user))
      const world: World = { clock, nodes, clients, pending: [] }
      for (const client of clients) world.pending.push(come(client, nodes[0]))
      await clock.advance(1_000)

      Object.assign(knobs, { failureShare: 0.05, hintLoss: 0.3 })
      for (const act of acts) await run(world, act)

      Object.assign(knobs, { failureShare: 0, hintLoss: 0 })
      await advanceAlive(clock, clients, 2_000)
      for (const client of clients) world.pending.push(come(client, nodes[1]))
      await advanceAlive(clock, clients, 40_000)
      await within(clock, Promise.all(world.pending))
      for (const client of clients) expect(shownUsers(client)).toEqual(['ann live', 'bob live', 'cid live'])
      expect((await memory.board('r', 'presence')).items).toHaveLength(3)
      for (const node of nodes) expect(node.reports).toEqual([])
    }),
    { numRuns: Number(process.env['CHAOS_RUNS'] ?? 12), endOnFailure: true },
  )
}, 600_000)
