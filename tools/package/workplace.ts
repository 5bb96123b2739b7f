// The temporary folder in which the packed package is looked at, and the commands run there.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Everything the checks share. `consumer` is a project that has installed the tarball and nothing else. */
export interface Workplace {
  readonly repository: string
  readonly folder: string
  readonly consumer: string
  readonly tarball: string
}

/** What a check found: nothing wrong, with a remark at most, or one line per thing to mend. */
export type Finding =
  | { readonly kind: 'passed'; readonly note: string }
  | { readonly kind: 'failed'; readonly problems: readonly string[] }

export const repository = fileURLToPath(new URL('../..', import.meta.url))

export function openWorkplace(): Workplace {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-package-'))
  return { repository, folder, consumer: join(folder, 'consumer'), tarball: join(folder, 'holdfast.tgz') }
}

export function closeWorkplace({ folder }: Workplace): void {
  rmSync(folder, { recursive: true, force: true })
}

export type Ran =
  | { readonly kind: 'ok'; readonly output: string }
  | { readonly kind: 'failed'; readonly output: string }

/** Runs a command to its end; a failure is a value with all it printed. */
export async function command(file: string, args: readonly string[], cwd: string): Promise<Ran> {
  try {
    const { stdout, stderr } = await run(file, args, { cwd, timeout: 120_000, maxBuffer: 16 << 20 })
    return { kind: 'ok', output: stdout + stderr }
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as { stdout?: string; stderr?: string; message: string }
    const output = `${stdout}${stderr}`.trim()
    return { kind: 'failed', output: output === '' ? message : output }
  }
}

/** A tool of this repository's node_modules, run by this Node. */
export function tool(path: string, args: readonly string[], cwd: string): Promise<Ran> {
  return command(process.execPath, [join(repository, 'node_modules', path), ...args], cwd)
}

export function verdictOf(ran: Ran, note: string): Finding {
  return ran.kind === 'ok' ? { kind: 'passed', note } : { kind: 'failed', problems: ran.output.split('\n') }
}
