// What breaks, as plain data: the words of holdfast/testing, and those that only the simulator has. Which fault of the
// catalogue each is stands in faults-table.ts. How they are drawn is in fault-draws.ts, how each is done in
// src/testing/fault-acts.ts and in fault-acts.ts here.

import type { Fault as CommonFault } from '../src/testing/fault.js'
import type { Survival } from './world/shared-store.js'

/** What somebody who is no client of ours does. */
export type StrangerScript = 'garbage' | 'positions' | 'limits' | 'version' | 'flood' | 'forger' | 'deaf'

/** Lines have the names of tabs, `t1` and so on: the line of the page that is open; servers are `s1` and so on. */
export type OwnFault =
  /** F03: the first frame of the next dials goes out over two links; the one that nobody listens to dies later. */
  | {
      readonly fault: 'double-dial'
      readonly tab: number
      readonly count: number
      readonly isShadowFirst: boolean
      readonly closeMs: number
    }
  /** F28: this end speaks as a later release would, in all links from now on. */
  | {
      readonly fault: 'newer'
      readonly tab: number
      readonly side: 'client' | 'server' | 'both'
      readonly forMs: number
    }
  /** F65, F66, F69, F28: somebody who is no client of ours. */
  | { readonly fault: 'stranger'; readonly script: StrangerScript; readonly room: string; readonly salt: number }
  /** F36: its timers ring at multiples of `everyMs`; what arrives is not held up. */
  | { readonly fault: 'throttle-tab'; readonly tab: number; readonly everyMs: number; readonly forMs: number }
  /** F31: hooks and listeners of the application throw, or never answer. */
  | {
      readonly fault: 'hook-fails'
      readonly hook: 'authenticate' | 'canJoin' | 'canPublish' | 'event'
      readonly how: 'throws' | 'rejects' | 'hangs'
      readonly share: number
      readonly forMs: number
    }
  /** The client's `auth` throws. */
  | { readonly fault: 'auth-fails'; readonly tab: number; readonly forMs: number }
  /**
   * F25, F26, F27; F40, F41 as an older copy of a moment ago. `isUnderneath`: the servers run on (F48, F49, F50); else
   * all of them crash with it.
   */
  | { readonly fault: 'rebirth'; readonly survival: Survival; readonly isUnderneath: boolean; readonly downMs: number }
  | { readonly fault: 'back-up' }
  /** The client's own storage refuses writes. */
  | { readonly fault: 'storage-fails'; readonly tab: number; readonly forMs: number }
  /** What stores the publishes of its profile refuses everything. */
  | { readonly fault: 'outbox-fails'; readonly tab: number; readonly forMs: number }

export type Fault = CommonFault | OwnFault
