// A power cut, on the real data file. The process was ended between two flushes; what it had written since the first of
// them lies in the kernel's memory, of which a disk may have got any part, in any order, and half of a page. It knows
// where LMDB's three heads are, nothing else of its format.

import { readFileSync, writeFileSync } from 'node:fs'
import type { SeededChance } from '../../src/testing/seeded-chance.js'

const sectorBytes = 512
const pageSizeAt = 48
const txnAt = 152
const bootAt = 160

/** What of the unflushed pages the disk got. */
export type Tear = 'nothing' | 'everything' | 'some pages' | 'the first pages' | 'some sectors'

const tears: readonly Tear[] = ['nothing', 'everything', 'some pages', 'the first pages', 'some sectors']

/** Makes of the killed process's file what a power cut would have left. `flushed`: the file as it was after the last flush. */
export function cutPower(file: string, flushed: string, chance: SeededChance): Tear {
  const [before, after] = [readFileSync(flushed), readFileSync(file)]
  const tear = tears[Math.floor(chance.fraction() * tears.length)] ?? 'nothing'
  writeFileSync(file, rebooted(torn({ before, after, tear, chance })))
  return tear
}

export interface Cut {
  readonly before: Buffer
  readonly after: Buffer
  readonly tear: Tear
  readonly chance: SeededChance
}

export function torn({ before, after, tear, chance }: Cut): Buffer {
  const pageBytes = before.readUInt32LE(pageSizeAt)
  const marked = pageBytes / 2 + txnAt
  if (after.readBigUInt64LE(marked) > before.readBigUInt64LE(marked)) {
    // The flush is over, all of its pages are on the disk; only the head that says so may not be.
    const image = Buffer.from(after)
    if (tear !== 'everything') before.copy(image, pageBytes / 2, pageBytes / 2, pageBytes / 2 + sectorBytes)
    return image
  }
  // A file that grew may have its new length, or not yet.
  const isLonger = tear === 'everything' || chance.fraction() < 0.5
  const image = Buffer.alloc(isLonger ? Math.max(before.length, after.length) : before.length)
  before.copy(image)
  const changed = changedUnits(before, after, tear === 'some sectors' ? sectorBytes : pageBytes)
  const firstCount = Math.floor(chance.fraction() * (changed.length + 1))
  for (const [index, at] of changed.entries()) {
    const isThere =
      tear === 'everything' ||
      (tear === 'the first pages' ? index < firstCount : tear !== 'nothing' && chance.fraction() < 0.5)
    const unit = tear === 'some sectors' ? sectorBytes : pageBytes
    if (isThere) after.copy(image, at, at, at + unit)
    // The page that was being written has its first sectors only.
    else if (tear === 'the first pages' && index === firstCount) after.copy(image, at, at, at + sectorBytes * 3)
  }
  return image
}

function changedUnits(before: Buffer, after: Buffer, unit: number): number[] {
  const changed: number[] = []
  for (let at = 0; at < after.length; at += unit) {
    if (!before.subarray(at, at + unit).equals(after.subarray(at, at + unit))) changed.push(at)
  }
  return changed
}

/** As after a restart of the machine: LMDB believes what is not flushed only while the machine has not been off. */
function rebooted(image: Buffer): Buffer {
  const pageBytes = image.readUInt32LE(pageSizeAt)
  for (const at of [0, pageBytes / 2, pageBytes]) {
    if (image.length >= at + bootAt + 8) image.writeBigInt64LE(image.readBigInt64LE(at + bootAt) ^ 1n, at + bootAt)
  }
  return image
}
