// A program in Node with publishes that wait is killed at any moment and started again, once and again: each of them is
// kept once, and what one life has left comes before what the next one makes.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from 'holdfast'
import { createServer } from 'holdfast/server'
import { createSeededChance, createTcpProxy } from 'holdfast/testing'
import { afterEach, expect, test } from 'vitest'

const program = fileURLToPath(new URL('./support/outbox-program.ts', import.meta.url))
const children = new Set<ChildProcess>()
const closing: (() => unknown)[] = []
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(url: string, file: string): Promise<ChildProcess> {
  const child = fork(program, [url, file], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: { ...process.env, TSX_TSCONFIG_PATH: fileURLToPath(new URL('../tsconfig.json', import.meta.url)) },
  })
  children.add(child)
  await once(child, 'message')
  return child
}

/** Everything that the logs of a folder say, settled or not. */
async function writtenIn(folder: string): Promise<string> {
  const names = (await readdir(folder, { recursive: true }).catch(() => [])).filter((name) => name.endsWith('.log'))
  // One that is gone meanwhile was taken over, or has nothing left.
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8').catch(() => '')))
  return texts.join('')
}

test('[S73] [OUT-20] [OBX-8] killed with publishes waiting and started again, a program has each of them kept once, in order', {
  timeout: 180_000,
}, async () => {
  const seed = Number(process.env['SEED'] ?? 3)
  const chance = createSeededChance(seed)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-restart-'))
  closing.push(() => rm(folder, { recursive: true, force: true }))
  const server = await createServer({ port: 0, host: '127.0.0.1', log: false, settings: { sessionAttachesMax: 1_000 } })
  closing.push(() => server.close())
  let isRefusing = false
  const proxy = await createTcpProxy({
    to: { port: server.port },
    onRequest: (link) => void (isRefusing && link.cut()),
  })
  closing.push(() => proxy.close())
  const reader = connect(`ws://127.0.0.1:${server.port}`)
  closing.push(() => reader.close())
  const heard: string[] = []
  reader.join('kelp', { last: 1_000 }).on('entry', ({ mark }) => heard.push(mark ?? ''))
  await reader.whenLive()

  const url = `ws://127.0.0.1:${proxy.port}`
  const file = join(folder, 'credentials.json')
  const made: string[] = []
  for (let life = 0; life < 6; life++) {
    isRefusing = life % 3 !== 2
    const child = await start(url, file)
    for (let count = 0; count < 10; count++) {
      const text = `m${made.length + 1}`
      made.push(text)
      child.send(text)
    }
    // Only what is stored outlives it, and how long that takes is the disk's affair.
    const own = made.slice(-10)
    const isStored = async () => {
      const written = await writtenIn(`${file}.outbox`)
      return own.every((mark) => heard.includes(mark) || written.includes(`"mark":"${mark}"`))
    }
    await expect.poll(isStored, { timeout: 30_000, message: `seed ${seed}, life ${life}` }).toBe(true)
    // Now and then long enough to send some of it.
    await sleep(chance.fraction() * 400)
    if (!isRefusing) for (const link of proxy.links) if (chance.fraction() < 0.5) link.cut()
    child.kill('SIGKILL')
    await once(child, 'exit')
    children.delete(child)
  }
  isRefusing = false
  const last = await start(url, file)
  await expect
    .poll(() => heard.length, { timeout: 60_000, message: `seed ${seed}` })
    .toBeGreaterThanOrEqual(made.length)
  await sleep(300)
  expect(heard, `seed ${seed}`).toEqual(made)
  // Its own, and nothing of those before it.
  const left = async () =>
    (await readdir(`${file}.outbox`, { recursive: true })).filter((name) => name.endsWith('.log')).length
  await expect.poll(left, { timeout: 10_000 }).toBe(1)
  last.kill('SIGKILL')
})
