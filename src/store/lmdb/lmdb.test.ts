// The store suite on LMDB files, and what only this driver promises of a directory.

import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { type SuiteStore, storeSuite } from '../../testing/store-suite.js'
import type { Store } from '../store.js'
import { openLmdbStore } from './index.js'

// Hours of hold time are thousands of flushed batches; most tests take milliseconds.
vi.setConfig({ testTimeout: 60_000 })

const hop = () => new Promise<void>((resolve) => setImmediate(resolve))

async function hops(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await hop()
}

/** The suite's tests ask for level `memory` unless they say otherwise; a restart would lose that. */
function atLevel(store: Store, durability: 'process' | 'disk'): Store {
  return { ...store, append: (ask) => store.append({ ...ask, durability }) }
}

describe('LMDB', () => {
  const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'holdfast-'))
  afterAll(() => rmSync(root, { recursive: true, force: true }))
  let count = 0

  /** Tests that copy do so from a closed store or a quiet one: a file of LMDB is whole between two batches. */
  async function openLmdb(): Promise<SuiteStore> {
    let nowMs = 1_000
    let life = 0
    let path = ''
    let store: Store
    const fresh = () => {
      count += 1
      return join(root, String(count))
    }
    const openAt = async (at: string): Promise<Store> => {
      life += 1
      path = at
      store = atLevel(await openLmdbStore({ path }), 'process')
      await store.open({ epoch: `epoch ${life}`, tag: `birth ${life}`, nowMs: () => nowMs, wallMs: 1.7e12 + nowMs })
      return store
    }
    const copyTo = (from: string) => {
      const to = fresh()
      cpSync(from, to, { recursive: true })
      return to
    }
    return {
      store: await openAt(fresh()),
      advance: async (ms) => {
        nowMs += ms
      },
      settle: () => hops(50),
      copy: async () => copyTo(path),
      reopen: async (data) => {
        await store.close()
        return openAt(data === undefined ? path : data === null ? fresh() : copyTo(data as string))
      },
    }
  }

  storeSuite({ describe, test, expect }, 'lmdb', openLmdb)
})
