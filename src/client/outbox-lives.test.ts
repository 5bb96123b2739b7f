// Any lives of several tabs of one profile, in any order of loads, crashes, freezes, faults and users: what the log has
// in the end is judged against what was published and told.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkNetwork, setUp } from '../../test/support/client-rig.js'
import type { Publish } from '../protocol/frames.js'
import type { Line } from '../testing/memory-network.js'
import { createOutboxDisk, openOutboxDisk, type PageOutbox } from '../testing/memory-outbox.js'
import type { WakeSource } from './connect.js'
import { memoryStorage, type Session } from './node.js'

const users = ['ann', 'bob'] as const
const rooms = ['a', 'b'] as const
const tabNames = ['t1', 't2', 't3'] as const
/** What a page publishes is stored by then, and what it told too. */
const storedMs = 150
// `SEED=… RUNS=…` look further. Seed -1488025291 (RUNS=40) is open: after a wall clock that was set back, what two tabs
// left is finished in another order than it is shown.
const seed = Number(process.env['SEED'] ?? 1)
const runs = Number(process.env['RUNS'] ?? 40)

const tab = fc.constantFrom(...tabNames)
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('make' as const), tab, room: fc.constantFrom(...rooms) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('load' as const),
      tab,
      user: fc.constantFrom(...users),
      says: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('down', 'up', 'cut', 'half-open', 'lose-answer', 'crash', 'close', 'freeze', 'thaw'),
      tab,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('jump' as const), tab, ms: fc.integer({ min: -9e7, max: 9e7 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat(40_000) }) },
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

interface Made {
  readonly user: string
  readonly room: string
}

interface Told {
  readonly how: string
  /** When the page that told it may still have had to store that. */
  readonly atMs: number
  readonly page: PageTrail
}

interface PageTrail {
  readonly diedMs: number
  readonly wasFrozen: boolean
  /** What it published itself, and what it was to send, in order. */
  readonly own: Set<string>
  readonly order: string[]
}

interface Place {
  readonly session: ReturnType<typeof memoryStorage>['session']
  isDown: boolean
  wallMs: number
}

/** One profile with its tabs, and what became of everything that was published there. */
async function createWorld() {
  const rig = await setUp({ authenticate: async (token) => ({ user: token ?? 'reader' }) })
  const disk = createOutboxDisk()
  const profile = memoryStorage().profile
  /** Which item each mark is, as it went over the wire. */
  const sent = new Map<string, { readonly producer: string; readonly seq: number }>()
  rig.network.watch(({ direction, frame }) => {
    if (direction !== 'up' || typeof frame !== 'string') return
    const { type, mark, producer, seq } = JSON.parse(frame) as Publish
    if (type !== 'publish' || mark === undefined) return
    const before = sent.get(mark) ?? { producer, seq }
    // Adopted items are unchanged.
    expect({ mark, producer, seq }).toEqual({ mark, ...before })
    sent.set(mark, before)
  })
  // The log as somebody sees it who is there all the time.
  const logged: { room: string; mark: string | null; user: string | undefined }[] = []
  const reader = rig.client('reader').session
  for (const room of rooms) {
    reader.join(room).on('entry', ({ mark, by }) => logged.push({ room, mark, user: by?.user }))
  }
  const places = new Map<string, Place>()
  const pages = new Map<string, Page>()
  return {
    rig,
    disk,
    profile,
    sent,
    logged,
    places,
    pages,
    all: [] as Page[],
    made: new Map<string, Made>(),
    told: new Map<string, Told[]>(),
  }
}

type World = Awaited<ReturnType<typeof createWorld>>

interface Page extends PageTrail {
  readonly user: string
  readonly place: Place
  readonly line: Line
  readonly session: Session
  readonly outbox: PageOutbox
  diedMs: number
  isFrozen: boolean
  wasFrozen: boolean
  tell(what: 'freeze' | 'thaw'): void
}

function openPage({ rig, disk, profile, places, all }: World, name: string, user: string): Page {
  const place = places.get(name) ?? { session: memoryStorage().session, isDown: false, wallMs: 0 }
  places.set(name, place)
  const line = rig.network.line(`${name}.${all.length}`)
  line.clock.skew({ wallOffsetMs: place.wallMs })
  if (place.isDown) line.down()
  const outbox = openOutboxDisk(disk, {
    clock: line.clock,
    delayMs: () => rig.chance.below(12),
    isEarly: () => rig.chance.fraction() < 0.5,
  })
  let tell = (_: 'freeze' | 'thaw') => {}
  const wake: WakeSource = (told) => {
    tell = told
    return () => {}
  }
  const { session } = rig.client(line.name, {
    storage: { session: place.session, profile, outbox, kind: 'persistent' },
    auth: () => user,
    wake: [wake],
  })
  for (const room of rooms) session.join(room)
  const state = { diedMs: Infinity, isFrozen: false, wasFrozen: false, own: new Set<string>(), order: [] }
  return { user, place, line, session, outbox, ...state, tell: (what) => tell(what) }
}

function listen({ rig, told }: World, page: Page): void {
  const { session, own, order } = page
  session.on('publish', (change) => {
    const { mark } = change
    if (change.state === 'sending') {
      // What is found while own ones wait already goes before them, or behind those that are on their way.
      const isAdopted = own.size === 0 && session.outbox.list().some((item) => item.mark === mark && item.isAdopted)
      if (own.has(mark) || isAdopted) order.push(mark)
      return
    }
    const how = change.state === 'kept' ? 'kept' : change.reason
    told.set(mark, [...(told.get(mark) ?? []), { how, atMs: rig.clock.nowMs(), page }])
  })
}

function die({ rig, pages }: World, name: string): void {
  const page = pages.get(name)
  if (page === undefined) return
  pages.delete(name)
  page.diedMs = rig.clock.nowMs()
  page.outbox.die()
  page.line.down({ client: 'never' })
  page.line.clock.kill()
}

/** `says`: it publishes before it has read what is stored; its tab must have been that user's. */
async function load(world: World, name: string, user: string, says = false): Promise<void> {
  const { pages, all, made, rig } = world
  const isKnown = pages.get(name)?.session.user === user
  die(world, name)
  const page = openPage(world, name, user)
  pages.set(name, page)
  all.push(page)
  listen(world, page)
  const mark = `m${made.size + 1}`
  if (says && isKnown) {
    made.set(mark, { user, room: 'a' })
    void page.session.join('a').publish({ mark }, { mark })
  }
  await rig.clock.advance(storedMs)
  if (!made.has(mark)) return
  page.own.add(mark)
  page.order.push(mark)
}

async function act(world: World, given: Step): Promise<void> {
  const { rig, pages, made, places } = world
  if (given.do === 'pass') return rig.clock.advance(given.ms)
  if (given.do === 'load') return load(world, given.tab, given.user, given.says)
  const page = pages.get(given.tab)
  const place = places.get(given.tab)
  if (page === undefined || place === undefined) return
  if (given.do === 'make') {
    // Before its welcome a page does not know that another user than the last one sits there.
    if (page.session.user !== page.user || page.isFrozen) return
    const mark = `m${made.size + 1}`
    page.own.add(mark)
    made.set(mark, { user: page.user, room: given.room })
    void page.session.join(given.room).publish({ mark }, { mark })
    return rig.clock.advance(storedMs)
  }
  if (given.do === 'jump') {
    place.wallMs += given.ms
    return page.line.clock.skew({ wallOffsetMs: place.wallMs })
  }
  if (given.do === 'crash') return die(world, given.tab)
  if (given.do === 'close') {
    page.session.close()
    await rig.clock.advance(storedMs)
    return die(world, given.tab)
  }
  if (given.do === 'freeze' || given.do === 'thaw') {
    page.isFrozen = given.do === 'freeze'
    page.wasFrozen = true
    return page.tell(given.do)
  }
  disturb(page, given.do)
}

function disturb({ line, place }: Page, how: string): void {
  if (how === 'down' || how === 'up') {
    place.isDown = how === 'down'
    line[how]()
  } else if (how === 'cut') line.cut()
  else if (line.dialCount > 0 && how === 'half-open') line.link.halfOpen('down')
  else if (line.dialCount > 0) line.link.loseReply(({ type }) => type === 'published')
}

/** Everybody comes back, on a good network. */
async function end(world: World): Promise<void> {
  const { rig, pages } = world
  await rig.clock.advance(storedMs)
  for (const name of [...pages.keys()]) die(world, name)
  for (const user of users) await load(world, `last of ${user}`, user)
  await rig.clock.advance(120_000)
}

function judge({ made, told, sent, disk, logged, all }: World): void {
  const marks = logged.map(({ mark }) => mark)
  // At most once, in its room, as the user who made it.
  expect(marks).toEqual([...new Set(marks)])
  for (const { mark, room, user } of logged) expect({ mark, room, user }).toEqual({ mark, ...made.get(mark ?? '') })
  for (const mark of made.keys()) {
    const tales = told.get(mark) ?? []
    const isKept = marks.includes(mark)
    for (const { how, atMs, page } of tales) {
      if (how === 'kept') expect({ mark, isKept }).toEqual({ mark, isKept: true })
      const isNo = how === 'user-changed' || how === 'closed'
      // What a page tells in its last moment may not be stored: then the next one sends it.
      if (isNo && page.diedMs - atMs > storedMs) expect({ mark, how, isKept }).toEqual({ mark, how, isKept: false })
    }
    // None is lost: it is kept, or somebody was told why not.
    const isSettled = isKept || tales.some(({ how }) => how === 'user-changed' || how === 'unknown' || how === 'poison')
    expect({ mark, isSettled, tales: tales.map(({ how }) => how) }).toMatchObject({ mark, isSettled: true })
  }
  for (const room of rooms)
    inOrder(
      logged.filter((entry) => entry.room === room),
      sent,
    )
  expect([...disk.items.keys()]).toEqual([])
  for (const page of all) if (!page.wasFrozen) adoptedFirst(page, told, logged)
}

/** What a page found when it was loaded it finished before its own. */
function adoptedFirst(page: World['all'][number], told: World['told'], logged: World['logged']): void {
  const isFinished = (mark: string) =>
    told.get(mark)?.some((tale) => tale.page === page && tale.how === 'kept') ?? false
  for (const room of rooms) {
    const marks = logged.filter((entry) => entry.room === room).map(({ mark }) => mark)
    const finished = page.order.filter((mark) => marks.includes(mark) && isFinished(mark))
    expect(finished).toEqual([...finished].sort((one, other) => marks.indexOf(one) - marks.indexOf(other)))
  }
}

function inOrder(log: World['logged'], sent: World['sent']): void {
  const last = new Map<string, number>()
  for (const { mark } of log) {
    const { producer, seq } = sent.get(mark ?? '') ?? { producer: '', seq: 0 }
    expect({ mark, follows: seq > (last.get(producer) ?? 0) }).toEqual({ mark, follows: true })
    last.set(producer, seq)
  }
}

test('[OUT-15] [OUT-20] [OUT-24] over any lives of three tabs and two users each publish is in the log at most once, none is lost, each life in order', {
  timeout: 20_000 + runs * 200,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const world = await createWorld()
      for (const name of tabNames) await load(world, name, name === 't3' ? 'bob' : 'ann')
      await world.rig.clock.advance(1_000)
      for (const given of steps) await act(world, given)
      await end(world)
      judge(world)
      checkNetwork()
    }),
    { seed, numRuns: runs, interruptAfterTimeLimit: runs * 200 },
  )
})
