// The server process as the crash test sees it: started on the same directory and port again and again.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import type { Claim, Orders, Told } from './messages.js'

const repository = fileURLToPath(new URL('../..', import.meta.url))

export interface Program {
  readonly file: string
  remove(): void
}

/** A mistake: `is` stands once in the file, and `becomes` the other. */
export interface Patch {
  readonly file: string
  readonly is: string
  readonly becomes: string
}

/** The server process as one file, so that a start takes no longer than it must. */
export async function buildProgram(patches: readonly Patch[] = []): Promise<Program> {
  // Below the repository: packages are found from there.
  const cache = join(repository, 'node_modules/.cache/crash')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'run-'))
  const file = join(folder, 'server.mjs')
  await build({
    entryPoints: [join(repository, 'test/crash/server-process.ts')],
    outfile: file,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    sourcemap: true,
    logLevel: 'silent',
    plugins: [patching(patches)],
  })
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

function patching(patches: readonly Patch[]): Plugin {
  return {
    name: 'patches',
    setup(building) {
      building.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const own = patches.filter(({ file }) => path === join(repository, file))
        if (own.length === 0) return null
        let contents = readFileSync(path, 'utf8')
        for (const { file, is, becomes } of own) {
          if (contents.split(is).length !== 2) throw new Error(`the patch of ${file} does not fit: ${is}`)
          contents = contents.replace(is, () => becomes)
        }
        return { contents, loader: 'ts' }
      })
    },
  }
}

export class ServerProcess {
  readonly #child: ChildProcess
  readonly #orders: Orders
  readonly #exit: Promise<unknown>
  #errors = ''

  constructor(program: Program, orders: Orders, hear: (told: Told) => void) {
    this.#orders = orders
    rmSync(orders.note, { force: true })
    this.#child = fork(program.file, [JSON.stringify(orders)], {
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#exit = once(this.#child, 'exit')
    this.#child.stderr?.on('data', (text: Buffer) => {
      this.#errors = (this.#errors + text).slice(-4_000)
    })
    this.#child.on('message', (told: Told) => hear(told))
    // A message to a process that has just ended.
    this.#child.on('error', () => {})
  }

  /** Idempotent. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  claim(claim: Claim): void {
    if (this.#child.connected) this.#child.send(claim, () => {})
  }

  /** Resolves when it has ended: with what it noted, or null. Rejects when it ended otherwise than by SIGKILL. */
  async ended(): Promise<string | null> {
    await this.#exit
    if (this.#child.signalCode !== 'SIGKILL') {
      throw new Error(`the server ended by itself, with ${this.#child.exitCode}: ${this.#errors}`)
    }
    try {
      return readFileSync(this.#orders.note, 'utf8')
    } catch {
      return null
    }
  }

  /** A clean stop; resolves with the exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM')
    await this.#exit
    return this.#child.exitCode
  }
}
