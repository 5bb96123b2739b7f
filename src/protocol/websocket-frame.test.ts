import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  createFrameReader,
  frameBinary,
  frameClose,
  frameLength,
  framePong,
  frameText,
  type WebSocketFrame,
  writeFrame,
} from './websocket-frame.js'

// RFC 6455 §5.7 has the first two.
const headers = [
  { payload: 'Hello', gives: [0x81, 0x05] },
  { payload: new Uint8Array(256), gives: [0x82, 0x7e, 0x01, 0x00] },
  { payload: '', gives: [0x81, 0x00] },
  { payload: 'x'.repeat(125), gives: [0x81, 125] },
  { payload: 'x'.repeat(126), gives: [0x81, 126, 0, 126] },
  { payload: 'é'.repeat(62), gives: [0x81, 124] },
  { payload: 'é'.repeat(63), gives: [0x81, 126, 0, 126] },
  { payload: 'x'.repeat(65_535), gives: [0x81, 126, 255, 255] },
  { payload: 'x'.repeat(65_536), gives: [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0] },
  { payload: '€'.repeat(21_846), gives: [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 2] },
  { payload: new Uint8Array(65_536), gives: [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0] },
]

for (const { payload, gives } of headers) {
  const bytes = Buffer.from(payload)
  test(`[WIRE-11] ${typeof payload} of ${bytes.length} bytes has header ${gives.join(' ')}`, () => {
    const frame = typeof payload === 'string' ? frameText(payload) : frameBinary(payload)
    expect([...frame.subarray(0, gives.length)]).toEqual(gives)
    expect(Buffer.from(frame.subarray(gives.length)).equals(bytes)).toBe(true)
    expect(frame.length).toBe(frameLength(payload))
  })
}

const payload = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.uint8Array({ maxLength: 300 }),
  fc.nat(70_000).map((count) => 'é'.repeat(count)),
)

test('[WIRE-11] frames written behind one another are read back, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(payload, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 4000 })), (payloads, cuts) => {
      const segment = new Uint8Array(payloads.reduce((sum, each) => sum + frameLength(each), 0))
      let end = 0
      for (const each of payloads) end = writeFrame(each, segment, end)
      expect(end).toBe(segment.length)

      const readFrames = createFrameReader()
      const frames: WebSocketFrame[] = []
      let at = 0
      for (const cut of [...cuts, segment.length]) {
        frames.push(...readFrames(segment.slice(at, at + cut)))
        at += cut
      }
      const seen = frames.map(({ opcode, payload }) => `${opcode} ${Buffer.from(payload).toString('base64')}`)
      const sent = payloads.map((each) => `${typeof each === 'string' ? 1 : 2} ${Buffer.from(each).toString('base64')}`)
      expect(seen).toEqual(sent)
    }),
    { numRuns: 50 },
  )
})

test('[WIRE-11] what does not fit is told, and leaves everything before it alone', () => {
  fc.assert(
    fc.property(payload, fc.nat(20), fc.nat(), (each, at, missing) => {
      const room = Math.max(0, frameLength(each) - 1 - (missing % 10))
      const segment = new Uint8Array(at + room).fill(7)
      expect(writeFrame(each, segment, at)).toBe(-1)
      expect(segment.subarray(0, at).every((byte) => byte === 7)).toBe(true)
    }),
  )
})

test('[WIRE-11] a close frame carries its code and as much of the reason as fits', () => {
  expect([...frameClose(4000, 'drain')]).toEqual([0x88, 7, 0x0f, 0xa0, ...Buffer.from('drain')])
  const long = frameClose(1011, '👋'.repeat(40))
  expect(long.length).toBe(2 + 2 + 120)
  expect(Buffer.from(long.subarray(4)).toString()).toBe('👋'.repeat(30))
  for (const code of [999, 1004, 1005, 1006, 1015, 2000, 5000]) expect(() => frameClose(code, '')).toThrow('must not')
})

test('[WIRE-11] a pong carries the payload of its ping', () => {
  expect([...framePong(Uint8Array.of(1, 2))]).toEqual([0x8a, 2, 1, 2])
  expect(() => framePong(new Uint8Array(126))).toThrow('125')
})

test('[WIRE-11] the reader takes only what a server of this protocol sends', () => {
  expect(() => createFrameReader()(Uint8Array.of(0x01, 0))).toThrow('whole')
  expect(() => createFrameReader()(Uint8Array.of(0xc1, 0))).toThrow('RSV')
  expect(() => createFrameReader()(Uint8Array.of(0x81, 0x80))).toThrow('unmasked')
})
