// Properties of leases and hold time: one holder, fences that only rise, holds honoured, everything told once. Random
// users come, go, drop and compete while nodes tick, stop and restart.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { acquire, created, events, ownerOf, resume, tick, user } from '../testing/store-suite-parts.js'
import { DueQueue } from './due-queue.js'
import { newHoldClock, ticked } from './hold-time.js'
import { type MemorySnapshot, type MemoryStore, memoryStore } from './memory.js'
import type { LeaseRow, SessionRow, StoreEvent } from './store.js'

const keys = ['name', 'seat'] as const
const people = ['ann', 'bob', 'cid'] as const

interface Person {
  readonly user: string
  row: SessionRow
  secret: string
  attempt: number
}

interface World {
  store: MemoryStore
  nowMs: number
  life: number
  /** Real time of each drop; a hold can never be over before. */
  readonly droppedMs: Map<string, number>
  readonly people: Person[]
  /** Every lease ever granted, by fence. */
  readonly granted: Map<number, LeaseRow>
  readonly told: StoreEvent[]
}

async function openStore(world: World, from: MemorySnapshot | null): Promise<void> {
  world.life += 1
  world.store = memoryStore(from === null ? {} : { from })
  await world.store.open({
    epoch: `e${world.life}`,
    tag: `b${world.life}`,
    nowMs: () => world.nowMs,
    wallMs: world.nowMs,
  })
}

async function openWorld(): Promise<World> {
  const world: World = {
    store: memoryStore(),
    nowMs: 0,
    life: 0,
    droppedMs: new Map(),
    people: [],
    granted: new Map(),
    told: [],
  }
  await openStore(world, null)
  for (const name of people) await begin(world, name)
  return world
}

async function begin(world: World, name: string): Promise<void> {
  const id = `s${world.people.length}`
  const row = await created(world.store, id, { user: user(name), holdMs: 2_000 })
  world.people.push({ user: name, row, secret: `first-${id}`, attempt: 1 })
}

type Step = { readonly who: number; readonly key: (typeof keys)[number]; readonly holdMs: number } & (
  | { readonly kind: 'acquire' | 'release' | 'old release' | 'drop' | 'resume' | 'restart' }
  | { readonly kind: 'wait'; readonly ms: number; readonly ticks: boolean }
)

const step = fc.record({
  kind: fc.constantFrom(
    'acquire',
    'acquire',
    'acquire',
    'release',
    'old release',
    'drop',
    'resume',
    'restart',
    'wait',
    'wait',
  ),
  who: fc.nat(99),
  key: fc.constantFrom(...keys),
  holdMs: fc.constantFrom(0, 3_000, 20_000),
  ms: fc.constantFrom(500, 1_000, 3_000, 30_000),
  ticks: fc.boolean(),
}) as fc.Arbitrary<Step>

async function run(world: World, one: Step): Promise<void> {
  const person = world.people[one.who % world.people.length]
  if (person === undefined) return
  const { store } = world
  switch (one.kind) {
    case 'acquire':
      return competeFor(world, person, one.key, one.holdMs)
    case 'release':
    case 'old release': {
      const fence = ((await store.lease(one.key))?.fence ?? 0) - (one.kind === 'release' ? 0 : 1)
      const before = await store.lease(one.key)
      const { kind } = await store.release({ key: one.key, session: person.row.id, fence })
      const isMine = before !== null && before.session === person.row.id && before.fence === fence
      expect(kind === 'released').toBe(isMine)
      return
    }
    case 'drop':
      if ((await store.session(person.row.id))?.status.state === 'live') world.droppedMs.set(person.row.id, world.nowMs)
      await store.detach(ownerOf(person.row))
      return
    case 'resume':
      return comeBack(world, person)
    case 'restart':
      return openStore(world, store.snapshot())
    case 'wait':
      for (let leftMs = one.ms; leftMs > 0; leftMs -= 1_000) {
        world.nowMs += Math.min(1_000, leftMs)
        if (one.ticks) await tick(store, { nodeLeaseMs: 1e9, freezeMs: 5_000, rowsMax: 2 })
      }
      world.told.push(...(await events(store)))
  }
}

/** Grants go to one; a stranger only gets what was free, or whose holder was away for its whole hold. */
async function competeFor(world: World, person: Person, key: string, holdMs: number): Promise<void> {
  const before = await world.store.lease(key)
  const holder = before === null ? null : await world.store.session(before.session)
  const answer = await acquire(world.store, person.row, key, { holdMs })
  if (answer.kind !== 'granted') return
  const { lease } = answer
  expect(await world.store.lease(key)).toEqual(lease)
  if (before !== null && before.fence === lease.fence) {
    expect(before.session).toBe(person.row.id)
    return
  }
  for (const fence of world.granted.keys()) expect(lease.fence).toBeGreaterThan(fence)
  world.granted.set(lease.fence, lease)
  if (before === null || before.user === person.user) return
  expect(holder?.status.state).toBe('held')
  const awayMs = world.nowMs - (world.droppedMs.get(before.session) ?? Number.POSITIVE_INFINITY)
  expect(awayMs).toBeGreaterThanOrEqual(before.holdMs)
}

/** Every lease that the session had is told: kept, or lost. */
async function comeBack(world: World, person: Person): Promise<void> {
  person.attempt += 1
  const next = `${person.row.id} ${person.attempt}`
  const held = await Promise.all(keys.map((key) => world.store.lease(key)))
  const session = { session: person.row.id, holdMs: 2_000, user: user(person.user) }
  const answer = await resume(world.store, [person.secret, next], person.attempt, session)
  if (answer.kind === 'created') {
    expect(answer.row.newReason).toBe('session-ended')
    Object.assign(person, { row: answer.row, secret: next })
    return
  }
  if (answer.kind !== 'resumed') throw new Error(`refused: ${answer.kind}`)
  Object.assign(person, { row: answer.row, secret: next })
  world.droppedMs.delete(person.row.id)
  const kept = held.filter((lease) => lease?.session === person.row.id).map((lease) => lease?.key)
  const told = answer.leases.flatMap((lease) => (lease.kind === 'kept' ? lease.lease.key : []))
  expect(told.sort()).toEqual(kept.sort())
}

/** Properties draw many runs; a busy machine may take its time. */
const propertyMs = 30_000

describe('lease properties', () => {
  test(
    '[LEASE-1, LEASE-3, LEASE-5, LEASE-6, I28, I29, I31, I32] one holder, rising fences, holds honoured',
    async () => {
      const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const world = await openWorld()
        for (const one of steps) await run(world, one)
        // All leave for good: in the end everything is free, and each term was told free once or passed on to its user.
        for (const { row } of world.people) await world.store.detach(ownerOf(row))
        await run(world, { kind: 'wait', who: 0, key: 'name', holdMs: 0, ms: 60_000, ticks: true })
        for (const key of keys) expect(await world.store.lease(key)).toBe(null)
        const freed = world.told.flatMap((event) => (event.kind === 'freed' ? event.lease.fence : []))
        expect(freed.length).toBe(new Set(freed).size)
        for (const [fence, lease] of world.granted) {
          const isPassedOn = [...world.granted.values()].some(
            (later) => later.fence > fence && later.key === lease.key && later.user === lease.user,
          )
          if (!isPassedOn) expect(freed).toContain(fence)
        }
        const ids = world.told.map(({ id }) => id)
        expect(ids.length).toBe(new Set(ids).size)
        expect((await world.store.sessionsOf('ann')).length).toBe(0)
      })
      await fc.assert(property, { numRuns: 100 })
    },
    propertyMs,
  )

  test(
    '[HOLD-1, HOLD-2, I34] hold time never runs faster than time, never back, and not within a freeze',
    () => {
      const steps = fc.array(fc.integer({ min: -2_000, max: 8_000 }), { maxLength: 60 })
      const property = fc.property(steps, fc.constantFrom(0, 1, 5_000), (waits, freezeMs) => {
        let [clock, nowMs, frozenUntilMs] = [newHoldClock, 1e6, 0]
        for (const [index, waitMs] of waits.entries()) {
          nowMs += waitMs
          const next = ticked(clock, nowMs, freezeMs)
          const addedMs = next.holdMs - clock.holdMs
          if (index > 0 && (waitMs > 3_000 || waitMs < 0)) frozenUntilMs = nowMs + freezeMs
          expect(addedMs).toBeGreaterThanOrEqual(0)
          expect(addedMs).toBeLessThanOrEqual(Math.max(0, Math.min(3_000, waitMs)))
          if (nowMs < frozenUntilMs) expect(addedMs).toBe(0)
          clock = next
        }
      })
      fc.assert(property, { numRuns: 100 })
    },
    propertyMs,
  )

  test(
    '[HOLD-7] the queue of what is due gives the first one, over any changes',
    () => {
      const change = fc.record({
        id: fc.nat(12).map(String),
        dueMs: fc.option(fc.nat(50), { nil: Number.POSITIVE_INFINITY }),
      })
      const property = fc.property(fc.array(change, { maxLength: 80 }), (changes) => {
        const [queue, model] = [new DueQueue(), new Map<string, number>()]
        for (const { id, dueMs } of changes) {
          queue.set(id, dueMs)
          if (dueMs === Number.POSITIVE_INFINITY) model.delete(id)
          else model.set(id, dueMs)
          expect(queue.size).toBe(model.size)
          expect(queue.first()?.dueMs ?? null).toBe(model.size === 0 ? null : Math.min(...model.values()))
          const first = queue.first()
          if (first !== null) expect(model.get(first.id)).toBe(first.dueMs)
        }
      })
      fc.assert(property, { numRuns: 100 })
    },
    propertyMs,
  )
})
