import { fork } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { outboxSuite } from '../testing/outbox-suite.js'
import { fileOutbox } from './node-outbox.js'
import type { StoredItem } from './outbox-store.js'

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-outbox-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

outboxSuite({ describe, test, expect }, 'a folder', () => ({ page: () => fileOutbox(folder) }))

const item = (seq: number): StoredItem => {
  const told = { room: 'a', mark: `m${seq}`, key: null, data: '1', madeAtMs: seq, ttlMs: null, again: false }
  return { producer: 'p', seq, user: null, sentAfter: null, ...told }
}
const files = async () => {
  const [scope = ''] = await readdir(folder)
  return (await readdir(join(folder, scope))).map((name) => join(folder, scope, name))
}
const seqs = (items: readonly StoredItem[]) => items.map(({ seq }) => seq)

test('[OBX-7] a line that a crash tore never happened; what is written behind it did', async () => {
  for (const torn of [
    '\n[{"put":{"producer":"p","se',
    '\n[{"remove":{"producer"',
    '\n\0\0\0\0\0',
    '\n7',
    '\n{"put":1}',
  ]) {
    const one = await fileOutbox(folder).open('s')
    await one.hold('p')
    await one.write([{ put: item(1) }, { put: item(2) }])
    one.close()
    const [path = ''] = await files()
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    await appendFile(path, torn)
    const two = await fileOutbox(folder).open('s')
    expect(await two.hold('p')).toBe(true)
    expect(seqs(await two.read())).toEqual([1, 2])
    await two.write([{ put: item(3) }])
    expect(seqs(await (await fileOutbox(folder).open('s')).read())).toEqual([1, 2, 3])
    await two.write([1, 2, 3].map((seq) => ({ remove: { producer: 'p', seq } })))
    two.close()
    expect(await files()).toEqual([])
  }
})

test('[OBX-7] a file that outgrew what is in it is written anew, as a whole', async () => {
  const shelf = await fileOutbox(folder).open('s')
  await shelf.hold('p')
  const data = JSON.stringify('x'.repeat(100_000))
  await shelf.write([{ put: item(1) }])
  for (let seq = 2; seq < 60; seq++) {
    await shelf.write([{ put: { ...item(seq), data } }])
    await shelf.write([{ remove: { producer: 'p', seq } }])
  }
  const [path = ''] = await files()
  expect((await stat(path)).size).toBeLessThan(4_400_000)
  expect(seqs(await (await fileOutbox(folder).open('s')).read())).toEqual([1])
  expect(await files()).toHaveLength(1)
  shelf.close()
})

test('[OBX-8] a producer of a process that lives is not taken; of one that was killed it is, by one', async () => {
  const script = join(folder, 'holder.mjs')
  const source = join(import.meta.dirname, 'node-outbox.ts')
  await writeFile(
    script,
    `import { fileOutbox } from ${JSON.stringify(source)}
     const shelf = await fileOutbox(${JSON.stringify(join(folder, 'box'))}).open('s')
     await shelf.hold('p')
     await shelf.write([{ put: ${JSON.stringify(item(1))} }])
     process.send('ready')
     setInterval(() => {}, 1000)`,
  )
  const holder = fork(script, { execArgv: ['--import', import.meta.resolve('tsx')] })
  await once(holder, 'message')
  const heirs = await Promise.all([1, 2, 3].map(() => fileOutbox(join(folder, 'box')).open('s')))
  expect(await Promise.all(heirs.map((heir) => heir.hold('p')))).toEqual([false, false, false])
  expect(seqs((await heirs[0]?.read()) ?? [])).toEqual([1])
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  const held = await Promise.all(heirs.map((heir) => heir.hold('p')))
  expect(held.filter(Boolean)).toHaveLength(1)
  expect(seqs((await heirs[held.indexOf(true)]?.read()) ?? [])).toEqual([1])
  for (const heir of heirs) heir.close()
})

test('[OBX-8] the number of a process that is used again is another process', async () => {
  const first = await fileOutbox(folder).open('s')
  await first.hold('p')
  await first.write([{ put: item(1) }])
  first.close()
  const [path = ''] = await files()
  const text = await readFile(path, 'utf8')
  await rm(path)
  for (const owner of [`${process.pid}-1-0-0`, '999999999-1-0-0', 'free', '0-0-0-0', 'nonsense']) {
    await writeFile(path.replace('p.free.log', `p.${owner}.log`), text)
    const next = await fileOutbox(folder).open('s')
    expect([owner, await next.hold('p')]).toEqual([owner, true])
    await next.write([{ remove: { producer: 'p', seq: 1 } }])
    next.close()
  }
})
