import { randomBytes } from 'node:crypto'
import { setTimeout as timersTimeout } from 'node:timers'
import { expect, test } from 'vitest'
import { judge } from './judge.js'
import { type Plan, planOf } from './plan.js'

const nothing = () => {}

const touches: Readonly<Record<string, () => unknown>> = {
  'Date.now': () => Date.now(),
  'new Date()': () => new Date(),
  'Math.random': () => Math.random(),
  'performance.now': () => performance.now(),
  'process.hrtime': () => process.hrtime(),
  'process.uptime': () => process.uptime(),
  'globalThis.setTimeout': () => setTimeout(nothing),
  'globalThis.setInterval': () => setInterval(nothing, 1e6),
  'globalThis.setImmediate': () => setImmediate(nothing),
  'globalThis.MessageChannel': () => new MessageChannel(),
  'globalThis.fetch': () => fetch('data:,'),
  'node:timers.setTimeout': () => timersTimeout(nothing),
  'AbortSignal.timeout': () => AbortSignal.timeout(1e6),
  'crypto.getRandomValues': () => crypto.getRandomValues(new Uint8Array(1)),
  'crypto.randomUUID': () => crypto.randomUUID(),
  'crypto.subtle.digest': () => crypto.subtle.digest('SHA-256', new Uint8Array(1)),
  'node:crypto.randomBytes': () => randomBytes(1),
}

/** A short plan; looking at its work, which happens inside the simulation, touches something. */
function planThatTouches(touch: () => unknown): Plan {
  const { items: _, ...plan } = planOf(20)
  return {
    ...plan,
    config: { ...plan.config, runMs: 100 },
    get items() {
      try {
        touch()
      } catch {
        // Swallowed, as somebody in the code might: it must be seen nevertheless.
      }
      return []
    },
  }
}

for (const [name, touch] of Object.entries(touches)) {
  test(`${name} inside the simulation is a breach, also when what it throws is swallowed`, async () => {
    const { violations, records } = await judge(planThatTouches(touch))
    expect(violations.map(({ id }) => id)).toContain('I54')
    const told = records.flatMap((record) => (record.kind === 'breach' ? [record.what] : []))
    expect(told).toEqual([`${name} was touched inside the simulation`])
    expect(touch).not.toThrow()
  }, 30_000)
}

test('a date of a known time is no clock; afterwards everything works again', async () => {
  const { violations } = await judge(planThatTouches(() => new Date(5).getTime() + Date.UTC(2026) + Date.parse('2026')))
  expect(violations).toEqual([])
  expect(new Date().getFullYear()).toBeGreaterThan(2000)
})
