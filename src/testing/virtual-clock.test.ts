import { expect, test } from 'vitest'
import { createSeededChance } from './seeded-chance.js'
import { createVirtualClock } from './virtual-clock.js'

test('timers run in order of their due times, promises and soon callbacks between them', async () => {
  const clock = createVirtualClock()
  const seen: string[] = []
  clock.after(20, () => seen.push(`b@${clock.nowMs()}`))
  clock.after(10, () => {
    seen.push(`a@${clock.nowMs()}`)
    clock.soon(() => seen.push('soon'))
    void deep(50).then(() => seen.push('promise'))
  })
  clock.after(20, () => seen.push('c'))
  await clock.advance(15)
  expect(seen).toEqual(['a@10', 'promise', 'soon'])
  expect(clock.nowMs()).toBe(15)
  await clock.advance(5)
  expect(seen.slice(3)).toEqual(['b@20', 'c'])
  expect(clock.pending).toBe(0)
})

async function deep(count: number): Promise<void> {
  for (let step = 0; step < count; step++) await Promise.resolve()
}

test('a timer set by a timer runs in the same advance when it is due', async () => {
  const clock = createVirtualClock()
  const seen: number[] = []
  const beat = () => {
    seen.push(clock.nowMs())
    clock.after(10, beat)
  }
  clock.after(10, beat)
  await clock.advance(35)
  expect(seen).toEqual([10, 20, 30])
  expect(clock.pending).toBe(1)
})

test('nothing runs within the call that schedules it; cancel is idempotent', async () => {
  const clock = createVirtualClock()
  const seen: string[] = []
  const cancel = clock.after(0, () => seen.push('cancelled'))
  clock.after(0, () => seen.push('after'))
  clock.soon(() => seen.push('soon'))
  cancel()
  cancel()
  expect(seen).toEqual([])
  await clock.settle()
  expect(seen).toEqual(['soon', 'after'])
})

test('a paused process fires all its timers at once on thaw, then what arrived, then soon; others go on', async () => {
  const clock = createVirtualClock()
  const paused = clock.process()
  const seen: string[] = []
  paused.arrive(5, () => seen.push('arrival'))
  paused.after(10, () => {
    seen.push(`timer@${paused.nowMs()}`)
    paused.soon(() => seen.push('soon of timer'))
  })
  paused.after(30, () => seen.push('second timer'))
  clock.after(20, () => seen.push('other'))
  paused.pause()
  await clock.advance(100)
  expect(seen).toEqual(['other'])
  paused.thaw()
  await clock.settle()
  expect(seen).toEqual(['other', 'timer@100', 'second timer', 'arrival', 'soon of timer'])
})

test('a killed process never runs again', async () => {
  const clock = createVirtualClock()
  const dead = clock.process()
  const seen: string[] = []
  dead.after(1, () => seen.push('before'))
  dead.kill()
  dead.after(1, () => seen.push('after'))
  dead.soon(() => seen.push('soon'))
  await clock.advance(10)
  expect(seen).toEqual([])
  expect(clock.pending).toBe(0)
})

test('skew moves the wall clock and the pace of one process only', async () => {
  const clock = createVirtualClock()
  const fast = clock.process()
  await clock.advance(1000)
  fast.skew({ wallOffsetMs: -3_600_000, rate: 1.25 })
  const seen: number[] = []
  fast.after(100, () => seen.push(clock.nowMs()))
  await clock.advance(100)
  expect(seen).toEqual([1080])
  expect(fast.nowMs()).toBe(1125)
  expect(fast.wallMs() - clock.wallMs()).toBe(25 - 3_600_000)
})

test('what a callback throws rejects the advance, and the rest still runs afterwards', async () => {
  const clock = createVirtualClock()
  const seen: string[] = []
  clock.after(1, () => {
    throw new Error('boom')
  })
  clock.after(2, () => seen.push('later'))
  await expect(clock.advance(5)).rejects.toThrow('boom')
  await clock.advance(5)
  expect(seen).toEqual(['later'])
})

test('what never rests is an error, not a hang', async () => {
  const clock = createVirtualClock()
  const again = () => clock.after(0, again)
  again()
  await expect(clock.advance(1)).rejects.toThrow('never rests')
}, 20_000)

test('a thousand timers run in order', async () => {
  const clock = createVirtualClock()
  const chance = createSeededChance(7)
  const seen: number[] = []
  for (let index = 0; index < 1000; index++) {
    const dueMs = chance.below(500)
    const cancel = clock.after(dueMs, () => seen.push(dueMs))
    if (index % 3 === 0) cancel()
  }
  await clock.advance(500)
  expect(seen.length).toBe(666)
  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
})

test('seeded chance repeats, forks are independent and even', () => {
  const a = createSeededChance(1)
  const b = createSeededChance(1)
  const draw = (chance: typeof a) => Array.from({ length: 5 }, () => chance.fraction())
  expect(draw(a)).toEqual(draw(b))
  expect(a.fork('x').bytes(8)).toEqual(b.fork('x').bytes(8))
  expect(a.fork('x').bytes(8)).not.toEqual(a.fork('y').bytes(8))
  expect(createSeededChance(2).fraction()).not.toBe(createSeededChance(1).fraction())
  const chance = createSeededChance(3)
  const mean = Array.from({ length: 10_000 }, () => chance.fraction()).reduce((sum, value) => sum + value, 0) / 10_000
  expect(mean).toBeGreaterThan(0.48)
  expect(mean).toBeLessThan(0.52)
})
