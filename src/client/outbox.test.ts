import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Refused } from '../protocol/frames.js'
import { type OpenRooms, Outbox, type OutboxLimits, outboxDefaults } from './outbox.js'
import type { Outgoing, PublishResult } from './outbox-item.js'

const open: OpenRooms = { isOpen: () => true, positionOf: () => ({ epoch: 'e', offset: 7, tag: 't' }) }
const at = (offset: number) => ({ epoch: 'e', offset, tag: `t${offset}` })

function outboxOf(limits: Partial<OutboxLimits> = {}, rooms: OpenRooms = open) {
  const results = new Map<string, PublishResult>()
  const outbox = new Outbox(
    'p',
    { ...outboxDefaults, ...limits },
    {
      keep: () => {},
      settled({ mark }, result) {
        if (results.has(mark)) throw new Error(`${mark} settled twice`)
        results.set(mark, result)
      },
    },
  )
  const self = {
    outbox,
    results,
    nowMs: 0,
    add(mark: string, { room = 'a', bytes = 10, ttlMs = null as number | null } = {}) {
      return outbox.add({ room, mark, key: undefined, data: '1', bytes, ttlMs }, self.nowMs) !== null
    },
    /** Takes everything that may leave: `mark:seq>prev`, with ! for `again`. */
    send(): string[] {
      const sent: string[] = []
      for (let out = outbox.take(self.nowMs, rooms); out !== null; out = outbox.take(self.nowMs, rooms)) {
        sent.push(`${out.header.mark}:${out.header.seq}>${out.header.prev}${out.header.again ? '!' : ''}`)
      }
      return sent
    },
    refuse(seq: number, refusal: Partial<Refused>) {
      outbox.refused(
        { producer: 'p', seq },
        { reason: 'rate-limited', message: '', retry: true, ...refusal },
        self.nowMs,
      )
    },
    reason: (mark: string) => {
      const result = results.get(mark)
      return result?.kind === 'failed' ? result.reason : result?.kind
    },
  }
  return self
}

describe('order', () => {
  test('[OUT-20] what is taken over and refused for now is sent again, whatever of this page was in flight meanwhile', () => {
    const it = outboxOf()
    it.add('own')
    expect(it.send()).toEqual(['own:1>0'])
    const old = { producer: 'q', seq: 4, room: 'a', mark: 'old', key: null, data: '1', ttlMs: null, user: null }
    it.outbox.adopt([{ ...old, again: true, sentAfter: null, madeAtMs: 0 }], 0, 0)
    expect(it.send()).toEqual(['old:4>0!'])
    const refusal = { reason: 'store-unavailable', message: '', retry: true } as const
    it.outbox.refused({ producer: 'q', seq: 4 }, refusal, it.nowMs)
    it.outbox.kept({ producer: 'p', seq: 1 }, at(1), false)
    it.nowMs = 60_000
    expect(it.send()).toEqual(['old:4>0!'])
  })

  test('[OUT-1] publishes of a room leave in order, each naming the one before it', () => {
    const it = outboxOf()
    for (const mark of ['x', 'y', 'z']) it.add(mark)
    it.add('w', { room: 'b' })
    expect(it.send()).toEqual(['x:1>0', 'y:2>1', 'z:3>2', 'w:4>0'])
    for (const seq of [1, 2]) it.outbox.kept({ producer: 'p', seq }, at(seq), false)
    it.add('v')
    expect(it.send()).toEqual(['v:5>3'])
    it.outbox.kept({ producer: 'p', seq: 3 }, at(3), false)
    it.outbox.kept({ producer: 'p', seq: 5 }, at(4), false)
    it.add('u')
    expect(it.send()).toEqual(['u:6>5'])
  })

  test('[OUT-2] a room that is not open waits, and lets the others go first', () => {
    const it = outboxOf({}, { ...open, isOpen: (room) => room !== 'a' })
    it.add('x')
    it.add('y', { room: 'b' })
    expect(it.send()).toEqual(['y:2>0'])
  })

  test('[OUT-3] what was refused drops out of the chain; what followed it is sent again behind the last applied', () => {
    const it = outboxOf()
    for (const mark of ['w', 'x', 'y', 'z']) it.add(mark)
    it.send()
    it.outbox.kept({ producer: 'p', seq: 1 }, at(1), false)
    it.refuse(2, { reason: 'forbidden', retry: false })
    expect(it.send()).toEqual([])
    it.refuse(3, { reason: 'out-of-order', last: 1 })
    expect(it.send()).toEqual([])
    it.refuse(4, { reason: 'out-of-order', last: 1 })
    expect(it.send()).toEqual(['y:3>1', 'z:4>3'])
    expect(it.reason('x')).toBe('forbidden')
  })

  test('[OUT-3] twenty refused in a row fail each for its own reason', () => {
    const it = outboxOf()
    const marks = Array.from({ length: 20 }, (_, index) => `m${index}`)
    for (const mark of marks) it.add(mark)
    for (let round = 0; round < 20; round++) {
      for (const sent of it.send()) {
        const [mark = '', seq = 0] = [sent.split(':')[0], Number(sent.split(/[:>]/)[1])]
        const isFirst = mark === `m${round}`
        it.refuse(seq, isFirst ? { reason: 'bad-message', retry: false } : { reason: 'out-of-order', last: 0 })
      }
    }
    expect(marks.map(it.reason)).toEqual(marks.map(() => 'bad-message'))
  })

  test('[OUT-4] "not now" holds the room back for as long as the server says, and keeps the order', () => {
    const it = outboxOf()
    it.add('x')
    it.add('y')
    it.send()
    it.refuse(1, { reason: 'rate-limited', afterMs: 500 })
    it.refuse(2, { reason: 'out-of-order', last: 0 })
    expect(it.send()).toEqual([])
    expect(it.outbox.dueMs(it.nowMs)).toBe(500)
    it.nowMs = 500
    expect(it.send()).toEqual(['x:1>0', 'y:2>1'])
  })

  test('[OUT-4] without afterMs the waiting grows', () => {
    const it = outboxOf()
    it.add('x')
    const waits: number[] = []
    for (let round = 0; round < 9; round++) {
      it.send()
      it.refuse(1, { reason: 'limit' })
      waits.push(it.outbox.dueMs(it.nowMs) - it.nowMs)
      it.nowMs += waits.at(-1) ?? 0
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000, 20_000])
  })

  test('[OUT-5] a head that the server never finds in order fails instead of going round for ever', () => {
    const it = outboxOf()
    it.add('x')
    let rounds = 0
    while (it.send().length > 0) {
      it.refuse(1, { reason: 'out-of-order', last: 99 })
      rounds += 1
    }
    expect(rounds).toBeLessThan(20)
    expect(it.reason('x')).toBe('out-of-order')
  })
})

describe('again', () => {
  test('[OUT-6] [S64] what was in flight when the link broke is sent again as such, with where the room was before', () => {
    const it = outboxOf()
    it.add('x')
    it.send()
    it.outbox.linkLost('broken')
    it.add('y')
    const first = it.outbox.take(0, { ...open, positionOf: () => at(9) })
    expect(first?.header).toMatchObject({ mark: 'x', seq: 1, again: true, sentAfter: { offset: 7 } })
    expect(it.send()).toEqual(['y:2>1'])
  })

  test('[OUT-6] [I18] a place that was learned only after the first sending is not told as where the room was', () => {
    const it = outboxOf()
    it.add('x')
    it.outbox.take(0, { ...open, positionOf: () => null })
    it.outbox.linkLost('broken')
    expect(it.outbox.take(0, { ...open, positionOf: () => at(9) })?.header).not.toHaveProperty('sentAfter')
  })

  const answered: readonly { reason: Refused['reason']; again: boolean }[] = [
    { reason: 'rate-limited', again: false },
    { reason: 'not-resumed', again: false },
    { reason: 'out-of-order', again: false },
    { reason: 'limit', again: false },
    { reason: 'store-unavailable', again: true },
  ]
  for (const { reason, again } of answered) {
    test(`[OUT-7] after ${reason} it is sent ${again ? 'as a repetition' : 'as if for the first time'}`, () => {
      const it = outboxOf()
      it.add('x')
      it.send()
      it.refuse(1, { reason, afterMs: 0, last: 0 })
      expect(it.send()).toEqual([`x:1>0${again ? '!' : ''}`])
    })
  }

  test('[OUT-7] one sending without an answer is never forgotten', () => {
    const it = outboxOf()
    it.add('x')
    it.send()
    it.outbox.linkLost('over')
    expect(it.send()).toEqual(['x:1>0!'])
    it.refuse(1, { reason: 'rate-limited', afterMs: 0 })
    expect(it.send()).toEqual(['x:1>0!'])
    it.refuse(1, { reason: 'forbidden', retry: false })
    expect(it.reason('x')).toBe('unknown')
  })

  test('[OUT-7] what followed a hello that was refused was not looked at', () => {
    const it = outboxOf()
    it.add('x')
    it.send()
    it.outbox.linkLost('unheard')
    expect(it.send()).toEqual(['x:1>0'])
  })

  test('[OUT-8] not-joined waits for the room to be joined again, and fails after that did not help for long', () => {
    let isOpen = true
    const it = outboxOf({}, { ...open, isOpen: () => isOpen })
    it.add('x')
    it.send()
    isOpen = false
    it.refuse(1, { reason: 'not-joined', retry: false })
    it.nowMs += 60_000
    expect(it.send()).toEqual([])
    isOpen = true
    for (let count = 1; it.reason('x') === undefined; count++) {
      expect(count).toBeLessThan(20)
      expect(it.send()).toEqual(['x:1>0'])
      it.refuse(1, { reason: 'not-joined', retry: false })
      it.nowMs += 60_000
    }
    expect(it.reason('x')).toBe('not-joined')
  })

  test('[OUT-8] who is refused again and again waits longer than he is told', () => {
    const it = outboxOf()
    it.add('x')
    const waits: number[] = []
    for (let count = 0; count < 8; count++) {
      expect(it.send().length).toBe(1)
      it.refuse(1, { reason: 'store-unavailable', afterMs: 1_000 })
      const dueMs = it.outbox.dueMs(it.nowMs)
      waits.push(dueMs - it.nowMs)
      it.nowMs = dueMs
    }
    expect(waits).toEqual([1_000, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000])
  })

  test('[OUT-8] fenced waits for the next connection', () => {
    const it = outboxOf()
    it.add('x')
    it.send()
    it.refuse(1, { reason: 'fenced' })
    it.nowMs = 1e9
    expect(it.send()).toEqual([])
    it.outbox.linkLost('over')
    expect(it.send()).toEqual(['x:1>0'])
  })
})

describe('ends', () => {
  test('[OUT-9] [S71] what waits beyond its ttl expires where it is, and is not sent', () => {
    const it = outboxOf({ ttlMs: null })
    it.add('x', { ttlMs: 10_000 })
    it.add('y')
    expect(it.outbox.dueMs(0)).toBe(10_000)
    it.nowMs = 60_000
    it.outbox.expire(it.nowMs)
    expect(it.reason('x')).toBe('expired')
    expect(it.send()).toEqual(['y:2>0'])
  })

  test('[OUT-9] what may have been sent does not expire, is not cancelled, is not dropped', () => {
    const it = outboxOf({ itemsMax: 1, overflow: 'drop-oldest' })
    it.add('x', { ttlMs: 10 })
    it.send()
    it.outbox.linkLost('over')
    it.outbox.expire(1e9)
    expect(it.outbox.cancel('x')).toBe(false)
    expect(it.add('y')).toBe(false)
    expect(it.results.size).toBe(0)
    expect(it.outbox.list()).toMatchObject([{ room: 'a', mark: 'x', state: 'sent' }])
  })

  test('[OUT-10] [S72] a full outbox rejects, or drops the oldest that was never sent', () => {
    const rejecting = outboxOf({ itemsMax: 2 })
    expect([rejecting.add('x'), rejecting.add('y'), rejecting.add('z')]).toEqual([true, true, false])
    const dropping = outboxOf({ itemsMax: 2, overflow: 'drop-oldest' })
    expect([dropping.add('x'), dropping.add('y'), dropping.add('z')]).toEqual([true, true, true])
    expect(dropping.reason('x')).toBe('dropped')
    const large = outboxOf({ bytesMax: 25, overflow: 'drop-oldest' })
    expect([large.add('x'), large.add('y'), large.add('z'), large.add('w', { bytes: 26 })]).toEqual([
      true,
      true,
      true,
      false,
    ])
  })

  test('[OUT-11] cancel fails what was not sent, once', () => {
    const it = outboxOf()
    it.add('x')
    expect([it.outbox.cancel('x'), it.outbox.cancel('x'), it.outbox.cancel('?')]).toEqual([true, false, false])
    expect(it.reason('x')).toBe('cancelled')
    expect(it.outbox.count).toBe(0)
  })

  test('[OUT-12] the oldest in flight at three breaks in a row is poison; the next one goes on', () => {
    const it = outboxOf()
    it.add('x')
    it.add('y')
    for (let death = 0; death < 3; death++) {
      it.send()
      it.outbox.linkLost('broken')
    }
    expect(it.reason('x')).toBe('poison')
    expect(it.send()).toEqual(['y:2>0!'])
  })

  test('[OUT-12] drains and silence between the breaks are no deaths of it; an answer starts anew', () => {
    const it = outboxOf()
    it.add('x')
    for (const isBreak of [true, false, true, false, false]) {
      it.send()
      it.outbox.linkLost(isBreak ? 'broken' : 'over')
    }
    it.send()
    it.refuse(1, { afterMs: 0 })
    for (const isBreak of [true, true]) {
      it.send()
      it.outbox.linkLost(isBreak ? 'broken' : 'over')
    }
    expect(it.results.size).toBe(0)
  })

  test('[OUT-13] after a change of user nothing is sent: the sent are unknown, the others failed', () => {
    const it = outboxOf()
    it.add('x')
    it.send()
    it.add('y')
    it.outbox.failAll('user-changed', '')
    expect([it.reason('x'), it.reason('y')]).toEqual(['unknown', 'user-changed'])
    expect(it.send()).toEqual([])
  })

  test('[OUT-14] an answer to what is not in flight changes nothing', () => {
    const it = outboxOf()
    it.add('x')
    it.outbox.kept({ producer: 'p', seq: 1 }, at(1), false)
    it.outbox.kept({ producer: 'p', seq: 99 }, at(1), false)
    it.refuse(1, { reason: 'forbidden', retry: false })
    expect(it.results.size).toBe(0)
  })
})

/** PROTOCOL.md §7, as a server: one room each, records never forgotten. */
class Model {
  readonly log: { seq: number; mark: string; room: string }[] = []
  readonly #last = new Map<string, number>()

  answer({ seq, prev, mark, room }: Outgoing['header']): { kept: true } | { kept: false; refusal: Partial<Refused> } {
    const last = this.#last.get(room) ?? 0
    if (seq <= last) {
      const isThere = this.log.some((entry) => entry.seq === seq)
      return isThere ? { kept: true } : { kept: false, refusal: { reason: 'unknown', retry: false } }
    }
    if (prev !== last) return { kept: false, refusal: { reason: 'out-of-order', retry: true, last } }
    this.log.push({ seq, mark, room })
    this.#last.set(room, seq)
    return { kept: true }
  }
}

const fates = ['kept', 'kept', 'kept', 'lost-request', 'lost-answer', 'rate-limited', 'forbidden', 'maybe'] as const

describe('any faults in any order', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), room: fc.constantFrom('a', 'b'), ttl: fc.boolean() }),
    fc.record({ do: fc.constant('send' as const), fates: fc.array(fc.constantFrom(...fates), { maxLength: 6 }) }),
    fc.record({ do: fc.constant('cancel' as const), which: fc.nat(20) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(3_000) }),
  )

  test('[OUT-15] every publish is applied at most once, in order, and its result is true', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const it = outboxOf()
        const model = new Model()
        const marks: string[] = []
        const exchange = (plan: readonly (typeof fates)[number][]) => {
          const flight: Outgoing['header'][] = []
          for (let out = it.outbox.take(it.nowMs, open); out !== null && flight.length < 8; ) {
            flight.push(out.header)
            out = flight.length < 8 ? it.outbox.take(it.nowMs, open) : null
          }
          for (const [index, header] of flight.entries()) {
            const fate = plan[index] ?? 'kept'
            if (fate === 'lost-request') return it.outbox.linkLost('over')
            if (fate === 'rate-limited') it.refuse(header.seq, { reason: fate, afterMs: 100 })
            else if (fate === 'forbidden') it.refuse(header.seq, { reason: fate, retry: false })
            else {
              const answer = model.answer(header)
              if (fate === 'lost-answer') return it.outbox.linkLost('over')
              if (fate === 'maybe') it.refuse(header.seq, { reason: 'store-unavailable', afterMs: 100 })
              else if (answer.kept) it.outbox.kept(header, null, false)
              else it.refuse(header.seq, answer.refusal)
            }
          }
        }
        for (const given of steps) {
          if (given.do === 'add') {
            const mark = `m${marks.length}`
            marks.push(mark)
            it.add(mark, { room: given.room, ttlMs: given.ttl ? 1_000 : null })
          } else if (given.do === 'cancel') it.outbox.cancel(`m${given.which}`)
          else if (given.do === 'wait') it.nowMs += given.ms
          else exchange(given.fates)
          it.outbox.expire(it.nowMs)
        }
        for (let round = 0; round < 200 && it.outbox.count > 0; round++) {
          it.nowMs += 20_000
          exchange([])
        }

        expect([...it.results.keys()].sort()).toEqual([...marks].sort())
        for (const room of ['a', 'b']) {
          const seqs = model.log.filter((entry) => entry.room === room).map(({ seq }) => seq)
          expect(seqs).toEqual([...new Set(seqs)].sort((one, other) => one - other))
        }
        const applied = new Set(model.log.map(({ mark }) => mark))
        for (const mark of marks) {
          const reason = it.reason(mark)
          if (reason === 'kept') expect(applied.has(mark)).toBe(true)
          else if (reason !== 'unknown') expect(applied.has(mark)).toBe(false)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})
