// A real server on a real data directory: a thousand clients over a SIGKILL, a second process on its directory, a disk
// that is full.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Session } from 'holdfast'
import { openLmdbStore } from 'holdfast/store/lmdb'
import { afterEach, expect, test } from 'vitest'
import { durableStore } from '../src/store/lmdb/durable.js'
import { memoryDisk } from '../src/store/lmdb/memory-disk.js'
import type { ClaimAnswer, Told } from './crash/messages.js'
import { buildProgram, type Program, ServerProcess } from './crash/process.js'
import { enterLive, publishOf, refusal, startServer } from './support/real.js'

const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Life {
  readonly server: ServerProcess
  readonly told: Told[]
}

async function program(): Promise<{ start(): Promise<Life>; readonly directory: string; readonly url: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-restart-'))
  const built: Program = await buildProgram()
  closing.push(() => rm(folder, { recursive: true, force: true }), built.remove)
  const port = 29_000 + (process.pid % 3_000)
  const directory = join(folder, 'data')
  return {
    directory,
    url: `ws://127.0.0.1:${port}`,
    async start() {
      const told: Told[] = []
      const orders = { directory, port, point: null, cut: null, note: join(folder, 'note') }
      const server = await new Promise<ServerProcess>((resolve) => {
        const starting = new ServerProcess(built, orders, (what) => {
          told.push(what)
          if (what.kind === 'listening') resolve(starting)
        })
        closing.push(() => starting.kill())
      })
      return { server, told }
    },
  }
}

/** Claims a name for each session; what each was answered. */
async function claimAll({ server, told }: Life, sessions: readonly Session[]): Promise<readonly ClaimAnswer[]> {
  for (const [id, { id: session }] of sessions.entries())
    server.claim({ id, session: session ?? '', key: `name:${id}` })
  const answers = () => told.filter((what) => what.kind === 'claimed')
  await expect.poll(() => answers().length, { timeout: 30_000 }).toBe(sessions.length)
  return answers()
    .toSorted((a, b) => a.id - b.id)
    .map(({ answer }) => answer)
}

test('[S45] [P12] SIGKILL under 1,000 connected clients: all of them resume, no new session, no leave, names are kept', {
  timeout: 180_000,
}, async () => {
  const { start, url } = await program()
  const first = await start()
  const count = 1_000
  const stories: string[][] = []
  const sessions = Array.from({ length: count }, (_, index) => {
    const story: string[] = []
    stories.push(story)
    const session = connect(url, { key: `${index}`, reconnect: { minMs: 50, maxMs: 1_000 }, minUptimeMs: 0 })
    closing.push(() => session.close())
    session.on('new-session', () => story.push('new'))
    session.on('resume', ({ session: verdict, rooms }) => {
      story.push(verdict.kind, ...[...rooms.values()].map(({ kind }) => kind))
    })
    session.join(`process/${index % 20}`).on('gap', ({ reason }) => story.push(reason))
    return session
  })
  await Promise.all(sessions.map((session) => session.whenLive()))
  const before = sessions.map(({ id }) => id)
  const names = await claimAll(first, sessions)
  expect(new Set(names.map(({ kind }) => kind))).toEqual(new Set(['granted']))

  first.server.kill()
  await first.server.ended()
  const second = await start()
  await expect.poll(() => stories.filter((story) => story.length >= 3).length, { timeout: 60_000 }).toBe(count)
  await Promise.all(sessions.map((session) => session.whenLive()))
  expect(new Set(stories.map((story) => story.join(' ')))).toEqual(new Set(['new resumed complete']))
  expect(sessions.map(({ id }) => id)).toEqual(before)
  expect(await claimAll(second, sessions)).toEqual(names)
  // Longer than the hold: whoever was thought to be away would be gone by now.
  await new Promise((resolve) => setTimeout(resolve, 7_000))
  expect([...first.told, ...second.told].filter(({ kind }) => kind === 'left' || kind === 'trouble')).toEqual([])
  for (const session of sessions) session.close()
  expect(await second.server.stop()).toBe(0)
})

test('[S62] [DISK-5] a second process on the directory is refused, told whose it is and what to do; the first serves on', async () => {
  const { start, url, directory } = await program()
  const { server } = await start()
  const opening = openLmdbStore({ path: directory })
  await expect(opening).rejects.toMatchObject({ name: 'DataError', problem: 'in-use' })
  await expect(opening).rejects.toThrow(/is in use by process \d+; stop that server first, or name another directory/)
  const session = connect(url, { key: 'S62' })
  closing.push(() => session.close())
  const room = session.join('disk/a')
  expect(await room.publish('still here')).toMatchObject({ kind: 'kept' })
  session.close()
  expect(await server.stop()).toBe(0)
  const after = await openLmdbStore({ path: directory })
  await after.close()
})

test('[S61] [DISK-2] a full disk: publishes are refused retryably, whoever is there stays, and all goes on when there is room', async () => {
  let isFull = false
  const disk = memoryDisk((step) => {
    if (step === 'commit' && isFull) throw new Error('ENOSPC: no space left on device')
  })
  const store = durableStore({ disk })
  closing.push(() => store.close())
  const { server, port, lines } = await startServer({ store, rooms: { a: { durability: 'disk' } } })
  const ann = await enterLive(port, [{ room: 'a' }])
  const bob = await enterLive(port, [{ room: 'a' }])
  const first = publishOf(ann.welcome.session, { id: 7 }) as Record<string, unknown>
  isFull = true
  expect(await refusal(ann.peer, first)).toMatchObject({ reason: 'store-unavailable', retry: true })
  // What needs no disk goes on: both are there, and hear each other.
  ann.peer.send({ type: 'signal', room: 'a', data: 'typing' })
  await bob.peer.take('signalled')
  expect([ann.peer.closed(), bob.peer.closed()]).toEqual([null, null])

  isFull = false
  ann.peer.send({ ...first, id: 8, again: true })
  expect(await ann.peer.take('published', ({ id }) => id === 8)).toMatchObject({ duplicate: false })
  expect(await bob.peer.take('entry')).toMatchObject({ offset: 1 })
  expect([ann.peer.closed(), bob.peer.closed()]).toEqual([null, null])
  expect(lines.filter(({ level }) => level === 'error')).toEqual([])
  for (const { peer } of [ann, bob]) peer.destroy()
  await server.close({ timeoutMs: 1_000 })
})
