// Publishes that wait, in a real Chromium: over reloads, crashes and several tabs of one profile each is kept once, in
// order, and a page that cannot store them says so.

import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createSeededChance } from 'holdfast/testing'
import { launchChromium } from './chromium.js'
import type { Probe } from './probe.js'
import { createSite, type Site } from './site.js'

let browser: Browser
let site: Site
const contexts: BrowserContext[] = []

beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser?.close())
beforeEach(async () => {
  site = await createSite()
})
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close()
  await site.close()
})

const patience = { timeout: 20_000, interval: 50 }
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const see = <Value>(page: Page, look: (probe: Probe) => Value) =>
  page.evaluate(`(${look})(window.probe)`) as Promise<Value>
const isLive = (page: Page) =>
  expect
    .poll(() => see(page, ({ session }) => session.status.state === 'connected' && session.id !== null), patience)
    .toBe(true)
const waiting = (page: Page) =>
  see(page, ({ session }) =>
    session.outbox.list().map(({ data, isAdopted }) => `${String(data)}${isAdopted ? ' adopted' : ''}`),
  )
const textsSeen = (page: Page) => see(page, ({ seen }) => seen.map(({ text }) => text))
const publish = (page: Page, text: string) => page.evaluate(`window.probe.say(${JSON.stringify(text)})`)

async function profile(): Promise<BrowserContext> {
  const context = await browser.newContext()
  contexts.push(context)
  return context
}

async function open(context: BrowserContext, tab: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(site.pageOf(tab))
  return page
}

/** Nobody of these tabs can reach the server; their pages still load. */
function offline(tabs: readonly string[], isOffline: boolean): void {
  for (const tab of tabs) {
    site.refuse(tab, isOffline)
    if (isOffline) for (const link of site.linksOf(tab)) link.cut()
  }
}

async function reader(): Promise<Page> {
  const page = await open(await profile(), 'reader')
  await isLive(page)
  return page
}

test('[S73] what is typed offline, before a reload, arrives once, in order, before what is typed after it', async () => {
  const bob = await reader()
  const context = await profile()
  const ann = await open(context, 'ann')
  await isLive(ann)
  offline(['ann'], true)
  for (const text of ['one', 'two']) await publish(ann, text)
  await ann.reload()
  await expect.poll(() => waiting(ann), patience).toEqual(['one adopted', 'two adopted'])
  await publish(ann, 'three')
  await ann.reload()
  await expect.poll(() => waiting(ann), patience).toEqual(['one adopted', 'two adopted', 'three adopted'])
  await publish(ann, 'four')
  offline(['ann'], false)
  await expect.poll(() => textsSeen(bob), patience).toEqual(['one', 'two', 'three', 'four'])
  await expect.poll(() => waiting(ann), patience).toEqual([])
  expect(await see(ann, ({ session }) => session.storage)).toBe('persistent')
  await ann.reload()
  await isLive(ann)
  await sleep(500)
  expect(await textsSeen(bob)).toEqual(['one', 'two', 'three', 'four'])
})

test('[S73] eight tabs of one profile, closed, reloaded and crashed at random: each publish once, each tab in order', {
  timeout: 180_000,
}, async () => {
  const seed = Number(process.env['SEED'] ?? 11)
  const chance = createSeededChance(seed)
  const bob = await reader()
  const context = await profile()
  const names = Array.from({ length: 8 }, (_, index) => `tab${index}`)
  const tabs = new Map<string, Page>()
  for (const name of names) tabs.set(name, await open(context, name))
  for (const page of tabs.values()) await isLive(page)
  const made: string[] = []
  const say = async (name: string) => {
    const page = tabs.get(name)
    if (page === undefined) return
    const text = `${name} ${made.filter((other) => other.startsWith(`${name} `)).length + 1}`
    made.push(text)
    await publish(page, text)
  }
  for (let round = 0; round < 3; round++) {
    offline(names, true)
    for (let count = 0; count < 24; count++) await say(names[chance.below(8)] ?? '')
    // Written is written within a moment; what a crash takes before that was never promised to outlive the page.
    await sleep(300)
    for (const name of names) {
      const page = tabs.get(name)
      const kind = chance.fraction()
      if (page === undefined || kind < 0.3) continue
      if (kind < 0.5) await page.reload()
      else {
        if (kind < 0.75) await page.close()
        else await crash(page)
        tabs.delete(name)
      }
    }
    if (round === 1) offline(names, false)
    for (const name of names) if (!tabs.has(name)) tabs.set(name, await open(context, name))
    offline(names, false)
    for (const page of tabs.values()) await isLive(page)
    for (let count = 0; count < 8; count++) await say(names[chance.below(8)] ?? '')
  }
  await expect
    .poll(async () => (await textsSeen(bob)).length, { ...patience, timeout: 60_000, message: `seed ${seed}` })
    .toBe(made.length)
  const seen = await textsSeen(bob)
  expect([...seen].sort(), `seed ${seed}`).toEqual([...made].sort())
  for (const name of names) {
    const own = (texts: readonly string[]) => texts.filter((text) => text.startsWith(`${name} `))
    expect(new Set(own(seen)), `seed ${seed}`).toEqual(new Set(own(made)))
  }
  for (const page of tabs.values()) expect(await waiting(page)).toEqual([])
})

/** The renderer dies at once: no event of the page runs. */
async function crash(page: Page): Promise<void> {
  const crashed = page.waitForEvent('crash')
  page.goto('chrome://crash').catch(() => {})
  await crashed
  await page.close()
}

test('[S31] [S73] a duplicated tab has nothing of the outbox of the original, which sends it once', async () => {
  const bob = await reader()
  const context = await profile()
  const ann = await open(context, 'ann')
  await isLive(ann)
  const id = await see(ann, ({ session }) => session.id)
  offline(['ann'], true)
  await publish(ann, 'mine')
  await sleep(200)
  const opened = context.waitForEvent('page')
  await ann.evaluate('void window.open(location.href)')
  const copy = await opened
  await copy.waitForLoadState()
  await sleep(1_500)
  expect(await waiting(copy)).toEqual([])
  expect(await waiting(ann)).toEqual(['mine'])
  offline(['ann'], false)
  await expect.poll(() => textsSeen(bob), patience).toEqual(['mine'])
  await expect.poll(() => waiting(ann), patience).toEqual([])
  expect(await see(ann, ({ session }) => session.id)).toBe(id)
  await sleep(500)
  expect(await textsSeen(bob)).toEqual(['mine'])
})

test('[S17] navigating away and back with something waiting: it is sent once, and nobody sees a leave', async () => {
  const bob = await reader()
  const ann = await open(await profile(), 'ann')
  await isLive(ann)
  const id = await see(ann, ({ session }) => session.id)
  offline(['ann'], true)
  await publish(ann, 'before')
  await sleep(200)
  await ann.goto(new URL('/elsewhere', site.pageOf('ann')).href)
  await sleep(300)
  offline(['ann'], false)
  await ann.goBack({ waitUntil: 'commit' })
  await isLive(ann)
  await publish(ann, 'after')
  await expect.poll(() => textsSeen(bob), patience).toEqual(['before', 'after'])
  expect(await see(ann, ({ session }) => session.id)).toBe(id)
  expect(await see(ann, ({ events }) => events)).toContain('restored')
  expect(site.told).not.toContain(`leave ${id}`)
})

for (const [what, script] of [
  ['is not there', 'Object.defineProperty(window, "indexedDB", { value: undefined })'],
  ['throws', 'IDBFactory.prototype.open = () => { throw new DOMException("no", "SecurityError") }'],
  ['never answers', 'IDBFactory.prototype.open = () => new EventTarget()'],
] as const) {
  test(`[OUT-27] where IndexedDB ${what}, publishes are in memory, and that is told`, async () => {
    const bob = await reader()
    const context = await profile()
    await context.addInitScript(script)
    const ann = await open(context, 'ann')
    await publish(ann, 'in memory')
    await expect.poll(() => textsSeen(bob), patience).toEqual(['in memory'])
    expect(await see(ann, ({ session }) => [session.storage, session.outbox.storage])).toEqual(['memory', 'memory'])
    // The guest is still the same: his key is in the other storage too.
    const user = await see(ann, ({ session }) => session.user)
    await ann.reload()
    await isLive(ann)
    expect(await see(ann, ({ session }) => session.user)).toBe(user)
  })
}

test('[CRED-18] the key of a guest moves from an older storage to IndexedDB, and outlives it', async () => {
  const context = await profile()
  const ann = await open(context, 'ann')
  await isLive(ann)
  const user = await see(ann, ({ session }) => session.user)
  const kept = await ann.evaluate('JSON.stringify({ ...localStorage })')
  await ann.evaluate('localStorage.clear()')
  const next = await open(context, 'ann2')
  await isLive(next)
  expect(await see(next, ({ session }) => session.user)).toBe(user)
  // As an earlier version left it: in localStorage alone.
  await ann.close()
  await next.evaluate('new Promise((done) => { indexedDB.deleteDatabase("holdfast").onsuccess = done })')
  await next.evaluate(`Object.assign(localStorage, ${kept})`)
  const third = await open(context, 'ann3')
  await isLive(third)
  expect(await see(third, ({ session }) => session.user)).toBe(user)
})

test('[S15] a page in the background for half an hour is live within two seconds of being looked at', async () => {
  const bob = await reader()
  const context = await profile()
  const ann = await context.newPage()
  await ann.clock.install()
  await ann.goto(site.pageOf('ann'))
  await isLive(ann)
  const id = await see(ann, ({ session }) => session.id)
  await ann.evaluate(`(${hide})(true)`)
  // Its timers stand still; the server gives the connection up.
  await ann.clock.pauseAt(Date.now() + 60_000)
  await expect.poll(() => site.told, patience).toContain(`drop ${id}`)
  await publish(bob, 'while away')
  await ann.clock.resume()
  await ann.clock.fastForward(30 * 60_000)
  const startMs = performance.now()
  await ann.evaluate(`(${hide})(false)`)
  await expect.poll(() => textsSeen(ann), { timeout: 2_000, interval: 20 }).toEqual(['while away'])
  expect(performance.now() - startMs).toBeLessThan(2_000)
  expect(await see(ann, ({ session }) => session.id)).toBe(id)
})

/** Runs in the page. */
function hide(isHidden: boolean): void {
  Object.defineProperty(document, 'visibilityState', { value: isHidden ? 'hidden' : 'visible', configurable: true })
  document.dispatchEvent(new Event('visibilitychange'))
}
