// What a session tells of itself to somebody who draws it: counts, drops, returns, publishes.

import { afterEach, expect, test } from 'vitest'
import { checkNetwork, setUp } from '../../test/support/client-rig.js'
import { connect, type PublishChange, type SessionEvents } from './node.js'

afterEach(checkNetwork)

const none = { dials: 0, drops: 0, resumes: 0, replayed: 0, duplicates: 0, gaps: 0, holes: 0, retries: 0 }

test('[STAT-7] stats count drops, returns, what was replayed and what was sent again, each once', async () => {
  const { clock, client, server } = await setUp()
  const ann = client('ann')
  expect(ann.session.stats).toEqual({ ...none, dials: 1 })
  const room = ann.session.join('r')
  const seen: string[] = []
  room.on('entry', ({ data, source }) => seen.push(`${data} ${source}`))
  await clock.advance(6_000)
  const before = ann.session.stats
  expect(before).toEqual({ ...none, dials: 1 })
  for (let drop = 1; drop <= 3; drop++) {
    ann.line.down()
    await clock.advance(1_000)
    void server.room('r').publish(`missed ${drop}`)
    ann.line.up()
    await clock.advance(20_000)
  }
  expect(before).toEqual({ ...none, dials: 1 })
  expect(seen).toEqual(['missed 1 replay', 'missed 2 replay', 'missed 3 replay'])
  const { dials, ...others } = ann.session.stats
  expect({ ...others, dials: 0 }).toEqual({ ...none, drops: 3, resumes: 3, replayed: 3 })
  expect(dials).toBeGreaterThanOrEqual(4)

  // The answer is lost: it is sent again, applied once, and comes back once.
  ann.line.link.loseReply((frame) => frame.type === 'published')
  const sent = room.publish('mine')
  await clock.advance(20_000)
  expect(await sent).toMatchObject({ kind: 'kept' })
  expect(ann.session.stats).toMatchObject({ drops: 4, resumes: 4, retries: 1, gaps: 0, duplicates: 0 })
})

test('[STAT-7] [STAT-8] a session that could not be resumed is a drop without a return', async () => {
  const { clock, client, start, server } = await setUp()
  const ann = client('ann')
  const resumes: string[] = []
  ann.session.on('resume', ({ instance, session }) => resumes.push(`${instance} ${session.kind}`))
  await clock.advance(6_000)
  server.crash()
  await start()
  await clock.advance(20_000)
  expect(resumes).toEqual(['same new'])
  expect(ann.session.stats).toMatchObject({ drops: 1, resumes: 0 })
})

test('[STAT-8] a drop is told once, with its reason; a resume tells a reload from a return', async () => {
  const { clock, client } = await setUp()
  const ann = client('ann')
  const told: unknown[] = []
  const listen = (session: typeof ann.session) => {
    session.on('drop', ({ reason }) => told.push(`drop ${reason}`))
    session.on('resume', ({ instance, session }: SessionEvents['resume']) => told.push(`${instance} ${session.kind}`))
  }
  listen(ann.session)
  await clock.advance(6_000)
  ann.line.cut()
  await clock.advance(20_000)
  expect(told).toEqual(['drop connection-lost', 'same resumed'])
  ann.session.disconnect()
  expect(told.splice(0)).toEqual(['drop connection-lost', 'same resumed', 'drop disconnected'])
  ann.session.retryNow()
  await clock.advance(1_000)
  expect(told.splice(0)).toEqual(['same resumed'])
  ann.session.close()
  await clock.advance(1_000)
  const reloaded = client('ann')
  listen(reloaded.session)
  await clock.advance(1_000)
  expect(told).toEqual(['new resumed'])
  expect(reloaded.session.stats).toMatchObject({ drops: 0, resumes: 0 })
})

test('[STAT-9] each publish is told as sending, then once as kept or failed', async () => {
  const { clock, client } = await setUp({ rooms: { '*': { canPublish: ({ data }) => data !== 'bad' } } })
  const { session, line } = client('ann')
  const room = session.join('r')
  await clock.advance(1_000)
  const told: string[] = []
  const marks: string[] = []
  session.on('publish', (change: PublishChange) => {
    told.push(`${change.mark} ${change.state}${change.state === 'failed' ? ` ${change.reason}` : ''}`)
  })
  line.down()
  await clock.advance(100)
  void room.publish({ text: 'hi' }, { mark: 'one' })
  void room.publish('bad', { mark: 'two' })
  marks.push(room.publish('x'.repeat(70_000)).mark)
  expect(session.outbox.list().map(({ mark, data, state }) => ({ mark, data, state }))).toEqual([
    { mark: 'one', data: { text: 'hi' }, state: 'pending' },
    { mark: 'two', data: 'bad', state: 'pending' },
  ])
  expect(told).toEqual(['one sending', 'two sending'])
  line.up()
  await clock.advance(20_000)
  expect(told.slice(2).toSorted()).toEqual(['one kept', 'two failed forbidden'])
  expect(session.outbox.list()).toEqual([])
  room.leave()
  marks.push(room.publish('late').mark)
  expect(new Set(marks.filter((mark) => mark !== '')).size).toBe(2)
})

test('[STAT-10] a query in the URL makes no other session, a key does', async () => {
  const { clock, client } = await setUp()
  const ann = client('ann')
  const { dial, clock: own } = ann.line
  const again = (url: string, key = '') => connect(url, { dial, clock: own, storage: ann.storage, key })
  const queried = again('ws://server.test/v1/connect?lang=en')
  const other = again('ws://server.test', 'other')
  await clock.advance(1_000)
  expect(queried.id).toBe(ann.session.id)
  expect(other.id).not.toBe(ann.session.id)
  const { id } = ann.session
  for (const session of [ann.session, queried, other]) session.close()
  await clock.advance(1_000)
  // After a reload the page's address may carry another one.
  const reloaded = again('ws://server.test?lang=de')
  await clock.advance(1_000)
  expect(reloaded.id).toBe(id)
})
