// Every planted bug.

import type { Bug } from './bug.js'
import { clientBugs } from './client.js'
import { engineBugs } from './engine.js'
import { outboxBugs } from './outbox.js'
import { serverBugs } from './server.js'
import { storeBugs } from './store.js'

export const bugs: readonly Bug[] = [...storeBugs, ...engineBugs, ...serverBugs, ...clientBugs, ...outboxBugs]
