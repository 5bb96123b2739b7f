// The store suite on the durable store, over a disk in memory.

import { describe, expect, test } from 'vitest'
import { type SuiteStore, storeSuite } from '../../testing/store-suite.js'
import type { Store } from '../store.js'
import { type DurableOptions, durableStore } from './durable.js'
import { type MemoryDisk, memoryDisk } from './memory-disk.js'

const hop = () => new Promise<void>((resolve) => setImmediate(resolve))

async function hops(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await hop()
}

/** The suite's tests ask for level `memory` unless they say otherwise; a restart would lose that. */
function atLevel(store: Store, durability: 'process' | 'disk'): Store {
  return { ...store, append: (ask) => store.append({ ...ask, durability }) }
}

async function openDurable(durability: 'process' | 'disk', options: Partial<DurableOptions> = {}): Promise<SuiteStore> {
  let nowMs = 1_000
  let life = 0
  let disk: MemoryDisk
  let store: Store
  const openFrom = async (from: MemoryDisk): Promise<Store> => {
    life += 1
    disk = from
    store = atLevel(durableStore({ ...options, disk }), durability)
    await store.open({ epoch: `epoch ${life}`, tag: `birth ${life}`, nowMs: () => nowMs, wallMs: 1.7e12 + nowMs })
    return store
  }
  return {
    store: await openFrom(memoryDisk()),
    advance: async (ms) => {
      nowMs += ms
    },
    settle: () => hops(50),
    copy: async () => disk.copy(),
    reopen: async (data) => {
      await store.close()
      return openFrom(data === undefined ? disk.copy() : data === null ? memoryDisk() : (data as MemoryDisk).copy())
    },
  }
}

storeSuite({ describe, test, expect }, 'durable, process', () => openDurable('process'))
storeSuite({ describe, test, expect }, 'durable, disk', () => openDurable('disk'))
