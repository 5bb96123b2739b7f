// What a room keeps beside its entries, as tables: producers, fences and keys. Each is read whole when it is first asked
// for. It knows no rules.

import type { ProducerRecord, ProducerResult } from '../log.js'
import type { UsedProducer, UsedWatermark } from '../room-log.js'
import { decodeJson, encodeJson } from './codec.js'
import type { Disk } from './disk.js'
import type { Journal, Scope } from './journal.js'
import { kinds, prefixOf } from './keys.js'
import { type Form, loadedFrom, Numbers, Table } from './table.js'

interface Ground {
  readonly disk: Disk
  readonly journal: Journal
}

interface Owner {
  readonly id: number
  readonly scope: Scope
}

export function keyedTable(ground: Ground, room: Owner): Table<number> {
  return tableOf(ground, room, kinds.keyed, {
    form: { encode: (key, offset, order) => encodeJson([order, key, offset]) },
    decode: (value) => {
      const [order, key, offset] = decodeJson(value) as [number, string, number]
      return { order, key, value: offset }
    },
  })
}

export function watermarkTable(ground: Ground, room: Owner): Table<UsedWatermark> {
  return tableOf(ground, room, kinds.watermark, {
    form: { encode: (key, { generation, usedMs }, order) => encodeJson([order, key, generation, usedMs]) },
    decode: (bytes) => {
      const [order, key, generation, usedMs] = decodeJson(bytes) as [number, string, number, number]
      return { order, key, value: { generation, usedMs } }
    },
  })
}

/** Results lie flat, each epoch once: a record is written with every batch of its producer. */
type FlatProducer = readonly [
  order: number,
  key: string,
  usedMs: number,
  last: number,
  droppedTo: number,
  epochs: readonly string[],
  ...results: readonly (number | string)[],
]

export function producerTable(ground: Ground, room: Owner): Table<UsedProducer> {
  return tableOf(ground, room, kinds.producer, {
    form: { encode: (key, used, order) => encodeJson(flattened(key, used, order)) },
    decode: (bytes) => unflattened(decodeJson(bytes) as FlatProducer),
  })
}

function flattened(key: string, { record, usedMs }: UsedProducer, order: number): FlatProducer {
  const epochs: string[] = []
  const results: (number | string)[] = []
  for (const { seq, print, position } of record.results) {
    let epoch = epochs.indexOf(position.epoch)
    if (epoch < 0) epoch = epochs.push(position.epoch) - 1
    results.push(seq, print, epoch, position.offset, position.tag)
  }
  return [order, key, usedMs, record.last, record.droppedTo, epochs, ...results]
}

function unflattened([order, key, usedMs, last, droppedTo, epochs, ...flat]: FlatProducer) {
  const results: ProducerResult[] = []
  for (let index = 0; index < flat.length; index += 5) {
    const [seq, print, epoch, offset, tag] = flat.slice(index, index + 5) as [number, number, number, number, string]
    results.push({ seq, print, position: { epoch: epochs[epoch] ?? '', offset, tag } })
  }
  const record: ProducerRecord = { last, droppedTo, results }
  return { order, key, value: { record, usedMs } }
}

function tableOf<V>(
  { disk, journal }: Ground,
  { id, scope }: Owner,
  kind: number,
  {
    form,
    decode,
  }: {
    readonly form: Form<V>
    readonly decode: (value: Uint8Array) => { readonly order: number; readonly key: string; readonly value: V }
  },
): Table<V> {
  const prefix = prefixOf(kind, id)
  const loaded = loadedFrom(disk.scan(prefix), decode)
  return new Table(journal, { prefix, numbers: new Numbers(), form, scope }, loaded)
}
