// Programs that the tests need and npm does not bring: where each is found, and how it gets onto this machine.
// Nothing is ever skipped for a missing program: it is installed, or the command that installs it is the error.

import { spawnSync } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readOptions } from './options.js'

interface Program {
  readonly name: string
  /** An environment variable that names the binary and comes before all else. */
  readonly variable: string
  /** Names on the PATH and whole paths, the best first. */
  readonly binaries: readonly string[]
  readonly debianPackage: string
  readonly neededBy: string
}

/** Add a row to need another program; nothing else has to change. */
const programs = [
  {
    name: 'chromium',
    variable: 'CHROMIUM_PATH',
    binaries: [
      'chromium',
      'chromium-browser',
      'google-chrome-stable',
      'google-chrome',
      '/usr/bin/chromium',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ],
    debianPackage: 'chromium',
    neededBy: 'the browser tests (test/**)',
  },
] as const satisfies readonly Program[]

export type ProgramName = (typeof programs)[number]['name']

export type Outcome =
  | { readonly kind: 'ready'; readonly name: string; readonly path: string; readonly installed: boolean }
  | { readonly kind: 'missing'; readonly name: string; readonly message: string }

/** The path of a program; throws with the command that installs it when there is none. */
export function binaryOf(name: ProgramName): string {
  const program = programOf(name)
  const path = find(program)
  if (path === null) throw new Error(messageFor(program))
  return path
}

/** Finds every program and, when `install` is true, installs what is missing as far as this machine allows. */
export function setUp({ install, tell }: { install: boolean; tell: (line: string) => void }): Outcome[] {
  return programs.map((program: Program) => {
    const path = find(program)
    if (path !== null) return { kind: 'ready', name: program.name, path, installed: false }
    if (install && namedBy(program) === null && mayInstall()) {
      tell(`${program.name}: missing, installing ${program.debianPackage} (about a minute)`)
      aptInstall(program.debianPackage)
    }
    const afterwards = find(program)
    if (afterwards === null) return { kind: 'missing', name: program.name, message: messageFor(program) }
    return { kind: 'ready', name: program.name, path: afterwards, installed: true }
  })
}

/** What the tests get to see of the machine: `{ CHROMIUM_PATH: '/usr/bin/chromium' }`. */
export function environmentOf(outcomes: readonly Outcome[]): Record<string, string> {
  return Object.fromEntries(
    outcomes.flatMap((outcome) =>
      outcome.kind === 'ready' ? [[programOf(outcome.name).variable, outcome.path] as const] : [],
    ),
  )
}

function programOf(name: string): Program {
  const program = programs.find((each) => each.name === name)
  if (program === undefined) throw new Error(`no program is called ${name}; tools/machine.ts has the table`)
  return program
}

function find(program: Program): string | null {
  const named = namedBy(program)
  if (named !== null) return isExecutable(named) ? named : null
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  const paths = program.binaries.flatMap((binary) =>
    isAbsolute(binary) ? [binary] : folders.map((folder) => join(folder, binary)),
  )
  return paths.find(isExecutable) ?? null
}

/** What the variable says; it comes before all else, so a wrong one is told and not worked around. */
function namedBy({ variable }: Program): string | null {
  const named = process.env[variable]
  return named === undefined || named === '' ? null : named
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function mayInstall(): boolean {
  return process.getuid?.() === 0 && spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0
}

function aptInstall(name: string): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const stdio: ['ignore', 'ignore', 'inherit'] = ['ignore', 'ignore', 'inherit']
  // A failed update may still leave lists that are good enough; the install below decides.
  spawnSync('apt-get', ['update', '-q'], { env, stdio })
  spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', name], { env, stdio })
}

function messageFor(program: Program): string {
  const { name, variable, debianPackage, neededBy } = program
  const named = namedBy(program)
  if (named !== null) return `${variable} is ${named}, which is no executable file; set it to ${name} or unset it`
  return [
    `${name} is not on this machine; ${neededBy} need it. Type one of:`,
    `  sudo apt-get update && sudo apt-get install -y ${debianPackage}     (Debian, Ubuntu)`,
    `  export ${variable}=/path/to/${name}     (installed elsewhere)`,
  ].join('\n')
}

const help = `npx tsx tools/machine.ts [options]

Shows which programs the tests need beside npm's packages, and where they are.

  --install   install what is missing (as root, with apt-get); npm test does this by itself
  --json      an array of { kind: 'ready', name, path, installed } | { kind: 'missing', name, message }
  --help      this text

Exit code: 0 all there, 1 something is missing, 2 a wrong option.
`

function main(): number | null {
  const read = readOptions('machine', help, {
    options: { install: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (read === null) return null
  const { values } = read
  const outcomes = setUp({ install: values.install === true, tell: (line) => process.stderr.write(`${line}\n`) })
  if (values.json === true) process.stdout.write(`${JSON.stringify(outcomes, null, 2)}\n`)
  else for (const outcome of outcomes) process.stdout.write(`${toText(outcome)}\n`)
  return outcomes.some(({ kind }) => kind === 'missing') ? 1 : 0
}

function toText(outcome: Outcome): string {
  return outcome.kind === 'ready' ? `${outcome.name}: ${outcome.path}` : outcome.message
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main() ?? process.exitCode
