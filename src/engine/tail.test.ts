// The tail: encoded once, sliced without copies, bounded in every way.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EncodableEntry } from '../protocol/encode.js'
import type { Position } from '../protocol/position.js'
import { createFrameReader } from '../protocol/websocket-frame.js'
import { type Slice, Tail, type TailLimits } from './tail.js'
import { Tails } from './tails.js'

const wide: TailLimits = { entriesMax: 1_000, bytesMax: 1 << 20, ageMs: 60_000 }
const origin: Position = { epoch: 'e1', offset: 0, tag: 'birth' }

function entryAt(offset: number, data = 'x', epoch = 'e1'): EncodableEntry {
  const position = { epoch, offset, tag: `t${epoch}${offset}` }
  return { position, atMs: 0, by: null, mark: null, key: null, data: JSON.stringify(data) }
}

function tailOf(limits: Partial<TailLimits> = {}, tails = new Tails(1 << 30), start = origin): Tail {
  return new Tail('r', start, { ...wide, ...limits }, tails)
}

function filled(count: number, limits: Partial<TailLimits> = {}): Tail {
  const tail = tailOf(limits)
  for (let offset = 1; offset <= count; offset++) tail.append(entryAt(offset), offset)
  return tail
}

/** The offsets of a slice's frames. */
function offsetsOf(slice: Slice): number[] {
  if (slice.kind === 'behind') throw new Error('behind')
  const read = createFrameReader()
  const text = new TextDecoder()
  return slice.chunks
    .flatMap((chunk) => read(chunk))
    .map(({ payload }) => (JSON.parse(text.decode(payload)) as { offset: number }).offset)
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)
}

describe('slices', () => {
  test('[TAIL-1] a slice is every frame behind an offset, in order, up to the head', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 80 }),
        fc.nat(),
        fc.integer({ min: 1, max: 40_000 }),
        (sizes, from, bytesMax) => {
          const tail = tailOf()
          for (const [index, size] of sizes.entries()) tail.append(entryAt(index + 1, 'é'.repeat(size)), 0)
          let after = from % (sizes.length + 1)
          const seen: number[] = []
          for (;;) {
            const slice = tail.slice(after, bytesMax)
            if (slice.kind === 'behind' || slice.chunks.length === 0) break
            const offsets = offsetsOf(slice)
            seen.push(...offsets)
            const bytes = slice.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
            expect(slice.bytes).toBe(bytes)
            if (offsets.length > 1) expect(bytes).toBeLessThanOrEqual(bytesMax)
            expect(slice.end).toEqual(tail.positionAt(offsets.at(-1) ?? 0))
            after = slice.end.offset
          }
          expect(seen).toEqual(range((from % (sizes.length + 1)) + 1, sizes.length))
        },
      ),
    )
  })

  test('[TAIL-2] readers at one position share the very same chunks, whatever bound they have', () => {
    const tail = filled(50)
    const one = tail.slice(10, 1_000_000)
    expect(tail.slice(10, 1_000_000)).toBe(one)
    expect(tail.slice(10, 999_999)).toBe(one)
    expect(tail.slice(11, 1_000_000)).not.toBe(one)
  })

  test('[TAIL-3] bytes once given out never change, whatever comes, is trimmed or starts anew', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 2, maxLength: 60 }), (sizes) => {
        const tail = tailOf({ entriesMax: 10, bytesMax: 20_000 })
        const given: { readonly chunk: Uint8Array; readonly copy: Uint8Array }[] = []
        for (const [index, size] of sizes.entries()) {
          tail.append(entryAt(index + 1, 'x'.repeat(size)), index)
          const slice = tail.slice(Math.max(index - 2, tail.first - 1), 100_000)
          if (slice.kind === 'frames') for (const chunk of slice.chunks) given.push({ chunk, copy: chunk.slice() })
        }
        tail.reset({ epoch: 'e2', offset: 3, tag: 'other' })
        for (let offset = 4; offset < 40; offset++) tail.append(entryAt(offset, 'y'.repeat(500), 'e2'), 100)
        tail.clear()
        const isSame = ({ chunk, copy }: (typeof given)[number]) => chunk.every((byte, index) => byte === copy[index])
        expect(given.every(isSame)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  test('[TAIL-4] an emptied entry is a void frame and keeps its place', () => {
    const tail = filled(1)
    tail.append({ ...entryAt(2), data: null }, 0)
    const slice = tail.slice(1, 1_000)
    if (slice.kind === 'behind') throw new Error('behind')
    const [frame] = slice.chunks.flatMap((chunk) => createFrameReader()(chunk))
    expect(JSON.parse(new TextDecoder().decode(frame?.payload))).toEqual({
      type: 'void',
      room: 'r',
      epoch: 'e1',
      offset: 2,
      tag: 'te12',
    })
  })

  test('[TAIL-5] an entry that is not the next one is a mistake, not a hole', () => {
    expect(() => filled(3).append(entryAt(5), 0)).toThrow('the tail of r is at 3, not before 5')
  })
})

describe('bounds', () => {
  test('[TAIL-6] by entries: what was trimmed away is behind', () => {
    const tail = filled(25, { entriesMax: 10 })
    expect(tail.first).toBe(16)
    expect(tail.slice(14, 1_000).kind).toBe('behind')
    expect(offsetsOf(tail.slice(15, 100_000))).toEqual(range(16, 25))
  })

  test('[TAIL-6] by pinned bytes: whole segments go, the newest stays however large it is', () => {
    const tail = tailOf({ bytesMax: 200_000 })
    for (let offset = 1; offset <= 500; offset++) {
      tail.append(entryAt(offset, 'x'.repeat(2_000)), 0)
      expect(tail.pinnedBytes).toBeLessThanOrEqual(200_000)
    }
    expect(tail.head.offset - tail.first).toBeGreaterThan(40)
    tail.append(entryAt(501, 'x'.repeat(300_000)), 0)
    expect(offsetsOf(tail.slice(500, 10))).toEqual([501])
  })

  test('[TAIL-6] by pinned bytes, also where a bound is less than a large segment', () => {
    const tail = tailOf({ bytesMax: 1_024 })
    for (let offset = 1; offset <= 500; offset++) {
      tail.append(entryAt(offset), 0)
      expect(tail.pinnedBytes).toBeLessThanOrEqual(1_024)
    }
    expect(tail.first).toBeLessThanOrEqual(500)
  })

  test('[TAIL-6] by age, also in a room that has become quiet; the head is kept', () => {
    const tail = filled(5, { ageMs: 1_000 })
    tail.age(1_000)
    expect(tail.first).toBe(1)
    tail.age(1_006)
    expect([tail.first, tail.pinnedBytes]).toEqual([6, 0])
    expect(tail.reach({ epoch: 'e1', offset: 5, tag: 'te15' })).toBe('here')
    tail.append(entryAt(6), 2_000)
    expect(offsetsOf(tail.slice(5, 100))).toEqual([6])
  })

  test('[TAIL-7] segments grow with use: a quiet room pins a few kB, a busy one large pieces', () => {
    expect(filled(3).pinnedBytes).toBeLessThanOrEqual(2_048)
    const busy = filled(1_000)
    expect(busy.segmentCount).toBeLessThan(8)
  })

  test('[TAIL-8] all tails together are bounded: the one that has grown least recently shrinks', () => {
    const tails = new Tails(20_000)
    const rooms = Array.from({ length: 12 }, () => tailOf({}, tails))
    for (const room of rooms) for (let offset = 1; offset <= 20; offset++) room.append(entryAt(offset), 0)
    expect(tails.pinnedBytes).toBeLessThanOrEqual(20_000)
    expect(tails.pinnedBytes).toBe(rooms.reduce((sum, room) => sum + room.pinnedBytes, 0))
    expect(rooms[0]?.pinnedBytes).toBe(0)
    expect(rooms.at(-1)?.first).toBe(1)
    for (const room of rooms) room.clear()
    expect(tails.pinnedBytes).toBe(0)
  })
})

describe('continuity', () => {
  const cases = [
    { at: { epoch: 'e1', offset: 5, tag: 'te15' }, is: 'here' },
    { at: { epoch: 'e1', offset: 4, tag: 'te14' }, is: 'behind' },
    { at: { epoch: 'e1', offset: 10, tag: 'te110' }, is: 'here' },
    { at: { epoch: 'e1', offset: 10, tag: 'other' }, is: 'differs' },
    { at: { epoch: 'e1', offset: 11, tag: 'te111' }, is: 'ahead' },
    { at: { epoch: 'e2', offset: 11, tag: 'te211' }, is: 'differs' },
    { at: { epoch: 'e0', offset: 7, tag: 'te17' }, is: 'differs' },
  ] as const

  for (const { at, is } of cases) {
    test(`[TAIL-9] from ${at.epoch}/${at.offset}/${at.tag} the tail is ${is}`, () => {
      const tail = tailOf({}, new Tails(1 << 30), { epoch: 'e1', offset: 5, tag: 'te15' })
      for (let offset = 6; offset <= 10; offset++) tail.append(entryAt(offset), 0)
      expect(tail.reach(at)).toBe(is)
    })
  }

  test('[TAIL-9] the trim point keeps its tag, also in the middle of a segment', () => {
    const tail = filled(25, { entriesMax: 10 })
    expect(tail.reach({ epoch: 'e1', offset: 15, tag: 'te115' })).toBe('here')
    expect(tail.reach({ epoch: 'e1', offset: 15, tag: 'other' })).toBe('differs')
  })

  test('[TAIL-10] entries of two epochs lie in one tail; each position is told in its own', () => {
    const tail = filled(3)
    tail.append(entryAt(4, 'x', 'e2'), 0)
    expect(tail.positionAt(3)?.epoch).toBe('e1')
    expect(tail.positionAt(4)?.epoch).toBe('e2')
    expect(offsetsOf(tail.slice(1, 1_000))).toEqual([2, 3, 4])
    expect(tail.reach({ epoch: 'e1', offset: 3, tag: 'te13' })).toBe('here')
  })

  test('[TAIL-11] a page that ends where the tail begins is put before it, once, and only if it fits', () => {
    const start = { epoch: 'e1', offset: 10, tag: 'te110' }
    const tail = tailOf({ entriesMax: 8 }, new Tails(1 << 30), start)
    tail.append(entryAt(11), 0)
    const page = range(6, 10).map((offset) => entryAt(offset))
    tail.prepend({ epoch: 'e1', offset: 5, tag: 'te15' }, page, 0)
    tail.prepend({ epoch: 'e1', offset: 5, tag: 'te15' }, page, 0)
    expect(offsetsOf(tail.slice(5, 10_000))).toEqual(range(6, 11))
    tail.prepend(
      { epoch: 'e1', offset: 2, tag: 'te12' },
      range(3, 5).map((offset) => entryAt(offset)),
      0,
    )
    expect(tail.first).toBe(6)
    tail.append(entryAt(12), 0)
    expect(offsetsOf(tail.slice(9, 10_000))).toEqual([10, 11, 12])
  })
})
