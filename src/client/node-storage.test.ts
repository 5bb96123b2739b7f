import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fileStorage } from './node-storage.js'

let folder = ''
const path = () => join(folder, 'deep', 'credentials.json')

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

test('[CRED-16] what was written is there for the next process, readable by its owner alone', async () => {
  const storage = fileStorage(path())
  expect(await storage.session.get('a')).toBeNull()
  await Promise.all([storage.session.set('a', '1'), storage.profile.set('b', '2'), storage.session.set('a', '3')])
  await storage.profile.remove('b')
  const later = fileStorage(path())
  expect([await later.session.get('a'), await later.session.get('b')]).toEqual(['3', null])
  expect((await stat(path())).mode & 0o777).toBe(0o600)
  expect(await readdir(join(folder, 'deep'))).toEqual(['credentials.json'])
})

test('[CRED-16] a damaged file is an empty one', async () => {
  const storage = fileStorage(path())
  await storage.session.set('a', '1')
  for (const text of ['{"a":', '7', '["x"]', '{"a":{}}']) {
    await writeFile(path(), text)
    expect(await fileStorage(path()).session.get('a')).toBeNull()
  }
  await fileStorage(path()).session.set('a', '2')
  expect(JSON.parse(await readFile(path(), 'utf8'))).toEqual({ a: '2' })
})
