// The demo page as people use it, in a real Chromium: a computer and a phone in one room, and every button pressed.
// Pictures of each state, light and dark, are left in artefacts/ for somebody to look at.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Demo, startDemo } from '../../demo/src/server/demo.js'
import { launchChromium } from './chromium.js'

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))

let folder: string
let demo: Demo
let browser: Browser
const troubles: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-demo-'))
  await build({
    root: path('demo'),
    logLevel: 'error',
    resolve: { alias: { holdfast: path('src/client/index.ts') } },
    build: { outDir: folder, emptyOutDir: true },
  })
  demo = await startDemo({ port: 0, page: folder, canBreak: true, log: false })
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await demo?.close()
  await rm(folder, { recursive: true, force: true })
})

async function visit(name: string, viewport: { width: number; height: number }): Promise<Page> {
  const context = await browser.newContext({ viewport, reducedMotion: 'reduce' })
  const page = await context.newPage()
  page.on('pageerror', (error) => troubles.push(`${name}: ${error.message}`))
  page.on('console', (message) => {
    // A refused dial is what the cut is about.
    if (message.type() === 'error' && !message.text().includes('WebSocket')) troubles.push(`${name}: ${message.text()}`)
  })
  await page.goto(`http://127.0.0.1:${demo.port}/`)
  return page
}

async function picture(page: Page, device: string, state: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    const fullPage = device === 'phone'
    await page.screenshot({ path: path(`artefacts/demo-${state}-${device}-${colorScheme}.png`), fullPage })
  }
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.keyboard.press('Enter')
}

const banner = (page: Page) => page.locator('#banner').getAttribute('data-health')
const texts = (page: Page) => page.locator('#log .text').allTextContents()
const states = (page: Page) =>
  page.locator('#log .message').evaluateAll((all) => all.map((one) => one.dataset['state']))
const counter = async (page: Page, id: string) => Number(await page.locator(`#${id}`).textContent())
const eventually = { timeout: 20_000, interval: 50 }

test('two people chat, storms come, nobody misses or repeats anything', { timeout: 120_000 }, async () => {
  const ann = await visit('ann', { width: 1280, height: 800 })
  await expect.poll(() => banner(ann), eventually).toBe('ok')
  await picture(ann, 'desktop', 'fresh')
  const bob = await visit('bob', { width: 390, height: 844 })
  await expect.poll(() => banner(bob), eventually).toBe('ok')
  await picture(bob, 'phone', 'fresh')

  for (const [page, name] of [
    [ann, 'Ann'],
    [bob, 'Bob'],
  ] as const) {
    await page.getByLabel('Your name').fill(name)
    await page.keyboard.press('Enter')
  }
  const said = ['Is the tide in?', 'Not yet. <b>Hold fast</b> & wait for it.', 'I can hear the storm from here.']
  for (const [index, text] of said.entries()) {
    await say(index % 2 === 0 ? ann : bob, text)
    await expect.poll(() => texts(bob), eventually).toContain(text)
  }
  await expect.poll(() => ann.locator('#people li').allTextContents(), eventually).toHaveLength(2)
  await expect.poll(() => ann.locator('#people').textContent(), eventually).toContain('Bob')
  await picture(ann, 'desktop', 'chatting')
  await picture(bob, 'phone', 'chatting')
  const isScrolledSideways = () => document.documentElement.scrollWidth > document.documentElement.clientWidth
  expect(await bob.evaluate(isScrolledSideways)).toBe(false)

  await ann.getByRole('button', { name: 'Cut my network 5 s' }).click()
  await say(ann, 'I am writing this with no network.')
  await say(bob, 'Ann? You are very quiet.')
  await say(bob, 'I will keep talking.')
  await expect.poll(() => banner(ann), eventually).toBe('reconnecting')
  expect(await texts(ann)).not.toContain('I will keep talking.')
  expect((await states(ann)).at(-1)).toBe('pending')
  await expect.poll(() => bob.locator('#people').textContent(), eventually).toContain('held')
  await picture(ann, 'desktop', 'cut')
  await picture(bob, 'phone', 'other-is-cut')

  await expect.poll(() => banner(ann), eventually).toBe('ok')
  const all = [...said, 'Ann? You are very quiet.', 'I will keep talking.', 'I am writing this with no network.']
  await expect.poll(() => texts(ann), eventually).toEqual(all)
  await expect.poll(() => texts(bob), eventually).toEqual(all)
  expect(new Set(await states(ann))).toEqual(new Set(['kept']))
  await picture(ann, 'desktop', 'recovered')
  await picture(bob, 'phone', 'recovered')
  const counts = async (page: Page) => ({
    drops: await counter(page, 'drops'),
    replayed: await counter(page, 'replayed'),
    duplicates: await counter(page, 'duplicates'),
    gaps: await counter(page, 'gaps'),
  })
  expect(await counts(ann)).toEqual({ drops: 1, replayed: 2, duplicates: 0, gaps: 0 })
  expect(await counts(bob)).toEqual({ drops: 0, replayed: 0, duplicates: 0, gaps: 0 })

  await bob.getByRole('button', { name: 'Cut my network 5 s' }).click()
  await expect.poll(() => banner(bob), eventually).toBe('reconnecting')
  await say(bob, 'Now it is my turn.')
  await picture(bob, 'phone', 'cut')
  await expect.poll(() => texts(ann), eventually).toContain('Now it is my turn.')
  expect(troubles).toEqual([])
})

test('a half-open connection is found by the heartbeat', { timeout: 60_000 }, async () => {
  const ann = await visit('half', { width: 1280, height: 800 })
  await expect.poll(() => banner(ann), eventually).toBe('ok')
  const identity = await ann.locator('#identity').textContent()
  await ann.getByRole('button', { name: 'Half-open' }).click()
  await expect.poll(() => counter(ann, 'drops'), eventually).toBe(1)
  await expect.poll(() => banner(ann), eventually).toBe('ok')
  expect(await ann.locator('#identity').textContent()).toBe(identity)
})

test('a reload is the same session, with the same name in the same room', { timeout: 60_000 }, async () => {
  const ann = await visit('reload', { width: 1280, height: 800 })
  await ann.getByLabel('Your name').fill('Rhea')
  await ann.keyboard.press('Enter')
  await ann.getByRole('button', { name: 'kelp' }).click()
  await say(ann, 'before the reload')
  await expect.poll(() => states(ann), eventually).toContain('kept')
  const identity = await ann.locator('#identity').textContent()
  await ann.getByRole('button', { name: 'Reload' }).click()
  await ann.waitForLoadState()
  await expect.poll(() => ann.locator('#identity').textContent(), eventually).toBe(identity)
  expect(await ann.getByLabel('Your name').inputValue()).toBe('Rhea')
  await expect.poll(() => texts(ann), eventually).toContain('before the reload')
  await expect.poll(() => ann.locator('#people li').allTextContents(), eventually).toHaveLength(1)
})
