import { readFileSync } from 'node:fs'
import { transformSync } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { textsOf } from '../bundle.js'
import { invariants } from '../checks/table.js'
import { edited, editOf, StalePatch } from '../patches.js'
import { probes } from '../probes.js'
import { parseRecord, recordText } from './record.js'
import { bugs } from './table.js'

const ids = new Set(invariants.map(({ id }) => id))
const recorded = parseRecord(readFileSync(new URL('../bugs.txt', import.meta.url), 'utf8'))

describe('every planted bug fits the code as it is', () => {
  for (const bug of bugs) {
    test(`${bug.name}: ${bug.wrong}`, () => {
      for (const [file, text] of textsOf([bug], [])) {
        expect(text).not.toBe(readFileSync(file, 'utf8'))
        transformSync(text, { loader: 'ts' })
      }
      expect(bug.expected.filter((id) => !ids.has(id))).toEqual([])
    })
  }
})

test('every probe fits the code as it is', () => {
  for (const text of textsOf([], probes).values()) transformSync(text, { loader: 'ts' })
})

test('names are given once', () => {
  for (const table of [bugs, probes]) expect(new Set(table.map(({ name }) => name)).size).toBe(table.length)
})

test('every bug has its seed in sim/bugs.txt, and nothing else is there', () => {
  expect(recorded.map(({ name }) => name)).toEqual(bugs.map(({ name }) => name))
})

test('a record is read as it was written', () => {
  expect(parseRecord(recordText(recorded))).toEqual(recorded)
  expect(() => parseRecord('one 1 I01')).toThrow('cannot read the line one 1 I01')
})

test('a patch that no longer fits says which one it is', () => {
  const patch = { file: 'a.ts', find: 'b', replace: 'c' }
  expect(edited('a b a', [editOf('a b a', patch, 'one')])).toBe('a c a')
  for (const text of ['a', 'b b']) expect(() => editOf(text, patch, 'one')).toThrow(StalePatch)
  expect(() => editOf('b b', patch, 'one')).toThrow('the patch one is stale: a.ts has 2 times')
})
