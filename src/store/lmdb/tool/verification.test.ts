// What `holdfast store verify` finds: nothing in data as a store writes them, and each thing that was made wrong in them.

import { expect, test } from 'vitest'
import {
  acquire,
  append,
  appendAll,
  attach,
  created,
  ownerOf,
  roomy,
  tick,
} from '../../../testing/store-suite-parts.js'
import type { Store } from '../../store.js'
import { decodeJson, encodeEntry, encodeJson, decodeEntry } from '../codec.js'
import { durableStore } from '../durable.js'
import type { Write } from '../disk.js'
import { kinds, metaKeys, namedKey, numberedKey, prefixOf } from '../keys.js'
import { type MemoryDisk, memoryDisk } from '../memory-disk.js'
import { verify } from './verification.js'

const kept = { durability: 'process' } as const

async function life(disk: MemoryDisk, number: number, run: (store: Store) => Promise<void>): Promise<void> {
  let nowMs = number * 1_000_000
  const store = durableStore({ disk })
  await store.open({ epoch: `e${number}`, tag: `b${number}`, nowMs: () => nowMs++, wallMs: 1.7e12 + number })
  await run(store)
  await store.close()
}

/** Everything a store keeps, over three lives. */
async function lived(): Promise<MemoryDisk> {
  const disk = memoryDisk()
  await life(disk, 1, async (store) => {
    await appendAll(store, 'a', ['1', '2', '3', '4', '5'], { ...kept, retention: { ...roomy, entriesMax: 3 } })
    await append(store, 'keyed', 'old', { ...kept, key: 'k', tag: 'k1' })
    await append(store, 'keyed', 'new', { ...kept, key: 'k', tag: 'k2' })
    for (const seq of [1, 2]) {
      await append(store, 'p', `p${seq}`, { ...kept, producer: { seq, prev: seq - 1 } })
    }
    await append(store, 'memory', 'never kept')
    const [ann, ben] = [await created(store, 'ann'), await created(store, 'ben')]
    await store.touch(ownerOf(ann), ['a', 'touched'])
    await store.enter(ownerOf(ann), 'a', { readableFrom: 0, graceMs: 1 })
    await acquire(store, ann, 'name:ann')
    await acquire(store, ben, 'name:ben')
    const item = (key: string) => ({ key, value: { here: true }, fence: 1 })
    const ask = { board: 'presence', itemsMax: 9, removed: [] }
    await store.changeBoard({ ...ask, room: 'a', set: [item('ann'), item('ben')] })
    await store.changeBoard({ ...ask, room: 'a', set: [], removed: [{ key: 'ben', fence: 1 }] })
    await store.changeBoard({ ...ask, room: 'b', set: [item('ann')] })
    await store.changeBoard({ ...ask, room: 'b', set: [], removed: [{ key: 'ann', fence: 1 }] })
    await store.end({ session: 'ben', generation: null, reason: 'kicked' })
    await store.remove('p', 'ben')
    await store.changeRights('ann')
    await tick(store)
  })
  await life(disk, 2, async (store) => {
    await append(store, 'a', '6', { ...kept, retention: { ...roomy, entriesMax: 3 } })
    await append(store, 'p', 'p3', { ...kept, producer: { seq: 3, prev: 2 } })
  })
  await life(disk, 3, async (store) => {
    await append(store, 'a', '7', { ...kept, retention: { ...roomy, entriesMax: 3 } })
    await attach(store, { newSession: 'cat', nextHash: 'cat' })
  })
  return disk
}

test('[DISK-9] data as a store writes them are sound', async () => {
  const told: string[] = []
  const found = verify(await lived(), ({ doing, done }) => void told.push(`${done} ${doing}`))
  expect(found.findings).toEqual([])
  expect(found).toMatchObject({ producers: 1, sessions: 3, leases: 1, boards: 2, findingsCount: 0 })
  expect(found.rooms).toBeGreaterThanOrEqual(4)
  expect(told).toContain(`${found.entries} entries`)
})

const roomKey = (room: string) => namedKey(kinds.room, room)

function roomOf(disk: MemoryDisk, room: string) {
  return decodeJson(disk.get(roomKey(room)) ?? new Uint8Array()) as {
    id: number
    log: { head: { offset: number }; trimmed: object; lineage: { offset: number }[] }
  }
}

const entryKey = (disk: MemoryDisk, room: string, offset: number) =>
  numberedKey(prefixOf(kinds.entry, roomOf(disk, room).id), offset)

function changedRoom(disk: MemoryDisk, change: (room: ReturnType<typeof roomOf>) => object): Write[] {
  const room = roomOf(disk, 'a')
  return [{ key: roomKey('a'), value: encodeJson({ ...room, ...change(room) }) }]
}

function retagged(disk: MemoryDisk, room: string, offset: number): Write[] {
  const key = entryKey(disk, room, offset)
  const entry = decodeEntry(disk.get(key) ?? new Uint8Array(), { epoch: '', offset })
  const position = { ...entry.entry.position, tag: 'forged' }
  return [{ key, value: encodeEntry({ ...entry, entry: { ...entry.entry, position } }) }]
}

/** The records of a table, each changed. */
function changed(disk: MemoryDisk, kind: number, change: (record: unknown[]) => unknown[] | null): Write[] {
  return [...disk.scan(prefixOf(kind))].map(({ key, value }) => {
    const record = change(decodeJson(value) as unknown[])
    return { key, value: record === null ? null : encodeJson(record) }
  })
}

const wrongs: readonly { readonly what: string; make(disk: MemoryDisk): Write[]; readonly says: RegExp }[] = [
  {
    what: 'an entry is missing',
    make: (disk) => [{ key: entryKey(disk, 'a', 6), value: null }],
    says: /room "a" entry 7: comes after 5/,
  },
  {
    what: 'the last entry is missing',
    make: (disk) => [{ key: entryKey(disk, 'a', 7), value: null }],
    says: /room "a": ends at 6, but says 7/,
  },
  {
    what: 'an entry stands in front of the trim point',
    make: (disk) => [{ key: entryKey(disk, 'a', 1), value: disk.get(entryKey(disk, 'a', 7)) ?? null }],
    says: /entry 1: comes after 4/,
  },
  {
    what: 'an entry of no room',
    make: (disk) => [
      { key: numberedKey(prefixOf(kinds.entry, 99), 1), value: disk.get(entryKey(disk, 'a', 7)) ?? null },
    ],
    says: /belongs to no room/,
  },
  { what: 'the head is another entry', make: (disk) => retagged(disk, 'a', 7), says: /the head says tag of 7/ },
  { what: 'an epoch ended with another entry', make: (disk) => retagged(disk, 'a', 6), says: /epoch e2 says tag of 6/ },
  {
    what: 'the lineage is out of order',
    make: (disk) => changedRoom(disk, ({ log }) => ({ log: { ...log, lineage: [...log.lineage].reverse() } })),
    says: /ends out of order/,
  },
  { what: 'bytes do not add up', make: (disk) => changedRoom(disk, () => ({ bytes: 1 })), says: /but says 1/ },
  {
    what: 'two rooms have one number',
    make: (disk) => [{ key: roomKey('p'), value: encodeJson({ ...roomOf(disk, 'p'), id: roomOf(disk, 'a').id }) }],
    says: /shares number/,
  },
  { what: 'a producer names another entry', make: (disk) => retagged(disk, 'p', 2), says: /seq 2 is not the entry/ },
  {
    what: 'a producer knows of later entries',
    make: (disk) => changed(disk, kinds.producer, (record) => record.with(9, 99)),
    says: /behind the head/,
  },
  {
    what: 'a producer ends elsewhere',
    make: (disk) => changed(disk, kinds.producer, (record) => record.with(3, 7)),
    says: /ends with seq 3, but says 7/,
  },
  {
    what: 'a key names another entry',
    make: (disk) => changed(disk, kinds.keyed, ([order]) => [order, 'other', 1]),
    says: /key "other" of room "keyed": is not that of entry 1/,
  },
  {
    what: 'a session is gone, its lease is not',
    make: (disk) => changed(disk, kinds.session, () => null),
    says: /lease "name:ann": is held by no session that lives/,
  },
  {
    what: 'nothing forgets an ended session',
    make: (disk) => changed(disk, kinds.ending, () => null),
    says: /nothing will forget it/,
  },
  {
    what: 'a fence above the last one',
    make: (disk) =>
      changed(disk, kinds.lease, ([order, key, lease]) => [order, key, { ...(lease as object), fence: 2 ** 52 }]),
    says: /has fence/,
  },
  {
    what: 'a board is gone, its items are not',
    make: (disk) => changed(disk, kinds.board, () => null),
    says: /belongs to no board/,
  },
  {
    what: 'nothing forgets an empty board',
    make: (disk) => changed(disk, kinds.emptyBoard, () => null),
    says: /is empty, and nothing/,
  },
  {
    what: 'an event under another name',
    make: (disk) => changed(disk, kinds.event, ([order, , waiting]) => [order, 'other', waiting]),
    says: /event other: is called/,
  },
  {
    what: 'a record that is no JSON',
    make: (disk) => changed(disk, kinds.node, (r) => r).map(({ key }) => ({ key, value: Uint8Array.of(1) })),
    says: /cannot be read/,
  },
  {
    what: 'an entry that is cut',
    make: (disk) => [{ key: entryKey(disk, 'a', 6), value: new Uint8Array(9) }],
    says: /entry 6: cannot be read/,
  },
  {
    what: 'a kind of a later release',
    make: () => [{ key: Uint8Array.of(0x7f), value: new Uint8Array(1) }],
    says: /kind 127/,
  },
  { what: 'the state is gone', make: () => [{ key: metaKeys.state, value: null }], says: /the state: is missing/ },
]

for (const { what, make, says } of wrongs) {
  test(`[DISK-9] found: ${what}`, async () => {
    const disk = await lived()
    await disk.commit(make(disk)).flushed
    const { findings, findingsCount } = verify(disk)
    expect(findings.map((finding) => `${finding.where}: ${finding.what}`).join('\n')).toMatch(says)
    expect(findingsCount).toBe(findings.length)
  })
}

test('[DISK-9] of very many findings the first hundred are told, and all are counted', async () => {
  const disk = await lived()
  const entry = disk.get(entryKey(disk, 'a', 7)) ?? null
  const strays = Array.from({ length: 150 }, (_, n) => ({
    key: numberedKey(prefixOf(kinds.entry, 99), n),
    value: entry,
  }))
  await disk.commit(strays).flushed
  const { findings, findingsCount } = verify(disk)
  expect([findings.length, findingsCount]).toEqual([100, 150])
})
