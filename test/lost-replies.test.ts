// The most valuable fault: it was done, and the answer is lost. Creating, resuming, joining, publishing and leaving are
// cut after every single step on the server's side (each frame arriving, each store operation asked and done, each
// frame sent), and the retry is cut again after each of its own steps. An abandoned hello arrives late. What comes of
// it must be what comes of it without a cut. Virtual time. Scaled: back-off 250 ms without jitter, session hold 30 s,
// ticks every 2.5 s.

import { memoryStore, type Store } from 'holdfast/server'
import type { Cut } from 'holdfast/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { countSteps, type Steps } from './support/steps.js'
import { type Client, createWorld, type RoomRecord, type World } from './support/world.js'

/** Guests: only secrets prove who they are, so nothing is forgiven that a token would make good. */
const options = { reconnect: { minMs: 250, maxMs: 250, jitter: 0 } }

const settings = { sessionHoldMs: 30_000, tickMs: 2_500 }

/** Who hears of a cut. */
const modes: Record<string, Cut> = {
  'both ends': {},
  'the client alone': { server: 'never' },
  nobody: { server: 'never', client: 'never' },
}

interface Scene {
  readonly world: World
  readonly steps: Steps
  readonly ann: () => Client
  readonly annRoom: () => RoomRecord | null
  readonly bobRoom: RoomRecord
  /** Names of how promises of the action settled, once they have. */
  readonly settled: string[]
  readonly begin: { ann: Client | null; room: RoomRecord | null }
}

interface Action {
  readonly name: string
  /** Is ann there before, and in the room? */
  readonly isLive: boolean
  readonly isIn: boolean
  act(scene: Scene): void
  /** All that was asked for has come. */
  isDone(scene: Scene): boolean
}

const isLiveIn = ({ begin }: Scene) =>
  begin.room?.room.isLive === true && begin.ann?.session.status.state === 'connected'

const note = (scene: Scene, promise: Promise<{ readonly kind: string; readonly reason?: string }>) => {
  void promise.then(({ kind, reason }) => scene.settled.push(reason === undefined ? kind : `${kind} ${reason}`))
}

const actions: Action[] = [
  {
    name: 'create',
    isLive: false,
    isIn: false,
    act(scene) {
      enter(scene)
      join(scene)
    },
    isDone: isLiveIn,
  },
  {
    name: 'resume',
    isLive: true,
    isIn: true,
    act(scene) {
      note(scene, scene.begin.room!.room.publish('made offline'))
      scene.world.network.line('ann').up()
    },
    isDone: (scene) => isLiveIn(scene) && scene.settled.length === 1,
  },
  {
    name: 'join',
    isLive: true,
    isIn: false,
    act: join,
    isDone: isLiveIn,
  },
  {
    name: 'publish',
    isLive: true,
    isIn: true,
    act(scene) {
      note(scene, scene.begin.room!.room.publish('first'))
      note(scene, scene.begin.room!.room.publish('second'))
    },
    isDone: (scene) => isLiveIn(scene) && scene.settled.length === 2,
  },
  {
    name: 'leave the room',
    isLive: true,
    isIn: true,
    act(scene) {
      scene.begin.room!.room.leave()
    },
    isDone: ({ begin, bobRoom }) =>
      begin.ann!.session.status.state === 'connected' && bobRoom.presence.at(-1)?.split(' ').length === 1,
  },
  {
    name: 'leave for good',
    isLive: true,
    isIn: true,
    act(scene) {
      note(scene, scene.begin.ann!.session.leave())
    },
    isDone: (scene) => scene.settled.length === 1,
  },
]

function enter(scene: Scene): void {
  scene.begin.ann = scene.world.client('ann', options)
}

function join(scene: Scene): void {
  scene.begin.room = scene.begin.ann!.room('a', { last: 10 })
}

interface Case {
  readonly breaks: readonly number[]
  readonly mode: keyof typeof modes
  /** The server dies with the link; another one starts on the same store. */
  readonly crashes?: boolean
  /** Dials go to these in turn. Default 1. */
  readonly nodeCount?: number
  /** The first hello of the action reaches the server only after all is done. */
  readonly hasLateHello?: boolean
}

async function prepare(action: Action, { mode, nodeCount = 1 }: Case): Promise<Scene> {
  const steps = countSteps(memoryStore())
  const world = await createWorld({ store: steps.store as Store, latencyMs: 1, settings, nodeCount })
  const bob = world.client('bob', options)
  const bobRoom = bob.room('a', { presence: true })
  const scene: Scene = {
    world,
    steps,
    ann: () => scene.begin.ann!,
    annRoom: () => scene.begin.room,
    bobRoom,
    settled: [],
    begin: { ann: null, room: null },
  }
  if (action.isLive) enter(scene)
  if (action.isIn) join(scene)
  await world.until(
    'the scene',
    () => bobRoom.room.isLive && (!action.isLive || scene.begin.ann!.heard.includes('live')),
  )
  void bobRoom.room.publish('before')
  await world.clock.advance(50)
  if (action.name === 'resume') {
    world.network.line('ann').down()
    await world.clock.advance(50)
    void bobRoom.room.publish('missed')
    await world.clock.advance(50)
  }
  steps.watch(world.network.line('ann'), modes[mode]!)
  return scene
}

async function run(action: Action, one: Case) {
  const scene = await prepare(action, one)
  const { world, steps } = scene
  const line = world.network.line('ann')
  const withheld: { release(): void }[] = []
  if (one.hasLateHello) {
    const stop = line.onDial((link) => {
      link.withhold()
      withheld.push(link)
      stop()
    })
  }
  let restarting: Promise<unknown> | null = null
  steps.arm(one.breaks, () => {
    if (one.crashes) {
      world.servers.at(-1)!.crash()
      restarting = Promise.resolve().then(() => world.start())
    } else line.cut(modes[one.mode])
  })
  action.act(scene)
  if (one.hasLateHello) {
    await world.until('a hello to be withheld', () => withheld.length === 1)
    await world.clock.advance(20)
    line.cut({ server: 'never' })
  }
  await world.until(`${action.name} to be done`, () => action.isDone(scene), 300_000)
  if (restarting !== null) await restarting
  steps.disarm()
  for (const link of withheld) link.release()
  // Beyond every watchdog: no old connection is left, and nothing of it comes later.
  const isWaited = action.name === 'leave for good' || one.mode !== 'both ends' || one.crashes
  await world.clock.advance(isWaited ? 100_000 : 5_000)
  return { outcome: await outcomeOf(scene), brokenAt: [...steps.brokenAt], stepCount: steps.names.length }
}

type Outcome = Awaited<ReturnType<typeof outcomeOf>>

async function outcomeOf({ world, steps, begin, bobRoom, settled }: Scene) {
  const user = begin.ann!.session.user!
  const rows = await world.settled(steps.store.sessionsOf(user))
  const present = rows.filter(({ status }) => status.state !== 'ended')
  const [row] = present
  const page = await world.settled(
    steps.store.read({
      room: 'a',
      from: { kind: 'last', count: 100 },
      readableFrom: 0,
      entriesMax: 100,
      bytesMax: 1_000_000,
      replayMax: 100,
    }),
  )
  const living = world.servers.filter(({ clock }) => !clock.isKilled)
  const served = living.flatMap((server) => [...server.sessions.values()].filter((session) => session.user === user))
  return {
    sessionCount: present.length,
    isOwn: row === undefined ? null : row.id === begin.ann!.session.id,
    state: row?.status.state ?? 'none',
    rooms: Object.keys(row?.rooms ?? {}),
    isServedByOwner: served.map(({ id, generation }) => id === row?.id && generation === row.generation),
    log: page.entries.map(({ data }) => data),
    handed: begin.room?.data() ?? null,
    gaps: begin.room?.gaps ?? null,
    settled: [...settled].toSorted(),
    newSessions: begin.ann!.heard.filter((what) => what.startsWith('new-session')),
    troubles: begin.ann!.heard.filter((what) => /superseded|error|failed/.test(what)),
    seenByBob: bobRoom.presence.at(-1)?.replace(user, 'ann'),
  }
}

let caseCount = 0
const startedMs = performance.now()
const progress = (what: string) => {
  console.log(`${what}: ${caseCount} cases in ${Math.round((performance.now() - startedMs) / 1000)} s`)
}
afterAll(() => progress('lost replies, all together'))

/** Runs one case and compares; tells whether all its breaks came to pass. */
async function expectSame(action: Action, one: Case, uncut: Outcome) {
  caseCount += 1
  const { outcome, brokenAt } = await run(action, one).catch((error: unknown) => {
    throw new Error(`${action.name} ${JSON.stringify(one)}: ${error instanceof Error ? error.message : error}`)
  })
  const told = { ...outcome, settled: sameAs(uncut.settled, outcome.settled) }
  expect({ ...one, brokenAt, ...told }).toEqual({ ...one, brokenAt, ...uncut })
  return brokenAt.length === one.breaks.length
}

/** Who leaves while the link breaks may not be told; he has left all the same. */
function sameAs(expected: readonly string[], settled: readonly string[]): readonly string[] {
  return expected.includes('left') && settled[0] === 'not-told' ? expected : settled
}

async function uncutOf(action: Action, nodeCount = 1) {
  const { outcome, stepCount } = await run(action, { breaks: [], mode: 'both ends', nodeCount })
  return { uncut: outcome, stepCount }
}

for (const action of actions) {
  describe(`[F16] [F17] [F20] [S36] [S64] [I37] ${action.name}`, { timeout: 120_000 }, () => {
    afterAll(() => progress(`lost replies, ${action.name} done`))

    for (const mode of Object.keys(modes)) {
      test(`cut at every step, ${mode} told`, async () => {
        const { uncut, stepCount } = await uncutOf(action)
        for (let at = 1; at <= stepCount; at++) await expectSame(action, { breaks: [at], mode }, uncut)
      })
    }

    for (const mode of ['both ends', 'the client alone']) {
      test(`cut at every pair of steps, ${mode} told`, async () => {
        const { uncut, stepCount } = await uncutOf(action)
        for (let first = 1; first <= stepCount; first++) {
          let isBroken = true
          for (let second = 1; isBroken; second++) {
            const one = { breaks: [first, second], mode }
            isBroken = await expectSame(action, one, uncut)
          }
        }
      })
    }

    for (const mode of Object.keys(modes)) {
      test(`cut at every step, ${mode} told; the retry goes to another node`, async () => {
        const { uncut, stepCount } = await uncutOf(action, 2)
        for (let at = 1; at <= stepCount; at++) await expectSame(action, { breaks: [at], mode, nodeCount: 2 }, uncut)
      })
    }

    test('the server dies at every step; another one goes on', async () => {
      const { uncut, stepCount } = await uncutOf(action)
      for (let at = 1; at <= stepCount; at++) {
        await expectSame(action, { breaks: [at], mode: 'both ends', crashes: true }, uncut)
      }
    })

    if (action.name === 'create' || action.name === 'resume') {
      test('the abandoned hello arrives late, the retry cut at every step', async () => {
        const { uncut, stepCount } = await uncutOf(action)
        for (let at = 0; at <= stepCount; at++) {
          const breaks = at === 0 ? [] : [at]
          await expectSame(action, { breaks, mode: 'both ends', hasLateHello: true }, uncut)
        }
      })
    }
  })
}

test('[F16] [I18] [I30] publishes that arrive late on the old link, behind the same ones of the new link: applied once', async () => {
  const publish = actions.find(({ name }) => name === 'publish')!
  const { uncut } = await uncutOf(publish)
  for (const lateMs of [100, 251, 255, 260, 300, 1_000, 20_000]) {
    const scene = await prepare(publish, { breaks: [], mode: 'both ends' })
    const { world } = scene
    const { link } = world.network.line('ann')
    link.delay(lateMs, 'up')
    publish.act(scene)
    await world.clock.advance(2)
    link.cut({ server: 'never', delivers: true })
    await world.until('the publishes to settle', () => publish.isDone(scene))
    await world.clock.advance(60_000)
    expect({ lateMs, ...(await outcomeOf(scene)) }).toEqual({ lateMs, ...uncut })
  }
})
