// A TCP proxy that breaks connections as real networks do: resets, half-open links, stalls, refusals. It knows bytes,
// and of HTTP only the first line of a request.

import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { systemClock } from '../server/clock.js'

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
  /** Resets both sides when so many more bytes have gone that way: in the middle of a frame. */
  cutAt(at: { readonly bytes: number; readonly direction: 'up' | 'down' }): void
  /** Both sockets stay open, every byte (one way only, if said so) is swallowed, no end is told. `resume` does not undo it. */
  halfOpen(direction?: Direction): void
  /** Each piece that comes takes so long, and its bytes at this rate on top. Null ends it. */
  slow(how: Slowness | null): void
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
  /** New connections are accepted and get no answer; `false` lets those go on that wait still. Open links flow. */
  hang(isHanging: boolean): void
  /** Resets every link and stops listening. Idempotent. */
  close(): Promise<void>
}

interface State {
  readonly links: Set<ProxiedLink>
  isRefusing: boolean
  isHanging: boolean
  mode: 'flowing' | 'stalled' | 'half-open'
}

/** Resolves when it listens. */
export async function createTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const { to, port = 0, host = '127.0.0.1' } = options
  const state: State = { links: new Set(), isRefusing: false, isHanging: false, mode: 'flowing' }
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
      state.isHanging = false
      all((link) => link.resume())
    },
    refuse(isRefusing) {
      state.isRefusing = isRefusing
    },
    hang(isHanging) {
      state.isHanging = isHanging
      if (!isHanging && state.mode === 'flowing') all((link) => link.resume())
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

type Direction = 'up' | 'down'

interface Slowness {
  readonly delayMs: number
  readonly bytesPerSec: number
}

interface Wire {
  readonly direction: Direction
  readonly from: Socket
  readonly to: Socket
  readonly seen: (chunk: Buffer, direction: Direction) => void
  readonly isSwallowed: (direction: Direction) => boolean
  readonly slowness: () => Slowness | null
  /** How many bytes may still pass before the link is cut. */
  readonly untilCut: Record<Direction, number>
  readonly cut: () => void
}

function openLink(state: State, client: Socket, server: Socket, onRequest: TcpProxyOptions['onRequest']): void {
  const bytes = { up: 0, down: 0 }
  let head = ''
  const swallowed = { up: false, down: false }
  const untilCut = { up: Number.POSITIVE_INFINITY, down: Number.POSITIVE_INFINITY }
  let slowness: Slowness | null = null

  const link: ProxiedLink = {
    get requestLine() {
      return head.includes('\n') ? (head.split(/\r?\n/, 1)[0] ?? '') : ''
    },
    bytes,
    cut() {
      for (const socket of [client, server]) if (!socket.destroyed) socket.resetAndDestroy()
    },
    cutAt({ bytes: count, direction }) {
      untilCut[direction] = count
      if (count <= 0) link.cut()
    },
    halfOpen(direction) {
      for (const one of ['up', 'down'] as const) if (direction === undefined || direction === one) swallowed[one] = true
      for (const socket of [client, server]) socket.resume()
    },
    slow(how) {
      slowness = how
    },
    stall() {
      for (const socket of [client, server]) socket.pause()
    },
    resume() {
      for (const socket of [client, server]) socket.resume()
    },
  }
  const seen = (chunk: Buffer, direction: Direction) => {
    bytes[direction] += chunk.length
    if (direction === 'down' || head.length >= requestLineMax || head.includes('\n')) return
    head += chunk.toString('latin1')
    if (head.includes('\n')) onRequest?.(link)
  }
  state.links.add(link)
  const isSwallowed = (direction: Direction) => swallowed[direction]
  const wire = { seen, isSwallowed, slowness: () => slowness, untilCut, cut: link.cut }
  for (const [direction, from, to] of [
    ['up', client, server],
    ['down', server, client],
  ] as const) {
    forward(state, { ...wire, direction, from, to })
    from.on('close', () => {
      if (client.destroyed && server.destroyed) state.links.delete(link)
    })
  }
  if (state.mode === 'half-open') link.halfOpen()
  if (state.mode === 'stalled' || state.isHanging) link.stall()
}

function forward(state: State, wire: Wire): void {
  const { direction, from, to, isSwallowed, untilCut } = wire
  const goOn = () => state.mode === 'stalled' || from.resume()
  from.setNoDelay(true)
  from.on('data', (chunk: Buffer) => {
    wire.seen(chunk, direction)
    if (isSwallowed(direction) || to.destroyed) return
    const piece = chunk.subarray(0, untilCut[direction])
    untilCut[direction] -= piece.length
    const isLast = untilCut[direction] <= 0
    const slow = wire.slowness()
    if (slow === null) {
      if (to.write(piece, () => isLast && wire.cut())) return
      from.pause()
      to.once('drain', goOn)
      return
    }
    // The next piece is taken when this one has gone: order, and back-pressure, as on a slow line.
    from.pause()
    systemClock().after(slow.delayMs + (piece.length / slow.bytesPerSec) * 1_000, () => {
      if (!isSwallowed(direction) && !to.destroyed) to.write(piece, () => isLast && wire.cut())
      goOn()
    })
  })
  from.on('end', () => {
    if (!isSwallowed(direction)) to.end()
  })
  from.on('error', () => {})
  from.on('close', (hadError) => {
    if (isSwallowed(direction) || to.destroyed) return
    if (hadError) to.resetAndDestroy()
    else to.end()
  })
}
