// The demo page as people use it, in a real Chromium: alone, two beside each other, on a phone; every fault made, and
// nothing lost or shown twice. Pictures of each state, light and dark, are left in artefacts/ for somebody to look at.

import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Locator, Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Demo, startDemo } from '../../demo/src/server/demo.js'
import { launchChromium } from './chromium.js'

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

let folder: string
let demo: Demo
let browser: Browser
const troubles: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-demo-'))
  const source = (find: RegExp, file: string) => ({ find, replacement: path(file) })
  await build({
    root: path('demo'),
    logLevel: 'error',
    resolve: {
      alias: [source(/^holdfast\/react$/, 'src/react/index.ts'), source(/^holdfast$/, 'src/client/index.ts')],
    },
    build: { outDir: join(folder, 'page'), emptyOutDir: true },
  })
  demo = await startDemo({
    port: 0,
    page: join(folder, 'page'),
    data: join(folder, 'data'),
    canBreak: true,
    isSilent: true,
  })
  browser = await launchChromium()
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await demo?.close()
  await rm(folder, { recursive: true, force: true })
})

const desktop = { width: 1280, height: 800 }
const phone = { width: 390, height: 844 }

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

async function picture(page: Page, device: 'desktop' | 'phone', state: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    const fullPage = device === 'phone'
    await page.screenshot({ path: path(`artefacts/demo-${state}-${device}-${colorScheme}.png`), fullPage })
  }
}

/** The same state at both widths. */
async function pictures(page: Page, state: string): Promise<void> {
  await picture(page, 'desktop', state)
  await page.setViewportSize(phone)
  await picture(page, 'phone', state)
  await page.setViewportSize(desktop)
}

/** Rules of WCAG 2.2 A and AA, in light and dark. */
async function expectAccessible(page: Page): Promise<void> {
  const script = await readFile(axe, 'utf8')
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    // Not through a script element: the page's policy forbids that.
    const found = await page.evaluate(`${script}; axe.run().then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`)
    expect(found).toEqual([])
  }
}

/** One person's side of the page. */
function side(page: Page, id: 'ann' | 'ben') {
  const at = page.locator(`.person:has(input[data-person="${id}"])`)
  const numbers = async () => {
    const [drops, lost, twice] = ((await at.locator('.verdict').textContent()) ?? '').match(/\d+/g) ?? []
    return { drops: Number(drops), lost: Number(lost), twice: Number(twice) }
  }
  return {
    at,
    numbers,
    health: () => at.locator('.banner').getAttribute('data-holdfast-health'),
    session: () => at.locator('.who .hint').textContent(),
    texts: () => at.locator('.log .text').allTextContents(),
    states: () => at.locator('.log .message').evaluateAll((all) => all.map((one) => one.dataset['state'])),
    people: () => at.locator('.people li').allTextContents(),
    /** Resumed, replayed, suppressed. */
    counts: async () => (await at.locator('.counts dd').allTextContents()).map(Number),
    async say(text: string) {
      await at.getByLabel('Message', { exact: true }).fill(text)
      await page.keyboard.press('Enter')
    },
    press: (name: RegExp | string) => at.getByRole('button', { name }).click(),
    async rename(name: string) {
      await at.getByLabel('Your name').fill(name)
      await page.keyboard.press('Enter')
    },
    async last(seconds: number) {
      const slider: Locator = at.getByRole('slider')
      await slider.fill(String(seconds))
    },
  }
}

const eventually = { timeout: 25_000, interval: 50 }

test('two people on one screen: a cut is survived, and the counts say so', { timeout: 120_000 }, async () => {
  const page = await visit('beside', desktop)
  const ann = side(page, 'ann')
  await expect.poll(ann.health, eventually).toBe('ok')
  await picture(page, 'desktop', 'fresh')
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Two people' }).click()
  const ben = side(page, 'ben')
  await expect.poll(ben.health, eventually).toBe('ok')
  expect(await ann.session()).not.toBe(await ben.session())

  await ann.say('Is the tide in?')
  await ben.say('Not yet. <b>Hold fast</b> & wait for it.')
  const said = ['Is the tide in?', 'Not yet. <b>Hold fast</b> & wait for it.']
  await expect.poll(async () => (await ann.texts()).toSorted(), eventually).toEqual(said)
  await expect.poll(ann.people, eventually).toHaveLength(2)
  await pictures(page, 'chatting')

  await ann.last(4)
  await ann.press('Cut 4 s')
  await expect.poll(ann.health, eventually).toBe('reconnecting')
  await ann.say('I am writing this with no network.')
  await ben.say('Ann? You are very quiet.')
  expect((await ann.states()).at(-1)).toBe('sending')
  await expect.poll(async () => (await ben.people()).join(), eventually).toContain('held')
  await picture(page, 'desktop', 'cut')
  // The picture of the README: `UPDATE_PICTURES=1 npx vitest run --project system test/browser/demo.test.ts`.
  if (process.env['UPDATE_PICTURES'] === '1') {
    await copyFile(path('artefacts/demo-cut-desktop-light.png'), path('docs/demo.png'))
  }
  await expectAccessible(page)

  await expect.poll(ann.health, eventually).toBe('ok')
  await expect.poll(async () => (await ben.texts()).at(-1), eventually).toBe('I am writing this with no network.')
  await expect.poll(ann.texts, eventually).toEqual(await ben.texts())
  expect(new Set(await ann.states())).toEqual(new Set(['kept']))
  expect(await ann.numbers()).toEqual({ drops: 1, lost: 0, twice: 0 })
  expect(await ben.numbers()).toEqual({ drops: 0, lost: 0, twice: 0 })
  const [resumed, replayed] = await ann.counts()
  expect({ resumed, replayed }).toEqual({ resumed: 1, replayed: 1 })
  await page.getByText('Legend, and all as a list').first().click()
  await picture(page, 'desktop', 'recovered')
  await expectAccessible(page)
  expect(troubles).toEqual([])
})

test('every other fault: half-open, a lost reply, a slow link, a reload', { timeout: 120_000 }, async () => {
  const page = await visit('faults', desktop)
  const ann = side(page, 'ann')
  await expect.poll(ann.health, eventually).toBe('ok')
  await ann.rename('Rhea')
  await ann.press('tide')
  const session = await ann.session()

  await ann.press('Half-open')
  await expect.poll(async () => (await ann.numbers()).drops, eventually).toBe(1)
  await expect.poll(ann.health, eventually).toBe('ok')

  await ann.press('Lose the next reply')
  await ann.say('The answer to this is lost.')
  await expect.poll(async () => (await ann.numbers()).drops, eventually).toBe(2)
  await expect.poll(ann.states, eventually).toEqual(['kept'])
  expect(await ann.texts()).toEqual(['The answer to this is lost.'])
  // The server had it: the second one was suppressed, as it says.
  await expect.poll(async () => (await ann.counts())[2], eventually).toBe(1)

  await ann.last(2)
  await ann.press('Slow link 2 s')
  await ann.say('slowly')
  await expect.poll(ann.states, eventually).toEqual(['kept', 'kept'])

  await ann.press('Reload')
  await page.waitForLoadState()
  await expect.poll(ann.session, eventually).toBe(session)
  expect(await ann.at.getByLabel('Your name').inputValue()).toBe('Rhea')
  await expect.poll(ann.texts, eventually).toEqual(['The answer to this is lost.', 'slowly'])
  await expect.poll(ann.people, eventually).toHaveLength(1)
  // The counts stand over a reload, which is a drop too.
  expect(await ann.numbers()).toEqual({ drops: 3, lost: 0, twice: 0 })
  expect((await ann.counts())[2]).toBe(1)
  await page.getByText('Legend, and all as a list').first().click()
  await expectAccessible(page)
  expect(troubles).toEqual([])
})

test('[REACT-9] a message written with no network, then a reload: the page says so, and it is sent once', {
  timeout: 120_000,
}, async () => {
  const page = await visit('offline-reload', desktop)
  const ann = side(page, 'ann')
  await expect.poll(ann.health, eventually).toBe('ok')
  await ann.press('storm')
  await ann.last(10)
  await ann.press('Cut 10 s')
  await expect.poll(ann.health, eventually).toBe('reconnecting')
  await ann.say('Written offline, and the page is gone.')
  await expect.poll(ann.states, eventually).toEqual(['sending'])
  await page.reload()
  await expect.poll(() => ann.at.locator('.banner').textContent(), eventually).toContain('No connection yet')
  await expect.poll(ann.states, eventually).toEqual(['sending'])
  await pictures(page, 'reloaded')
  await expectAccessible(page)
  await expect.poll(ann.states, eventually).toEqual(['kept'])
  expect(await ann.texts()).toEqual(['Written offline, and the page is gone.'])
  expect(troubles).toEqual([])
})

test('the server is killed: the same sessions, and everything said, are there again', {
  timeout: 120_000,
}, async () => {
  const page = await visit('killed', desktop)
  const ann = side(page, 'ann')
  await expect.poll(ann.health, eventually).toBe('ok')
  await ann.rename('Tessa')
  await ann.say('Before the server was killed.')
  await expect.poll(async () => (await ann.states()).at(-1), eventually).toBe('kept')
  const before = { session: await ann.session(), texts: await ann.texts() }
  await ann.press('Kill the server')
  await expect.poll(() => demo.restartCount, eventually).toBe(1)
  await expect.poll(ann.health, eventually).toBe('reconnecting')
  await ann.say('While there was none.')
  await pictures(page, 'killed')
  await expect.poll(ann.health, eventually).toBe('ok')
  await expect.poll(async () => (await ann.states()).at(-1), eventually).toBe('kept')
  expect(await ann.session()).toBe(before.session)
  expect(await ann.texts()).toEqual([...before.texts, 'While there was none.'])
  expect(await ann.numbers()).toEqual({ drops: 1, lost: 0, twice: 0 })
  expect(troubles).toEqual([])
})

test('on a phone', { timeout: 120_000 }, async () => {
  const page = await visit('phone', phone)
  const ann = side(page, 'ann')
  await expect.poll(ann.health, eventually).toBe('ok')
  await picture(page, 'phone', 'fresh')
  await ann.say('Small screen, same sea.')
  await ann.press(/^Cut/)
  await expect.poll(ann.health, eventually).toBe('reconnecting')
  await ann.say('Written while away.')
  await picture(page, 'phone', 'cut')
  await expectAccessible(page)
  await expect.poll(ann.health, eventually).toBe('ok')
  await expect.poll(async () => (await ann.texts()).at(-1), eventually).toBe('Written while away.')
  await page.getByRole('button', { name: 'Two people' }).click()
  await expect.poll(side(page, 'ben').health, eventually).toBe('ok')
  await picture(page, 'phone', 'recovered')
  const isScrolledSideways = () => document.documentElement.scrollWidth > document.documentElement.clientWidth
  expect(await page.evaluate(isScrolledSideways)).toBe(false)
  expect(troubles).toEqual([])
})

test('by keyboard alone: the skip link, the message box, a fault', { timeout: 60_000 }, async () => {
  const page = await visit('keyboard', desktop)
  const ann = side(page, 'ann')
  await expect.poll(ann.health, eventually).toBe('ok')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.keyboard.type('typed after the skip link')
  await page.keyboard.press('Enter')
  await expect.poll(async () => (await ann.texts()).at(-1), eventually).toBe('typed after the skip link')
  await ann.at.getByRole('button', { name: /^Cut/ }).focus()
  await page.keyboard.press('Enter')
  await expect.poll(async () => (await ann.numbers()).drops, eventually).toBe(1)
  expect(troubles).toEqual([])
})
