// How many records of a kind a data directory has. LMDB counts keys without reading values.

import { prefixOf } from './keys.js'
import type { LmdbFile } from './lmdb-disk.js'

/** Records of a kind, or those of it that belong to one room. */
export function countOf(file: LmdbFile, kind: number, owner?: number): number {
  const end = owner === undefined ? prefixOf(kind + 1) : prefixOf(kind, owner + 1)
  return file.getKeysCount({ start: prefixOf(kind, owner), end })
}
