// The command `npm run package`: packs the package, installs it elsewhere and uses it as strangers will.

import { readOptions } from './options.js'
import { buildPackage, contents, install, pack } from './package/install.js'
import { manifestLint, typesLint } from './package/lint.js'
import { bundle, commandLine, importEntries, typeCheck } from './package/use.js'
import { closeWorkplace, type Finding, openWorkplace, type Workplace } from './package/workplace.js'
import { seconds } from './steps.js'

interface Check {
  readonly name: string
  readonly run: (workplace: Workplace) => Promise<Finding>
}

interface Result {
  readonly name: string
  readonly finding: Finding
  readonly ms: number
}

const build: Check = { name: 'build', run: buildPackage }

/** Each needs the one before. */
const preparations: readonly Check[] = [
  { name: 'pack', run: pack },
  { name: 'install', run: install },
]

const checks: readonly Check[] = [
  { name: 'contents', run: contents },
  { name: 'import', run: importEntries },
  { name: 'command', run: commandLine },
  { name: 'types', run: typeCheck },
  { name: 'bundle', run: bundle },
  { name: 'publint', run: manifestLint },
  { name: 'attw', run: typesLint },
]

const help = `npm run package [-- options]

Packs the package, installs the tarball in a temporary folder and checks it there: ${checks.map(({ name }) => name).join(', ')}.

  --no-build   take dist as it is
  --json       one JSON object: { passed, checks: [{ name, finding, ms }] }
  --help       this text

Exit code: 0 fit to publish, 1 something is wrong, 2 a wrong option.
`

async function main(): Promise<number | null> {
  const read = readOptions('npm run package', help, {
    options: { 'no-build': { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (read === null) return null
  const { values } = read
  const print = (text: string) => process.stdout.write(text)
  const workplace = openWorkplace()
  process.once('exit', () => closeWorkplace(workplace))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

  const before = values['no-build'] === true ? preparations : [build, ...preparations]
  const results = await runChecks(workplace, before, values.json === true ? () => {} : print)
  const isPassed = results.every(({ finding }) => finding.kind === 'passed')
  if (values.json === true) print(`${JSON.stringify({ passed: isPassed, checks: results }, null, 2)}\n`)
  return isPassed ? 0 : 1
}

async function runChecks(
  workplace: Workplace,
  before: readonly Check[],
  tell: (text: string) => void,
): Promise<Result[]> {
  const results: Result[] = []
  for (const check of [...before, ...checks]) {
    tell(`package: ${check.name.padEnd(9)} `)
    const startedAtMs = performance.now()
    const finding = await check.run(workplace)
    const ms = performance.now() - startedAtMs
    results.push({ name: check.name, finding, ms })
    tell(`${toText(finding)} (${seconds(ms)})\n`)
    if (finding.kind === 'failed' && before.includes(check)) break
  }
  return results
}

function toText(finding: Finding): string {
  return finding.kind === 'passed'
    ? `ok, ${finding.note}`
    : `FAILED\n${finding.problems.map((each) => `  ${each}\n`).join('')}`
}

process.exitCode = (await main()) ?? process.exitCode
