// The server of the jitter run, a process of its own: it listens, publishes when told, and says what it used.

import { createServer } from 'holdfast/server'
import { room, type ToServer, tell, usage } from './channel.js'

const server = await createServer({
  port: 0,
  host: '127.0.0.1',
  log: false,
  // All clients come from one address, and the run starts with all of them.
  settings: { pendingMax: 100_000, pendingPerAddressMax: 100_000 },
})
tell({ is: 'listening', port: server.port })

process.on('message', (message: ToServer) => {
  if (message.do === 'publish') void publishAll(message)
  else void stop()
})
// The parent is gone: nobody is left to serve.
process.on('disconnect', () => process.exit(0))

async function publishAll({ perSecond, count }: Extract<ToServer, { do: 'publish' }>): Promise<void> {
  const startMs = performance.now()
  for (let n = 1; n <= count; n++) {
    const waitMs = startMs + ((n - 1) * 1000) / perSecond - performance.now()
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, waitMs)))
    await server.room(room).publish({ n })
    tell({ is: 'published', n })
  }
}

async function stop(): Promise<void> {
  tell({ is: 'stopped', ...usage() })
  await server.close()
  process.exit(0)
}
