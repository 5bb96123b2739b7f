// Some hundred seeds of the simulator, each of which once found something or may yet, and the same run twice.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runSeeds } from '../sim/seeds.js'

const found = readFileSync(new URL('../sim/seeds.txt', import.meta.url), 'utf8')
  .split('\n')
  .flatMap((line) => /^\d+/.exec(line)?.map(Number) ?? [])

test('[I61] 300 seeds break nothing, and 50 of them run the same way twice', async () => {
  const summary = await runSeeds({ seeds: range(1, 300), twiceCount: 50, workerCount: 2, progress() {} })
  expect(summary.failed.map(({ seed, violations }) => ({ seed, violations }))).toEqual([])
  expect(summary.determinism).toBe('same')
}, 330_000)

test('no seed that once found something finds it again', async () => {
  const summary = await runSeeds({ seeds: found, twiceCount: 0, workerCount: 2, progress() {} })
  expect(summary.failed.map(({ seed, violations }) => ({ seed, violations }))).toEqual([])
}, 120_000)

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index)
}
