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
    form: { encode: encodeProducer },
    decode: (bytes) => unflattened(decodeJson(bytes) as FlatProducer),
  })
}

/** Of each result the text that was written, for it is written again with each of the next ones. */
const texts = new WeakMap<ProducerResult, { readonly epoch: number; readonly text: string }>()

/** The JSON of a `FlatProducer`. */
function encodeProducer(key: string, { record, usedMs }: UsedProducer, order: number): Uint8Array {
  const epochs: string[] = []
  let results = ''
  for (const result of record.results) {
    let epoch = epochs.indexOf(result.position.epoch)
    if (epoch < 0) epoch = epochs.push(result.position.epoch) - 1
    results += textOf(result, epoch)
  }
  const head = JSON.stringify([order, key, usedMs, record.last, record.droppedTo, epochs])
  return Buffer.from(`${head.slice(0, -1)}${results}]`)
}

function textOf(result: ProducerResult, epoch: number): string {
  const known = texts.get(result)
  if (known?.epoch === epoch) return known.text
  const { seq, print, position } = result
  const text = `,${seq},${print},${epoch},${position.offset},${JSON.stringify(position.tag)}`
  texts.set(result, { epoch, text })
  return text
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
