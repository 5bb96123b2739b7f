// The durable store against the reference: equal histories, equal answers; also where commits fail, which must leave
// nothing behind, and over restarts.

import { expect, test } from 'vitest'
import { createSeededChance, type SeededChance } from '../../testing/seeded-chance.js'
import { type MemoryStore, memoryStore } from '../memory.js'
import { type Append, type Retention, type SessionRow, type Store, StoreUnavailable } from '../store.js'
import { durableStore } from './durable.js'
import { type MemoryDisk, memoryDisk } from './memory-disk.js'

type Act = (store: Store) => Promise<unknown>

interface World {
  readonly chance: SeededChance
  nowMs: number
  count: number
  attempt: number
  readonly rows: Map<string, { readonly row: SessionRow; readonly secret: string }>
}

const retention: Retention = { entriesMax: 6, bytesMax: 60, ageMs: 30_000, producersMax: 2, producerAgeMs: 20_000 }

function actOf(world: World): Act {
  const { chance } = world
  const room = `r${chance.below(3)}`
  const user = `u${chance.below(2)}`
  world.count += 1
  const n = world.count
  const known = [...world.rows.values()]
  const of = known.length === 0 ? null : (known[chance.below(known.length)] ?? null)
  const owner = {
    session: of?.row.id ?? 's0',
    generation: (of?.row.generation ?? 1) - (chance.fraction() < 0.1 ? 1 : 0),
  }
  const key = `k${chance.below(3)}`
  const position = { epoch: `epoch ${1 + chance.below(3)}`, offset: chance.below(9), tag: `t${chance.below(n)}` }
  const from =
    chance.fraction() < 0.5 ? ({ kind: 'last', count: 9 } as const) : ({ kind: 'position', position, last: 2 } as const)
  const fence = 1 + chance.below(9)
  const acts: readonly (() => Act)[] = [
    () => append(world, room, owner),
    () => append(world, room, owner),
    () => append(world, room, owner),
    () => (store) => store.read({ room, from, readableFrom: 0, entriesMax: 5, bytesMax: 40, replayMax: 7 }),
    () => (store) => store.heads(['r0', 'r1', 'r2', '$control']),
    () => (store) => store.touch(owner, [room]),
    () => change(world, room, n),
    () => attach(world, user, n, of),
    () => attach(world, user, n, of),
    () => (store) => store.detach(owner),
    () => (store) => store.end({ ...owner, reason: 'left' }),
    () => (store) => store.enter(owner, room, { readableFrom: 0, graceMs: 2_000 }),
    () => (store) => store.exit(owner, room),
    () => (store) => store.remove(room, user),
    () => (store) => store.changeRights(user),
    () => (store) => store.acquire({ ...owner, key, kind: 'name', holdMs: 4_000, data: n }),
    () => (store) => store.release({ key, session: owner.session, fence }),
    () => async (store) => [await store.lease(key), await store.session(owner.session), await store.sessionsOf(user)],
    () => (store) => store.takeEvents({ node: 'n1', having: [], eventsMax: 1_000, takenMs: 500 }),
    () => async (store) => store.settleEvents([`ended:${owner.session}`, `freed:${n % 9}`]),
    () => tick(world),
    () => tick(world),
  ]
  return (acts[chance.below(acts.length)] ?? (() => tick(world)))()
}

function append(world: World, room: string, owner: { session: string; generation: number }): Act {
  const { chance } = world
  const seq = 1 + chance.below(6)
  const ask: Append = {
    room,
    entry: {
      tag: `t${world.count}`,
      atMs: world.nowMs,
      by: chance.fraction() < 0.5 ? { session: owner.session, user: 'u0' } : null,
      mark: null,
      key: chance.fraction() < 0.3 ? `key${chance.below(2)}` : null,
      data: chance.fraction() < 0.3 ? Uint8Array.of(1, chance.below(9)) : `"ü${chance.below(20)}"`,
    },
    fence: chance.fraction() < 0.5 ? owner : null,
    producer:
      chance.fraction() < 0.6
        ? { user: 'u0', producer: `p${chance.below(3)}`, seq, prev: seq - 1, again: chance.fraction() < 0.5 }
        : null,
    retention: { ...retention, entriesMax: 3 + chance.below(5) },
    durability: chance.fraction() < 0.5 ? 'process' : 'disk',
  }
  return (store) => store.append(ask)
}

function change({ chance }: World, room: string, n: number): Act {
  const key = `i${chance.below(3)}`
  const fence = chance.below(4)
  const isSet = chance.fraction() < 0.7
  const ask = {
    room,
    board: 'b',
    set: isSet ? [{ key, value: n % 3, fence }] : [],
    removed: isSet ? [] : [{ key, fence }],
  }
  return async (store) => [await store.changeBoard({ ...ask, itemsMax: 2 }), await store.board(room, 'b')]
}

function attach(world: World, user: string, n: number, of: { row: SessionRow; secret: string } | null): Act {
  world.attempt += 1
  const isNew = of === null || world.chance.fraction() < 0.3
  const ask = {
    resume: isNew ? null : { session: of.row.id, secretHash: of.secret, previousHash: null },
    nextHash: `h${n}`,
    attempt: world.attempt,
    instance: 'i',
    node: `n${1 + world.chance.below(2)}`,
    connection: `c${n}`,
    user: isNew ? { user, claims: { n } } : null,
    mayTakeOver: false,
    rightsVersion: null,
    rightsCount: Number.MAX_SAFE_INTEGER,
    holdMs: 5_000,
    newSession: `s${n}`,
  }
  return async (store) => {
    const answer = await store.attach(ask)
    if (answer.kind === 'created' || answer.kind === 'resumed') {
      world.rows.set(answer.row.id, { row: answer.row, secret: ask.nextHash })
    }
    return answer
  }
}

function tick(world: World): Act {
  const ask = { node: 'n1', nodeLeaseMs: 3_000, freezeMs: 1_000, rowsMax: 1_000 }
  world.nowMs += world.chance.below(2_000)
  return (store) => store.tick(ask)
}

async function run(seed: number, steps: number, failing: number): Promise<{ refused: number; restarts: number }> {
  const chance = createSeededChance(seed)
  const world: World = { chance, nowMs: 1_000, count: 0, attempt: 0, rows: new Map() }
  let isFailing = false
  let disk: MemoryDisk = memoryDisk((step) => {
    if (isFailing && step === 'commit') throw new Error('no space left on device')
  })
  let life = 0
  let [reference, durable]: [MemoryStore, Store] = [memoryStore(), durableStore({ disk })]
  const open = async () => {
    life += 1
    const birth = { epoch: `epoch ${life}`, tag: `birth ${life}`, nowMs: () => world.nowMs, wallMs: 1 }
    for (const store of [reference, durable]) await store.open(birth)
  }
  await open()
  const tally = { refused: 0, restarts: 0 }
  for (let step = 0; step < steps; step++) {
    const act = actOf(world)
    isFailing = chance.fraction() < failing
    const answer = await act(durable).catch((error: unknown) => {
      if (error instanceof StoreUnavailable) return error
      throw error
    })
    isFailing = false
    if (answer instanceof StoreUnavailable) {
      tally.refused += 1
    } else {
      expect(sorted(answer), `seed ${seed}, step ${step}`).toEqual(sorted(await act(reference)))
    }
    if (chance.fraction() < 0.01) {
      // The clock of a store goes on from its last batch.
      for (const store of [durable, reference]) await tickNow(store)
      await durable.close()
      disk = disk.copy()
      reference = memoryStore({ from: reference.snapshot() })
      durable = durableStore({ disk })
      await open()
      tally.restarts += 1
    }
  }
  return tally
}

/** In what order sessions, leases and events of one moment are told is nobody's promise. */
function sorted(answer: unknown): unknown {
  if (!Array.isArray(answer)) {
    const { leases } = (answer ?? {}) as { leases?: unknown }
    return leases === undefined ? answer : { ...(answer as object), leases: sorted(leases) }
  }
  const told = answer.map(sorted)
  return told.every((one) => typeof one === 'object' && one !== null && ('id' in one || 'kind' in one))
    ? told.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    : told
}

function tickNow(store: Store) {
  return store.tick({ node: 'n1', nodeLeaseMs: 3_000, freezeMs: 1_000, rowsMax: 1_000 })
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`[DISK-4] memory and the durable store give equal answers to equal histories, seed ${seed}`, async () => {
    const { restarts } = await run(seed, 1_500, 0)
    expect(restarts).toBeGreaterThan(0)
  })

  test(`[DISK-2, DISK-4] a commit that fails leaves both as they were: the same, seed ${seed}`, async () => {
    const { refused } = await run(seed + 100, 1_500, 0.2)
    expect(refused).toBeGreaterThan(100)
  })
}
