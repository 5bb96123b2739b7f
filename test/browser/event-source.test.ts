// The browser's own EventSource follows a room: by cookie, on a page of the same host, through a restart of the server.

import { createServer as createHttpServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createServer, type HoldfastServer, memoryStore, type ServerOptions } from 'holdfast/server'
import { launchChromium } from './chromium.js'

let browser: Browser

beforeAll(async () => {
  browser = await launchChromium()
})

afterAll(() => browser?.close())

const page = `<!doctype html><html lang="en"><title>stream</title><link rel="icon" href="data:,"><body><script>
  window.told = []
  const events = new EventSource('/v1/rooms/chat%2F42/stream?last=50')
  events.onmessage = ({ data }) => told.push(JSON.parse(data).data)
  events.addEventListener('gap', () => told.push('gap'))
</script>`

test('[SSE-2] EventSource follows a room through a restart, with a cookie that scripts cannot read', async () => {
  let handle: HoldfastServer['handle'] = () => false
  const http = createHttpServer((request, response) => {
    if (handle(request, response)) return
    const headers = { 'Content-Type': 'text/html', 'Set-Cookie': 'session=ann; HttpOnly; SameSite=Strict; Path=/' }
    response.writeHead(200, headers).end(page)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const authenticate: ServerOptions['authenticate'] = (token) => (token === 'ann' ? { user: token } : null)
  const start = async (store: ReturnType<typeof memoryStore>) => {
    const server = await createServer({ server: http, store, authenticate, cookie: 'session', env: {}, log: false })
    handle = (request, response) => server.handle(request, response)
    return server
  }
  const store = memoryStore()
  const first = await start(store)
  const tab = await browser.newPage()
  const told = () => tab.evaluate(() => (window as unknown as { told: unknown[] }).told)
  await tab.goto(`http://127.0.0.1:${(http.address() as AddressInfo).port}/`)
  await first.room('chat/42').publish('one')
  await expect.poll(told).toEqual(['one'])

  await first.close()
  const second = await start(memoryStore({ from: store.snapshot() }))
  await second.room('chat/42').publish('two')
  await expect.poll(told, { timeout: 15_000 }).toEqual(['one', 'two'])
  await second.room('chat/42').publish('three')
  await expect.poll(told).toEqual(['one', 'two', 'three'])

  await tab.close()
  await second.close()
  http.close()
  http.closeAllConnections()
})
