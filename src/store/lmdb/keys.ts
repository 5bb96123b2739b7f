// Where everything lies on the disk: ordered binary keys, numbers in six bytes with the highest first. It knows nothing
// of values.

/** One byte: what a key is of. */
export const kinds = {
  meta: 0x01,
  room: 0x02,
  entry: 0x03,
  producer: 0x04,
  watermark: 0x05,
  keyed: 0x06,
  session: 0x10,
  lease: 0x11,
  node: 0x12,
  ending: 0x13,
  floor: 0x14,
  event: 0x15,
  rights: 0x16,
  board: 0x20,
  boardItem: 0x21,
  boardRemoved: 0x22,
  emptyBoard: 0x23,
} as const

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export type Prefix = Uint8Array

/** A whole kind, or the part of it that belongs to one number (a room). */
export function prefixOf(kind: number, owner?: number): Prefix {
  if (owner === undefined) return Uint8Array.of(kind)
  const prefix = new Uint8Array(7)
  prefix[0] = kind
  writeNumber(prefix, 1, owner)
  return prefix
}

export function numberedKey(prefix: Prefix, number: number): Uint8Array {
  const key = new Uint8Array(prefix.length + 6)
  key.set(prefix)
  writeNumber(key, prefix.length, number)
  return key
}

/** The last number of a key. */
export function numberOf(key: Uint8Array): number {
  let number = 0
  for (const byte of key.subarray(-6)) number = number * 256 + byte
  return number
}

export function namedKey(kind: number, name: string): Uint8Array {
  const bytes = encoder.encode(name)
  const key = new Uint8Array(bytes.length + 1)
  key[0] = kind
  key.set(bytes, 1)
  return key
}

export function nameOf(key: Uint8Array): string {
  return decoder.decode(key.subarray(1))
}

export const metaKeys = {
  /** The format and its version; never changes its own form. */
  format: namedKey(kinds.meta, 'format'),
  lives: namedKey(kinds.meta, 'lives'),
  /** With every batch. */
  state: namedKey(kinds.meta, 'state'),
  /** The number of the last batch. */
  batch: namedKey(kinds.meta, 'batch'),
  /** Who has the directory. */
  owner: namedKey(kinds.meta, 'owner'),
} as const

export function writeNumber(bytes: Uint8Array, at: number, number: number): void {
  let rest = number
  for (let index = at + 5; index >= at; index--) {
    bytes[index] = rest % 256
    rest = Math.floor(rest / 256)
  }
}
