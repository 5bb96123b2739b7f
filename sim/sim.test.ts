import { expect, test } from 'vitest'
import { invariants } from './checks/table.js'
import { judge } from './judge.js'
import { planOf } from './plan.js'

test('[I61] a seed gives the same plan and the same trace every time', async () => {
  const [one, again] = [await judge(planOf(10)), await judge(planOf(10))]
  expect(again.plan).toEqual(one.plan)
  expect(again.hash).toBe(one.hash)
  expect((await judge(planOf(20))).hash).not.toBe(one.hash)
}, 30_000)

test('a few seeds break nothing', async () => {
  for (const seed of [20, 31, 36]) expect((await judge(planOf(seed))).violations).toEqual([])
}, 30_000)

test('a seed does something: it delivers, and it breaks links', async () => {
  const kinds = new Set((await judge(planOf(36))).records.map(({ kind }) => kind))
  for (const kind of ['entry', 'settled', 'fault', 'resume', 'presence']) expect(kinds).toContain(kind)
}, 30_000)

test('every invariant is checked under one id', () => {
  const ids = invariants.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
})
