// Sessions in a real Chromium, over a network that really breaks.

import { createSeededChance } from 'holdfast/testing'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
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

/** A visitor with a profile of his own. */
async function visit(tab: string, chromium = browser): Promise<Page> {
  const context = await chromium.newContext()
  contexts.push(context)
  const page = await context.newPage()
  await page.goto(site.pageOf(tab))
  await isLive(page)
  return page
}

const patience = { timeout: 15_000, interval: 50 }
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const see = <Value>(page: Page, look: (probe: Probe) => Value) =>
  page.evaluate(`(${look})(window.probe)`) as Promise<Value>
const isLive = (page: Page) =>
  expect
    .poll(() => see(page, ({ session }) => session.status.state === 'connected' && session.id !== null), patience)
    .toBe(true)
const idOf = (page: Page) => see(page, ({ session }) => session.id)
const eventsOf = (page: Page) => see(page, ({ events }) => events)
const seenBy = (page: Page) => see(page, ({ seen }) => seen)

async function chatter(page: Page, name: string, count: number, everyMs: number): Promise<void> {
  await page.evaluate(`window.probe.chatter(${JSON.stringify(name)}, ${count}, ${everyMs})`)
}

test('two pages chat while one is cut 20 times: the same history, no duplicate, no gap', {
  timeout: 120_000,
}, async () => {
  const seed = Number(process.env['SEED'] ?? 7)
  const chance = createSeededChance(seed)
  const ann = await visit('ann')
  const bob = await visit('bob')
  const count = 300
  await chatter(ann, 'ann', count, 40)
  await chatter(bob, 'bob', count, 40)
  for (let cut = 0; cut < 20; cut++) {
    await sleep(50 + chance.fraction() * 500)
    const kind = chance.fraction()
    const awayMs = chance.fraction() * 400
    const resumes = (await eventsOf(ann)).length
    site.refuse('ann', true)
    for (const link of site.linksOf('ann')) {
      if (kind < 0.4) link.cut()
      else if (kind < 0.7) link.halfOpen()
      else link.stall()
    }
    await sleep(awayMs)
    for (const link of site.linksOf('ann')) link.cut()
    site.refuse('ann', false)
    // Every second cut may come while it is still coming back from the one before.
    if (cut % 2 === 1) await expect.poll(async () => (await eventsOf(ann)).length, patience).toBeGreaterThan(resumes)
  }
  for (const page of [ann, bob]) {
    await expect.poll(async () => (await seenBy(page)).length, { ...patience, message: `seed ${seed}` }).toBe(2 * count)
  }
  const history = await seenBy(ann)
  expect(history, `seed ${seed}`).toEqual(await seenBy(bob))
  expect(history.map(({ offset }) => offset)).toEqual(history.map((_, index) => index + 1))
  for (const name of ['ann', 'bob']) {
    const own = history.map(({ text }) => text).filter((text) => text.startsWith(name))
    expect(own).toEqual(Array.from({ length: count }, (_, index) => `${name} ${index + 1}`))
  }
  const events = await eventsOf(ann)
  expect(events.filter((event) => event !== 'resume resumed')).toEqual(['new-session created'])
  expect(events.length).toBeGreaterThan(10) // ten resumes at least, and the first session
  expect(await eventsOf(bob)).toEqual(['new-session created'])
  await expect
    .poll(() => see(ann, ({ results }) => results.filter((kind) => kind === 'kept').length), patience)
    .toBe(count)
})

test('a reload keeps the session, and nobody notices', async () => {
  const bob = await visit('bob')
  const ann = await visit('ann')
  const id = await idOf(ann)
  await expect.poll(() => see(bob, ({ presence }) => presence.at(-1)?.split(',').length), patience).toBe(2)
  const changes = await see(bob, ({ presence }) => presence.length)
  await chatter(ann, 'ann', 3, 10)
  await expect.poll(async () => (await seenBy(ann)).length, patience).toBe(3)
  for (let reload = 0; reload < 3; reload++) {
    await ann.reload()
    await isLive(ann)
    expect(await idOf(ann)).toBe(id)
    await expect.poll(() => eventsOf(ann), patience).toEqual(['resume resumed'])
    await expect.poll(async () => (await seenBy(ann)).length, patience).toBe(3)
  }
  expect(site.told).not.toContain(`leave ${id}`)
  expect(site.told.filter((line) => line === `resume ${id}`)).toHaveLength(3)
  expect(await see(bob, ({ presence }) => presence.length)).toBe(changes)
})

test('a duplicated tab is a session of its own; the original does not notice', async () => {
  const ann = await visit('ann')
  const id = await idOf(ann)
  const opened = ann.context().waitForEvent('page')
  // A page opened like this starts with a copy of its opener's sessionStorage, as a duplicated tab does.
  await ann.evaluate('void window.open(location.href)')
  const copy = await opened
  await copy.waitForLoadState()
  expect(await copy.evaluate('Object.keys(sessionStorage).length')).toBeGreaterThan(0)
  await isLive(copy)
  expect(await idOf(copy)).not.toBe(id)
  expect(await eventsOf(copy)).toEqual(['new-session copied-tab'])
  expect(await see(copy, ({ session }) => session.user)).toBe(await see(ann, ({ session }) => session.user))
  await chatter(ann, 'ann', 1, 1)
  await expect.poll(async () => (await seenBy(copy)).length, patience).toBe(1)
  expect(await idOf(ann)).toBe(id)
  expect(await eventsOf(ann)).toEqual(['new-session created'])
  expect(site.told).toEqual([])
  // Each keeps its own through a reload.
  const copyId = await idOf(copy)
  await copy.reload()
  await isLive(copy)
  expect(await idOf(copy)).toBe(copyId)
  await ann.reload()
  await isLive(ann)
  expect(await idOf(ann)).toBe(id)
})

test('a half-open connection is found by the heartbeat, and the session resumes', async () => {
  const ann = await visit('ann')
  const bob = await visit('bob')
  const id = await idOf(ann)
  const startMs = performance.now()
  for (const link of site.linksOf('ann')) link.halfOpen()
  await chatter(bob, 'bob', 10, 10)
  await chatter(ann, 'ann', 1, 1)
  await expect.poll(() => eventsOf(ann), patience).toContain('resume resumed')
  // Beats every 500 ms and 2 s of patience.
  expect(performance.now() - startMs).toBeLessThan(10_000)
  expect(await idOf(ann)).toBe(id)
  await expect.poll(async () => (await seenBy(ann)).length, patience).toBe(11)
  expect(await seenBy(ann)).toEqual(await seenBy(bob))
})

test('a page that was stopped wakes up as the same session, and gets what it missed', async () => {
  const bob = await visit('bob')
  const sleeper = await launchChromium()
  try {
    const ann = await visit('ann', sleeper)
    const id = await idOf(ann)
    const renderers = await renderersOf(sleeper)
    for (const pid of renderers) process.kill(pid, 'SIGSTOP')
    await chatter(bob, 'bob', 10, 10)
    await expect.poll(() => site.told, patience).toContain(`drop ${id}`)
    for (const pid of renderers) process.kill(pid, 'SIGCONT')
    await expect.poll(async () => (await seenBy(ann)).length, patience).toBe(10)
    expect(await idOf(ann)).toBe(id)
    expect(await seenBy(ann)).toEqual(await seenBy(bob))
  } finally {
    await sleeper.close()
  }
})

/** The processes in which a browser's pages run. */
async function renderersOf(chromium: Browser): Promise<readonly number[]> {
  const devtools = await chromium.newBrowserCDPSession()
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo')
  return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
}

test('a page restored from the back-forward cache is the same session', async () => {
  const ann = await visit('ann')
  const bob = await visit('bob')
  const id = await idOf(ann)
  await ann.goto(new URL('/elsewhere', site.pageOf('ann')).href)
  await expect.poll(() => site.told, patience).toContain(`drop ${id}`)
  await chatter(bob, 'bob', 5, 10)
  await expect.poll(async () => (await seenBy(bob)).length, patience).toBe(5)
  await ann.goBack({ waitUntil: 'commit' })
  await expect.poll(async () => (await seenBy(ann)).length, patience).toBe(5)
  expect(await idOf(ann)).toBe(id)
  expect(await eventsOf(ann)).toContain('restored')
})
