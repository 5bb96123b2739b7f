// The outbox of a program in a folder, so that what was not settled goes on after a restart, or a kill. One file per
// producer; who has it stands in its name, so that taking one over is a rename, which only one process can do.
//
// A file is a list of lines, each one written at once: what a crash tore apart is no JSON and never happened.

import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { type FileHandle, open, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { sha256 } from '../protocol/sha256.js'
import { inOrder, type OutboxShelf, type OutboxStore, type StoredChange, type StoredItem } from './outbox-store.js'

/** Nobody: let go by who had it. */
const nobody = 'free'
/** A file without items that is longer is emptied. */
const idleBytesMax = 64 << 10
/** A file that is longer, and mostly what is settled, is written anew. */
const busyBytesMax = 4 << 20

/** Who lives in this thread; every copy of this file knows. */
function livingHere(): Set<string> {
  const shared = globalThis as { [registry]?: Set<string> }
  shared[registry] ??= new Set()
  return shared[registry]
}
const registry: unique symbol = Symbol.for('holdfast.outboxes') as never

/**
 * Keeps what is not settled in this folder, which only its owner may read. Several processes of one machine may share it:
 * what one leaves when it dies, another finishes. Written data is flushed to the disk before it counts as kept.
 */
export function fileOutbox(folder: string): OutboxStore {
  return {
    async open(scope) {
      const place = join(folder, sha256(scope).slice(0, 22))
      mkdirSync(place, { recursive: true, mode: 0o700 })
      await readdir(place)
      return new FolderShelf(place)
    },
  }
}

interface Held {
  readonly path: string
  handle: FileHandle
  bytes: number
  readonly items: Map<number, StoredItem>
}

class FolderShelf implements OutboxShelf {
  readonly #place: string
  readonly #self: string
  readonly #held = new Map<string, Held>()
  readonly #holding = new Map<string, Promise<boolean>>()

  constructor(place: string) {
    this.#place = place
    const living = livingHere()
    const name = (count: number) => [process.pid, startOf(process.pid), threadId, count].join('-')
    let count = 0
    while (living.has(name(count))) count += 1
    this.#self = name(count)
    living.add(this.#self)
  }

  async write(changes: readonly StoredChange[]): Promise<void> {
    for (const producer of new Set(changes.map(producerOf))) {
      const isHeld = await this.hold(producer)
      const held = this.#held.get(producer)
      if (!isHeld || held === undefined) throw new Error(`the outbox of ${producer} belongs to another process`)
      const own = changes.filter((change) => producerOf(change) === producer)
      await append(held, own)
    }
  }

  async read(): Promise<readonly StoredItem[]> {
    const others = (await this.#names()).filter(({ producer }) => !this.#held.has(producer))
    const read = await Promise.all(
      others.map(async ({ path, owner }) => {
        const items = await itemsIn(path)
        // Who died with nothing left to send left this behind.
        if (items.size === 0 && !isAlive(owner)) rmSync(path, { force: true })
        return items
      }),
    )
    const own = [...this.#held.values()].map(({ items }) => items)
    return inOrder([...read, ...own].flatMap((items) => [...items.values()]))
  }

  hold(producer: string): Promise<boolean> {
    if (this.#held.has(producer)) return Promise.resolve(true)
    // Asked for twice at once: the second must not take the file that the first has just made for somebody else's.
    const under = this.#holding.get(producer)
    if (under !== undefined) return under
    const holding = this.#take(producer).finally(() => this.#holding.delete(producer))
    this.#holding.set(producer, holding)
    return holding
  }

  async #take(producer: string): Promise<boolean> {
    const path = join(this.#place, `${producer}.${this.#self}.log`)
    const found = (await this.#names()).find((name) => name.producer === producer)
    if (found !== undefined) {
      if (isAlive(found.owner)) return false
      try {
        await rename(found.path, path)
      } catch {
        return false // somebody else was faster
      }
    }
    // Its name is what keeps others away, also while there is nothing in it.
    const handle = await open(path, 'a', 0o600)
    const { size } = await handle.stat()
    this.#held.set(producer, { path, handle, bytes: size, items: await itemsIn(path) })
    return true
  }

  letGo(producer: string): void {
    const held = this.#held.get(producer)
    if (held === undefined) return
    this.#held.delete(producer)
    held.handle.close().catch(() => {})
    // Within this call: the process may end behind it.
    if (held.items.size === 0) rmSync(held.path, { force: true })
    else renameSync(held.path, join(this.#place, `${producer}.${nobody}.log`))
  }

  close(): void {
    for (const producer of [...this.#held.keys()]) this.letGo(producer)
    livingHere().delete(this.#self)
  }

  async #names(): Promise<readonly { readonly producer: string; readonly owner: string; readonly path: string }[]> {
    return (await readdir(this.#place)).flatMap((name) => {
      const [, producer, owner] = /^([\w-]+)\.([\w-]+)\.log$/.exec(name) ?? []
      return producer === undefined || owner === undefined ? [] : [{ producer, owner, path: join(this.#place, name) }]
    })
  }
}

async function append(held: Held, changes: readonly StoredChange[]): Promise<void> {
  for (const change of changes) {
    if ('put' in change) held.items.set(change.put.seq, change.put)
    else held.items.delete(change.remove.seq)
  }
  if (held.items.size === 0 && held.bytes > idleBytesMax) await renew(held, 'w')
  const line = lineOf(changes)
  await held.handle.appendFile(line)
  await held.handle.datasync()
  held.bytes += line.length
  if (held.bytes > busyBytesMax) await rewrite(held)
}

async function renew(held: Held, how: 'a' | 'w'): Promise<void> {
  await held.handle.close()
  held.handle = await open(held.path, how, 0o600)
  held.bytes = (await held.handle.stat()).size
}

/** The old file or the new one, whole. */
async function rewrite(held: Held): Promise<void> {
  const line = lineOf([...held.items.values()].map((put) => ({ put })))
  if (line.length * 2 > held.bytes) return
  const next = `${held.path}.new`
  const handle = await open(next, 'w', 0o600)
  await handle.appendFile(line)
  await handle.datasync()
  await handle.close()
  await rename(next, held.path)
  await renew(held, 'a')
}

/** A line begins with its line break: behind a torn one it stands by itself. */
function lineOf(changes: readonly StoredChange[]): string {
  return `\n${JSON.stringify(changes, (_, value) => (value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value))}`
}

async function itemsIn(path: string): Promise<Map<number, StoredItem>> {
  const items = new Map<number, StoredItem>()
  const text = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  for (const line of text.split('\n')) {
    for (const change of changesOf(line)) {
      if ('put' in change) items.set(change.put.seq, change.put)
      else items.delete(change.remove.seq)
    }
  }
  return items
}

function changesOf(line: string): readonly StoredChange[] {
  try {
    const changes: unknown = JSON.parse(line)
    return Array.isArray(changes) ? changes.map(revived) : []
  } catch {
    return []
  }
}

function revived(change: StoredChange): StoredChange {
  if (!('put' in change)) return change
  const data: unknown = change.put.data
  if (typeof data !== 'object' || data === null || !('base64' in data)) return change
  return { put: { ...change.put, data: new Uint8Array(Buffer.from(String(data.base64), 'base64')) } }
}

function producerOf(change: StoredChange): string {
  return ('put' in change ? change.put : change.remove).producer
}

function isAlive(owner: string): boolean {
  const [pid = 0, start, thread] = owner.split('-').map(Number)
  if (owner === nobody || !(pid > 0)) return false
  if (startOf(pid) !== start) return false
  return pid !== process.pid || thread !== threadId || livingHere().has(owner)
}

/** Tells a process from a later one of the same number. Null: there is none; 0: there is one, and no more is known. */
function startOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')')).split(' ')[20])
  } catch {
    try {
      process.kill(pid, 0)
      return 0
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM' ? 0 : null
    }
  }
}
