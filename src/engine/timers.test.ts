// The engine's alarm clock against a plain sorted list.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Timers } from './timers.js'

function timersOf() {
  const seen = { earlier: 0, failures: [] as unknown[] }
  const timers = new Timers({
    movedEarlier: () => {
      seen.earlier += 1
    },
    failed: (error) => seen.failures.push(error),
  })
  return { timers, seen }
}

test('[DLV-17] alarms run once, in order of time and then of setting; cancelled ones never', () => {
  const step = fc.record({ atMs: fc.integer({ min: 0, max: 50 }), cancels: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 60 }), (steps, nowMs) => {
      const { timers } = timersOf()
      const ran: number[] = []
      const set = steps.map(({ atMs }, index) => timers.at(atMs, () => ran.push(index)))
      for (const [index, { cancels }] of steps.entries()) if (cancels) set[index]?.cancel()
      const kept = steps.map((one, index) => ({ ...one, index })).filter(({ cancels }) => !cancels)
      expect(timers.nextMs).toBe(Math.min(Number.POSITIVE_INFINITY, ...kept.map(({ atMs }) => atMs)))
      timers.runDue(nowMs)
      const due = kept.filter(({ atMs }) => atMs <= nowMs).sort((a, b) => a.atMs - b.atMs || a.index - b.index)
      expect(ran).toEqual(due.map(({ index }) => index))
      timers.runDue(60)
      expect(ran).toHaveLength(kept.length)
      expect(timers.nextMs).toBe(Number.POSITIVE_INFINITY)
    }),
  )
})

test('[DLV-17] an alarm that an alarm sets for now waits for the next run', () => {
  const { timers } = timersOf()
  const ran: string[] = []
  timers.at(1, () => {
    ran.push('first')
    timers.at(0, () => ran.push('second'))
  })
  timers.runDue(5)
  expect(ran).toEqual(['first'])
  expect(timers.nextMs).toBe(0)
  timers.runDue(5)
  expect(ran).toEqual(['first', 'second'])
})

test('[DLV-17] the host is told when the next alarm is earlier than it was, not when it is later', () => {
  const { timers, seen } = timersOf()
  const first = timers.at(10, () => {})
  timers.at(20, () => {})
  expect(seen.earlier).toBe(1)
  timers.at(5, () => {})
  expect(seen.earlier).toBe(2)
  first.cancel()
  expect(seen.earlier).toBe(2)
})

test('[I54] an alarm that throws stops no other', () => {
  const { timers, seen } = timersOf()
  const ran: string[] = []
  timers.at(1, () => {
    throw new Error('a mistake')
  })
  timers.at(2, () => ran.push('second'))
  timers.runDue(5)
  expect(ran).toEqual(['second'])
  expect(seen.failures).toHaveLength(1)
})
