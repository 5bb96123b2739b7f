// What the first pages of an LMDB file say, read without opening it: to open a file that was cut short would end the
// process. Layout of MDB_meta as in lmdb-js 3 (LMDB 1.0 pages): magic at 24 bytes, the copies on half pages.

import { open } from 'node:fs/promises'
import { DataError } from './format.js'

const magicAt = 24
const magic = 0xbeefc0de
const pageSizeAt = 48
const lastPageAt = 144
const txnAt = 152

/** Throws for what is no LMDB file, or is shorter than it says. */
export async function checkHeader(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const head = Buffer.alloc(Math.min(size, 4 * 65_536))
    await file.read(head, 0, head.length, 0)
    if (size === 0) return
    if (size < txnAt + 8 || head.readUInt32LE(magicAt) !== magic) {
      throw new DataError('foreign', `${path} is not an LMDB file; name another directory, or move it away`)
    }
    const needed = bytesNeeded(head)
    if (needed > size) {
      const message = `${path} was cut short: it has ${size} bytes and needs ${needed}; restore a backup`
      throw new DataError('damaged', message)
    }
  } finally {
    await file.close()
  }
}

/** By the copy with the newest transaction. */
function bytesNeeded(head: Buffer): number {
  const pageSize = head.readUInt32LE(pageSizeAt)
  let newest = { txn: -1n, lastPage: 1n }
  for (let at = 0; at < 2 * pageSize; at += pageSize / 2) {
    if (at + txnAt + 8 > head.length || head.readUInt32LE(at + magicAt) !== magic) continue
    const txn = head.readBigUInt64LE(at + txnAt)
    if (txn > newest.txn) newest = { txn, lastPage: head.readBigUInt64LE(at + lastPageAt) }
  }
  return (Number(newest.lastPage) + 1) * pageSize
}
