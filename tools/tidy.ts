// The command `npm run tidy`: runs the house rules over the repository and says what to write instead.

import { fileURLToPath } from 'node:url'
import { readOptions } from './options.js'
import { readProject } from './tidy/project.js'
import { rules, toText, violationsOf } from './tidy/rules.js'

const help = `npm run tidy [-- options] [rule …]

Runs the house rules of STYLE.md over the repository, all of them or those named.

  --json   violations as a JSON array: { file, line, rule, found, write }
  --help   this text

Rules:
${rules.map(({ name, holds }) => `  ${name.padEnd(16)} ${holds}`).join('\n')}

Exit code: 0 tidy, 1 violations, 2 a wrong option.
`

function main(): number | null {
  const read = readOptions('npm run tidy', help, {
    options: { json: { type: 'boolean' }, help: { type: 'boolean' } },
    allowPositionals: true,
  })
  if (read === null) return null
  const { values, positionals } = read

  const unknown = positionals.find((name) => !rules.some((rule) => rule.name === name))
  if (unknown !== undefined) return print(`tidy: no rule is called ${unknown}; see npm run tidy -- --help\n`, 2)

  const asked = positionals.length === 0 ? rules : rules.filter(({ name }) => positionals.includes(name))
  const project = readProject(fileURLToPath(new URL('..', import.meta.url)))
  const violations = violationsOf(project, asked)
  const code = violations.length === 0 ? 0 : 1
  if (values.json === true) return print(`${JSON.stringify(violations, null, 2)}\n`, code)

  const summary = `tidy: ${project.sources.length} files, ${asked.length} rules, ${violations.length} violations\n`
  return print([...violations.map((violation) => `${toText(violation)}\n`), summary].join(''), code)
}

function print(text: string, code: number): number {
  process.stdout.write(text)
  return code
}

process.exitCode = main() ?? process.exitCode
