// The command `npm test`: machine, build, check, whole-system tests, and one closing line with the counts.

import { mkdirSync, rmSync } from 'node:fs'
import { checkSteps, reportTo } from './check-steps.js'
import { add, closingLine, type Counts, countsOf, none } from './counts.js'
import { environmentOf, setUp } from './machine.js'
import { readOptions } from './options.js'
import { endOnSignal, runSteps, type Step, type StepResult, summaryOf } from './steps.js'

const minute = 60_000
const artefacts = 'artefacts'
const reports: Readonly<Record<string, string>> = {
  unit: `${artefacts}/unit.json`,
  system: `${artefacts}/system.json`,
}

const help = `npm test [-- options]

Everything: finds or installs the programs that tests need, builds, runs the steps of \`npm run check\`, then the
whole-system tests over real sockets and browsers. Reports stay in ${artefacts}/.

  --ci     no colours, no cursor tricks; set by itself when CI=true
  --help   this text

The last line is \`N passed, N failed\`: the tests of both vitest projects, and one failure for each other step
that failed. Exit code: 0 when nothing failed.
`

async function main(): Promise<number | null> {
  const read = readOptions('npm test', help, { options: { ci: { type: 'boolean' }, help: { type: 'boolean' } } })
  if (read === null) return null
  endOnSignal()
  rmSync(artefacts, { recursive: true, force: true })
  mkdirSync(artefacts, { recursive: true })
  const results = await runAll(read.values.ci === true || process.env['CI'] === 'true')
  const counts = results.map(countsOfStep).reduce(add, none)
  tell(`\n${summaryOf(results)}\n${closingLine(counts)}\n`)
  return counts.failed === 0 ? 0 : 1
}

async function runAll(isCi: boolean): Promise<StepResult[]> {
  const machine = setUpMachine()
  if (machine.result.kind === 'failed') return [machine.result]

  const env = { ...machine.env, ...(isCi ? { CI: 'true', NO_COLOR: '1', FORCE_COLOR: '0' } : {}) }
  const withEnv = (step: Step): Step => ({ ...step, env })
  const built = await runSteps([withEnv(build)], tell)
  // Without a build the rest would only repeat the same errors.
  if (built.some(({ kind }) => kind === 'failed')) return [machine.result, ...built]

  const steps = [...checkSteps({ unitReport: `${artefacts}/unit.json`, isBuilt: true }), system]
  return [machine.result, ...built, ...(await runSteps(steps.map(withEnv), tell))]
}

const build: Step = { name: 'build', script: ['build'], next: 'npm run build', timeoutMs: 3 * minute }

const system: Step = {
  name: 'system',
  script: ['system', '--', ...reportTo(`${artefacts}/system.json`)],
  next: 'npm run system',
  timeoutMs: 30 * minute,
  isLive: true,
}

function setUpMachine(): { env: Record<string, string>; result: StepResult } {
  const startedAtMs = performance.now()
  const outcomes = setUp({ install: true, tell: (line) => tell(`        ${line}\n`) })
  const missing = outcomes.flatMap((outcome) => (outcome.kind === 'missing' ? [outcome.message] : []))
  const found = outcomes.flatMap((outcome) => (outcome.kind === 'ready' ? [`${outcome.name} at ${outcome.path}`] : []))
  tell(`machine: ${[...found, ...missing].join('\n')}\n`)
  const kind = missing.length === 0 ? 'passed' : 'failed'
  const next = 'npx tsx tools/machine.ts --install'
  const ms = performance.now() - startedAtMs
  return { env: environmentOf(outcomes), result: { name: 'machine', kind, ms, output: missing.join('\n'), next } }
}

function countsOfStep({ name, kind }: StepResult): Counts {
  const report = reports[name]
  if (report !== undefined) return countsOf(report, kind === 'passed')
  return kind === 'passed' ? none : { ...none, failed: 1 }
}

function tell(text: string): void {
  process.stdout.write(text)
}

process.exitCode = (await main()) ?? process.exitCode
