// One run: the plan is carried out, everything is healed, everybody must come live within a bound, then everybody
// leaves and nothing may be left over. The answer is a trace; whether it is right the checks say.

import { doFault, heal } from './fault-acts.js'
import { liveWithinMs } from './limits.js'
import type { Item, Plan } from './plan.js'
import type { TraceRecord } from './trace.js'
import { doWork } from './workload.js'
import { recordEnd, recordRest } from './world/ending.js'
import { poisonGlobals } from './world/poison.js'
import { isEverybodyLive } from './world/liveness.js'
import { createWorld, type World } from './world/world.js'

export interface Run {
  readonly records: readonly TraceRecord[]
  readonly hash: string
}

const lookMs = 500
/** As in the engine. */
const takenMs = 30_000

/** Never rejects: what goes wrong is a record of kind `breach`. One at a time in a process. */
export async function simulate(plan: Plan): Promise<Run> {
  const poison = poisonGlobals()
  const world = createWorld(plan.config, plan.seed)
  const escaped = (error: unknown) => breach(world, `an error that nobody caught: ${textOf(error)}`)
  process.on('unhandledRejection', escaped)
  process.on('uncaughtException', escaped)
  try {
    await act(world, plan)
  } catch (error) {
    escaped(error)
  } finally {
    for (const touched of poison.remove()) breach(world, `${touched} was touched inside the simulation`)
    process.off('unhandledRejection', escaped)
    process.off('uncaughtException', escaped)
  }
  for (const violation of world.network.violations) breach(world, `the transport: ${violation}`)
  for (const found of secretsSeen(world)) breach(world, `a secret was seen: ${found}`)
  return { records: world.trace.records, hash: world.trace.hash() }
}

async function act(world: World, plan: Plan): Promise<void> {
  const { clock, trace } = world
  for (const server of world.servers) server.start()
  await advance(world, 200)
  trace.add({ kind: 'phase', phase: 'running' })
  for (const item of plan.items) clock.after(item.atMs, () => begin(world, item))
  await advance(world, plan.config.runMs)

  heal(world)
  trace.add({ kind: 'phase', phase: 'healed' })
  await settle(world)
  trace.add({ kind: 'phase', phase: 'live' })
  await recordEnd(world)

  trace.add({ kind: 'phase', phase: 'leaving' })
  for (const tab of world.tabs) tab.end()
  await advance(world, restMs(world))
  trace.add({ kind: 'phase', phase: 'rest' })
  recordRest(world)
  world.sizes.record(trace)
}

/**
 * Until everybody is live and stays so: who looks live over a link that is dead without his knowing is not. Users act
 * too: whoever has stopped is asked to go on, once in a while.
 */
async function settle(world: World): Promise<void> {
  // What is told by beats and polls is told by then.
  const toldMs = 2 * (world.config.settings.heartbeatMs ?? 25_000) + 2_000
  const least = oldTokensMs(world)
  for (let passedMs = 0; passedMs < liveWithinMs; passedMs += lookMs) {
    if (passedMs % 20_000 === 0) retryStopped(world)
    await advance(world, lookMs)
    if (passedMs < least || !isEverybodyLive(world)) continue
    await advance(world, toldMs)
    passedMs += toldMs
    if (isEverybodyLive(world)) break
  }
  // What a node had taken when its answer was lost is taken by another only then.
  if (world.shared.view().control.events.size > 0) await advance(world, takenMs + 3_000)
}

/** Tokens of before the healing run out by then, and connections with them. */
function oldTokensMs({ config }: World): number {
  return config.auth === null ? 0 : config.auth.ttlMs + 1_000
}

function retryStopped(world: World): void {
  for (const { page } of world.tabs) if (page?.session.status.state === 'suspended') page.session.retryNow()
}

/** Holds, graces, freezes and lingering rooms are over by then. */
function restMs({ config: { settings, rooms } }: World): number {
  const { sessionHoldMs = 0, freezeMs = 0, nodeLeaseMs = 0, roomLingerMs = 0 } = settings
  const graceMs = Math.max(...rooms.map((room) => room.graceMs ?? 0))
  return sessionHoldMs + freezeMs + nodeLeaseMs + graceMs + roomLingerMs + 45_000
}

function begin(world: World, item: Item): void {
  const { trace } = world
  if ('work' in item) {
    trace.add({ kind: 'op', what: item.work, item })
    doWork(world, item)
  } else {
    trace.add({ kind: 'fault', what: item.fault, item })
    doFault(world, item)
  }
}

/** A callback that throws ends nothing but itself. */
async function advance(world: World, ms: number): Promise<void> {
  const untilMs = world.clock.nowMs() + ms
  for (let thrown = 0; thrown < 20; thrown++) {
    try {
      return await world.clock.advance(untilMs - world.clock.nowMs())
    } catch (error) {
      breach(world, `a callback threw: ${textOf(error)}`)
    }
  }
}

function secretsSeen(world: World): string[] {
  const secrets = new Set<string>()
  for (const { kept, profile } of world.tabs) {
    for (const value of [...kept.history, ...profile.history]) {
      for (const [secret] of value.matchAll(/[\w-]{43}/g)) secrets.add(secret)
    }
  }
  const words = new Map<string, string>()
  const texts = [...world.told, textOfStore(world)]
  for (const text of texts) for (const [word] of text.matchAll(/[\w-]{43}/g)) words.set(word, text)
  return [...secrets].filter((secret) => words.has(secret)).map((secret) => words.get(secret)?.slice(0, 200) ?? '')
}

function textOfStore(world: World): string {
  return world.shared.text()
}

function breach(world: World, what: string): void {
  world.trace.add({ kind: 'breach', what })
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.message} ${(error.stack ?? '').split('\n')[1]?.trim() ?? ''}` : String(error)
}
