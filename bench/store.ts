// Measures the embedded store: acknowledged appends at each durability, page reads, cold rooms, start-up. Beside it, in the
// same run, what the disk alone does. `npm run bench:store -- --json` for programs.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openLmdbStore } from 'holdfast/store/lmdb'
import type { Durability, Store } from '../src/store/store.js'

const usage = `npm run bench:store -- [options]

  --seconds <n>   per row (default 3)
  --entries <n>   for start-up and reading (default 1000000)
  --sessions <n>  for start-up (default 100000)
  --rooms <n>     with history, for memory (default 100000)
  --dir <path>    where to put the data (default: the system's directory for temporary files)
  --json          one JSON object instead of tables
`

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    seconds: { ...text, default: '3' },
    entries: { ...text, default: '1000000' },
    sessions: { ...text, default: '100000' },
    rooms: { ...text, default: '100000' },
    dir: { ...text, default: tmpdir() },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}

const runMs = Number(values.seconds) * 1_000
const root = mkdtempSync(join(values.dir, 'holdfast-bench-'))
const retention = { entriesMax: 100_000, bytesMax: 2 ** 26, ageMs: 1e12, producersMax: 10_000, producerAgeMs: 1e12 }
const payload = (bytes: number) => JSON.stringify({ text: 'x'.repeat(bytes - 11) })
const data = payload(101)

interface Row {
  readonly name: string
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of this process, all threads: what a busy machine changes least. */
  readonly cpuUs: number
  /** p99 to that of the bare disk in this run. */
  readonly toBareP99?: number
}

let lives = 0
async function opened(path: string): Promise<Store> {
  lives += 1
  const store = await openLmdbStore({ path })
  await store.open({ epoch: `e${lives}`, tag: `b${lives}`, nowMs: () => performance.now(), wallMs: Date.now() })
  return store
}

function rowOf(name: string, latencies: readonly number[], tookMs: number, cpuMicros = 0): Row {
  const sorted = [...latencies].sort((a, b) => a - b)
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
  const perSecond = Math.round((latencies.length * 1_000) / tookMs)
  return { name, perSecond, p50Ms: at(0.5), p99Ms: at(0.99), cpuUs: round(cpuMicros / latencies.length) }
}

const round = (value: number) => Math.round(value * 100) / 100

/** So many loops, each asking again when it was answered. */
async function loops(name: string, count: number, act: (loop: number, turn: number) => Promise<unknown>): Promise<Row> {
  const latencies: number[] = []
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  const loop = async (index: number) => {
    for (let turn = 1; performance.now() - startMs < runMs; turn++) {
      const askedMs = performance.now()
      await act(index, turn)
      latencies.push(performance.now() - askedMs)
    }
  }
  await Promise.all(Array.from({ length: count }, (_, index) => loop(index)))
  const { user, system } = process.cpuUsage(startCpu)
  return rowOf(name, latencies, performance.now() - startMs, user + system)
}

/** A bare 4 kB write and its flush: no store can acknowledge at `disk` sooner. */
async function bareDisk(): Promise<Row> {
  const file = await open(join(root, 'bare'), 'w')
  const page = Buffer.alloc(4_096, 1)
  const row = await loops('bare 4 kB write + fdatasync', 1, async (_, turn) => {
    await file.write(page, 0, page.length, (turn % 1_000) * page.length)
    await file.datasync()
  })
  await file.close()
  return row
}

interface Shape {
  readonly rooms?: number
  readonly bytes?: number
}

async function publishes(durability: Durability, inFlight: number, shape: Shape = {}): Promise<Row> {
  const { rooms = 64, bytes = 101 } = shape
  const data = payload(bytes)
  const name = [
    `${durability}, ${inFlight} in flight`,
    ...(shape.rooms === undefined ? [] : [`${rooms} ${rooms === 1 ? 'room' : 'rooms'}`]),
    ...(shape.bytes === undefined ? [] : [`${bytes} B`]),
  ].join(', ')
  const store = await opened(join(root, name))
  const row = await loops(name, inFlight, (loop, turn) =>
    store.append({
      room: `r${loop % rooms}`,
      entry: {
        tag: `tag-${loop}-${turn}`,
        atMs: turn,
        by: { session: `s${loop}`, user: 'ann' },
        mark: 'm',
        key: null,
        data,
      },
      fence: null,
      producer: { user: 'ann', producer: `p${loop}`, seq: turn, prev: turn - 1, again: false },
      retention,
      durability,
    }),
  )
  await store.close()
  return row
}

/** Entries in rooms of a thousand, and sessions. */
async function fill(path: string, entries: number, sessions: number): Promise<void> {
  const store = await opened(path)
  let made = 0
  const one = async () => {
    for (let n = made++; n < entries + sessions; n = made++) {
      if (n < entries) {
        const entry = {
          tag: `tag-${n}`,
          atMs: n,
          by: { session: `s${n % 99}`, user: 'ann' },
          mark: 'm',
          key: null,
          data,
        }
        const room = `r${n % Math.max(1, Math.floor(entries / 1_000))}`
        await store.append({ room, entry, fence: null, producer: null, retention, durability: 'process' })
        continue
      }
      await store.attach({
        resume: null,
        nextHash: `hash-${n}`,
        attempt: 1,
        instance: 'i',
        node: 'n',
        connection: `c${n}`,
        user: { user: `u${n}`, claims: { name: `user ${n}` } },
        mayTakeOver: false,
        rightsVersion: null,
        rightsCount: 0,
        holdMs: 120_000,
        newSession: `s${n}`,
      })
    }
  }
  await Promise.all(Array.from({ length: 4_096 }, one))
  await store.close()
}

function page(store: Store, room: string) {
  const limits = { readableFrom: 0, entriesMax: 50, bytesMax: 1e6, replayMax: 10_000 }
  return store.read({ room, from: { kind: 'last', count: 500 }, ...limits })
}

function anonymousMb(): number {
  const found = /RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))
  return round(Number(found?.[1] ?? Number.NaN) / 1_024)
}

async function big(entries: number, sessions: number) {
  const path = join(root, 'big')
  await fill(path, entries, sessions)
  const startMs = performance.now()
  const store = await opened(path)
  const startUpMs = Math.round(performance.now() - startMs)
  const roomsCount = Math.max(1, Math.floor(entries / 1_000))
  // The first look at each room finds it on the disk only.
  const cold: number[] = []
  for (let room = 0; room < Math.min(roomsCount, 1_000); room++) {
    const askedMs = performance.now()
    await page(store, `r${room}`)
    cold.push(performance.now() - askedMs)
  }
  const pages = await loops('pages of 50 entries', 16, (loop, turn) =>
    page(store, `r${(loop * 7 + turn) % roomsCount}`),
  )
  await store.close()
  return { startUpMs, coldRoomP99Ms: rowOf('', cold, 1).p99Ms, pages }
}

/** Rooms that nobody uses any more, in one life, and what they cost. */
async function manyRooms(rooms: number) {
  const path = join(root, 'rooms')
  await fill(path, 0, 0)
  const store = await opened(path)
  const collect = () => (globalThis as { gc?: () => void }).gc?.()
  collect()
  const beforeMb = anonymousMb()
  let made = 0
  const one = async () => {
    for (let n = made++; n < rooms; n = made++) {
      const entry = { tag: `tag-${n}`, atMs: n, by: null, mark: null, key: null, data }
      await store.append({ room: `room ${n}`, entry, fence: null, producer: null, retention, durability: 'process' })
    }
  }
  await Promise.all(Array.from({ length: 256 }, one))
  await store.close()
  const again = await opened(path)
  for (let n = 0; n < rooms; n++) await again.heads([`room ${n}`])
  collect()
  const afterMb = anonymousMb()
  await again.close()
  return { rooms, beforeMb, afterMb, isCollected: 'gc' in globalThis }
}

const levels: readonly Durability[] = ['memory', 'process', 'disk']
const bare = await bareDisk()
const rows: Row[] = [bare]
for (const durability of levels) for (const inFlight of [1, 64, 4_096]) rows.push(await publishes(durability, inFlight))
for (const shape of [{ rooms: 1 }, { rooms: 1_000 }, { bytes: 1_000 }]) {
  for (const durability of ['process', 'disk'] as const) rows.push(await publishes(durability, 4_096, shape))
}
const large = await big(Number(values.entries), Number(values.sessions))
const memory = await manyRooms(Number(values.rooms))
const idle = rows.find(({ name }) => name === 'disk, 1 in flight')
const idleToBareP99 = round((idle?.p99Ms ?? Number.NaN) / bare.p99Ms)
const told = [...rows, large.pages].map((row) => ({ ...row, toBareP99: round(row.p99Ms / bare.p99Ms) }))
const machine = { cores: availableParallelism(), loadPerMinute: round(loadavg()[0] ?? Number.NaN) }
rmSync(root, { recursive: true, force: true })

if (values.json) {
  process.stdout.write(`${JSON.stringify({ machine, ...large, rows: told, idleToBareP99, memory })}\n`)
} else {
  process.stdout.write(
    `${'what'.padEnd(36)}${['per second', 'p50 ms', 'p99 ms', 'p99 ÷ bare', 'CPU µs'].map((head) => head.padStart(11)).join('')}\n`,
  )
  for (const { name, perSecond, p50Ms, p99Ms, toBareP99, cpuUs } of told) {
    const numbers = [perSecond, p50Ms, p99Ms, toBareP99, cpuUs].map((number) => String(number).padStart(11))
    process.stdout.write(`${name.padEnd(36)}${numbers.join('')}\n`)
  }
  process.stdout.write(
    `load of the machine at the end, per minute: ${machine.loadPerMinute} on ${machine.cores} cores\n`,
  )
  process.stdout.write(`disk when idle, to the bare disk (p99): ${idleToBareP99} ×\n`)
  process.stdout.write(
    `start-up with ${values.entries} entries and ${values.sessions} sessions: ${large.startUpMs} ms\n`,
  )
  process.stdout.write(`a cold room, p99: ${large.coldRoomP99Ms} ms\n`)
  process.stdout.write(`${memory.rooms} rooms on disk: RssAnon ${memory.beforeMb} → ${memory.afterMb} MB\n`)
}
