// Which faults a seed has. Swarm: each seed turns a random part of all faults on, each at a random intensity, because
// a system under every fault at once shows few of them.

import type { SeededChance } from '../src/testing/seeded-chance.js'
import type { Config } from './config.js'
import { between, heavyTail, isDrawn, pick } from './draw.js'
import type { Hearing } from '../src/testing/fault.js'
import type { Fault } from './faults.js'
import type { Survival } from './world/shared-store.js'

type Drawn = { readonly atMs: number } & Fault
type Draw = (chance: SeededChance, config: Config) => readonly Fault[]

const hearing = (chance: SeededChance): Hearing => pick(chance, [0, 0, between(chance, 1, 3_000), 'never'] as const)
const anyServer = (chance: SeededChance, config: Config) =>
  isDrawn(chance, 0.5) ? {} : { server: serverOf(chance, config) }
const tabOf = (chance: SeededChance, config: Config) => chance.below(config.tabs.length)
const lineOf = (chance: SeededChance, config: Config) => pick(chance, config.tabs).name
const serverOf = (chance: SeededChance, config: Config) => `s${chance.below(config.serverCount) + 1}`
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
      { fault: 'cut', line: lineOf(c, config), client: hearing(c), server: hearing(c), delivers: isDrawn(c, 0.5) },
    ],
  },
  {
    countMax: 8,
    draw: (c, config) => [
      { fault: 'cut-at', line: lineOf(c, config), direction: direction(c), bytes: between(c, 0, 900) },
    ],
  },
  { countMax: 4, draw: (c, config) => [{ fault: 'half-open', line: lineOf(c, config), direction: anyDirection(c) }] },
  {
    countMax: 8,
    draw: (c, config) => [
      {
        fault: 'delay',
        line: lineOf(c, config),
        ms: heavyTail(c, 20, 60_000),
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
        line: lineOf(c, config),
        bytesPerSec: heavyTail(c, 200, 10_000),
        forMs: heavyTail(c, 500, 10_000),
      },
    ],
  },
  {
    countMax: 4,
    draw: (c, config) => [
      { fault: 'stall', line: lineOf(c, config), direction: direction(c), forMs: heavyTail(c, 200, 12_000) },
    ],
  },
  {
    countMax: 4,
    draw: (c, config) => [
      { fault: 'close-lost', line: lineOf(c, config), how: pick(c, ['swallowed', 'code-lost'] as const) },
    ],
  },
  {
    countMax: 5,
    draw: (c, config) => [
      {
        fault: pick(c, ['hang', 'refuse', 'down'] as const),
        line: lineOf(c, config),
        forMs: heavyTail(c, 200, 12_000),
      },
    ],
  },
  {
    countMax: 4,
    draw: (c, config) => [{ fault: 'late-dial', line: lineOf(c, config), releaseMs: heavyTail(c, 100, 15_000) }],
  },
  {
    countMax: 10,
    draw: (c, config) => [
      {
        fault: 'lose-reply',
        line: lineOf(c, config),
        frame: pick(c, replies),
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
        line: lineOf(c, config),
        frame: pick(c, requests),
        nth: between(c, 1, 3),
        isNext: isDrawn(c, 0.6),
        serverHears: hearing(c),
      },
    ],
  },
  { countMax: 3, draw: () => [{ fault: 'storm' }] },
  {
    countMax: 4,
    draw: (c, config) => [{ fault: 'pause-client', line: lineOf(c, config), forMs: heavyTail(c, 200, 120_000) }],
  },
  {
    countMax: 4,
    draw: (c, config) => [{ fault: 'pause-server', server: serverOf(c, config), forMs: heavyTail(c, 200, 120_000) }],
  },
  {
    countMax: 3,
    draw: (c, config) => [{ fault: 'skew-client', line: lineOf(c, config), ...drawSkew(c) }],
  },
  {
    countMax: 3,
    draw: (c, config) => [{ fault: 'skew-server', server: serverOf(c, config), ...drawSkew(c) }],
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
    draw: (c, config) => [
      {
        fault: 'store-fails',
        ...anyServer(c, config),
        which: pick(c, ['all', 'writes'] as const),
        share: pick(c, [0.05, 0.3, 1]),
        when: pick(c, ['before', 'after', 'either'] as const),
        forMs: heavyTail(c, 200, 8_000),
      },
    ],
  },
  {
    countMax: 3,
    draw: (c, config) => [
      {
        fault: 'store-slow',
        ...anyServer(c, config),
        lateMs: pick(c, [
          [100, 900],
          [1_000, 2_500],
          [2_000, 7_000],
        ] as const),
        forMs: heavyTail(c, 500, 8_000),
      },
    ],
  },
  {
    countMax: 3,
    draw: (c, config) => [
      {
        fault: 'hints-lost',
        ...anyServer(c, config),
        share: pick(c, [0.3, 1]),
        forMs: heavyTail(c, 500, 10_000),
      },
    ],
  },
  {
    countMax: 1,
    draw: (c, config) => [{ fault: 'storage-fails', tab: tabOf(c, config), forMs: heavyTail(c, 500, 10_000) }],
  },
  {
    countMax: 4,
    draw: (c, config) => [
      { fault: 'handshake-stall', line: lineOf(c, config), direction: direction(c), forMs: heavyTail(c, 200, 20_000) },
    ],
  },
  {
    countMax: 2,
    draw: (c, config) => [
      {
        fault: 'swizzle',
        lines: config.tabs.filter(() => isDrawn(c, 0.6)).map(({ name }) => name),
        everyMs: heavyTail(c, 1, 1_000),
        heldMs: heavyTail(c, 100, 10_000),
      },
    ],
  },
  {
    countMax: 4,
    draw: (c, config) => [
      {
        fault: 'double-dial',
        tab: tabOf(c, config),
        count: between(c, 1, 4),
        isShadowFirst: isDrawn(c, 0.5),
        closeMs: heavyTail(c, 1, 3_000),
      },
    ],
  },
  {
    countMax: 3,
    draw: (c, config) => [
      {
        fault: 'newer',
        tab: tabOf(c, config),
        side: pick(c, ['client', 'server', 'both'] as const),
        forMs: heavyTail(c, 2_000, 40_000),
      },
    ],
  },
  {
    countMax: 5,
    draw: (c, config) => [
      {
        fault: 'stranger',
        script: pick(c, [
          'garbage',
          'garbage',
          'positions',
          'positions',
          'limits',
          'version',
          'flood',
          'forger',
        ] as const),
        room: pick(c, config.rooms).name,
        salt: c.below(1_000_000),
      },
    ],
  },
  {
    countMax: 3,
    draw: (c, config) => [
      {
        fault: 'throttle-tab',
        tab: tabOf(c, config),
        everyMs: pick(c, [1_000, 1_000, 60_000]),
        forMs: heavyTail(c, 500, 30_000),
      },
    ],
  },
  {
    countMax: 4,
    draw: (c) => [
      {
        fault: 'hook-fails',
        hook: pick(c, ['authenticate', 'canJoin', 'canPublish', 'event'] as const),
        how: pick(c, ['throws', 'rejects', 'hangs'] as const),
        share: pick(c, [0.1, 0.5, 1]),
        forMs: heavyTail(c, 100, 6_000),
      },
    ],
  },
  {
    countMax: 2,
    draw: (c, config) => [{ fault: 'auth-fails', tab: tabOf(c, config), forMs: heavyTail(c, 200, 8_000) }],
  },
  {
    countMax: 2,
    draw: (c, config) => [{ fault: 'store-hangs', ...anyServer(c, config), forMs: heavyTail(c, 200, 8_000) }],
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
          // Half of them lose only what was not yet on the disk.
          const fromMs = isDrawn(own, 0.5) ? Math.max(0, atMs - 300) : 0
          drawn.push({ atMs: between(own, fromMs, atMs), fault: 'back-up' })
        }
      }
    }
  }
  return drawn
}

function drawRebirth(chance: SeededChance, survival: Survival): Fault {
  return { fault: 'rebirth', survival, isUnderneath: isDrawn(chance, 0.4), downMs: heavyTail(chance, 50, 6_000) }
}

function drawSkew(chance: SeededChance) {
  return {
    rate: pick(chance, [0.95, 1.05, 1]),
    wallOffsetMs: drawStep(chance),
    ...(isDrawn(chance, 0.4) && { forMs: heavyTail(chance, 500, 10_000) }),
  }
}

function drawStep(chance: SeededChance): number {
  return pick(chance, [-3_600_000, 3_600_000, 10 * 31_536_000_000, 0])
}
