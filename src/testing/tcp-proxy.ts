// A TCP proxy that breaks connections as real networks do: resets, half-open links, stalls, refusals. It knows bytes,
// and of HTTP only the first line of a request.

import { createServer, connect as dial, type Server, type Socket } from 'node:net'

export interface TcpProxyOptions {
  readonly to: { readonly port: number; readonly host?: string }
  /** Where it listens; default a free port of the loopback. */
  readonly port?: number
  readonly host?: string
  /**
   * Called once per link, when its request line has come and nothing of it was forwarded yet: `cut` it here to refuse
   * one client, or keep it to break it later.
   */
  readonly onRequest?: (link: ProxiedLink) => void
}

export interface ProxiedLink {
  /** `GET /path HTTP/1.1`; empty until the first line came. Tells which tab this is. */
  readonly requestLine: string
  /** Bytes that came from either end so far. */
  readonly bytes: { readonly up: number; readonly down: number }
  /** Resets both sides now. Idempotent. */
  cut(): void
  /** Both sockets stay open, every byte is swallowed, no end is ever told. `resume` does not undo it. */
  halfOpen(): void
  /** Reads from neither side: TCP back-pressure. Nothing is lost; `resume` undoes it. */
  stall(): void
  resume(): void
}

export interface TcpProxy {
  readonly port: number
  readonly host: string
  /** Open links, oldest first. */
  readonly links: readonly ProxiedLink[]
  cutAll(): void
  /** All links, and those to come until `resume`: accepted, never forwarded. */
  halfOpenAll(): void
  /** All links, and those to come, until `resume`. */
  stallAll(): void
  /** Ends what `stallAll`, `halfOpenAll` and `refuse` began, for links to come and stalled ones. */
  resume(): void
  /** New connections are reset at once. */
  refuse(isRefusing: boolean): void
  /** Resets every link and stops listening. Idempotent. */
  close(): Promise<void>
}

interface State {
  readonly links: Set<ProxiedLink>
  isRefusing: boolean
  mode: 'flowing' | 'stalled' | 'half-open'
}

/** Resolves when it listens. */
export async function createTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const { to, port = 0, host = '127.0.0.1' } = options
  const state: State = { links: new Set(), isRefusing: false, mode: 'flowing' }
  const server = createServer((socket) => {
    if (state.isRefusing) socket.resetAndDestroy()
    else openLink(state, socket, dial({ port: to.port, host: to.host ?? '127.0.0.1' }), options.onRequest)
  })
  await listening(server, port, host)
  const address = server.address()
  const all = (run: (link: ProxiedLink) => void) => {
    for (const link of [...state.links]) run(link)
  }
  let closing: Promise<void> | null = null
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    host,
    get links() {
      return [...state.links]
    },
    cutAll: () => all((link) => link.cut()),
    halfOpenAll() {
      state.mode = 'half-open'
      all((link) => link.halfOpen())
    },
    stallAll() {
      state.mode = 'stalled'
      all((link) => link.stall())
    },
    resume() {
      state.mode = 'flowing'
      state.isRefusing = false
      all((link) => link.resume())
    },
    refuse(isRefusing) {
      state.isRefusing = isRefusing
    },
    close() {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve())
        all((link) => link.cut())
      })
      return closing
    },
  }
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

const requestLineMax = 4096

function openLink(state: State, client: Socket, server: Socket, onRequest: TcpProxyOptions['onRequest']): void {
  const bytes = { up: 0, down: 0 }
  let head = ''
  let isSwallowing = false

  const link: ProxiedLink = {
    get requestLine() {
      return head.includes('\n') ? (head.split(/\r?\n/, 1)[0] ?? '') : ''
    },
    bytes,
    cut() {
      for (const socket of [client, server]) if (!socket.destroyed) socket.resetAndDestroy()
    },
    halfOpen() {
      isSwallowing = true
      for (const socket of [client, server]) socket.resume()
    },
    stall() {
      for (const socket of [client, server]) socket.pause()
    },
    resume() {
      for (const socket of [client, server]) socket.resume()
    },
  }
  const forward = (from: Socket, to: Socket, direction: 'up' | 'down') => {
    from.setNoDelay(true)
    from.on('data', (chunk: Buffer) => {
      bytes[direction] += chunk.length
      if (direction === 'up' && head.length < requestLineMax && !head.includes('\n')) {
        head += chunk.toString('latin1')
        if (head.includes('\n')) onRequest?.(link)
      }
      if (isSwallowing || to.destroyed) return
      if (!to.write(chunk)) {
        from.pause()
        to.once('drain', () => state.mode === 'stalled' || from.resume())
      }
    })
    from.on('end', () => {
      if (!isSwallowing) to.end()
    })
    from.on('error', () => {})
    from.on('close', (hadError) => {
      if (client.destroyed && server.destroyed) state.links.delete(link)
      if (isSwallowing || to.destroyed) return
      if (hadError) to.resetAndDestroy()
      else to.end()
    })
  }
  state.links.add(link)
  forward(client, server, 'up')
  forward(server, client, 'down')
  if (state.mode === 'half-open') link.halfOpen()
  if (state.mode === 'stalled') link.stall()
}
