// What the first pages of an LMDB file say, read without opening it: to open a file that was cut short would end the
// process. Layout of MDB_meta as in lmdb-js 3 (LMDB 1.0 pages): magic at 24 bytes, the copies on half pages.

import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { DataError } from './format.js'

const magicAt = 24
const magic = 0xbeefc0de
const pageSizeAt = 48
const flagsAt = 52
const lastPageAt = 144
const txnAt = 152
const bootAt = 160
const unflushedFlag = 0x1000

/** One of the three copies of the head: two written in turn, and one, on the second half page, with each flush. */
interface Head {
  readonly txn: bigint
  readonly lastPage: bigint
  readonly boot: bigint
  readonly isFlushed: boolean
}

/** Throws for what is no LMDB file, or is shorter than it says. */
export async function checkHeader(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    const whole = Buffer.alloc(4 * 65_536)
    const { bytesRead } = await file.read(whole, 0, whole.length, 0)
    const head = whole.subarray(0, bytesRead)
    // Asked for last: a server that writes now makes the file longer before its head says so.
    const { size } = await file.stat()
    if (head.length === 0) return
    if (head.length < bootAt + 8 || head.readUInt32LE(magicAt) !== magic) {
      throw new DataError('foreign', `${path} is not an LMDB file; name another directory, or move it away`)
    }
    const needed = bytesNeeded(head, presentBoot())
    if (needed > size) {
      const message = `${path} was cut short: it has ${size} bytes and needs ${needed}; restore a backup`
      throw new DataError('damaged', message)
    }
  } finally {
    await file.close()
  }
}

/** By the head that LMDB goes on with. */
function bytesNeeded(bytes: Buffer, boot: bigint | null): number {
  const pageSize = bytes.readUInt32LE(pageSizeAt)
  const [first, flushed, second] = [0, pageSize / 2, pageSize].map((at) => headAt(bytes, at))
  let head = first ?? { txn: 0n, lastPage: 1n, boot: 0n, isFlushed: true }
  for (const other of [second, flushed]) if (other !== undefined && other !== null) head = chosen(head, other, boot)
  return (Number(head.lastPage) + 1) * pageSize
}

/**
 * As `mdb_pick_meta` of lmdb-js. The newest counts while the machine has not been off. Behind a power cut it counts only
 * if it was flushed: what it tells of may never have reached the disk, nor the length of the file.
 */
function chosen(one: Head, other: Head, boot: bigint | null): Head {
  if (other.txn === 0n) return one
  const [newer, older] = one.txn >= other.txn ? [one, other] : [other, one]
  return newer.isFlushed || (newer.boot !== 0n && newer.boot === boot) ? newer : older
}

function headAt(bytes: Buffer, at: number): Head | null {
  if (at + bootAt + 8 > bytes.length) return null
  return {
    txn: bytes.readBigUInt64LE(at + txnAt),
    lastPage: bytes.readBigUInt64LE(at + lastPageAt),
    boot: bytes.readBigInt64LE(at + bootAt),
    isFlushed: (bytes.readUInt16LE(at + flagsAt) & unflushedFlag) === 0,
  }
}

/** As lmdb-js reads it: the first group of hex digits. Null: this system does not tell it so. */
function presentBoot(): bigint | null {
  try {
    const [digits] = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').split('-')
    return BigInt(`0x${digits}`)
  } catch {
    return null
  }
}
