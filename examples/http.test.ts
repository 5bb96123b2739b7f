// HTTP: a room without a socket. A script publishes, a program reads pages, a page follows by server-sent events.

import { createServer } from 'holdfast/server'
import { createParser } from 'eventsource-parser'
import { afterAll, expect, test } from 'vitest'

const server = await createServer({
  port: 0,
  log: false,
  authenticate: (token) => (token === null ? null : { user: token }),
  cookie: 'session', // over HTTP its value is a token too, for pages of this host and of `origins`
})
const url = `${server.url}/v1/rooms/${encodeURIComponent('chat/42')}`
const headers = { Authorization: 'Bearer ann' }

afterAll(() => server.close({ drainMs: 0 }))

test('a publish is retried under its key and applied once', async () => {
  const publish = () =>
    fetch(`${url}/entries`, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json', 'Idempotency-Key': 'order-4711-paid' },
      body: JSON.stringify({ data: { text: 'paid' } }),
    })
  const [first, again] = [await publish(), await publish()]
  expect([first.status, again.status]).toEqual([201, 200])
  expect((await again.json()).position).toBe((await first.json()).position)
})

test('pages are read until there is no more, and go on from there later', async () => {
  let after = ''
  const texts: string[] = []
  for (let hasMore = true; hasMore; ) {
    const response = await fetch(`${url}/entries?limit=100${after}`, { headers })
    const page = await response.json()
    if (page.verdict.kind === 'gap') console.log(`missing: ${page.verdict.from} to ${page.verdict.to}`)
    for (const entry of page.entries) if (entry.kind === 'json') texts.push(entry.data.text)
    after = `&after=${page.next}` // keep it: it is the place to go on
    hasMore = page.hasMore
  }
  expect(texts).toEqual(['paid'])
})

test('a stream tells what comes', async () => {
  const response = await fetch(`${url}/stream?last=1`, { headers })
  const events = createParser({
    onEvent: ({ id, event, data }) => told.push({ id, event, data: JSON.parse(data) }),
  })
  const told: { id?: string | undefined; event?: string | undefined; data: unknown }[] = []
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  while (told.at(-1)?.event !== 'live') events.feed((await reader?.read())?.value ?? '')
  await reader?.cancel()
  expect(told[0]?.data).toMatchObject({ kind: 'json', data: { text: 'paid' }, by: { session: 'http', user: 'ann' } })
})
