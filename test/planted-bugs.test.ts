// Every planted bug by the seed that is recorded for it: the invariant that fell when it was recorded falls again.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hunt, replayOf } from '../sim/bugs/hunt.js'
import { parseRecord } from '../sim/bugs/record.js'
import { bugs } from '../sim/bugs/table.js'

const recorded = parseRecord(readFileSync(new URL('../sim/bugs.txt', import.meta.url), 'utf8'))

test('every planted bug is caught by its recorded seed, which breaks nothing without it', async () => {
  const { missed } = await hunt({ bugs, workerCount: 2, progress() {}, hunt: replayOf(recorded) })
  // Not caught after a change of the simulator, or of what travels: npm run sim:bugs -- --search, and look at the record.
  expect(missed).toEqual([])
  expect(bugs.length).toBeGreaterThanOrEqual(28)
}, 300_000)
