// What a planted bug is: a mistake that an engineer of this code might make, as patches, and what must notice it.

import type { Patch } from '../patches.js'

export interface Bug {
  readonly name: string
  /** One line: what is wrong. */
  readonly wrong: string
  readonly patches: readonly Patch[]
  /** Ids of the invariants of which at least one must fall. */
  readonly expected: readonly string[]
}
