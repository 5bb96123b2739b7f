import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { createTcpProxy } from 'holdfast/testing'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const run of undo.splice(0).reverse()) await run()
})

async function setUp() {
  const served: Socket[] = []
  const heard: string[] = []
  const server = createServer((socket) => {
    served.push(socket)
    socket.on('error', () => {})
    socket.on('close', () => heard.push('closed'))
    socket.on('data', (chunk) => {
      heard.push(chunk.toString())
      socket.write(`echo ${chunk}`)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as { port: number }
  const proxy = await createTcpProxy({ to: { port: address.port } })
  undo.push(
    () => server.close(),
    () => proxy.close(),
  )
  const dial = async () => {
    const client = connect({ port: proxy.port })
    const got: string[] = []
    client.on('error', (error: NodeJS.ErrnoException) => got.push(error.code ?? 'error'))
    client.on('data', (chunk) => got.push(chunk.toString()))
    client.on('close', () => got.push('closed'))
    undo.push(() => client.destroy())
    await Promise.race([once(client, 'connect'), once(client, 'close')]).catch(() => {})
    return { client, got }
  }
  return { proxy, dial, heard, served }
}

test('forwards both ways and tells the request line', async () => {
  const { proxy, dial } = await setUp()
  const { client, got } = await dial()
  client.write('GET /?tab=1 HTTP/1.1\r\nHost: x\r\n')
  await vi.waitFor(() => expect(got.length).toBe(1))
  expect(proxy.links.map((link) => link.requestLine)).toEqual(['GET /?tab=1 HTTP/1.1'])
  expect(proxy.links[0]!.bytes.up).toBe(31)
  client.end()
  await vi.waitFor(() => expect(proxy.links).toEqual([]))
})

test('cut resets both sides', async () => {
  const { proxy, dial, heard } = await setUp()
  const { client, got } = await dial()
  client.write('hi')
  await vi.waitFor(() => expect(got).toEqual(['echo hi']))
  proxy.cutAll()
  await vi.waitFor(() => expect(got).toEqual(['echo hi', 'ECONNRESET', 'closed']))
  await vi.waitFor(() => expect(heard).toEqual(['hi', 'closed']))
})

test('half open swallows for good; no end is told of the other', async () => {
  const { proxy, dial, heard } = await setUp()
  const { client, got } = await dial()
  client.write('hi')
  await vi.waitFor(() => expect(got.length).toBe(1))
  proxy.links[0]!.halfOpen()
  client.write('swallowed')
  client.destroy()
  await vi.waitFor(() => expect(got.at(-1)).toBe('closed'))
  const other = await dial()
  other.client.write('alive')
  await vi.waitFor(() => expect(other.got).toEqual(['echo alive']))
  expect(heard).toEqual(['hi', 'alive'])
})

test('a stall loses nothing', async () => {
  const { proxy, dial, heard } = await setUp()
  const first = await dial()
  first.client.write('one')
  await vi.waitFor(() => expect(first.got.length).toBe(1))
  proxy.stallAll()
  first.client.write('two')
  const second = await dial()
  second.client.write('three')
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(heard).toEqual(['one'])
  proxy.resume()
  await vi.waitFor(() => expect(heard.toSorted()).toEqual(['one', 'three', 'two']))
})

test('refuses, and closes', async () => {
  const { proxy, dial } = await setUp()
  proxy.refuse(true)
  const { got } = await dial()
  await vi.waitFor(() => expect(got.at(-1)).toBe('closed'))
  proxy.refuse(false)
  const again = await dial()
  await proxy.close()
  await proxy.close()
  await vi.waitFor(() => expect(again.got.at(-1)).toBe('closed'))
})

test('one client is refused at its request line', async () => {
  const { served, proxy: behind } = await setUp()
  const proxy = await createTcpProxy({
    to: { port: behind.port },
    onRequest: (link) => {
      if (link.requestLine.includes('tab=1')) link.cut()
    },
  })
  undo.push(() => proxy.close())
  const ask = (tab: number) => {
    const client = connect({ port: proxy.port })
    undo.push(() => client.destroy())
    const got: string[] = []
    client.on('error', (error: NodeJS.ErrnoException) => got.push(error.code ?? 'error'))
    client.on('data', () => got.push('answered'))
    client.write(`GET /?tab=${tab} HTTP/1.1\r\n\r\n`)
    return got
  }
  const refused = ask(1)
  await vi.waitFor(() => expect(refused).toEqual(['ECONNRESET']))
  const admitted = ask(2)
  await vi.waitFor(() => expect(admitted).toEqual(['answered']))
  expect(served.length).toBeLessThanOrEqual(2)
})

test('half-open one way: what comes from the server is swallowed, what goes to it arrives', async () => {
  const { proxy, dial, heard } = await setUp()
  const { client, got } = await dial()
  client.write('hi')
  await vi.waitFor(() => expect(got).toEqual(['echo hi']))
  proxy.links[0]!.halfOpen('down')
  client.write('still there?')
  await vi.waitFor(() => expect(heard).toEqual(['hi', 'still there?']))
  await vi.waitFor(() => expect(proxy.links[0]!.bytes.down).toBe('echo hiecho still there?'.length))
  expect(got).toEqual(['echo hi'])
})

test('slow: everything arrives, in order, later by the delay and the rate', async () => {
  const { proxy, dial } = await setUp()
  const { client, got } = await dial()
  client.write('hi')
  await vi.waitFor(() => expect(got).toEqual(['echo hi']))
  proxy.links[0]!.slow({ delayMs: 20, bytesPerSec: 1_000 })
  const startMs = performance.now()
  client.write('x'.repeat(50))
  await vi.waitFor(() => expect(got.join('')).toBe(`echo hiecho ${'x'.repeat(50)}`))
  expect(performance.now() - startMs).toBeGreaterThan(20 + 50 + 20 + 55 - 5)
  proxy.links[0]!.slow(null)
  client.write('quick')
  await vi.waitFor(() => expect(got.join('')).toMatch(/echo quick$/))
})
