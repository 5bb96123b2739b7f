// React in a real Chromium, in StrictMode, with the newest React and the oldest that is supported.

import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { launchChromium } from './chromium.js'
import type { ReactPage } from './react-page.js'
import { createSite, type Site } from './site.js'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let browser: Browser
let site: Site
const contexts: BrowserContext[] = []
const troubles: string[] = []

beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser?.close())
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close()
  await site.close()
  expect(troubles.splice(0)).toEqual([])
})

/** `folder`: whose node_modules React comes from. */
async function bundlePage(folder: string): Promise<Buffer> {
  const { outputFiles } = await build({
    entryPoints: [path('react-page.tsx')],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"development"' },
    alias: {
      'holdfast/react': path('../../src/react/index.ts'),
      react: path(`${folder}/node_modules/react`),
      'react-dom': path(`${folder}/node_modules/react-dom`),
    },
    write: false,
  })
  return Buffer.from(outputFiles[0]?.contents ?? [])
}

const patience = { timeout: 15_000, interval: 50 }
const see = <Value>(page: Page, look: (page: ReactPage) => Value) =>
  page.evaluate(`(${look})(window.page)`) as Promise<Value>
const act = (page: Page, call: string) => page.evaluate(`window.page.${call}`)
const items = async (page: Page) => (await page.locator('li').allTextContents()).map((text) => text.trim())

async function visit(tab: string): Promise<Page> {
  const context = await browser.newContext()
  contexts.push(context)
  const page = await context.newPage()
  page.on('pageerror', (error) => troubles.push(error.message))
  page.on('console', (message) => {
    const isDial = message.text().includes('WebSocket')
    if (['error', 'warning'].includes(message.type()) && !isDial) troubles.push(message.text())
  })
  await page.goto(site.pageOf(tab))
  await expect.poll(() => page.locator('section').getAttribute('data-status'), patience).toBe('success')
  return page
}

for (const [version, folder] of [
  ['19', '../..'],
  ['18.3', '../react-18'],
] as const) {
  describe(`React ${version}`, () => {
    beforeEach(async () => {
      site = await createSite(bundlePage(folder), {
        rooms: { '*': { canPublish: ({ data }) => JSON.stringify(data) !== '{"text":"bad"}' } },
        authenticate: (token) => (token === null ? null : { user: token }),
      })
    })

    test('[REACT-2] [S23] StrictMode and hot updates: one socket, one session, no drop and no leave', async () => {
      const page = await visit('ann')
      const id = await see(page, ({ session }) => session)
      expect(site.linksOf('ann')).toHaveLength(1)
      await act(page, "send('first')")
      await expect.poll(() => items(page), patience).toEqual(['first Sent'])
      for (let version = 1; version <= 3; version++) await act(page, `show({ version: ${version} })`)
      await act(page, 'renderAnew()')
      await expect.poll(() => items(page), patience).toEqual(['first Sent'])
      expect(await see(page, ({ session }) => session)).toBe(id)
      expect(site.linksOf('ann')).toHaveLength(1)
      expect(site.told).toEqual([])
      expect(await site.server.sessionsOf('ann-tab=ann')).toHaveLength(1)
    })

    test('[REACT-6] [S24] another token getter with another closure: same session, what waits is sent', async () => {
      const page = await visit('ann')
      const id = await see(page, ({ session }) => session)
      site.refuse('ann', true)
      for (const link of site.linksOf('ann')) link.cut()
      await expect.poll(() => page.locator('h1').textContent(), patience).toContain('reconnecting')
      await act(page, "send('waiting')")
      await expect.poll(() => items(page), patience).toEqual(['waiting Sending …'])
      await act(page, "show({ token: 'two' })")
      site.refuse('ann', false)
      await expect.poll(() => items(page), patience).toEqual(['waiting Sent'])
      expect(await see(page, ({ session }) => session)).toBe(id)
      expect(await see(page, ({ tokens }) => [tokens[0], tokens.at(-1)])).toEqual(['one', 'two'])
    })

    test('[REACT-5] [S25] unmounted while a send is in flight: it completes, settles, and React warns of nothing', async () => {
      const bob = await visit('bob')
      const ann = await visit('ann')
      site.refuse('ann', true)
      for (const link of site.linksOf('ann')) link.cut()
      await expect.poll(() => ann.locator('h1').textContent(), patience).toContain('reconnecting')
      await act(ann, "send('last words')")
      await act(ann, 'show({ isShown: false })')
      await ann.waitForTimeout(1_500)
      expect(await see(ann, ({ results }) => results)).toEqual([])
      site.refuse('ann', false)
      await expect.poll(() => see(ann, ({ results }) => results), patience).toEqual(['last words kept'])
      await expect.poll(() => items(bob), patience).toEqual(['last words'])
    })

    test('[REACT-3] [REACT-6] another room shows its own messages only; another session key is another session', async () => {
      const page = await visit('ann')
      await act(page, "send('in kelp')")
      await expect.poll(() => items(page), patience).toEqual(['in kelp Sent'])
      await act(page, "show({ room: 'storm' })")
      await expect.poll(() => page.locator('h1').textContent(), patience).toBe('storm: 0 messages, 1 here, ok')
      expect(await items(page)).toEqual([])
      await act(page, "send('in the storm')")
      await expect.poll(() => items(page), patience).toEqual(['in the storm Sent'])
      await act(page, "show({ room: 'kelp' })")
      await expect.poll(() => items(page), patience).toEqual(['in kelp Sent'])
      await expect.poll(() => page.locator('h1').textContent(), patience).toBe('kelp: 1 messages, 1 here, ok')
      const id = await see(page, ({ session }) => session)
      await act(page, "show({ sessionKey: 'other' })")
      await expect
        .poll(async () => ![null, id].includes(await see(page, ({ session }) => session)), patience)
        .toBe(true)
      await expect.poll(() => items(page), patience).toEqual(['in kelp'])
      await expect.poll(() => site.told, patience).toContain(`drop ${id}`)
    })

    test('[REACT-9] banner and status say what is, in words, and axe finds nothing', { timeout: 60_000 }, async () => {
      const page = await visit('ann')
      const violations = async () => {
        await page.evaluate(axe)
        const found = (await page.evaluate('axe.run()')) as { violations: readonly { id: string; help: string }[] }
        return found.violations.map(({ id, help }) => `${id}: ${help}`)
      }
      const banner = page.locator('[data-holdfast-health]')
      expect(await banner.getAttribute('aria-live')).toBe('polite')
      expect(await banner.textContent()).toBe('')
      expect(await violations()).toEqual([])
      await act(page, "send('bad')")
      await expect
        .poll(() => items(page), patience)
        .toEqual(['bad Not sent: you may not publish hereSend againDiscard'])
      site.refuse('ann', true)
      for (const link of site.linksOf('ann')) link.cut()
      await expect.poll(() => banner.textContent(), patience).toMatch(/^Connection lost\. .*kept\.Try now$/)
      await act(page, "send('later')")
      expect(await violations()).toEqual([])
      await banner.getByRole('button', { name: 'Try now' }).click()
      site.refuse('ann', false)
      await expect.poll(() => banner.textContent(), patience).toBe('')
      await expect.poll(() => items(page), patience).toContain('later Sent')
      await page.getByRole('button', { name: 'Discard' }).click()
      await expect.poll(() => items(page), patience).toEqual(['later Sent'])
    })
  })
}
