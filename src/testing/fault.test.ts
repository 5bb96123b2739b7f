import { readFileSync } from 'node:fs'
import { connect } from 'holdfast'
import { expect, test } from 'vitest'
import type { FaultScript } from './fault.js'
import { checkFaults, faultKinds, fieldsOf, InvalidFaultScript } from './fault-check.js'
import { createTestStage } from './test-stage.js'

/** One of each kind, with every field. */
const every: FaultScript = [
  { atMs: 0, fault: 'cut', line: 'ann', client: 'never', server: 5, delivers: true },
  { atMs: 0, fault: 'cut-at', line: 'ann', direction: 'up', bytes: 7 },
  { atMs: 0, fault: 'storm' },
  { atMs: 0, fault: 'half-open', line: 'ann', direction: 'down' },
  { atMs: 0, fault: 'delay', line: 'ann', ms: 10, forMs: 10, direction: 'both' },
  { atMs: 0, fault: 'bandwidth', line: 'ann', bytesPerSec: 1_000, forMs: 10 },
  { atMs: 0, fault: 'stall', line: 'ann', direction: 'down', forMs: 10 },
  { atMs: 0, fault: 'close-lost', line: 'ann', how: 'swallowed' },
  { atMs: 0, fault: 'hang', line: 'ann', forMs: 10 },
  { atMs: 0, fault: 'refuse', line: 'ann', forMs: 10 },
  { atMs: 0, fault: 'down', line: 'ann', forMs: 10 },
  { atMs: 0, fault: 'handshake-stall', line: 'ann', direction: 'up', forMs: 10 },
  { atMs: 0, fault: 'swizzle', lines: ['ann'], everyMs: 5, heldMs: 10 },
  { atMs: 0, fault: 'late-dial', line: 'ann', releaseMs: 10 },
  { atMs: 0, fault: 'lose-reply', line: 'ann', frame: 'published', nth: 2, isNext: true, serverHears: 'never' },
  { atMs: 0, fault: 'lose-request', line: 'ann', frame: 'publish', nth: 2, isNext: false, serverHears: 0 },
  { atMs: 0, fault: 'pause-client', line: 'ann', forMs: 10 },
  { atMs: 0, fault: 'pause-server', server: 'a', forMs: 10 },
  { atMs: 0, fault: 'skew-client', line: 'ann', rate: 1.05, wallOffsetMs: -3_600_000, forMs: 10 },
  { atMs: 0, fault: 'skew-server', server: 'a', rate: 0.95, wallOffsetMs: 5 },
  { atMs: 0, fault: 'crash', server: 'a', downMs: 10 },
  { atMs: 0, fault: 'stop', server: 'a', downMs: 10, killAfterMs: null },
  { atMs: 0, fault: 'store-fails', server: 'a', which: 'writes', share: 0.5, when: 'after', forMs: 10 },
  { atMs: 0, fault: 'store-slow', lateMs: [10, 20], forMs: 10 },
  { atMs: 0, fault: 'store-hangs', forMs: 10 },
  { atMs: 0, fault: 'hints-lost', share: 1, forMs: 10 },
]

test('a script of every kind is one, also when it has been JSON', () => {
  expect(every.map(({ fault }) => fault)).toEqual(faultKinds)
  const again: unknown = JSON.parse(JSON.stringify(every))
  expect(checkFaults(again)).toEqual({ kind: 'script', script: every })
})

test('the guide has a row for each fault, with its fields', () => {
  const guide = readFileSync(new URL('../../docs/guide/testing.md', import.meta.url), 'utf8')
  const rows = [...guide.matchAll(/^\| `([\w-]+)` \| (.*?)\|/gm)]
  expect(rows.map(([, kind]) => kind)).toEqual(faultKinds)
  for (const [, kind, fields = ''] of rows) {
    const known = fieldsOf(faultKinds.find((one) => one === kind) ?? 'cut')
    expect([...fields.matchAll(/`(\S+)`/g)].map(([, field]) => field).toSorted(), kind).toEqual(known.toSorted())
  }
})

const wrong: readonly (readonly [script: unknown, field: string, found: string, allowed: RegExp])[] = [
  ['cut', 'the script', '"cut"', /array/],
  [[null], 'the step', 'null', /atMs, fault/],
  [[{ atMs: 0, fault: 'explode' }], 'fault', '"explode"', /cut, cut-at, storm/],
  [[{ atMs: 0, fault: 'toString' }], 'fault', '"toString"', /cut/],
  [[{ atMs: -1, fault: 'storm' }], 'atMs', '-1', /0 or more/],
  [[{ fault: 'storm' }], 'atMs', 'absent', /0 or more/],
  [[{ atMs: 0, fault: 'cut' }], 'line', 'absent', /a name/],
  [[{ atMs: 0, fault: 'cut', line: 'ann', server: 'later' }], 'server', '"later"', /'never'/],
  [[{ atMs: 0, fault: 'lose-reply', line: 'ann', frame: 'publish' }], 'frame', '"publish"', /welcome, joined/],
  [[{ atMs: 0, fault: 'store-fails', share: 2, forMs: 5 }], 'share', '2', /from 0 to 1/],
  [[{ atMs: 0, fault: 'store-slow', lateMs: [9, 1], forMs: 5 }], 'lateMs', '[9,1]', /least, most/],
  [[{ atMs: 0, fault: 'storm', line: 'ann' }], 'line', '"ann"', /of storm: atMs/],
]

for (const [script, field, found, allowed] of wrong) {
  test(`a script with ${field} ${found} is refused, and says what is allowed`, () => {
    const checked = checkFaults(script)
    expect(checked).toMatchObject({ kind: 'wrong', problems: [{ step: 0, field, found }] })
    if (checked.kind === 'wrong') expect(checked.problems[0]?.allowed).toMatch(allowed)
  })
}

/** These break the link that is open, and the client dials again; the others end by themselves. */
const breaking: ReadonlySet<string> = new Set([
  'cut',
  'cut-at',
  'storm',
  'half-open',
  'down',
  'lose-reply',
  'lose-request',
  'crash',
  'stop',
])

async function setUp(...servers: readonly string[]) {
  const stage = await createTestStage({ servers: ['a', ...servers] })
  const session = connect(stage.url, stage.client('ann'))
  const room = session.join('x')
  const heard: unknown[] = []
  room.on('entry', ({ data }) => heard.push(data))
  await stage.advance(1_000)
  return { stage, session, room, heard }
}

for (const step of every) {
  test(`after ${step.fault} everybody comes back, and what was published is there once`, async () => {
    const { stage, session, room, heard } = await setUp()
    const isHere = step.fault !== 'lose-reply' && step.fault !== 'lose-request'
    const playing = stage.play([isHere ? step : { ...step, nth: 1, isNext: false }])
    await stage.advance(1)
    const sent = room.publish('one')
    await stage.advance(60_000)
    expect(await stage.settled(sent)).toMatchObject({ kind: 'kept' })
    expect(heard).toEqual(['one'])
    expect(session.status.state).toBe('connected')
    expect(stage.network.line('ann').dialCount > 1).toBe(breaking.has(step.fault))
    expect(playing).toMatchObject({ done: [{ fault: step.fault }], idle: [] })
    expect(stage.network.violations).toEqual([])
  })
}

test('a server that is not there is refused before anything is done; a line without a link is told', async () => {
  const { stage } = await setUp('b')
  const script: FaultScript = [
    { atMs: 0, fault: 'storm' },
    { atMs: 0, fault: 'crash', server: 'c', downMs: 5 },
  ]
  expect(() => stage.play(script)).toThrow(InvalidFaultScript)
  expect(() => stage.play(script)).toThrow(/step 1: .*the servers a, b/)
  await stage.advance(100)
  expect(stage.network.line('ann').dialCount).toBe(1)

  const typo: FaultScript = [{ atMs: 5, fault: 'cut', line: 'anna' }]
  const playing = stage.play(typo)
  expect(playing.idle).toEqual([])
  await stage.advance(10)
  expect(playing.idle).toEqual(typo)
})

test('stop: what has not begun does not', async () => {
  const { stage } = await setUp()
  const playing = stage.play([{ atMs: 500, fault: 'storm' }])
  playing.stop()
  await stage.advance(1_000)
  expect(playing.done).toEqual([])
  expect(stage.network.line('ann').dialCount).toBe(1)
})

test('heal: a store that hung goes on, a network that was down is there, a server that crashed runs', async () => {
  const { stage, session, room } = await setUp('b')
  const long = { atMs: 0, forMs: 1e9 }
  stage.play([
    { ...long, fault: 'store-hangs' },
    { ...long, fault: 'down', line: 'ann' },
    { atMs: 0, fault: 'crash', server: 'a', downMs: 1e9 },
    { atMs: 0, fault: 'crash', server: 'b', downMs: 1e9 },
  ])
  await stage.advance(5_000)
  expect(session.status.state).toBe('reconnecting')
  stage.heal()
  expect(await stage.settled(room.publish('one'))).toMatchObject({ kind: 'kept' })
})
