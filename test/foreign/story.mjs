// A session told from outside: created, joined, published in, cut, resumed, taken over, refused and left, by a program
// that shares no line with the library. `npx vitest run test/foreign` runs it against the real server; by hand:
//   node test/foreign/story.mjs ws://127.0.0.1:7400/v1/connect lobby

import { deepStrictEqual as same, ok, strictEqual as equal } from 'node:assert'
import { argv, exit } from 'node:process'
import { goldenCheck } from './golden.mjs'
import { dial, hashOf, random } from './wire.mjs'

const [url, room] = argv.slice(2)
if (url === undefined || room === undefined) {
  console.error('usage: node story.mjs URL ROOM')
  exit(2)
}
const wrongWith = goldenCheck(new URL('../frames/', import.meta.url))

/** What a client keeps of itself between connections. */
function newcomer(name) {
  return {
    name,
    instance: random(),
    device: random(),
    producer: random(),
    attempt: 0,
    session: null,
    secret: null,
    next: random(32),
    position: null,
    entries: [],
  }
}

/** The first frame; `changes` are what a step does differently. */
function helloOf(who, changes = {}) {
  const proof = who.session === null ? {} : { session: { id: who.session, secret: who.secret } }
  const ask = who.position === null ? { room } : { room, since: who.position }
  return {
    type: 'hello',
    version: 1,
    features: [],
    instance: who.instance,
    attempt: ++who.attempt,
    nextHash: hashOf(who.next),
    device: who.device,
    rooms: [ask],
    ...proof,
    ...changes,
  }
}

/** Takes the very next frame, checks it against the golden ones, and the type. */
async function expect(wire, type) {
  const frame = await wire.next()
  equal(wrongWith(frame), null)
  equal(frame.type, type, `expected ${type}, got ${JSON.stringify(frame)}`)
  return frame
}

/** An entry must follow the one before: this is the whole of "no silent gap, no repeat". */
function note(who, entry) {
  equal(entry.room, room)
  equal(entry.offset, who.position.offset + 1)
  who.position = { epoch: entry.epoch, offset: entry.offset, tag: entry.tag }
  who.entries.push(entry)
}

/** Dials and goes through the whole answer: welcome, the room's verdict, its entries, live of both. */
async function arrive(who) {
  const wire = await dial(url)
  wire.send(helloOf(who))
  const welcome = await expect(wire, 'welcome')
  const joined = await expect(wire, 'joined')
  equal(joined.room, room)
  equal(joined.verdict.kind, 'complete')
  if (who.position !== null) equal(joined.position.offset, who.position.offset)
  who.position = joined.position
  for (;;) {
    const frame = await wire.next()
    equal(wrongWith(frame), null)
    if (frame.type === 'live') {
      equal(frame.room, room)
      break
    }
    equal(frame.type, 'entry')
    note(who, frame)
  }
  equal((await expect(wire, 'live')).room, null)
  equal(who.position.offset, joined.verdict.to)
  // The secret is now the one whose hash was sent; the next one is made at once.
  who.session = welcome.session
  who.secret = who.next
  who.next = random(32)
  return { wire, welcome }
}

const publish = (who, seq, data, changes = {}) => ({
  type: 'publish',
  id: seq,
  session: who.session,
  room,
  producer: who.producer,
  seq,
  prev: seq - 1,
  again: false,
  mark: `mark-${who.name}-${seq}`,
  data,
  ...changes,
})

/** The answer to a publish and, unless it was applied before, its own entry; they may come in either order. */
async function settled(who, wire, seq, { entryToo }) {
  let answer = null
  let entry = null
  while (answer === null || (entryToo && entry === null)) {
    const frame = await wire.next()
    equal(wrongWith(frame), null)
    if (frame.type === 'entry') {
      note(who, frame)
      if (frame.mark === `mark-${who.name}-${seq}`) entry = frame
    } else {
      equal(frame.type, 'published', JSON.stringify(frame))
      equal(frame.id, seq)
      answer = frame
    }
  }
  return { answer, entry }
}

const steps = [
  ['a session is created, joins and publishes', creates],
  ['what was missed while cut comes once, in order; a publish of unknown fate is applied once', resumes],
  ['the same resume again is accepted; an older attempt is not', repeats],
  ['bytes travel as they are', sendsBytes],
  ['a room is joined later, with its past and its people; what is not kept is only signalled', looksAround],
  ['a wrong secret gets a new session, and nothing of the old one', guesses],
  ['what is no frame, and what is no frame type, is answered', misspeaks],
  ['a copied secret ends the session for both who have it', isStolen],
  ['leaving ends the session', leaves],
]

const ann = newcomer('ann')
const bob = newcomer('bob')
let annWire
let bobWire

async function creates() {
  ;({ wire: annWire } = await arrive(ann))
  const { welcome, wire } = await arrive(bob)
  bobWire = wire
  same(welcome.verdict, { kind: 'new', reason: 'created' })
  ok(ann.session !== bob.session)
  annWire.send(publish(ann, 1, { text: 'hello' }))
  const { answer, entry } = await settled(ann, annWire, 1, { entryToo: true })
  equal(answer.duplicate, false)
  same(answer.position, { epoch: entry.epoch, offset: entry.offset, tag: entry.tag })
  same(entry.data, { text: 'hello' })
  equal(entry.by.session, ann.session)
  const seen = await expect(bobWire, 'entry')
  note(bob, seen)
  same(seen, entry)
}

async function resumes() {
  // Sent, then gone: whether it arrived is not known, so it is sent again with `again`.
  annWire.send(publish(ann, 2, { text: 'did this arrive?' }))
  annWire.cut()
  for (let seq = 1; seq <= 5; seq++) {
    bobWire.send(publish(bob, seq, { text: `bob ${seq}` }))
    await settled(bob, bobWire, seq, { entryToo: true })
  }
  const { wire, welcome } = await arrive(ann)
  annWire = wire
  equal(welcome.verdict.kind, 'resumed')
  equal(welcome.session, ann.session)
  annWire.send(publish(ann, 2, { text: 'did this arrive?' }, { again: true }))
  const { answer } = await settled(ann, annWire, 2, { entryToo: false })
  const copies = () => ann.entries.filter((entry) => entry.mark === 'mark-ann-2').length
  if (copies() === 0) note(ann, await expect(annWire, 'entry'))
  equal(copies(), 1)
  ok(answer.position !== null)
  equal(ann.entries.filter((entry) => entry.mark?.startsWith('mark-bob-')).length, 5)
  annWire.send(publish(ann, 2, { text: 'something else' }, { id: 90, again: true }))
  equal((await expect(annWire, 'refused')).reason, 'payload-mismatch')
  annWire.send(publish(ann, 9, { text: 'too early' }, { id: 91, prev: 8 }))
  const early = await expect(annWire, 'refused')
  same([early.reason, early.last, early.retry], ['out-of-order', 2, true])
}

async function repeats() {
  const before = { secret: ann.secret, next: ann.next }
  // The first of these dials is welcomed, but its welcome is lost: the second brings the very same proof.
  const lost = await dial(url)
  lost.send(helloOf(ann))
  await expect(lost, 'welcome')
  lost.cut()
  const { wire, welcome } = await arrive(ann)
  equal(welcome.verdict.kind, 'resumed')
  same(ann.secret, before.next)

  const bye = await annWire.take('a bye', (frame) => frame.type === 'bye')
  equal(wrongWith(bye), null)
  same([bye.code, bye.reason, bye.retry, bye.kept, bye.instance], [4400, 'superseded', false, true, ann.instance])
  equal((await annWire.end()).code, 4400)
  annWire = wire

  const late = await dial(url)
  late.send({ ...helloOf(ann, { attempt: 1 }), nextHash: hashOf(ann.next) })
  const stale = await expect(late, 'bye')
  same([stale.code, stale.reason], [4401, 'stale-attempt'])
  ok(stale.lastAttempt > 1)
  equal((await late.end()).code, 4401)
  // The live connection did not notice.
  annWire.send(publish(ann, 3, { text: 'still here' }))
  await settled(ann, annWire, 3, { entryToo: true })
}

async function sendsBytes() {
  const { data, ...header } = publish(ann, 4, null)
  annWire.sendBinary(header, Buffer.from([0, 1, 2, 253, 254, 255]))
  const { entry } = await settled(ann, annWire, 4, { entryToo: true })
  ok(data === null && Buffer.isBuffer(entry.data))
  same([...entry.data], [0, 1, 2, 253, 254, 255])
}

async function looksAround() {
  const carl = newcomer('carl')
  const wire = await dial(url)
  wire.send(helloOf(carl, { rooms: [] }))
  carl.session = (await expect(wire, 'welcome')).session
  equal((await expect(wire, 'live')).room, null)
  wire.send({ type: 'join', id: 1, room, last: 2, presence: true })
  const joined = await expect(wire, 'joined')
  same([joined.id, joined.room, joined.verdict.kind], [1, room, 'complete'])
  equal(joined.verdict.to - joined.verdict.from, 2)
  const presence = await wire.take('the presence', (frame) => frame.type === 'presence')
  equal(wrongWith(presence), null)
  ok(presence.members.some(({ session, state }) => session === ann.session && state === 'live'))
  for (const offset of [joined.position.offset + 1, joined.position.offset + 2]) {
    equal((await expect(wire, 'entry')).offset, offset)
  }
  equal((await expect(wire, 'live')).room, room)

  annWire.send({ type: 'track', room, data: { mood: 'calm' } })
  for (let version = presence.version; ; ) {
    const change = await expect(wire, 'presence-changed')
    equal(change.since, version)
    version = change.version
    if (change.set.some((member) => member.session === ann.session && member.data?.mood === 'calm')) break
  }
  annWire.send({ type: 'signal', room, data: { typing: true } })
  const signalled = await wire.take('a signal', (frame) => frame.type === 'signalled')
  equal(wrongWith(signalled), null)
  same([signalled.by.session, signalled.data], [ann.session, { typing: true }])
  wire.send({ type: 'leave', id: 2, room })
  const left = await wire.take('left', (frame) => frame.type === 'left')
  same(left, { type: 'left', id: 2, room })
  wire.send(publish(carl, 3, { text: 'from outside' }))
  equal((await wire.take('a refusal', (frame) => frame.type === 'refused')).reason, 'not-joined')
  wire.cut()
}

async function guesses() {
  const eve = { ...newcomer('eve'), session: ann.session, secret: random(32) }
  const { wire, welcome } = await arrive(eve)
  same(welcome.verdict, { kind: 'new', reason: 'secret-unknown' })
  ok(eve.session !== ann.session)
  wire.send(publish({ ...eve, session: ann.session }, 1, { text: 'as ann' }))
  equal((await expect(wire, 'refused')).reason, 'not-resumed')
  wire.cut()
}

async function misspeaks() {
  annWire.send({ type: 'vote', id: 400, for: 'kelp' })
  const unknown = await expect(annWire, 'refused')
  same([unknown.id, unknown.reason], [400, 'unsupported'])
  annWire.send(publish(ann, 5, { text: 'no seq' }, { id: 401, seq: 'five' }))
  const wrong = await expect(annWire, 'refused')
  same([wrong.id, wrong.reason], [401, 'bad-message'])
  const stranger = await dial(url)
  stranger.sendText('this is no frame')
  const bye = await expect(stranger, 'bye')
  same([bye.code, bye.reason, bye.retry], [4500, 'bad-frame', false])
  equal((await stranger.end()).code, 4500)
}

async function isStolen() {
  const dora = newcomer('dora')
  ;(await arrive(dora)).wire.cut()
  const thief = { ...dora, instance: random(), next: random(32) }
  const { wire } = await arrive(thief)
  equal(thief.session, dora.session)
  // Dora comes back with the secret that the thief has used, and another next one: one of them has a copy.
  const late = await dial(url)
  late.send(helloOf({ ...dora, attempt: thief.attempt }))
  for (const each of [late, wire]) {
    const bye = await each.take('a bye', (frame) => frame.type === 'bye')
    equal(wrongWith(bye), null)
    equal(bye.kept, false)
    equal((await each.end()).code, bye.code)
  }
}

async function leaves() {
  annWire.send({ type: 'leave', id: 500, room: null })
  same(await expect(annWire, 'left'), { type: 'left', id: 500, room: null })
  const bye = await expect(annWire, 'bye')
  same([bye.code, bye.reason, bye.kept], [4406, 'left', false])
  equal((await annWire.end()).code, 4406)
  ann.position = null
  const { welcome, wire } = await arrive(ann)
  equal(welcome.verdict.kind, 'new')
  wire.cut()
  bobWire.cut()
}

for (const [title, run] of steps) {
  try {
    await run()
    console.log(`ok ${title}`)
  } catch (error) {
    console.log(`failed ${title}`)
    console.error(error)
    exit(1)
  }
}
exit(0)
