// A real server with the probe page, behind a proxy that can break the connections of one tab.

import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { createServer, type HoldfastServer, type ServerOptions } from 'holdfast/server'
import { createTcpProxy, type ProxiedLink } from 'holdfast/testing'

export interface Site {
  readonly server: HoldfastServer
  /** What the server told: `resume`, `drop`, `leave`, each with the session. */
  readonly told: string[]
  pageOf(tab: string): string
  /** The open connections of a tab's session. */
  linksOf(tab: string): readonly ProxiedLink[]
  /** While true, the tab's dials are reset. */
  refuse(tab: string, isRefusing: boolean): void
  close(): Promise<void>
}

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** Heartbeats are scaled down, so that silence is found in about three seconds, and a busy machine is not silent. `more`: what the server has besides. */
export async function createSite(
  script: Promise<Buffer> = bundleProbe(),
  more: Pick<ServerOptions, 'rooms' | 'authenticate'> = { rooms: { kelp: { presence: { graceMs: 10_000 } } } },
): Promise<Site> {
  const page = await script
  const http = createHttpServer((request, response) => {
    const isScript = request.url === '/probe.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8')
    response.end(isScript ? page : pageFor(request.url ?? '/'))
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const server = await createServer({
    server: http,
    heartbeat: { everyMs: 500, timeoutMs: 2_000 },
    ...more,
    settings: { sessionAttachesMax: 1_000 },
    log: false,
  })
  const told: string[] = []
  for (const name of ['resume', 'drop', 'leave'] as const)
    server.on(name, ({ session }) => void told.push(`${name} ${session}`))
  const refused = new Set<string>()
  const proxy = await createTcpProxy({
    to: { port: (http.address() as AddressInfo).port },
    onRequest: (link) => {
      for (const tab of refused) if (isOf(link, tab)) link.cut()
    },
  })
  return {
    server,
    told,
    pageOf: (tab) => `http://127.0.0.1:${proxy.port}/?tab=${tab}`,
    linksOf: (tab) => proxy.links.filter((link) => isOf(link, tab)),
    refuse(tab, isRefusing) {
      if (isRefusing) refused.add(tab)
      else refused.delete(tab)
    },
    async close() {
      await server.close()
      await proxy.close()
      http.close()
    },
  }
}

function isOf(link: ProxiedLink, tab: string): boolean {
  return link.requestLine.startsWith(`GET /v1/connect?tab=${tab} `)
}

function pageFor(url: string): string {
  const script = url === '/elsewhere' ? '' : '<script type="module" src="/probe.js"></script>'
  return `<!doctype html><html lang="en"><title>probe</title><link rel="icon" href="data:,"><body>${script}`
}

async function bundleProbe(): Promise<Buffer> {
  const { outputFiles } = await build({
    entryPoints: [path('probe.ts')],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    alias: { holdfast: path('../../src/client/index.ts') },
    write: false,
  })
  return Buffer.from(outputFiles[0]?.contents ?? [])
}
