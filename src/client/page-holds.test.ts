import { afterEach, expect, test, vi } from 'vitest'
import { systemClock } from './clock.js'
import { type Holds, pageHolds } from './page-holds.js'

// Pages of a plain-http site: no locks, and a BroadcastChannel, which Node has too. Waiting times are cut.

const clock = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms / 5, run) }
const pages: Holds[] = []

async function page(name: string): Promise<Holds> {
  vi.stubGlobal('navigator', {})
  const holds = pageHolds(clock)
  pages.push(holds)
  // As the outbox does it: the first is the page's own.
  expect(await holds.hold(name)).toBe(true)
  return holds
}

afterEach(() => {
  for (const holds of pages.splice(0)) holds.close()
  vi.unstubAllGlobals()
})

test('[OUT-23] without locks, of pages that want a producer at once one gets it, and keeps it until it lets go', async () => {
  const all = await Promise.all(['c', 'a', 'd', 'b'].map(page))
  const wanted = async () => Promise.all(all.map((holds) => holds.hold('left')))
  const first = await wanted()
  expect(first.filter(Boolean)).toHaveLength(1)
  expect(await wanted()).toEqual(first)
  all[first.indexOf(true)]?.letGo('left')
  expect(await all[first.indexOf(false)]?.hold('left')).toBe(true)
})

test('[OUT-23] without locks, of a page that has closed nothing is held', async () => {
  const [one, two] = [await page('a'), await page('b')]
  expect([await one.hold('p'), await two.hold('p')]).toEqual([true, false])
  one.close()
  expect(await two.hold('p')).toBe(true)
})

test('[OUT-27] where pages cannot know of one another nothing is stored', () => {
  vi.stubGlobal('navigator', {})
  vi.stubGlobal('BroadcastChannel', undefined)
  Reflect.deleteProperty(globalThis, 'BroadcastChannel')
  expect(() => pageHolds(clock)).toThrow(/Web Locks/)
})
