// The network of the jitter run, a process of its own: a TCP proxy that breaks the connections of single clients. Which
// connection is whose it reads off the request line.

import { createTcpProxy, type ProxiedLink } from 'holdfast/testing'
import { type ToProxy, tell, usage } from './channel.js'

const links = new Map<number, ProxiedLink>()
/** Clients that may not dial now. */
const refused = new Set<number>()

const proxy = await createTcpProxy({
  to: { port: Number(process.argv[2]) },
  onRequest(link) {
    const client = Number(/[?&]client=(\d+) /.exec(link.requestLine)?.[1])
    if (refused.has(client)) link.cut()
    else links.set(client, link)
  },
})
tell({ is: 'listening', port: proxy.port })

process.on('message', (message: ToProxy) => {
  if (message.do === 'cut') cut(message)
  else stop()
})
process.on('disconnect', () => process.exit(0))

function cut({ client, kind, awayMs }: Extract<ToProxy, { do: 'cut' }>): void {
  const link = links.get(client)
  if (kind === 'reset') {
    refused.add(client)
    link?.cut()
    setTimeout(() => refused.delete(client), awayMs)
  } else {
    link?.halfOpen()
    setTimeout(() => link?.cut(), awayMs)
  }
}

function stop(): void {
  tell({ is: 'stopped', ...usage() })
  void proxy.close().then(() => process.exit(0))
}
