// One room in memory: plain data, so that a whole store can be copied, and the room made of it. It knows no rules.

import { bytesOf } from './fingerprint.js'
import type { LogView } from './log.js'
import type { KeptEntry, RoomEntries, RoomLog, UsedProducer, UsedWatermark } from './room-log.js'
import type { Retention } from './store.js'

export interface RoomData {
  log: LogView
  /** `kept[first]` is the entry behind the trim point; what is before is free and goes at the next compaction. */
  kept: KeptEntry[]
  first: number
  bytes: number
  readonly keyed: Map<string, number>
  readonly producers: Map<string, UsedProducer>
  readonly watermarks: Map<string, UsedWatermark>
  retention: Retention | null
}

export function newRoomData(log: LogView): RoomData {
  const [keyed, producers, watermarks] = [new Map(), new Map(), new Map()]
  return { log, kept: [], first: 0, bytes: 0, keyed, producers, watermarks, retention: null }
}

/** The room whose data these are; changes go there. */
export class MemoryRoom implements RoomLog, RoomEntries {
  readonly data: RoomData

  constructor(data: RoomData) {
    this.data = data
  }

  get log(): LogView {
    return this.data.log
  }
  set log(log: LogView) {
    this.data.log = log
  }
  get retention(): Retention | null {
    return this.data.retention
  }
  set retention(retention: Retention | null) {
    this.data.retention = retention
  }
  get keyed() {
    return this.data.keyed
  }
  get producers() {
    return this.data.producers
  }
  get watermarks() {
    return this.data.watermarks
  }
  get entries(): RoomEntries {
    return this
  }
  get bytes(): number {
    return this.data.bytes
  }

  declare(): void {}

  at(offset: number): KeptEntry | undefined {
    const index = this.#indexOf(offset)
    return index < this.data.first ? undefined : this.data.kept[index]
  }

  push(kept: KeptEntry): void {
    this.data.kept.push(kept)
    this.data.bytes += bytesOf(kept.entry.data)
  }

  /** Readers may still hold the old entry, so it is replaced. */
  empty(offset: number): void {
    const kept = this.at(offset)
    if (kept === undefined) return
    this.data.bytes -= bytesOf(kept.entry.data)
    this.data.kept[this.#indexOf(offset)] = { ...kept, entry: { ...kept.entry, data: null } }
  }

  drop(offset: number): void {
    const { data } = this
    data.bytes -= bytesOf(this.at(offset)?.entry.data ?? null)
    data.first += 1
    if (data.first < 64 || data.first * 2 < data.kept.length) return
    data.kept = data.kept.slice(data.first)
    data.first = 0
  }

  #indexOf(offset: number): number {
    return this.data.first + offset - this.data.log.trimmed.offset - 1
  }
}
