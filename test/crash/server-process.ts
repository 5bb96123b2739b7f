// The server of the crash test: the real one, on a real data directory and a real port, which ends itself, as SIGKILL
// does, at the point that its orders name. It holds no rule of its own.

import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer } from '../../src/server/server.js'
import { dataFile, openLmdbStore } from '../../src/store/lmdb/index.js'
import type { FailPoint } from '../../src/store/lmdb/journal.js'
import type { Store } from '../../src/store/store.js'
import type { Claim, Orders, Told } from './messages.js'
import { type Point, pointedStore } from './points.js'

const orders = JSON.parse(process.argv[2] ?? '') as Orders
const tell = (told: Told) => new Promise<void>((resolve) => process.send?.(told, undefined, {}, () => resolve()))

function end(what: string): never {
  writeFileSync(orders.note, what)
  process.kill(process.pid, 'SIGKILL')
  throw new Error('SIGKILL has no return')
}

let passes = 0
function reached(point: Point): void {
  if (orders.point?.name !== point) return
  passes += 1
  if (passes >= orders.point.count) end(point)
}

let flushes = 0
/** Batches that were begun and are not flushed. */
let open = 0
let isCutDue = false
function cutAt(step: FailPoint): void {
  const { cut } = orders
  if (cut === null) return
  if (isCutDue && (step === 'flushed' || cut.at === `batch.${step}`)) end(`batch.${step}`)
  if (step === 'flushed') {
    flushes += 1
    open -= 1
  }
  if (step !== 'committing') return
  // Nothing is being written now, and all that was is flushed.
  if (open === 0 && flushes >= cut.flushes && !isCutDue) {
    copyFileSync(join(orders.directory, dataFile), cut.copy)
    isCutDue = true
    if (cut.at === 'writing') setTimeout(() => end('writing'), cut.afterMs)
  }
  open += 1
}

async function claim(store: Store, { id, session, key }: Claim): Promise<void> {
  const row = await store.session(session)
  if (row === null) return tell({ kind: 'claimed', id, answer: { kind: 'no-session' } })
  const owner = { session, generation: row.generation }
  const answer = await store.acquire({ ...owner, key, kind: 'name', holdMs: 600_000, data: null })
  await tell({
    kind: 'claimed',
    id,
    answer: answer.kind === 'granted' ? { kind: 'granted', fence: answer.lease.fence } : { kind: answer.kind },
  })
}

const trouble = (fields: object, message: string) => {
  void tell({ kind: 'trouble', text: `${message} ${JSON.stringify(fields).slice(0, 300)}` })
}
const lmdb = await openLmdbStore({
  path: orders.directory,
  onFault: (error) => trouble({}, error.message),
  onPoint(step) {
    reached(`batch.${step}`)
    cutAt(step)
  },
})
const store = pointedStore(lmdb, reached)
const server = await createServer({
  port: orders.port,
  host: '127.0.0.1',
  env: {},
  store,
  log: { info() {}, warn: trouble, error: trouble },
  rooms: { 'disk/:id': { durability: 'disk' }, 'process/:id': { durability: 'process' } },
  settings: {
    tickMs: 100,
    freezeMs: 300,
    sessionHoldMs: 6_000,
    sessionAttachesMax: 10_000,
    requestsPerSecond: 100_000,
    requestsBurst: 100_000,
  },
})
server.on('leave', ({ id, session, reason }) => tell({ kind: 'left', event: id, session, reason }))
process.on('message', (asked: Claim) => {
  // A store that cannot answer now is asked again by the next claim.
  claim(store, asked).catch((error: unknown) => trouble({}, String(error)))
})
process.on('SIGTERM', async () => {
  await server.close({ timeoutMs: 5_000 })
  await store.close()
  process.exit(0)
})
await tell({ kind: 'listening', port: server.port })
