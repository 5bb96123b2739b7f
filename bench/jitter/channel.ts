// What the run and its server say to each other.

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const room = 'jitter'

export type ToServer =
  | { readonly do: 'publish'; readonly perSecond: number; readonly count: number }
  | { readonly do: 'stop' }

export type FromServer =
  | { readonly is: 'listening'; readonly port: number }
  | { readonly is: 'published'; readonly n: number }
  /** Processor time since its start, and memory now. */
  | { readonly is: 'stopped'; readonly cpuMs: number; readonly rssBytes: number }

export interface ServerProcess {
  readonly port: number
  /** Messages published so far. */
  readonly publishedCount: number
  publish(perSecond: number, count: number): void
  stop(): Promise<{ readonly cpuMs: number; readonly rssBytes: number }>
}

/** Resolves when it listens. Should it die before `stop`, the run is over: the error says so. */
export async function startServer(died: (error: Error) => void): Promise<ServerProcess> {
  const child = fork(fileURLToPath(new URL('./server.ts', import.meta.url)), {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.on('exit', (code, signal) => died(new Error(`the server died (${signal ?? `exit code ${code}`})`)))
  const say = (message: ToServer) => void child.send(message)
  let publishedCount = 0
  child.on('message', (message: FromServer) => {
    if (message.is === 'published') publishedCount = message.n
  })
  const { port } = await heard(child, 'listening')
  return {
    port,
    get publishedCount() {
      return publishedCount
    },
    publish: (perSecond, count) => say({ do: 'publish', perSecond, count }),
    async stop() {
      child.removeAllListeners('exit')
      const stopped = heard(child, 'stopped')
      say({ do: 'stop' })
      return stopped
    },
  }
}

function heard<Is extends FromServer['is']>(child: ChildProcess, is: Is): Promise<Extract<FromServer, { is: Is }>> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: FromServer) => {
      if (message.is === is) resolve(message as Extract<FromServer, { is: Is }>)
    })
    child.once('exit', () => reject(new Error(`the server ended before it was ${is}`)))
  })
}
