// The server whose memory is measured, a process of its own: it does nothing but serve, and says what it holds.

import { readFileSync } from 'node:fs'
import { createServer } from 'holdfast/server'
import { openLmdbStore } from 'holdfast/store/lmdb'
import type { FromServer, ToServer } from './channel.js'

const startMs = performance.now()
const store = await openLmdbStore({ path: process.argv[2] ?? '' })
const server = await createServer({
  port: 0,
  host: '127.0.0.1',
  log: false,
  store,
  settings: { roomLingerMs: 100, roomsMax: 1_000, messagesPerSecond: 1_000_000, messagesBurst: 1_000_000 },
})
tell({ is: 'listening', port: server.port, startMs: Math.round(performance.now() - startMs) })

process.on('message', (message: ToServer) => void (message.do === 'measure' ? measure() : stop()))
// The parent is gone: nobody is left to measure for.
process.on('disconnect', () => process.exit(0))

async function measure(): Promise<void> {
  // What is freed goes back to the system only after several collections.
  for (let n = 0; n < 5; n++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    globalThis.gc?.()
  }
  const status = readFileSync('/proc/self/status', 'utf8')
  const bytesOf = (name: string) => 1024 * Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1])
  const { heapUsed: heapBytes } = process.memoryUsage()
  const { rooms } = server.sizes()
  tell({ is: 'measured', anonBytes: bytesOf('RssAnon'), fileBytes: bytesOf('RssFile'), heapBytes, rooms })
}

async function stop(): Promise<void> {
  await server.close()
  await store.close()
  process.exit(0)
}

function tell(what: FromServer): void {
  process.send?.(what)
}
