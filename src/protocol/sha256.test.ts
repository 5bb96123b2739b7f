import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { base64url } from './base64url.js'
import { sha256, sha256Bytes } from './sha256.js'

// FIPS 180-4 examples, as published by NIST.
const vectors = [
  { message: '', hex: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
  { message: 'abc', hex: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' },
  {
    message: 'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    hex: '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  },
]

for (const { message, hex } of vectors) {
  test(`[WIRE-13] SHA-256 of "${message}"`, () => {
    expect(Buffer.from(sha256Bytes(Buffer.from(message))).toString('hex')).toBe(hex)
    expect(sha256(message)).toBe(Buffer.from(hex, 'hex').toString('base64url'))
  })
}

test('[WIRE-13] SHA-256 of any bytes is that of node:crypto', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(sha256(bytes)).toBe(createHash('sha256').update(bytes).digest('base64url'))
    }),
  )
})

test('[WIRE-13] base64url is that of RFC 4648, without padding', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(base64url(bytes)).toBe(Buffer.from(bytes).toString('base64url'))
    }),
  )
})
