// A program that writes while there is no network, ends, and is started again: what it wrote arrives once.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, fileStorage } from 'holdfast'
import { createServer } from 'holdfast/server'
import { createTcpProxy } from 'holdfast/testing'
import { expect, test } from 'vitest'

test('written offline, sent once by the next start', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'outbox-'))
  const server = await createServer({ port: 0, log: false, rooms: { 'jobs/:id': {} } })
  const network = await createTcpProxy({ to: { port: server.port } })
  const url = `http://127.0.0.1:${network.port}`

  // In browsers nothing of this is needed: IndexedDB is the default.
  const first = connect(url, { storage: fileStorage(join(folder, 'session.json')) })
  const jobs = first.join('jobs/1')
  await first.whenLive()
  network.refuse(true)
  network.cutAll()
  const sent = jobs.publish({ job: 'tide tables' }, { ttlMs: 3_600_000, mark: 'job-1' })
  await expect.poll(() => first.outbox.list().map(({ mark }) => mark)).toEqual(['job-1'])
  first.close()
  expect(await sent).toMatchObject({ kind: 'failed', reason: 'handed-on' })

  network.refuse(false)
  const second = connect(url, { storage: fileStorage(join(folder, 'session.json')) })
  const kept: string[] = []
  second.on('publish', ({ state, mark }) => {
    if (state === 'kept') kept.push(mark)
  })
  const entries: unknown[] = []
  second.join('jobs/1', { last: 10 }).on('entry', ({ data }) => entries.push(data))
  await expect.poll(() => kept).toEqual(['job-1'])
  await expect.poll(() => entries).toEqual([{ job: 'tide tables' }])

  second.close()
  await server.close({ drainMs: 0 })
  await network.close()
  await rm(folder, { recursive: true, force: true })
})
