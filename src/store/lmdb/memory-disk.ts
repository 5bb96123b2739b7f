// A disk in memory, for simulations and for tests of faults: batches take effect a microtask later. `flushed` has what a
// power cut would leave, `visible` what a killed process would.

import type { Commit, Disk, Write } from './disk.js'

export interface MemoryDisk extends Disk {
  /** A disk with the same data; `flushed`: as after a power cut. Ignores what is under way. */
  copy(what?: 'visible' | 'flushed'): MemoryDisk
}

/** `fault` is asked before each step of each commit, and may throw, or wait. */
export function memoryDisk(
  fault: (step: 'commit' | 'flush') => void | Promise<void> = () => {},
  data: ReadonlyMap<string, Uint8Array> = new Map(),
): MemoryDisk {
  const visible = new Map(data)
  let flushed = new Map(data)
  let sorted: readonly string[] | null = null
  let lastFlush: Promise<void> = Promise.resolve()

  const keys = () => {
    sorted ??= [...visible.keys()].sort()
    return sorted
  }
  const apply = async (writes: readonly Write[]) => {
    await fault('commit')
    for (const { key, value } of writes) {
      if (value === null) visible.delete(textOf(key))
      else visible.set(textOf(key), Uint8Array.from(value))
    }
    sorted = null
  }
  const flush = async () => {
    await fault('flush')
    flushed = new Map(visible)
  }

  return {
    get: (key) => visible.get(textOf(key)),
    *scan(prefix) {
      const start = textOf(prefix)
      const all = keys()
      for (let index = lowerBound(all, start); index < all.length; index++) {
        const key = all[index] ?? ''
        if (!key.startsWith(start)) return
        const value = visible.get(key)
        if (value !== undefined) yield { key: bytesOf(key), value }
      }
    },
    keyFrom(key) {
      const found = keys()[lowerBound(keys(), textOf(key))]
      return found === undefined ? undefined : bytesOf(found)
    },
    commit(writes): Commit {
      const applied = Promise.resolve().then(() => apply(writes))
      // One after the other; a commit that failed is followed by none.
      const before = lastFlush
      const flushed = applied.then(() => before).then(flush)
      lastFlush = applied.then(
        () => flushed,
        () => before,
      )
      lastFlush.catch(() => {})
      return { visible: applied, flushed }
    },
    copy: (what = 'visible') => memoryDisk(fault, what === 'visible' ? visible : flushed),
    async close() {},
  }
}

function lowerBound(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}

/** One character per byte: their order is the order of the bytes. */
function textOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}
