// What breaks, as plain data. Swarm: each seed turns a random part of all faults on, each at a random intensity,
// because a system under every fault at once shows few of them. Which fault of the catalogue each kind is stands
// beside it. How each is done is in fault-acts.ts.

import type { SeededChance } from '../src/testing/seeded-chance.js'
import type { Config } from './config.js'
import { between, heavyTail, isDrawn, pick } from './draw.js'
import type { Survival } from './world/shared-store.js'

/** When an end hears of a cut. */
export type Hearing = number | 'never'

export type LostReply = 'welcome' | 'joined' | 'live' | 'published' | 'left' | 'presence' | 'bye' | 'entry' | 'beat'
export type LostRequest = 'hello' | 'join' | 'publish' | 'leave' | 'track'

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
  /** F23, F24, F36. */
  | { readonly fault: 'pause-tab'; readonly tab: number; readonly forMs: number }
  | { readonly fault: 'pause-server'; readonly server: number; readonly forMs: number }
  /** F32, F33, F35. */
  | { readonly fault: 'skew-tab'; readonly tab: number; readonly rate: number; readonly wallOffsetMs: number }
  | { readonly fault: 'skew-server'; readonly server: number; readonly rate: number; readonly wallOffsetMs: number }
  /** F21, F22, F30. */
  | { readonly fault: 'crash'; readonly server: number; readonly downMs: number }
  | { readonly fault: 'stop'; readonly server: number; readonly downMs: number; readonly killAfterMs: number | null }
  /** F25, F26, F27, F50: `isUnderneath`: the servers run on; else all of them crash with it. */
  | { readonly fault: 'rebirth'; readonly survival: Survival; readonly isUnderneath: boolean; readonly downMs: number }
  | { readonly fault: 'back-up' }
  /** F38, F52, F60: calls fail before or after they had their effect. */
  | {
      readonly fault: 'store-fails'
      readonly share: number
      readonly when: 'before' | 'after' | 'either'
      readonly forMs: number
    }
  /** F45, F59. */
  | { readonly fault: 'store-slow'; readonly lateMs: readonly [number, number]; readonly forMs: number }
  /** F53, F54. */
  | { readonly fault: 'hints-lost'; readonly share: number; readonly forMs: number }
  /** The client's own storage refuses writes. */
  | { readonly fault: 'storage-fails'; readonly tab: number; readonly forMs: number }

type Drawn = { readonly atMs: number } & Fault
type Draw = (chance: SeededChance, config: Config) => readonly Fault[]

const hearing = (chance: SeededChance): Hearing => pick(chance, [0, 0, between(chance, 1, 3_000), 'never'] as const)
const tabOf = (chance: SeededChance, config: Config) => chance.below(config.tabs.length)
const serverOf = (chance: SeededChance, config: Config) => chance.below(config.serverCount)
const direction = (chance: SeededChance) => pick(chance, ['up', 'down'] as const)
const anyDirection = (chance: SeededChance) => pick(chance, ['up', 'down', 'both'] as const)
const replies = [
  'welcome',
  'welcome',
  'joined',
  'live',
  'published',
  'published',
  'left',
  'presence',
  'bye',
  'entry',
  'beat',
] as const
const requests = ['hello', 'join', 'publish', 'publish', 'leave', 'track'] as const

/** Each kind with how many of it a run may have at most. */
const kinds: readonly { readonly countMax: number; readonly draw: Draw }[] = [
  {
    countMax: 12,
    draw: (c, config) => [
      { fault: 'cut', tab: tabOf(c, config), client: hearing(c), server: hearing(c), delivers: isDrawn(c, 0.5) },
    ],
  },
  {
    countMax: 8,
    draw: (c, config) => [
      { fault: 'cut-at', tab: tabOf(c, config), direction: direction(c), bytes: between(c, 0, 900) },
    ],
  },
  { countMax: 4, draw: (c, config) => [{ fault: 'half-open', tab: tabOf(c, config), direction: anyDirection(c) }] },
  {
    countMax: 8,
    draw: (c, config) => [
      {
        fault: 'delay',
        tab: tabOf(c, config),
        ms: heavyTail(c, 20, 20_000),
        forMs: heavyTail(c, 100, 10_000),
        direction: anyDirection(c),
      },
    ],
  },
  {
    countMax: 4,
    draw: (c, config) => [
      {
        fault: 'bandwidth',
        tab: tabOf(c, config),
        bytesPerSec: heavyTail(c, 200, 10_000),
        forMs: heavyTail(c, 500, 10_000),
      },
    ],
  },
  {
    countMax: 4,
    draw: (c, config) => [
      { fault: 'stall', tab: tabOf(c, config), direction: direction(c), forMs: heavyTail(c, 200, 12_000) },
    ],
  },
  {
    countMax: 4,
    draw: (c, config) => [
      { fault: 'close-lost', tab: tabOf(c, config), how: pick(c, ['swallowed', 'code-lost'] as const) },
    ],
  },
  {
    countMax: 5,
    draw: (c, config) => [
      { fault: pick(c, ['hang', 'refuse', 'down'] as const), tab: tabOf(c, config), forMs: heavyTail(c, 200, 12_000) },
    ],
  },
  {
    countMax: 4,
    draw: (c, config) => [{ fault: 'late-dial', tab: tabOf(c, config), releaseMs: heavyTail(c, 100, 15_000) }],
  },
  {
    countMax: 10,
    draw: (c, config) => [
      {
        fault: 'lose-reply',
        tab: tabOf(c, config),
        type: pick(c, replies),
        nth: between(c, 1, 3),
        isNext: isDrawn(c, 0.6),
        serverHears: hearing(c),
      },
    ],
  },
  {
    countMax: 6,
    draw: (c, config) => [
      {
        fault: 'lose-request',
        tab: tabOf(c, config),
        type: pick(c, requests),
        nth: between(c, 1, 3),
        isNext: isDrawn(c, 0.6),
        serverHears: hearing(c),
      },
    ],
  },
  { countMax: 3, draw: () => [{ fault: 'storm' }] },
  {
    countMax: 4,
    draw: (c, config) => [{ fault: 'pause-tab', tab: tabOf(c, config), forMs: heavyTail(c, 200, 20_000) }],
  },
  {
    countMax: 4,
    draw: (c, config) => [{ fault: 'pause-server', server: serverOf(c, config), forMs: heavyTail(c, 200, 15_000) }],
  },
  {
    countMax: 3,
    draw: (c, config) => [{ fault: 'skew-tab', tab: tabOf(c, config), rate: drawRate(c), wallOffsetMs: drawStep(c) }],
  },
  {
    countMax: 3,
    draw: (c, config) => [
      { fault: 'skew-server', server: serverOf(c, config), rate: drawRate(c), wallOffsetMs: drawStep(c) },
    ],
  },
  {
    countMax: 4,
    draw: (c, config) => [{ fault: 'crash', server: serverOf(c, config), downMs: heavyTail(c, 50, 8_000) }],
  },
  {
    countMax: 3,
    draw: (c, config) => [
      {
        fault: 'stop',
        server: serverOf(c, config),
        downMs: heavyTail(c, 50, 5_000),
        killAfterMs: isDrawn(c, 0.3) ? between(c, 0, 2_000) : null,
      },
    ],
  },
  { countMax: 2, draw: (c) => [drawRebirth(c, 'same')] },
  { countMax: 1, draw: (c) => [drawRebirth(c, 'empty')] },
  { countMax: 2, draw: (c) => [drawRebirth(c, 'older')] },
  {
    countMax: 4,
    draw: (c) => [
      {
        fault: 'store-fails',
        share: pick(c, [0.05, 0.3, 1]),
        when: pick(c, ['before', 'after', 'either'] as const),
        forMs: heavyTail(c, 200, 8_000),
      },
    ],
  },
  {
    countMax: 3,
    draw: (c) => [
      {
        fault: 'store-slow',
        lateMs: pick(c, [
          [100, 900],
          [1_000, 2_500],
          [2_000, 7_000],
        ] as const),
        forMs: heavyTail(c, 500, 8_000),
      },
    ],
  },
  { countMax: 3, draw: (c) => [{ fault: 'hints-lost', share: pick(c, [0.3, 1]), forMs: heavyTail(c, 500, 10_000) }] },
  {
    countMax: 1,
    draw: (c, config) => [{ fault: 'storage-fails', tab: tabOf(c, config), forMs: heavyTail(c, 500, 10_000) }],
  },
]

export function drawFaults(chance: SeededChance, config: Config): Drawn[] {
  const share = pick(chance, [0, 0.1, 0.25, 0.25, 0.5])
  const drawn: Drawn[] = []
  for (const [index, { countMax, draw }] of kinds.entries()) {
    const own = chance.fork(`kind ${index}`)
    if (!isDrawn(own, share)) continue
    for (let count = between(own, 1, countMax); count > 0; count--) {
      const atMs = between(own, 200, config.runMs)
      for (const fault of draw(own, config)) {
        drawn.push({ atMs, ...fault })
        if (fault.fault === 'rebirth' && fault.survival === 'older') {
          drawn.push({ atMs: between(own, 0, atMs), fault: 'back-up' })
        }
      }
    }
  }
  return drawn
}

function drawRebirth(chance: SeededChance, survival: Survival): Fault {
  return { fault: 'rebirth', survival, isUnderneath: isDrawn(chance, 0.4), downMs: heavyTail(chance, 50, 6_000) }
}

function drawRate(chance: SeededChance): number {
  return pick(chance, [0.95, 1.05, 1])
}

function drawStep(chance: SeededChance): number {
  return pick(chance, [-3_600_000, 3_600_000, 10 * 31_536_000_000, 0])
}
