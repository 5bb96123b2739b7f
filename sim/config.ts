// What a seed's world is made of: how many servers and tabs, which rooms, and every setting that makes rare branches
// common (small tails, short holds, small pages). Plain data.

import type { RoomConfig } from '../src/server/rooms.js'
import type { SettingKey } from '../src/server/settings.js'
import type { SeededChance } from '../src/testing/seeded-chance.js'
import { between, heavyTail, isDrawn, pick } from './draw.js'
import type { LoopPlan } from './world/loop.js'

export interface RoomPlan {
  readonly name: string
  readonly entriesMax: number
  readonly bytesMax: number
  readonly ageMs: number
  readonly producersMax: number
  readonly producerAgeMs: number
  readonly history: 'retained' | 'since-join'
  /** Null: no presence. */
  readonly graceMs: number | null
  readonly replayMax: number
}

export interface TabPlan {
  readonly name: string
  /** Tabs of one user share the profile's storage. */
  readonly user: string
}

export interface StorePlan {
  readonly lateMs: readonly [number, number]
  readonly hintLateMs: readonly [number, number]
  readonly hintLoss: number
  readonly hintRepeat: number
}

/** Null: the memory store. */
export type DiskPlan = {
  /** The share of batches that the disk does not take. */
  readonly failing: number
} | null

/** Null: guests. */
export type AuthPlan = { readonly ttlMs: number } | null

export interface ClientPlan {
  readonly minMs: number
  readonly maxMs: number
  readonly connectTimeoutMs: number
  readonly minUptimeMs: number
  readonly storageLateMs: number
  readonly itemsMax: number
}

export interface Config {
  readonly serverCount: number
  readonly tabs: readonly TabPlan[]
  readonly rooms: readonly RoomPlan[]
  readonly settings: { readonly [key in SettingKey]?: number }
  readonly latencyMs: readonly [number, number]
  readonly store: StorePlan
  readonly disk: DiskPlan
  readonly client: ClientPlan
  readonly auth: AuthPlan
  /** Of servers and pages alike. */
  readonly loop: LoopPlan
  /** Nearly everything happens in the first room. */
  readonly hasHotRoom: boolean
  /** The application publishes, in the first room, who comes. */
  readonly isGreeting: boolean
  /** How long faults and work go on. */
  readonly runMs: number
}

export function drawConfig(chance: SeededChance, disk: DiskPlan): Config {
  return {
    serverCount: pick(chance, [1, 1, 2, 2, 3]),
    tabs: drawTabs(chance),
    rooms: drawRooms(chance),
    settings: drawSettings(chance),
    latencyMs: pick(chance, [
      [0, 0],
      [1, 5],
      [5, 60],
      [20, 300],
    ] as const),
    store: {
      lateMs: pick(chance, [
        [0, 0],
        [0, 2],
        [0, 20],
        [5, 120],
      ] as const),
      hintLateMs: pick(chance, [
        [0, 0],
        [0, 30],
        [0, 400],
      ] as const),
      hintLoss: pick(chance, [0, 0, 0.1, 0.5, 1]),
      hintRepeat: pick(chance, [0, 0, 0.3]),
    },
    disk,
    client: {
      minMs: pick(chance, [20, 200, 500]),
      maxMs: pick(chance, [1_000, 5_000, 20_000]),
      connectTimeoutMs: pick(chance, [1_000, 4_000, 10_000]),
      minUptimeMs: pick(chance, [0, 1_000, 5_000]),
      storageLateMs: pick(chance, [0, 0, 5, 60]),
      itemsMax: pick(chance, [1_000, 1_000, 8]),
    },
    runMs: between(chance, 15_000, 40_000),
    auth: isDrawn(chance, 0.3) ? { ttlMs: pick(chance, [3_000, 12_000, 30_000]) } : null,
    loop: pick(chance, [
      { lateShare: 0, lateMs: 0 },
      { lateShare: 1, lateMs: 0 },
      { lateShare: 0.5, lateMs: 1 },
      { lateShare: 1, lateMs: 10 },
      { lateShare: 0.2, lateMs: 80 },
    ] as const),
    hasHotRoom: isDrawn(chance, 0.2),
    isGreeting: isDrawn(chance, 0.2),
  }
}

/** Every fourth seed runs on the durable store. */
export function drawDisk(seed: number, chance: SeededChance): DiskPlan {
  return seed % 4 === 3 ? { failing: pick(chance, [0, 0, 0.02, 0.1]) } : null
}

function drawTabs(chance: SeededChance): TabPlan[] {
  const count = between(chance, 2, 5)
  return Array.from({ length: count }, (_, index) => ({
    name: `t${index + 1}`,
    user: isDrawn(chance, 0.3) && index > 0 ? `u${index}` : `u${index + 1}`,
  }))
}

function drawRooms(chance: SeededChance): RoomPlan[] {
  const count = isDrawn(chance, 0.05) ? between(chance, 8, 12) : between(chance, 1, 3)
  return Array.from({ length: count }, (_, index) => ({
    name: `r${index + 1}`,
    entriesMax: pick(chance, [1_000, 1_000, 40, 12, 4]),
    bytesMax: pick(chance, [1e9, 1e9, 1e9, 1e9, 2_000]),
    ageMs: pick(chance, [1e9, 1e9, 1e9, 1e9, 5_000]),
    producersMax: pick(chance, [10_000, 10_000, 10_000, 2]),
    producerAgeMs: pick(chance, [1e9, 1e9, 1e9, 1e9, 6_000]),
    history: pick(chance, ['retained', 'retained', 'since-join'] as const),
    graceMs: pick(chance, [null, 500, 2_000, 5_000]),
    replayMax: pick(chance, [10_000, 10_000, 10_000, 6]),
  }))
}

function drawSettings(chance: SeededChance): Config['settings'] {
  return {
    heartbeatMs: pick(chance, [1_000, 3_000, 8_000]),
    heartbeatTimeoutMs: pick(chance, [500, 2_000, 4_000]),
    sessionHoldMs: pick(chance, [4_000, 10_000, 10_000, 60_000]),
    tickMs: pick(chance, [300, 1_000, 1_000, 2_000]),
    nodeLeaseMs: pick(chance, [3_000, 6_000, 10_000]),
    freezeMs: pick(chance, [1_000, 4_000]),
    storeDeadlineMs: pick(chance, [800, 3_000, 5_000]),
    slowMs: pick(chance, [400, 2_000, 8_000, 30_000]),
    authDeadlineMs: 10_000,
    hookDeadlineMs: 1_500,
    tailEntriesMax: pick(chance, [2, 8, 1_000]),
    tailBytesMax: pick(chance, [1_024, 4_096, 1_048_576]),
    pageEntriesMax: pick(chance, [1, 3, 20, 256]),
    pageBytesMax: pick(chance, [1_024, 262_144]),
    writeBytesMax: pick(chance, [1_024, 8_192, 262_144]),
    narrowWriteBytesMax: 1_024,
    inFlightMax: pick(chance, [1, 4, 32]),
    roomLingerMs: heavyTail(chance, 100, 30_000),
    sessionAttachesMax: pick(chance, [20, 20, 5]),
    payloadBytesMax: pick(chance, [65_536, 65_536, 2_048]),
    controlBytesMax: pick(chance, [1_048_576, 1_048_576, 16_384]),
    messagesPerSecond: pick(chance, [200, 200, 20]),
    messagesBurst: pick(chance, [1_000, 1_000, 40]),
    resumesPerSecond: pick(chance, [5_000, 5_000, 1]),
    newSessionsPerSecond: pick(chance, [2_500, 2_500, 1]),
  }
}

/** The rooms as a server is given them. */
export function roomConfigs(config: Config, hooks: RoomHooks): Readonly<Record<string, RoomConfig>> {
  return Object.fromEntries(
    config.rooms.map(
      ({ name, entriesMax, bytesMax, ageMs, producersMax, producerAgeMs, history, graceMs, replayMax }, index) => [
        name,
        {
          durability: config.disk === null ? 'memory' : index % 2 === 0 ? 'process' : 'disk',
          history,
          replayMax,
          retention: { entriesMax, bytesMax, ageMs, producersMax, producerAgeMs },
          presence: graceMs === null ? false : { graceMs },
          canJoin: ({ user }) => hooks.mayJoin(user, name),
          canPublish: () => hooks.mayPublish(),
        } satisfies RoomConfig,
      ],
    ),
  )
}

/** What the application answers. May throw, or never answer. */
export interface RoomHooks {
  readonly mayJoin: (user: string, room: string) => boolean | Promise<boolean>
  readonly mayPublish: () => boolean | Promise<boolean>
}
