// What breaks, as plain data. Which fault of the catalogue each kind is stands beside it. How they are drawn is in
// fault-draws.ts, how each is done in fault-acts.ts and server-fault-acts.ts.

import type { Survival } from './world/shared-store.js'

/** When an end hears of a cut. */
export type Hearing = number | 'never'

export type LostReply = 'welcome' | 'joined' | 'live' | 'published' | 'left' | 'presence' | 'bye' | 'entry' | 'beat'
export type LostRequest = 'hello' | 'join' | 'publish' | 'leave' | 'track'

/** What somebody who is no client of ours does. */
export type StrangerScript = 'garbage' | 'positions' | 'limits' | 'version' | 'flood' | 'forger'

export type Skew = {
  readonly rate: number
  readonly wallOffsetMs: number
  /** Null: to the end of the run. */
  readonly forMs: number | null
}

export type Fault =
  /** F01, F12: both ends are told now, later, or never; what is on the way arrives or not. */
  | {
      readonly fault: 'cut'
      readonly tab: number
      readonly client: Hearing
      readonly server: Hearing
      readonly delivers: boolean
    }
  /** F04: in the middle of a frame. */
  | { readonly fault: 'cut-at'; readonly tab: number; readonly direction: 'up' | 'down'; readonly bytes: number }
  /** F05, F06. */
  | { readonly fault: 'half-open'; readonly tab: number; readonly direction: 'up' | 'down' | 'both' }
  /** F02. */
  | {
      readonly fault: 'delay'
      readonly tab: number
      readonly ms: number
      readonly forMs: number
      readonly direction: 'up' | 'down' | 'both'
    }
  /** F07, F62. */
  | { readonly fault: 'bandwidth'; readonly tab: number; readonly bytesPerSec: number; readonly forMs: number }
  | { readonly fault: 'stall'; readonly tab: number; readonly direction: 'up' | 'down'; readonly forMs: number }
  /** F09. */
  | { readonly fault: 'close-lost'; readonly tab: number; readonly how: 'swallowed' | 'code-lost' }
  /** F10, F11, F13, F12: dials get no answer, are refused, or there is no network at all. */
  | { readonly fault: 'hang' | 'refuse' | 'down'; readonly tab: number; readonly forMs: number }
  /** F14: the connection is there, but the upgrade, or its answer, is not passed on for a while. */
  | {
      readonly fault: 'handshake-stall'
      readonly tab: number
      readonly direction: 'up' | 'down'
      readonly forMs: number
    }
  /** F15: tabs are clogged one after the other, and let go in the reverse order. */
  | { readonly fault: 'swizzle'; readonly tabs: readonly number[]; readonly everyMs: number; readonly heldMs: number }
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
  /** F03: the client's end opens, gives up, and the server hears all of it later. */
  | { readonly fault: 'late-dial'; readonly tab: number; readonly releaseMs: number }
  /** F16, F17, F20. `isNext`: on the next link instead of this one. */
  | {
      readonly fault: 'lose-reply'
      readonly tab: number
      readonly type: LostReply
      readonly nth: number
      readonly isNext: boolean
      readonly serverHears: Hearing
    }
  | {
      readonly fault: 'lose-request'
      readonly tab: number
      readonly type: LostRequest
      readonly nth: number
      readonly isNext: boolean
      readonly serverHears: Hearing
    }
  /** F61. */
  | { readonly fault: 'storm' }
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
  /** F23, F24. */
  | { readonly fault: 'pause-tab'; readonly tab: number; readonly forMs: number }
  | { readonly fault: 'pause-server'; readonly server: number; readonly forMs: number }
  /** F32, F33, F35; F34: until `forMs` has passed. */
  | ({ readonly fault: 'skew-tab'; readonly tab: number } & Skew)
  | ({ readonly fault: 'skew-server'; readonly server: number } & Skew)
  /** F21, F22, F30. */
  | { readonly fault: 'crash'; readonly server: number; readonly downMs: number }
  | { readonly fault: 'stop'; readonly server: number; readonly downMs: number; readonly killAfterMs: number | null }
  /**
   * F25, F26, F27; F40, F41 as an older copy of a moment ago. `isUnderneath`: the servers run on (F48, F49, F50); else
   * all of them crash with it.
   */
  | { readonly fault: 'rebirth'; readonly survival: Survival; readonly isUnderneath: boolean; readonly downMs: number }
  | { readonly fault: 'back-up' }
  /** F38, F52, F60: calls fail before or after they had their effect. Only writes: F39, F55. Null: of all servers. */
  | {
      readonly fault: 'store-fails'
      readonly server: number | null
      readonly which: 'all' | 'writes'
      readonly share: number
      readonly when: 'before' | 'after' | 'either'
      readonly forMs: number
    }
  /** F45, F59. */
  | {
      readonly fault: 'store-slow'
      readonly server: number | null
      readonly lateMs: readonly [number, number]
      readonly forMs: number
    }
  /** F53, F54. */
  | { readonly fault: 'hints-lost'; readonly server: number | null; readonly share: number; readonly forMs: number }
  /** The client's own storage refuses writes. */
  | { readonly fault: 'storage-fails'; readonly tab: number; readonly forMs: number }
