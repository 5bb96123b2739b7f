// `holdfast store`: what an operator does with a data directory. Each command runs in a process of its own, because
// damaged pages can end the one that reads them.

import { fork } from 'node:child_process'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import type { Copied } from '../store/lmdb/tool/copy.js'
import type { Inspection, RoomInspection } from '../store/lmdb/tool/inspection.js'
import type { Progress } from '../store/lmdb/tool/records.js'
import type { Verification } from '../store/lmdb/tool/verification.js'
import type { Told, Work } from '../store/lmdb/tool/work.js'
import type { Shell } from './cli-serve.js'
import { defaultData, wordOf } from './environment.js'
import { OptionError } from './option-error.js'

export interface StoreShell extends Shell {
  /** Is standard error read by a person, now? */
  readonly isTerminal: boolean
}

const usage = `holdfast store <command> [options]

  inspect          what is in it: rooms, entries, sessions, space; of one room with --room <name>
  verify           reads everything: offsets dense, tags and lineage in order, producers, sessions, leases, boards and
                   events in step with each other
  backup <to>      a copy as of now into a new or empty directory, without free pages; then verified. To restore, start
                   a server with it
  compact          the same data in a smaller file, in place; then verified. Only while no server has the directory

  --data <dir>     the data directory (HOLDFAST_DATA, default ${defaultData})
  --room <name>    inspect: that room alone
  --json           the result as one line of JSON on standard output
  --help           this text

inspect, verify and backup also run while a server has the directory, and see one state of it. A server uses freed
space again by itself: compact is for a file that was once much larger than it will ever be again.

Exit code: 0 done, and sound; 1 refused, failed, or something is wrong in it; 2 a wrong option.
`

/** Tells `exit` the code. Never rejects. */
export async function storeMain(argv: readonly string[], shell: StoreShell): Promise<void> {
  try {
    const ask = askOf(argv, shell)
    if (ask === null) {
      shell.out(usage)
      return shell.exit(0)
    }
    const told = await done(ask.work, (progress) => showProgress(shell, progress))
    if (shell.isTerminal) shell.err('\r\x1b[K')
    shell.exit(show(ask, told, shell))
  } catch (error) {
    const isOption = error instanceof OptionError
    const message = error instanceof Error ? error.message : String(error)
    shell.err(`holdfast: ${message}${isOption ? '; see holdfast store --help' : ''}\n`)
    shell.exit(isOption ? 2 : 1)
  }
}

interface Ask {
  readonly work: Work
  readonly isJson: boolean
}

function askOf(argv: readonly string[], shell: StoreShell): Ask | null {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const options = { data: text, room: text, json: flag, help: { ...flag, short: 'h' } } as const
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true })
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error))
  }
  const { values, positionals } = parsed
  if (values.help) return null
  const [command, ...more] = positionals
  const path = values.data ?? wordOf(shell.env, 'HOLDFAST_DATA') ?? defaultData
  if (values.room !== undefined && command !== 'inspect') throw new OptionError('--room goes with inspect only')
  return { work: workOf(command, path, more, values.room ?? null), isJson: values.json }
}

function workOf(command: string | undefined, path: string, more: readonly string[], room: string | null): Work {
  const [to, surplus] = command === 'backup' ? more : [null, more[0]]
  if (surplus !== undefined) throw new OptionError(`${surplus} is one word too many; the directory goes behind --data`)
  switch (command) {
    case 'inspect':
      return { do: command, path, room }
    case 'verify':
    case 'compact':
      return { do: command, path }
    case 'backup':
      if (typeof to === 'string') return { do: command, path, to }
      throw new OptionError('where to? holdfast store backup <to>')
    case undefined:
      throw new OptionError('which command? inspect, verify, backup or compact')
    default:
      throw new OptionError(`there is no command store ${command}`)
  }
}

type End = Exclude<Told, { is: 'progress' }>

/** A process that dies in the middle has met pages that make no sense. */
function done(work: Work, tell: (progress: Progress) => void): Promise<End> {
  const url = import.meta.url
  const script = fileURLToPath(new URL(`../store/lmdb/tool/work${url.slice(url.lastIndexOf('.'))}`, url))
  return new Promise((resolve, reject) => {
    const child = fork(script, [], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    let end: End | null = null
    child.on('message', (told: Told) => {
      if (told.is === 'progress') tell(told.progress)
      else end = told
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      const how = signal ?? `code ${code}`
      const message = `${work.path} is damaged: reading it ended the process (${how}); restore a backup`
      resolve(end ?? { is: 'failed', problem: 'damaged', message })
    })
    child.send(work)
  })
}

function showProgress(shell: StoreShell, { doing, done, of }: Progress): void {
  const text = `${doing} ${done}${of === null || of === done ? '' : ` of ${of}`}`
  if (shell.isTerminal) shell.err(`\r\x1b[K  ${text}`)
  else if (done === of && done > 0) shell.err(`  ${text}\n`)
}

/** Tells the exit code. */
function show({ work, isJson }: Ask, told: End, shell: StoreShell): number {
  if (told.is === 'failed') {
    const { problem, message } = told
    if (isJson) shell.out(`${JSON.stringify({ data: work.path, isSound: false, problem, message })}\n`)
    shell.err(`holdfast: ${message}\n`)
    return 1
  }
  const { findingsCount = 0 } = told.result as Partial<Verification>
  const isSound = findingsCount === 0
  if (isJson) shell.out(`${JSON.stringify({ data: work.path, isSound, ...told.result })}\n`)
  else shell.out(`${linesOf(work, told.result).join('\n')}\n`)
  return isSound ? 0 : 1
}

function linesOf(work: Work, result: object): readonly string[] {
  if (work.do === 'inspect') {
    return work.room === null ? inspectionLines(work.path, result as Inspection) : roomLines(result as RoomInspection)
  }
  const { findings = [], findingsCount = 0 } = result as Partial<Verification>
  const told = [
    ...findings.map(({ where, what }) => `  ${where}: ${what}`),
    ...(findingsCount > findings.length ? [`  … ${findingsCount - findings.length} more`] : []),
  ]
  const verdict = findingsCount === 0 ? 'all of it is sound' : `${findingsCount} things are wrong in it:`
  if (work.do === 'verify') {
    const { rooms, entries, sessions } = result as Verification
    return [`${work.path}: ${rooms} rooms, ${entries} entries, ${sessions} sessions; ${verdict}`, ...told]
  }
  const { fileBytes, fileBytesBefore } = result as Copied
  const place = work.do === 'backup' ? work.to : work.path
  return [`${place}: ${sizeOf(fileBytes)}, of ${sizeOf(fileBytesBefore)} before; ${verdict}`, ...told]
}

function inspectionLines(path: string, found: Inspection): readonly string[] {
  const { sessions, usedBy } = found
  return [
    `${path}${usedBy === null ? '' : `, in use by process ${usedBy}`}`,
    `  format ${found.formatVersion}, epoch ${found.epoch}, ${found.lives} lives remembered`,
    `  ${found.rooms} rooms, ${found.entries} entries, ${sizeOf(found.dataBytes)} of data`,
    `  sessions: ${sessions.live} live, ${sessions.held} held, ${sessions.ended} ended`,
    `  ${found.leases} leases, ${found.boards} boards, ${found.eventsWaiting} events waiting`,
    `  file ${sizeOf(found.fileBytes)}, of it ${sizeOf(found.freeBytes)} free for what comes`,
    ...found.largestRooms.map(({ room, entries, bytes }) => `  ${sizeOf(bytes)} in ${entries} entries: ${room}`),
  ]
}

function roomLines(found: RoomInspection): readonly string[] {
  const { head, trimmed, retention } = found
  return [
    `${found.room}: ${found.entries} entries, ${sizeOf(found.bytes)}, ${found.producers} producers`,
    `  epoch ${found.epoch}, head ${head.offset} (${head.tag}), trimmed to ${trimmed.offset} (${trimmed.tag})`,
    `  kept: ${retention === null ? 'nothing was written yet' : JSON.stringify(retention)}`,
    ...found.lineage.map(({ epoch, offset, tag }) => `  epoch ${epoch} ended at ${offset} (${tag})`),
  ]
}

function sizeOf(bytes: number): string {
  if (bytes < 2 ** 20) return `${(bytes / 2 ** 10).toFixed(1)} kB`
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MB` : `${(bytes / 2 ** 30).toFixed(2)} GB`
}
