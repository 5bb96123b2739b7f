import { expect, test } from 'vitest'
import { systemChance, systemClock } from './clock.js'

test('[SRV-20] a timer runs at or after its time, never within the call, and can be taken back', async () => {
  const clock = systemClock()
  const startMs = clock.nowMs()
  const seen: string[] = []
  const cancel = clock.after(5, () => seen.push('cancelled'))
  cancel()
  cancel()
  clock.soon(() => seen.push('soon'))
  clock.soon(() => seen.push('never'))()
  const ranMs = await new Promise<number>((resolve) => {
    clock.after(10, () => resolve(clock.nowMs()))
    seen.push('first')
    // Timers do not keep a process alive; this one keeps the test.
    setTimeout(() => {}, 50)
  })
  expect(ranMs - startMs).toBeGreaterThanOrEqual(10)
  expect(seen).toEqual(['first', 'soon'])
})

test('[SRV-20] random bytes are as many as asked for, and none comes twice', () => {
  const { bytes, fraction } = systemChance()
  const drawn = Array.from({ length: 2_000 }, () => Buffer.from(bytes(16)).toString('hex'))
  expect(new Set(drawn).size).toBe(2_000)
  expect(drawn.every((hex) => /^[0-9a-f]{32}$/.test(hex) && !/^0{16}|0{16}$/.test(hex))).toBe(true)
  expect(bytes(10_000)).toHaveLength(10_000)
  expect(bytes(0)).toHaveLength(0)
  for (let count = 0; count < 100; count++) expect(fraction()).toBeLessThan(1)
})
