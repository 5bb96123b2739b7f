// `holdfast store` as operators run it: the real command, as a process, on real directories: sound ones, one that a
// server has, and damaged ones of every kind.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { open } from 'lmdb'
import { afterAll, expect, test, vi } from 'vitest'
import { openLmdbStore } from 'holdfast/store/lmdb'
import { createSeededChance } from 'holdfast/testing'
import { append, readLast, roomy } from '../src/testing/store-suite-parts.js'

const root = mkdtempSync(join(tmpdir(), 'holdfast-'))
const running: ChildProcess[] = []
afterAll(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true })
})

// Each command is two processes to start, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 180_000 })

const cli = fileURLToPath(new URL('../src/server/cli.ts', import.meta.url))
const file = 'holdfast.mdb'

function holdfast(...argv: string[]): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', cli, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
  running.push(child)
  return child
}

async function store(...argv: string[]) {
  const child = holdfast('store', ...argv)
  let [out, err] = ['', '']
  child.stdout?.on('data', (text) => {
    out += text
  })
  child.stderr?.on('data', (text) => {
    err += text
  })
  const [code, signal] = await once(child, 'close')
  return { out, err, code, signal, json: () => JSON.parse(out) }
}

async function opened(path: string, life: number) {
  const store = await openLmdbStore({ path })
  await store.open({ epoch: `e${life}`, tag: `b${life}`, nowMs: () => life * 1_000, wallMs: life })
  return store
}

/** Two lives, 40 rooms, 400 entries, some of them longer than a page. */
async function directory(name: string): Promise<string> {
  const path = join(root, name)
  for (const life of [1, 2]) {
    const store = await opened(path, life)
    for (let n = 1; n <= 200; n++) {
      const data = `${life}.${n} `.repeat(n % 20 === 0 ? 2_000 : 20)
      const producer = { seq: life * 1_000 + n, prev: n === 1 ? 0 : life * 1_000 + n - 1, producer: `p${life}` }
      await append(store, `room ${n % 40}`, data, { durability: 'process', tag: `t${life}.${n}`, retention: roomy })
      await append(store, 'one', data, { durability: 'process', tag: `o${life}.${n}`, producer })
    }
    await store.close()
  }
  return path
}

test('[CLI-9] what is in a directory is told, of one room too; all of it is verified; words and --json', async () => {
  const path = await directory('whole')
  const told = (await store('inspect', '--data', path, '--json')).json()
  expect(told).toMatchObject({ isSound: true, usedBy: null, rooms: 41, entries: 800, lives: 2, epoch: 'e2' })
  expect(told.fileBytes).toBe(statSync(join(path, file)).size)
  expect((await store('inspect', '--data', path)).out).toMatch(/41 rooms, 800 entries, .* of data\n/)

  const room = (await store('inspect', '--data', path, '--room', 'one', '--json')).json()
  expect(room).toMatchObject({ head: { offset: 400, tag: 'o2.200' }, lineage: [{ epoch: 'e1', offset: 200 }] })
  expect(await store('inspect', '--data', path, '--room', 'none')).toMatchObject({ code: 1, out: '' })

  const verified = await store('verify', '--data', path)
  expect(verified.out).toBe(`${path}: 41 rooms, 800 entries, 0 sessions; all of it is sound\n`)
  expect(verified.err).toMatch(/ {2}entries 800\n/)
  expect(verified.code).toBe(0)
})

test('[CLI-10] a backup of a running server is one state of it, sound, and another server starts from it', async () => {
  const path = join(root, 'served')
  const config = join(root, 'config.mjs')
  writeFileSync(config, "export default { authenticate: () => ({ user: 'ann' }), log: false }")
  const listen = ['--port', '0', '--host', '127.0.0.1', '--config', config]
  const server = holdfast('serve', ...listen, '--data', path, '--json')
  const [line] = await once(server.stdout as NonNullable<typeof server.stdout>, 'data')
  const { listening } = JSON.parse(String(line))
  const publish = (n: number) =>
    fetch(`${listening}/v1/rooms/a/entries`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': `k${n}` },
      body: JSON.stringify({ data: { n } }),
    })
  let [published, isOver] = [0, false]
  const stream = (async () => {
    while (!isOver) {
      expect((await publish(published + 1)).status).toBe(201)
      published += 1
    }
  })()
  while (published < 20) await new Promise((resolve) => setTimeout(resolve, 10))
  const before = published
  const to = join(root, 'backup')
  const backup = await store('backup', to, '--data', path, '--json')
  isOver = true
  await stream
  expect(backup.json()).toMatchObject({ isSound: true, findingsCount: 0 })
  const inUse = await store('compact', '--data', path)
  expect(inUse).toMatchObject({ code: 1, err: expect.stringMatching(/in use by process \d+; stop that server/) })
  expect((await store('inspect', '--data', path, '--json')).json().usedBy).toBe(server.pid)
  server.kill('SIGTERM')
  await once(server, 'exit')

  const copy = await opened(to, 9)
  const { entries } = await readLast(copy, 'a', 10_000)
  expect(entries.length).toBeGreaterThanOrEqual(before)
  expect(entries.map(({ data }) => JSON.parse(String(data)).n)).toEqual(entries.map((_, index) => index + 1))
  await copy.close()
  expect(await store('backup', to, '--data', path)).toMatchObject({ code: 1, err: expect.stringMatching(/not empty/) })
})

test('[CLI-11] compact gives free pages back, and loses nothing', async () => {
  const path = join(root, 'large')
  const before = await opened(path, 1)
  const large = { durability: 'process', retention: { ...roomy, bytesMax: 5_000_000 } } as const
  for (let n = 1; n <= 100; n++) await append(before, 'a', 'x'.repeat(40_000), { ...large, tag: `t${n}` })
  await append(before, 'a', 'last', { ...large, retention: { ...roomy, entriesMax: 3 }, tag: 'last' })
  await before.close()
  const { freeBytes } = (await store('inspect', '--data', path, '--json')).json()
  expect(freeBytes).toBeGreaterThan(3_000_000)
  const compacted = (await store('compact', '--data', path, '--json')).json()
  expect(compacted).toMatchObject({ isSound: true })
  expect(compacted.fileBytes).toBe(statSync(join(path, file)).size)
  expect(compacted.fileBytes).toBeLessThan(compacted.fileBytesBefore - 3_000_000)
  const after = await opened(path, 2)
  const { entries } = await readLast(after, 'a', 9)
  expect(entries.map(({ position }) => `${position.offset} ${position.tag}`)).toEqual([
    '99 t99',
    '100 t100',
    '101 last',
  ])
  await after.close()
})

test('[CLI-12] a directory that is missing, foreign, empty, of a newer release or in use is refused in words', async () => {
  const place = (name: string, content: string | Uint8Array) => {
    mkdirSync(join(root, name), { recursive: true })
    writeFileSync(join(root, name, file), content)
    return join(root, name)
  }
  const newer = join(root, 'newer')
  await (await opened(newer, 1)).close()
  const data = open<Buffer, Uint8Array>({
    path: join(newer, file),
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
  })
  await data.put(Buffer.from('\x01format', 'latin1'), Buffer.from('{"holdfast":99}'))
  await data.close()
  const cases = [
    [join(root, 'nowhere'), 'missing', /has no holdfast\.mdb; name the data directory/],
    [place('foreign', 'a diary, not a database. '.repeat(2_000)), 'foreign', /is not an LMDB file/],
    [place('short-text', 'hi'), 'foreign', /is not an LMDB file/],
    [place('empty', ''), 'damaged', /is empty; restore a backup/],
    [newer, 'newer', /version 99.* install a newer/],
  ] as const
  for (const [path, problem, says] of cases) {
    const told = await store('verify', '--data', path, '--json')
    expect(told.json()).toMatchObject({ isSound: false, problem, message: expect.stringMatching(says) })
    expect(told).toMatchObject({ code: 1, err: expect.stringMatching(says) })
  }
})

test('[CLI-2] words that make no sense end with 2, and help with 0', async () => {
  const wrong = [[], ['look'], ['backup'], ['verify', 'here'], ['verify', '--room', 'a'], ['inspect', '--dat', 'x']]
  const told = await Promise.all(wrong.map((argv) => store(...argv)))
  for (const { code, err, out } of told) {
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/^holdfast: [^\n]*; see holdfast store --help\n$/)
  }
  const help = await store('--help')
  for (const word of ['inspect', 'verify', 'backup', 'compact', '--data', '--room', '--json']) {
    expect(help.out).toContain(word)
  }
  expect(help.code).toBe(0)
})

const seed = Number(process.env['SEED'] ?? 5)
const damagedCount = Number(process.env['DAMAGED'] ?? 3)

test(`[CLI-12] files cut short or with flipped bytes get a verdict in words, whatever was hit (SEED=${seed})`, {
  timeout: 300_000,
}, async () => {
  const chance = createSeededChance(seed)
  const whole = await directory('to-damage')
  const { size } = statSync(join(whole, file))
  const damaged = async (name: string, damage: (path: string) => void) => {
    const path = join(root, name)
    cpSync(whole, path, { recursive: true })
    damage(join(path, file))
    const told = await store('verify', '--data', path, '--json')
    rmSync(path, { recursive: true })
    expect(told.signal, name).toBeNull()
    expect([0, 1], `${name}: ${told.err}`).toContain(told.code)
    expect(told.json(), name).toMatchObject({ isSound: told.code === 0 })
    return told.json()
  }
  for (let n = 1; n <= damagedCount; n++) {
    const length = 1 + Math.floor(chance.fraction() * (size - 1))
    const told = await damaged(`cut at ${length}`, (path) => truncateSync(path, length))
    expect(told).toMatchObject({ isSound: false, problem: length < 168 ? 'foreign' : 'damaged' })

    const at = Array.from({ length: 200 }, () => Math.floor(chance.fraction() * size))
    await damaged(`flipped ${n}`, (path) => {
      const bytes = readFileSync(path)
      for (const offset of at) bytes[offset] = (bytes[offset] ?? 0) ^ (1 + Math.floor(chance.fraction() * 255))
      writeFileSync(path, bytes)
    })
  }
})
