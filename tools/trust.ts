// The command `npm run trust`: writes docs/trust.md from the tables of the simulator, the titles of the tests and the
// runs that were recorded.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readOptions } from './options.js'
import { gather } from './trust/facts.js'
import { trustPage } from './trust/page.js'

const help = `npm run trust [-- options]

Writes docs/trust.md: what is checked where, which faults are injected and how, which planted bugs are caught, what was
run, and what is not covered.

  --check  writes nothing; exit code 1 when the page is not what the tables give
  --help   this text
`

const page = new URL('../docs/trust.md', import.meta.url)

function main(): number | null {
  const read = readOptions('npm run trust', help, {
    options: { check: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (read === null) return null
  const text = trustPage(gather(fileURLToPath(new URL('..', import.meta.url))))
  if (read.values.check !== true) {
    writeFileSync(page, text)
    return 0
  }
  if (readFileSync(page, 'utf8') === text) return 0
  process.stderr.write('docs/trust.md is not what the tables give. next: npm run trust\n')
  return 1
}

const code = main()
if (code !== null) process.exitCode = code
