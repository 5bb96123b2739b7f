// `holdfast serve`: a server from the command line. It knows the process only through what it is given.

import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { OptionError } from './option-error.js'
import { memoryStore } from '../store/memory.js'
import { defaultData, type Environment, wordOf, wordsHelp } from './environment.js'
import { isOptionKey, type ServerOptions } from './options.js'
import { createServer, type HoldfastServer } from './server.js'
import { settingsHelp } from './settings.js'

export interface Shell {
  readonly env: Environment
  out(text: string): void
  err(text: string): void
  onSignal(signal: 'SIGINT' | 'SIGTERM', run: () => void): void
  exit(code: number): void
}

/** As wide as the names of the settings below them. */
const wordsWidth = 33

const usage = `holdfast serve [options]

Serves realtime sessions at ws://host:port/v1/connect, the HTTP API below /v1/rooms, and GET /health.

  --port <n>       where to listen; 0 takes any free port (default 7400)
  --host <name>    on which address (default: all)
  --data <dir>     where sessions and rooms are kept (default ${defaultData}); one server to a directory
  --memory         keep nothing: everything is gone when the process ends
  --config <file>  options of createServer: a .json file, or a .js/.mjs file with a default export
  --json           tell the start in one line of JSON instead of words
  --help           this text

What a flag says comes before the config file, the file before the environment, the environment before the default.
SIGTERM moves the connections away over HOLDFAST_DRAIN_WINDOW_MS at most, then ends; SIGINT ends at once; sessions are
held in both cases. A second signal ends without waiting. Log lines go to standard error, as JSON.

Environment:
${wordsHelp(wordsWidth)}${settingsHelp()}
\`holdfast store --help\` tells what can be done with a data directory.
Exit code: 0 after a signal, 1 when it cannot start, 2 for a wrong option.
`

/** Runs until a signal; tells `exit` the code. Never rejects. */
export async function main(argv: readonly string[], shell: Shell): Promise<void> {
  try {
    const flags = flagsOf(argv)
    if (flags.help) return leave(shell, 0, usage)
    const server = await createServer(await optionsOf(flags, shell))
    stopOnSignals(server, shell)
    announce(server, flags, shell)
  } catch (error) {
    const isOption = error instanceof OptionError
    shell.err(`holdfast: ${messageOf(error)}${isOption ? '; see holdfast serve --help' : ''}\n`)
    shell.exit(isOption ? 2 : 1)
  }
}

interface Flags {
  readonly help: boolean
  readonly json: boolean
  readonly port: string | undefined
  readonly host: string | undefined
  readonly config: string | undefined
  readonly data: string | undefined
  readonly memory: boolean
}

function flagsOf(argv: readonly string[]): Flags {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const help = { ...flag, short: 'h' } as const
  const options = { port: text, host: text, config: text, data: text, memory: flag, json: flag, help } as const
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true })
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error))
  }
  const { values, positionals } = parsed
  const [command, more] = positionals
  if (command === undefined && !values.help)
    throw new OptionError('what shall it do? The commands are: holdfast serve, holdfast store')
  if (command !== undefined && command !== 'serve') throw new OptionError(`there is no command ${command}`)
  if (more !== undefined) throw new OptionError(`${more} is one word too many`)
  if (values.memory && values.data !== undefined)
    throw new OptionError('--memory keeps nothing, so --data says nothing')
  const { data, memory, json, port, host, config } = values
  return { help: values.help, json, port, host, config, data, memory }
}

async function optionsOf(flags: Flags, shell: Shell): Promise<ServerOptions> {
  const configured = flags.config === undefined ? {} : await configOf(flags.config)
  return {
    log: pino(pino.destination(2)),
    ...(flags.memory || flags.data !== undefined ? withoutStore(configured) : configured),
    ...(flags.port === undefined ? {} : { port: portOf(flags.port) }),
    ...(flags.host === undefined ? {} : { host: flags.host }),
    ...keptWhere(flags, configured, shell),
    env: shell.env,
  }
}

/** A config file may bring a store of its own; what a flag says counts instead of it. */
function keptWhere(
  { memory, data }: Flags,
  configured: ServerOptions,
  shell: Shell,
): Pick<ServerOptions, 'data' | 'store'> {
  if (memory) return { store: memoryStore() }
  if (data !== undefined) return { data }
  const isSaid = configured.store ?? configured.data ?? wordOf(shell.env, 'HOLDFAST_DATA')
  return isSaid === undefined ? { data: defaultData } : {}
}

function withoutStore({ store: _, data: __, ...rest }: ServerOptions): ServerOptions {
  return rest
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw new OptionError(`--port must be a number from 0 to 65535, but ${JSON.stringify(text)} came`)
}

async function configOf(file: string): Promise<ServerOptions> {
  const path = resolve(file)
  let options: unknown
  try {
    options = file.endsWith('.json') ? JSON.parse(await readFile(path, 'utf8')) : await importDefault(path)
  } catch (error) {
    throw new OptionError(`--config ${file} cannot be read: ${messageOf(error)}`)
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new OptionError(`--config ${file} must give an object of options`)
  }
  const unknown = Object.keys(options).find((key) => !isOptionKey(key))
  if (unknown !== undefined) throw new OptionError(`--config ${file}: there is no option ${unknown}`)
  return options as ServerOptions
}

async function importDefault(path: string): Promise<unknown> {
  const module: { default?: unknown } = await import(pathToFileURL(path).href)
  return module.default
}

function announce(server: HoldfastServer, flags: Flags, shell: Shell): void {
  const { url, port, store, data, warnings, settings } = server
  if (flags.json) return void shell.out(`${JSON.stringify({ listening: url, port, store, data, warnings })}\n`)
  for (const warning of warnings) shell.err(`holdfast: warning: ${warning}\n`)
  const heartbeat = `heartbeat ${settings.heartbeatMs / 1000} s + ${settings.heartbeatTimeoutMs / 1000} s`
  const held = `sessions held ${settings.sessionHoldMs / 1000} s`
  const kept = data === null ? '' : `; ${data.path} has ${data.rooms} rooms, ${data.sessions} sessions`
  shell.out(`Holdfast listening on ${url} (store ${store}, ${heartbeat}, ${held}${kept})\n`)
}

function stopOnSignals(server: HoldfastServer, shell: Shell): void {
  let isStopping = false
  const stop = (drainMs: number, code: number) => {
    if (isStopping) return shell.exit(code)
    isStopping = true
    void server.close({ drainMs }).then(() => shell.exit(0))
  }
  shell.onSignal('SIGTERM', () => stop(server.settings.drainWindowMs, 143))
  shell.onSignal('SIGINT', () => stop(0, 130))
}

function leave(shell: Shell, code: number, text: string): void {
  shell.out(text)
  shell.exit(code)
}

function messageOf(error: unknown): string {
  const { code, message, port } = error as { code?: unknown; message?: unknown; port?: unknown }
  if (code === 'EADDRINUSE')
    return `port ${String(port)} is in use; stop what listens there, or choose another with --port`
  if (code === 'EACCES') return `port ${String(port)} may not be used by this user; choose one above 1023 with --port`
  return typeof message === 'string' ? message : String(error)
}
