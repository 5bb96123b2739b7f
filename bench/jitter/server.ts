// The server of the jitter run, a process of its own: it listens, publishes when told, and says what it used.
// Spoken over the process channel: see `ToServer` and `FromServer`.

import process from 'node:process'
import { createServer } from 'holdfast/server'

export const room = 'jitter'

export type ToServer =
  | { readonly do: 'publish'; readonly perSecond: number; readonly count: number }
  | { readonly do: 'stop' }

export type FromServer =
  | { readonly is: 'listening'; readonly port: number }
  | { readonly is: 'published'; readonly n: number }
  | { readonly is: 'stopped'; readonly cpuMs: number; readonly rssBytes: number }

const tell = (message: FromServer) => process.send?.(message)

const server = await createServer({ port: 0, host: '127.0.0.1', log: false })
tell({ is: 'listening', port: server.port })

process.on('message', (message: ToServer) => {
  if (message.do === 'publish') void publishAll(message.perSecond, message.count)
  else void stop()
})
// The parent is gone: nobody is left to serve.
process.on('disconnect', () => process.exit(0))

async function publishAll(perSecond: number, count: number): Promise<void> {
  const startMs = performance.now()
  for (let n = 1; n <= count; n++) {
    await until(startMs + ((n - 1) * 1000) / perSecond)
    await server.room(room).publish({ n })
    tell({ is: 'published', n })
  }
}

function until(atMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - performance.now())))
}

async function stop(): Promise<void> {
  const { user, system } = process.cpuUsage()
  tell({ is: 'stopped', cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage().rss })
  await server.close()
  process.exit(0)
}
