// The house rules as a test of this repository: what `npm run tidy` prints, `npm run unit` fails on.

import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readProject } from './tidy/project.js'
import { toText, violationsOf } from './tidy/rules.js'

test('this repository keeps its house rules', { timeout: 30_000 }, () => {
  const project = readProject(fileURLToPath(new URL('..', import.meta.url)))
  expect(violationsOf(project).map(toText)).toEqual([])
})
