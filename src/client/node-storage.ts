// Credentials in a file, and the outbox beside it, for programs that should be the same session after a restart.

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileOutbox } from './node-outbox.js'
import type { ClientStorage, Slots } from './storage.js'

let writeCount = 0

/**
 * Keeps everything in one JSON file that only its owner may read. Each write replaces the file as a whole, so a crash
 * leaves the old or the new one. Publishes that are not settled are in the folder `<path>.outbox`. One process per file:
 * two would take the session from each other.
 */
export function fileStorage(path: string): ClientStorage {
  let values: Map<string, string> | null = null
  let last: Promise<unknown> = Promise.resolve()

  const load = async () => {
    values ??= new Map(Object.entries(await readValues(path)))
    return values
  }
  /** One after the other: each write sees the one before. */
  const change = (edit: (values: Map<string, string>) => void) => {
    const done = last.then(async () => {
      const loaded = await load()
      edit(loaded)
      writeCount += 1
      const next = `${path}.${process.pid}.${writeCount}.tmp`
      await mkdir(dirname(path), { recursive: true })
      await writeFile(next, JSON.stringify(Object.fromEntries(loaded)), { mode: 0o600, flush: true })
      await rename(next, path)
    })
    last = done.catch(() => {})
    return done
  }
  const slots: Slots = {
    get: async (key) => {
      await last
      return (await load()).get(key) ?? null
    },
    set: (key, value) => change((kept) => void kept.set(key, value)),
    remove: (key) => change((kept) => void kept.delete(key)),
  }
  return { session: slots, profile: slots, outbox: fileOutbox(`${path}.outbox`), kind: 'persistent' }
}

async function readValues(path: string): Promise<Record<string, string>> {
  try {
    const values: unknown = JSON.parse(await readFile(path, 'utf8'))
    const entries = Object.entries(typeof values === 'object' && values !== null ? values : {})
    return Object.fromEntries(entries.filter(([, value]) => typeof value === 'string'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return {}
    throw error
  }
}
