// The processes of a run and what they say to each other: the server, the proxy, and the clients in between, each with
// an event loop of its own.

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { CutKind } from './plan.js'

export const room = 'jitter'

export type ToServer =
  | { readonly do: 'publish'; readonly perSecond: number; readonly count: number }
  | { readonly do: 'stop' }

export type ToProxy =
  | { readonly do: 'cut'; readonly client: number; readonly kind: CutKind; readonly awayMs: number }
  | { readonly do: 'stop' }

export type FromChild =
  | { readonly is: 'listening'; readonly port: number }
  | { readonly is: 'published'; readonly n: number }
  | ({ readonly is: 'stopped' } & Usage)

/** Processor time since its start, and memory now. */
export interface Usage {
  readonly cpuMs: number
  readonly rssBytes: number
}

export interface Child {
  readonly port: number
  stop(): Promise<Usage>
}

export interface ServerProcess extends Child {
  /** Messages published so far. */
  readonly publishedCount: number
  publish(perSecond: number, count: number): void
}

export interface ProxyProcess extends Child {
  cut(client: number, kind: CutKind, awayMs: number): void
}

/** Resolves when it listens. Should it die before `stop`, the run is over: `died` says so. */
export async function startServer(died: (error: Error) => void): Promise<ServerProcess> {
  const child = start(new URL('./server.ts', import.meta.url), [], died)
  const say = (message: ToServer) => void child.send(message)
  let publishedCount = 0
  child.on('message', (message: FromChild) => {
    if (message.is === 'published') publishedCount = message.n
  })
  const { port } = await heard(child, 'listening')
  return {
    port,
    get publishedCount() {
      return publishedCount
    },
    publish: (perSecond, count) => say({ do: 'publish', perSecond, count }),
    stop: () => stop(child),
  }
}

/** As `startServer`; forwards to the port `to`. */
export async function startProxy(to: number, died: (error: Error) => void): Promise<ProxyProcess> {
  const child = start(new URL('./proxy.ts', import.meta.url), [String(to)], died)
  const say = (message: ToProxy) => void child.send(message)
  const { port } = await heard(child, 'listening')
  return {
    port,
    cut: (client, kind, awayMs) => say({ do: 'cut', client, kind, awayMs }),
    stop: () => stop(child),
  }
}

/** In a child: tells the parent. */
export function tell(message: FromChild): void {
  process.send?.(message)
}

/** In a child: what it has used. */
export function usage(): Usage {
  const { user, system } = process.cpuUsage()
  return { cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage().rss }
}

function start(file: URL, args: readonly string[], died: (error: Error) => void): ChildProcess {
  const child = fork(fileURLToPath(file), args, {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.on('exit', (code, signal) => died(new Error(`${file.pathname} ended (${signal ?? `exit code ${code}`})`)))
  return child
}

async function stop(child: ChildProcess): Promise<Usage> {
  child.removeAllListeners('exit')
  const stopped = heard(child, 'stopped')
  child.send({ do: 'stop' })
  return stopped
}

function heard<Is extends FromChild['is']>(child: ChildProcess, is: Is): Promise<Extract<FromChild, { is: Is }>> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: FromChild) => {
      if (message.is === is) resolve(message as Extract<FromChild, { is: Is }>)
    })
    child.once('exit', () => reject(new Error(`a process ended before it was ${is}`)))
  })
}
