// Short scenes: work and faults in an order in which chance alone hardly ever puts them, each leading to one rare
// branch. Some seeds have a few of them, at random times, beside everything else that they draw.

import type { SeededChance } from '../src/testing/seeded-chance.js'
import type { Config } from './config.js'
import { between, heavyTail, isDrawn, pick } from './draw.js'
import type { Fault } from './faults.js'
import type { Work } from './workload.js'

type Step = { readonly atMs: number } & (Work | Fault)

interface Stage {
  readonly chance: SeededChance
  readonly config: Config
  readonly tab: number
  /** Of that tab. */
  readonly line: string
  readonly server: string
  readonly room: string
}

/** `atMs` from its start. */
type Scene = (stage: Stage) => readonly Step[]

const sceneShare = 0.35
const scenesMax = 3

export function drawScenes(chance: SeededChance, config: Config): readonly Step[] {
  if (!isDrawn(chance, sceneShare)) return []
  return Array.from({ length: between(chance, 1, scenesMax) }).flatMap(() => {
    const scene = pick(chance, scenes)
    const tab = chance.below(config.tabs.length)
    const startMs = between(chance, 2_500, config.runMs - 5_000)
    const steps = scene({
      chance,
      config,
      tab,
      line: config.tabs[tab]?.name ?? '',
      server: `s${chance.below(config.serverCount) + 1}`,
      room: pick(chance, config.rooms).name,
    })
    return steps.map((step) => ({ ...step, atMs: startMs + step.atMs }))
  })
}

const plain = { key: null, ttlMs: null, bytes: 0, isBinary: false, echoes: 0 } as const

/**
 * What a page sent before it died trickles in at the first server, which does not hear that the next page, which knows
 * nothing of it, has come back by another one: only the fence keeps it out.
 */
const overtaken: Scene = ({ chance, tab, line, room }) => [
  { atMs: 0, fault: 'outbox-fails', tab, forMs: 6_000 },
  { atMs: 0, work: 'join', tab, room, last: 3, presence: true },
  { atMs: 1_500, fault: 'hints-lost', share: 1, forMs: 6_000 },
  { atMs: 1_500, fault: 'bandwidth', line, bytesPerSec: between(chance, 150, 900), forMs: 9_000 },
  { atMs: 1_505, work: 'publish', tab, room, count: between(chance, 10, 30), ...plain },
  {
    atMs: between(chance, 1_510, 1_560),
    work: 'reload',
    tab,
    how: 'vanish',
    awayMs: between(chance, 0, 200),
    isEmpty: true,
  },
]

/** A reply is lost again and again while one publish is at the head. */
const neverAnswered: Scene = ({ chance, tab, line, room }) => [
  ...[0, 700, 1_500, 2_500, 4_000, 6_000, 9_000].map(
    (atMs): Step => ({ atMs, fault: 'lose-reply', line, frame: 'published' }),
  ),
  { atMs: 10, work: 'publish', tab, room, count: between(chance, 1, 4), ...plain },
]

/** Acknowledged, but the entry never came; then the store goes back to before it. */
const keptAndLost: Scene = ({ chance, config, tab, line, room }) => {
  const lostMs = between(chance, 100, 1_500)
  return [
    { atMs: 0, fault: 'back-up' },
    { atMs: 5, fault: 'lose-reply', line, frame: 'entry', serverHears: pick(chance, [0, 'never'] as const) },
    { atMs: 10, work: 'publish', tab, room, count: between(chance, 1, 3), ...plain },
    {
      atMs: lostMs,
      fault: 'rebirth',
      survival: 'older',
      isUnderneath: isDrawn(chance, 0.3),
      downMs: heavyTail(chance, 50, 3_000),
    },
    ...(isDrawn(chance, 0.5)
      ? [
          {
            atMs: lostMs + 2_500,
            work: 'publish',
            tab: chance.below(config.tabs.length),
            room,
            count: 4,
            ...plain,
          } as const,
        ]
      : []),
  ]
}

/** Its storage refuses what it learns on the way, and the next page shows secrets of long ago. */
const forgetful: Scene = ({ chance, tab, line }) => [
  { atMs: 0, fault: 'storage-fails', tab, forMs: 9_000 },
  ...[100, 1_800, 3_600, 5_400].map((atMs): Step => ({ atMs, fault: 'cut', line })),
  { atMs: between(chance, 6_500, 8_500), work: 'reload', tab, how: 'kill', awayMs: between(chance, 600, 2_000) },
]

/** Rights change while a client comes back because rights have changed. */
const rightsAgain: Scene = ({ chance, config, tab }) => [
  {
    atMs: 0,
    work: 'rights',
    tab,
    server: chance.below(config.serverCount),
    count: between(chance, 2, 8),
    everyMs: heavyTail(chance, 1, 400),
  },
]

/** One session attaches over and over. */
const restless: Scene = ({ chance, line }) => {
  const everyMs = between(chance, 100, 600)
  return Array.from({ length: between(chance, 6, 24) }, (_, index) => ({ atMs: index * everyMs, fault: 'cut', line }))
}

/** The store is slower than anybody waits for, and connections end while it thinks. */
const slowAttach: Scene = ({ chance, config, tab, line, server }) => [
  {
    atMs: 0,
    fault: 'store-slow',
    ...(isDrawn(chance, 0.5) && { server }),
    lateMs: pick(chance, [
      [50, 400],
      [200, 2_500],
      [900, 4_000],
    ] as const),
    forMs: between(chance, 2_000, 9_000),
  },
  {
    atMs: 50,
    fault: 'double-dial',
    tab,
    count: 4,
    isShadowFirst: isDrawn(chance, 0.5),
    closeMs: heavyTail(chance, 1, 2_000),
  },
  ...[100, 900, 2_200, 3_500].map((atMs): Step => ({ atMs, fault: 'cut', line })),
  ...(isDrawn(chance, 0.3)
    ? [{ atMs: 1_200, fault: 'crash', server, downMs: between(chance, 50, 2_000) } as const]
    : []),
  { atMs: 1_000, work: 'join', tab, room: config.rooms[0]?.name ?? '', last: 3, presence: true },
]

/** Somebody asks without end and reads nothing; another says too much before he is welcome. */
const overflowing: Scene = ({ chance, room }) => [
  { atMs: 0, fault: 'stranger', script: 'deaf', room, salt: chance.below(1_000_000) },
  { atMs: 0, fault: 'store-slow', lateMs: [200, 900], forMs: 2_000 },
  { atMs: 50, fault: 'stranger', script: 'flood', room, salt: chance.below(1_000_000) },
  { atMs: 60, fault: 'stranger', script: 'flood', room, salt: chance.below(1_000_000) },
]

/** A server is not heard of for longer than its lease, while its clients stay connected, or come back elsewhere. */
const thoughtLost: Scene = ({ chance, config, line, server }) => {
  const { nodeLeaseMs = 10_000 } = config.settings
  const forMs = nodeLeaseMs + between(chance, 500, 8_000)
  return [
    isDrawn(chance, 0.5)
      ? { atMs: 0, fault: 'pause-server', server, forMs }
      : { atMs: 0, fault: 'store-hangs', server, forMs },
    { atMs: 0, fault: 'hints-lost', server, share: 1, forMs: forMs + 3_000 },
    { atMs: 300, fault: 'cut', line, client: 0, server: 'never' },
  ]
}

/** A connection goes while the store does not take drops; the server goes with it, or not. */
const dropNotTaken: Scene = ({ chance, tab, line, server }) => [
  {
    atMs: 0,
    fault: 'store-fails',
    which: 'writes',
    share: 1,
    when: pick(chance, ['before', 'either'] as const),
    forMs: between(chance, 500, 4_000),
  },
  { atMs: 20, work: 'reload', tab, how: 'kill', awayMs: between(chance, 100, 8_000) },
  ...(isDrawn(chance, 0.3) ? [{ atMs: 600, fault: 'crash', server, downMs: 800 } as const] : []),
  { atMs: 9_000, fault: 'cut', line },
]

/** Somebody leaves for good while the store has trouble; the server that was about to tell it dies. */
const endNotTold: Scene = ({ chance, config, tab }) => [
  { atMs: 0, work: 'depart', tab, awayMs: 3_000 },
  ...config.tabs.slice(0, 2).map((_, index): Step => ({ atMs: 0, work: 'depart', tab: index, awayMs: 2_000 })),
  { atMs: between(chance, 5, 300), fault: 'store-slow', lateMs: [100, 600], forMs: 4_000 },
  ...Array.from({ length: config.serverCount }, (_, index): Step => {
    return {
      atMs: between(chance, 20, 2_500),
      fault: 'crash',
      server: `s${index + 1}`,
      downMs: between(chance, 50, 2_000),
    }
  }),
]

const scenes: readonly Scene[] = [
  overtaken,
  overtaken,
  neverAnswered,
  keptAndLost,
  forgetful,
  rightsAgain,
  restless,
  slowAttach,
  slowAttach,
  overflowing,
  thoughtLost,
  dropNotTaken,
  endNotTold,
]
