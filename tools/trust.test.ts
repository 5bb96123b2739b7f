import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { catalogue } from './trust/catalogue.js'
import { type Facts, gather } from './trust/facts.js'
import { trustPage } from './trust/page.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const facts = gather(root)

test('docs/trust.md is what the tables give; else: npm run trust', () => {
  expect(readFileSync(new URL('../docs/trust.md', import.meta.url), 'utf8')).toBe(trustPage(facts))
})

test('every invariant of the catalogue is checked, or a reason is given; none is checked that is not in it', () => {
  expect([...facts.checks.keys()].toSorted()).toEqual(Object.keys(catalogue).toSorted())
})

test('every fault of the catalogue is told, once', () => {
  const ids = Array.from({ length: 75 }, (_, index) => `F${String(index + 1).padStart(2, '0')}`)
  expect(facts.faults.map(({ id }) => id).toSorted()).toEqual(ids)
  for (const { id, how, why } of facts.faults) expect(how ?? why, id).toBeTruthy()
})

const bad: Facts = {
  ...facts,
  checks: new Map([['I08', { kind: 'not', words: 'nobody has written it' }]]),
  faults: [{ id: 'F01', what: 'a frame is dropped', how: null, why: 'too hard' }],
  volumes: {},
  bugs: facts.bugs.slice(0, 1).map((bug) => ({ ...bug, caught: null })),
}

test('the page hides nothing: what is not checked, injected, caught or run is said so', () => {
  const page = trustPage(bad)
  expect(page).toMatch(/\| I08 \| no silent gap \| no \| nobody has written it \|/)
  expect(page).toMatch(/\| I09 \| nothing twice \| no \| no check, and no reason given \|/)
  expect(page).toMatch(/Faults that it does not inject: F01 \(a frame is dropped\)\./)
  expect(page).toMatch(/0 of 1 have a recorded seed/)
  expect(page).toMatch(/No run is recorded/)
})

test('a run that broke something is told as that', () => {
  const volume = { ...emptyVolume, violations: 3, probes: { [facts.probeNames[0] ?? '']: 0 } }
  const page = trustPage({ ...facts, volumes: { nightly: volume } })
  expect(page).toMatch(/\*\*The last recorded run found 3 violations\.\*\*/)
  expect(page).toMatch(/\*\*never\*\*/)
})

const emptyVolume = {
  command: 'npm run sim:nightly',
  commit: 'abc',
  twice: 1,
  seeds: 1,
  steps: 1,
  faults: 1,
  violations: 0,
  determinism: 'same',
  seconds: 1,
  probes: {},
  neverHit: [],
} as const
