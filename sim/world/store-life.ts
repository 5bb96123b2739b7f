// One life of the store that all servers share: the memory store, or the durable one over a disk in memory, of which
// the next life begins with what was written. It knows nothing of the trace.

import { DiskControl, type Scalars } from '../../src/store/lmdb/control.js'
import { decodeJson } from '../../src/store/lmdb/codec.js'
import { durableStore } from '../../src/store/lmdb/durable.js'
import { Journal } from '../../src/store/lmdb/journal.js'
import { metaKeys } from '../../src/store/lmdb/keys.js'
import { type MemoryDisk, memoryDisk } from '../../src/store/lmdb/memory-disk.js'
import type { BoardsState } from '../../src/store/memory-boards.js'
import type { ControlState } from '../../src/store/memory-rows.js'
import { memoryStore } from '../../src/store/memory.js'
import { operationNames } from '../../src/store/steps.js'
import type { Store } from '../../src/store/store.js'

export interface StoreLife {
  readonly store: Store
  /** What is kept now. */
  view(): { readonly control: ControlState; readonly boards: BoardsState }
  /** All of it as text. */
  text(): string
  /** How the next life begins with what is kept now. */
  copy(): () => StoreLife
}

export function memoryLife(from?: ReturnType<ReturnType<typeof memoryStore>['snapshot']>): StoreLife {
  const store = memoryStore(from === undefined ? {} : { from })
  return {
    store,
    view: () => store.snapshot(),
    text: () => JSON.stringify(store.snapshot(), (_, value: unknown) => (value instanceof Map ? [...value] : value)),
    copy() {
      const snapshot = store.snapshot()
      return () => memoryLife(snapshot)
    },
  }
}

/** `fault` is asked before each batch, and throws when nothing of it is to be kept. */
export function diskLife(
  fault: () => void,
  disk = memoryDisk((step) => (step === 'commit' ? fault() : undefined)),
): StoreLife {
  const durable = durableStore({ disk })
  let opening: Promise<unknown> = Promise.reject(new Error('the life was not opened'))
  opening.catch(() => {})
  // Servers of the life before do not wait for the next one to be open.
  const store: Store = { ...durable }
  for (const name of operationNames) {
    const act = durable[name] as (...asked: readonly unknown[]) => Promise<unknown>
    Object.assign(store, {
      async [name](...asked: readonly unknown[]) {
        await opening
        return act(...asked)
      },
    })
  }
  const open: Store['open'] = (birth) => {
    const opened = durable.open(birth)
    opening = opened
    return opened
  }
  return {
    store: Object.assign(store, { open }),
    view: () => viewOf(disk.copy()),
    text: () => [...disk.scan(new Uint8Array())].map(({ value }) => Buffer.from(value).toString()).join('\n'),
    copy() {
      const kept = disk.copy()
      return () => diskLife(fault, kept.copy())
    },
  }
}

function viewOf(disk: MemoryDisk): { readonly control: ControlState; readonly boards: BoardsState } {
  const value = disk.get(metaKeys.state)
  const journal = new Journal({ disk, bytesMax: 0, always() {} })
  const state = value === undefined ? null : (decodeJson(value) as Scalars)
  const seen: DiskControl[] = []
  journal.unnoted(() => void seen.push(new DiskControl({ disk, journal }, state)))
  const [control] = seen
  if (control === undefined) throw new Error('the control data were not read')
  return { control, boards: control.boards }
}
