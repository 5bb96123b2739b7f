// The demo server: a TCP proxy that breaks the links of one tab for real, in front of a server process that is killed
// and started again when a visitor asks for it.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createTcpProxy, type TcpProxy } from 'holdfast/testing'
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

interface Server {
  readonly port: number
  readonly process: ChildProcess
}

/** Listens when it resolves. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { port, host = '127.0.0.1', canBreak, isSilent = false, page, data } = options
  const running = new Running({ page, data, canBreak, isSilent })
  await running.start()
  try {
    const to = {
      get port() {
        return running.serverPort
      },
    }
    running.proxy = await createTcpProxy({ to, port, host, onRequest: running.breaks.admit })
  } catch (error) {
    await running.close()
    throw error
  }
  return running
}

class Running implements Demo {
  readonly breaks = createBreaks(() => this.proxy?.links ?? [])
  proxy: TcpProxy | null = null
  restartCount = 0
  readonly #start: Start
  #server: Server | null = null
  #isClosed = false

  constructor(start: Start) {
    this.#start = start
  }

  get port(): number {
    return this.proxy?.port ?? 0
  }

  get serverPort(): number {
    return this.#server?.port ?? 0
  }

  async start(): Promise<void> {
    const server = await startServer(this.#start)
    this.#server = server
    server.process.on('message', (told: Told) => {
      if (told.type !== 'break') return
      if (told.ask.kind === 'restart') void this.restart()
      else this.breaks.carryOut(told.ask)
    })
    if (this.#isClosed) await this.#stop()
  }

  async restart(ms = downMs): Promise<void> {
    this.restartCount += 1
    this.#server?.process.kill('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, ms))
    if (!this.#isClosed) await this.start()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.breaks.close()
    await this.#stop()
    await this.proxy?.close()
  }

  async #stop(): Promise<void> {
    const child = this.#server?.process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null || !child.connected) return
    child.send('close')
    await once(child, 'exit')
  }
}

async function startServer(start: Start): Promise<Server> {
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
