// The published suite: every promise of the store contract as tests, run against every driver. It brings no test
// runner of its own, so that importing it costs nothing; give it the one you use.

import { boardRules } from './store-suite-boards.js'
import { gapRules } from './store-suite-gaps.js'
import { holdRules } from './store-suite-holds.js'
import { leaseRules } from './store-suite-leases.js'
import { logRules } from './store-suite-logs.js'
import type { OpenStore, Runner } from './store-suite-parts.js'
import { producerRules } from './store-suite-producers.js'
import { attachRules } from './store-suite-attach.js'
import { secretRules } from './store-suite-secrets.js'
import { sessionRules } from './store-suite-sessions.js'

export type { OpenStore, Runner, SuiteStore } from './store-suite-parts.js'

/** `open` makes an empty store for each test; the suite closes it. */
export function storeSuite(runner: Runner, name: string, open: OpenStore): void {
  const parts = [
    logRules,
    gapRules,
    producerRules,
    sessionRules,
    attachRules,
    secretRules,
    leaseRules,
    holdRules,
    boardRules,
  ]
  runner.describe(`store: ${name}`, () => {
    for (const part of parts) part(runner, open)
  })
}
