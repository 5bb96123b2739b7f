// SHA-256 for pages without WebCrypto (plain http), FIPS 180-4 §6.2. Synchronous and small, not fast: it hashes
// secrets, which are short. Where WebCrypto or node's own is at hand, use that.

import { base64url } from './base64url.js'

const encoder = new TextEncoder()

/** The first `count` primes' roots, as FIPS 180-4 defines its constants: the first 32 bits of their fractions. */
function rootFractions(count: number, power: number): Uint32Array {
  const fractions = new Uint32Array(count)
  for (let candidate = 2, found = 0; found < count; candidate++) {
    if (!isPrime(candidate)) continue
    const root = candidate ** power
    fractions[found++] = Math.floor((root - Math.floor(root)) * 2 ** 32)
  }
  return fractions
}

function isPrime(candidate: number): boolean {
  for (let divisor = 2; divisor * divisor <= candidate; divisor++) if (candidate % divisor === 0) return false
  return true
}

/** SHA-256 in base64url without padding: 43 characters. Text is hashed as UTF-8. */
export function sha256(message: string | Uint8Array): string {
  return base64url(sha256Bytes(typeof message === 'string' ? encoder.encode(message) : message))
}

/** The 32 bytes of SHA-256. */
export function sha256Bytes(message: Uint8Array): Uint8Array {
  const roundConstants = rootFractions(64, 1 / 3)
  const state = rootFractions(8, 1 / 2)
  const padded = pad(message)
  const words = new Uint32Array(64)
  for (let at = 0; at < padded.byteLength; at += 64) {
    for (let word = 0; word < 16; word++) words[word] = padded.getUint32(at + word * 4)
    for (let word = 16; word < 64; word++) {
      const early = words[word - 15] ?? 0
      const late = words[word - 2] ?? 0
      const sigma0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3)
      const sigma1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10)
      words[word] = (words[word - 16] ?? 0) + sigma0 + (words[word - 7] ?? 0) + sigma1
    }
    compress(state, words, roundConstants)
  }
  const digest = new DataView(new ArrayBuffer(32))
  for (const [word, value] of state.entries()) digest.setUint32(word * 4, value)
  return new Uint8Array(digest.buffer)
}

/** The message, a one bit, zeros, and its length in bits, in whole blocks of 64 bytes. */
function pad(message: Uint8Array): DataView {
  const padded = new Uint8Array(Math.ceil((message.length + 9) / 64) * 64)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor(message.length / 2 ** 29))
  view.setUint32(padded.length - 4, message.length << 3)
  return view
}

/** One block. The letters are those of FIPS 180-4 §6.2.2. */
function compress(state: Uint32Array, words: Uint32Array, roundConstants: Uint32Array): void {
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
  for (let round = 0; round < 64; round++) {
    const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
    const choice = (e & f) ^ (~e & g)
    const temp1 = (h + sum1 + choice + (roundConstants[round] ?? 0) + (words[round] ?? 0)) | 0
    const sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
    const majority = (a & b) ^ (a & c) ^ (b & c)
    h = g
    g = f
    f = e
    e = (d + temp1) | 0
    d = c
    c = b
    b = a
    a = (temp1 + sum0 + majority) | 0
  }
  for (const [word, value] of [a, b, c, d, e, f, g, h].entries()) state[word] = (state[word] ?? 0) + value
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by))
}
