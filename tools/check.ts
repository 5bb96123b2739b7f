// The command `npm run check`: everything that is fast and needs no browser, with the next command to type.

import { checkSteps } from './check-steps.js'
import { readOptions } from './options.js'
import { endOnSignal, runSteps, summaryOf, toJson } from './steps.js'

const steps = checkSteps({ unitReport: 'artefacts/unit.json', isBuilt: false })

const help = `npm run check [-- options] [step …]

Runs these steps, or those named, and says what to type after a failure: ${steps.map(({ name }) => name).join(', ')}.

  --json   one JSON object: { passed, steps: [{ name, kind, ms, output, next }] }
  --help   this text

Exit code: 0 all passed, 1 a step failed, 2 a wrong option.
`

async function main(): Promise<number | null> {
  const read = readOptions('npm run check', help, {
    options: { json: { type: 'boolean' }, help: { type: 'boolean' } },
    allowPositionals: true,
  })
  if (read === null) return null
  const { values, positionals } = read
  const print = (text: string) => process.stdout.write(text)
  const unknown = positionals.find((asked) => !steps.some(({ name }) => name === asked))
  if (unknown !== undefined) {
    print(`check: no step is called ${unknown}; see npm run check -- --help\n`)
    return 2
  }
  const asked = steps.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  endOnSignal()
  const results = await runSteps(asked, values.json === true ? () => {} : print)
  print(values.json === true ? toJson(results) : summaryOf(results))
  return results.every(({ kind }) => kind === 'passed') ? 0 : 1
}

process.exitCode = (await main()) ?? process.exitCode
