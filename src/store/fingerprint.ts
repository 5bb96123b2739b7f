// Tells whether a repeated publish carries the payload it carried before. Not cryptographic: a client that forges an
// equal one only deceives itself about its own publish.

import { utf8Length } from '../protocol/utf8.js'

/** 53 bits of a payload and its key; text and bytes of equal content differ. */
export function fingerprint(data: string | Uint8Array, key: string | null): number {
  const hash = { a: 0xdeadbeef, b: 0x41c6ce57 }
  if (typeof data === 'string') {
    mix(hash, 1)
    mixText(hash, data)
  } else {
    mix(hash, 2)
    for (const byte of data) mix(hash, byte)
  }
  mix(hash, key === null ? 0x10001 : 0x10002)
  if (key !== null) mixText(hash, key)
  return finished(hash)
}

/** Bytes of a payload as it is kept: UTF-8 for text. */
export function bytesOf(data: string | Uint8Array | null): number {
  if (data === null) return 0
  return typeof data === 'string' ? utf8Length(data) : data.byteLength
}

interface Hash {
  a: number
  b: number
}

function mix(hash: Hash, unit: number): void {
  hash.a = Math.imul(hash.a ^ unit, 2654435761)
  hash.b = Math.imul(hash.b ^ unit, 1597334677)
}

function mixText(hash: Hash, text: string): void {
  for (let i = 0; i < text.length; i++) mix(hash, text.charCodeAt(i))
}

// The finish of cyrb53 (public domain): both halves stir each other, 21 + 32 bits remain.
function finished(hash: Hash): number {
  let { a, b } = hash
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return 4294967296 * (2097151 & b) + (a >>> 0)
}
