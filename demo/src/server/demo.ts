// The demo server: a TCP proxy that breaks the links of one tab for real, in front of a server process that is killed
// and started again when a visitor asks for it.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createTcpProxy } from 'holdfast/testing'
import { createBreaks } from './breaks.js'
import type { Start, Told } from './server-process.js'

export interface DemoOptions {
  /** The public port; 0 takes any free one. */
  readonly port: number
  readonly host?: string
  /** The folder with the built page. */
  readonly page: string
  /** The folder of the store: what must outlive the server process. */
  readonly data: string
  /** May visitors break their own connections, and restart the server? Never in production. */
  readonly canBreak: boolean
  readonly isSilent?: boolean
}

export interface Demo {
  readonly port: number
  /** How often the server process was started again. */
  readonly restartCount: number
  /** Kills the server process, and starts another when it has been away for so long. */
  restart(downMs?: number): Promise<void>
  /** Idempotent. */
  close(): Promise<void>
}

/** Long enough to be seen. */
const downMs = 1_500

/** Listens when it resolves. */
export async function startDemo({
  port,
  host = '127.0.0.1',
  canBreak,
  isSilent = false,
  page,
  data,
}: DemoOptions): Promise<Demo> {
  const start: Start = { page, data, canBreak, isSilent }
  let isClosed = false
  let restartCount = 0
  let child = await startServer(start)
  const breaks = createBreaks(() => proxy.links)
  const proxy = await createTcpProxy({
    to: {
      get port() {
        return child.port
      },
    },
    port,
    host,
    onRequest: breaks.admit,
  }).catch((error: unknown) => {
    child.process.kill('SIGKILL')
    throw error
  })

  const listen = () => {
    child.process.on('message', (told: Told) => {
      if (told.type !== 'break') return
      if (told.ask.kind === 'restart') void demo.restart()
      else breaks.carryOut(told.ask)
    })
  }
  listen()

  const demo: Demo = {
    port: proxy.port,
    get restartCount() {
      return restartCount
    },
    async restart(ms = downMs) {
      restartCount += 1
      child.process.kill('SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, ms))
      if (isClosed) return
      child = await startServer(start)
      listen()
    },
    async close() {
      if (isClosed) return
      isClosed = true
      breaks.close()
      const { process } = child
      if (process.exitCode === null && process.signalCode === null && process.connected) {
        process.send('close')
        await once(process, 'exit')
      }
      await proxy.close()
    },
  }
  return demo
}

async function startServer(start: Start): Promise<{ readonly port: number; readonly process: ChildProcess }> {
  const script = fileURLToPath(new URL('server-process.ts', import.meta.url))
  const process = fork(script, { execArgv: ['--import', 'tsx'] })
  process.send(start)
  const port = await new Promise<number>((resolve, reject) => {
    process.once('message', (told: Told) => {
      if (told.type === 'listening') resolve(told.port)
    })
    process.once('exit', (code) => reject(new Error(`the server process ended with code ${code}`)))
  })
  return { port, process }
}
