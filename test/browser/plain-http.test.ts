// Pages of a plain-http site under a name of its own, in a real Chromium: no Web Locks and no WebCrypto there, so that
// pages know of one another by a BroadcastChannel alone.

import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { launchChromium } from './chromium.js'
import type { Probe } from './probe.js'
import { createSite, type Site } from './site.js'

let browser: Browser
let site: Site
let mine: BrowserContext
const contexts: BrowserContext[] = []

beforeAll(async () => {
  browser = await launchChromium(['--host-resolver-rules=MAP kelp.test 127.0.0.1'])
})
afterAll(() => browser?.close())
beforeEach(async () => {
  site = await createSite()
  mine = await profile()
})
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close()
  await site.close()
})

const patience = { timeout: 20_000, interval: 50 }
const pageOf = (tab: string) => site.pageOf(tab).replace('127.0.0.1', 'kelp.test')
const see = <Value>(page: Page, look: (probe: Probe) => Value) =>
  page.evaluate(`(${look})(window.probe)`) as Promise<Value>
const isLive = (page: Page) =>
  expect
    .poll(() => see(page, ({ session }) => session.status.state === 'connected' && session.id !== null), patience)
    .toBe(true)
const waiting = (page: Page) => see(page, ({ session }) => session.outbox.list().map(({ data }) => String(data)))
const textsSeen = (page: Page) => see(page, ({ seen }) => seen.map(({ text }) => text))

async function profile(): Promise<BrowserContext> {
  const context = await browser.newContext()
  contexts.push(context)
  return context
}

async function open(tab: string, context = mine): Promise<Page> {
  const page = await context.newPage()
  await page.goto(pageOf(tab), { waitUntil: 'commit' })
  await page.waitForFunction('window.probe !== undefined')
  return page
}

function offline(tabs: readonly string[], isOffline: boolean): void {
  for (const tab of tabs) {
    site.refuse(tab, isOffline)
    if (isOffline) for (const link of site.linksOf(tab)) link.cut()
  }
}

/** A tab that is closed with these texts waiting. */
async function leaveBehind(texts: readonly string[]): Promise<void> {
  const ann = await open('ann')
  await isLive(ann)
  expect(await ann.evaluate('[isSecureContext, navigator.locks === undefined]')).toEqual([false, true])
  offline(['ann'], true)
  for (const text of texts) await ann.evaluate(`window.probe.say(${JSON.stringify(text)})`)
  await expect
    .poll(() =>
      ann.evaluate(`new Promise((done) => {
        indexedDB.open('holdfast').onsuccess = ({ target: { result } }) => {
          result.transaction('outbox').objectStore('outbox').count().onsuccess = (event) => {
            done(event.target.result)
            result.close()
          }
        }
      })`),
    )
    .toBe(texts.length)
  await ann.close()
}

test('[S73] [OUT-23] without Web Locks, of two tabs that start at once one takes over what a third has left, and it arrives once', async () => {
  const bob = await open('bob', await profile())
  await isLive(bob)
  const tabs = ['left', 'right']
  const [left, right] = await Promise.all([open('left'), open('right')])
  for (const page of [left, right]) await isLive(page)
  offline(tabs, true)
  await leaveBehind(['one', 'two'])
  await Promise.all([left, right].map((page) => page.reload()))
  const found = async () =>
    (await Promise.all([left, right].map(waiting))).sort((one, other) => other.length - one.length)
  await expect.poll(found, patience).toEqual([['one', 'two'], []])
  offline(tabs, false)
  for (const page of [left, right]) await isLive(page)
  await expect.poll(() => textsSeen(bob), patience).toEqual(['one', 'two'])
  await expect.poll(found, patience).toEqual([[], []])
  expect(await see(left, ({ session }) => session.storage)).toBe('persistent')
  expect(await textsSeen(bob)).toEqual(['one', 'two'])
})

test('[CRED-15] [A70] without Web Locks, of two copies of a tab that start at once one keeps the session', async () => {
  const ann = await open('ann')
  await isLive(ann)
  const id = await see(ann, ({ session }) => session.id)
  const kept = await ann.evaluate('JSON.stringify({ ...sessionStorage })')
  await ann.close()
  await mine.addInitScript(`Object.assign(sessionStorage, ${kept})`)
  const pages = await Promise.all([open('ann'), open('ann')])
  for (const page of pages) await isLive(page)
  const ids = await Promise.all(pages.map((page) => see(page, ({ session }) => session.id)))
  expect(ids.filter((other) => other === id)).toHaveLength(1)
  expect(new Set(ids).size).toBe(2)
  for (const page of pages) expect((await see(page, ({ events }) => events)).join()).not.toContain('superseded')
})
