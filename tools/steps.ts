// Runs named commands one after the other: a line when each starts, its time and verdict when it ends, and of a
// failed one its output and the command to type next. Knows nothing of what the commands do.

import { spawn } from 'node:child_process'

export interface Step {
  readonly name: string
  /** The npm script it runs, with arguments: `['unit', '--', '-t', 'x']`. */
  readonly script: readonly string[]
  /** What to type after a failure. */
  readonly next: string
  /** Killed, and failed, after this long. */
  readonly timeoutMs: number
  readonly env?: Readonly<Record<string, string>>
  /** True: its output is passed on while it runs, not only after a failure. */
  readonly isLive?: boolean
}

export interface StepResult {
  readonly name: string
  readonly kind: 'passed' | 'failed'
  readonly ms: number
  readonly output: string
  readonly next: string
}

/** Runs the steps in order, also those behind a failed one; never throws for a failed step. */
export async function runSteps(steps: readonly Step[], tell: (text: string) => void): Promise<StepResult[]> {
  const results: StepResult[] = []
  for (const step of steps) {
    tell(`${`[${results.length + 1}/${steps.length}]`.padEnd(7)} ${step.name} …${step.isLive === true ? '\n' : ''}`)
    const result = await runStep(step, tell)
    results.push(result)
    if (step.isLive === true) tell(`${' '.repeat(7)} ${step.name}`)
    tell(` ${result.kind} in ${seconds(result.ms)}\n`)
    if (result.kind === 'failed') tell(`${step.isLive === true ? '' : lastLines(result.output)}next: ${step.next}\n\n`)
  }
  return results
}

/** One line per step and one for all; failed steps with the command to type next. */
export function summaryOf(results: readonly StepResult[]): string {
  const rows = results.map(({ name, kind, ms, next }) => {
    const verdict = kind === 'passed' ? 'passed' : 'FAILED'
    return `  ${verdict}  ${name.padEnd(14)} ${seconds(ms).padStart(7)}${kind === 'passed' ? '' : `   next: ${next}`}\n`
  })
  const total = results.reduce((sum, { ms }) => sum + ms, 0)
  const failed = results.filter(({ kind }) => kind === 'failed').length
  return `${rows.join('')}${results.length - failed} of ${results.length} steps passed in ${seconds(total)}\n`
}

/** Results for `--json`: of the output only the end, and only of what failed. */
export function toJson(results: readonly StepResult[]): string {
  const brief = results.map((result) => ({
    ...result,
    output: result.kind === 'failed' ? lastLines(result.output) : '',
  }))
  return `${JSON.stringify({ passed: results.every(({ kind }) => kind === 'passed'), steps: brief }, null, 2)}\n`
}

function runStep(step: Step, tell: (text: string) => void): Promise<StepResult> {
  const startedAtMs = performance.now()
  const env = { ...process.env, ...step.env }
  // A group of its own, so that a step that hangs is killed with all its children.
  const child = spawn('npm', ['run', '--silent', ...step.script], {
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const chunks: string[] = []
  const keep = (chunk: string) => {
    chunks.push(chunk)
    if (step.isLive === true) tell(chunk)
  }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)

  return new Promise((resolve) => {
    const kill = () => killGroup(child.pid)
    const timer = setTimeout(() => {
      keep(`\nkilled: ${step.name} took longer than ${seconds(step.timeoutMs)}\n`)
      kill()
    }, step.timeoutMs)
    process.once('exit', kill)
    const end = (isPassed: boolean) => {
      clearTimeout(timer)
      process.off('exit', kill)
      const ms = performance.now() - startedAtMs
      resolve({ name: step.name, kind: isPassed ? 'passed' : 'failed', ms, output: chunks.join(''), next: step.next })
    }
    child.once('error', (error) => {
      keep(`${error.message}\n`)
      end(false)
    })
    child.once('close', (code) => end(code === 0))
    // A stray grandchild may keep the pipes open for ever; the verdict does not wait for it.
    child.once('exit', (code) => setTimeout(() => end(code === 0), 2000).unref())
  })
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** Ctrl-C ends the running step with us; without it the step's own group would live on. */
export function endOnSignal(): void {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    process.once(signal, () => process.exit(code))
}

function lastLines(output: string): string {
  const lines = output.trimEnd().split('\n')
  const shown = lines.slice(-120)
  const cut = lines.length > shown.length ? `… ${lines.length - shown.length} lines before\n` : ''
  return `${cut}${shown.join('\n')}\n`
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
