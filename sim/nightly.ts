// The command `npm run sim:nightly`: thousands of fresh seeds, each twice, then a fresh search for every planted bug.
// What came of it is kept for the trust page.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { readOptions } from '../tools/options.js'
import { inSimulator } from './bundle.js'
import { options, WrongOption, wholeOf } from './options.js'
import { createProgress, print } from './report.js'
import { runSeeds } from './seeds.js'
import { recordVolume } from './volumes.js'

const help = `npm run sim:nightly [-- options]

Runs seeds that no other command runs, each of them twice, and compares the traces; then plants every bug and looks
afresh for seeds that catch it. Says which rare branches were never taken. Writes sim/volumes.json and sim/bugs.txt, from
which \`npm run trust\` makes the trust page.

  --seeds N    how many seeds (default 5000)
  --from N     the first one (default 100001); give another each night, such as the number of the build
  --workers N  processes (default 2, or as many as there are cores)
  --no-bugs    leaves the planted bugs out
  --help       this text

Exit code: 0 nothing fell and every bug was caught, 1 otherwise, 2 a wrong option.
`

async function main(): Promise<number | null> {
  const read = readOptions('npm run sim:nightly', help, {
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      workers: { type: 'string' },
      'no-bugs': { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (read === null) return null
  const { values } = read
  const count = wholeOf('seeds', values.seeds ?? '5000')
  const from = wholeOf('from', values.from ?? '100001')
  const summary = await runSeeds({
    seeds: Array.from({ length: count }, (_, index) => from + index),
    twiceCount: count,
    workerCount: wholeOf('workers', values.workers ?? options.workers.otherwise.toString()),
    progress: createProgress(() => performance.now()),
  })
  recordVolume('nightly', summary, {
    command: `npm run sim:nightly -- --seeds ${count} --from ${from}`,
    twice: count,
  })
  const code = await inSimulator(({ report }) => report(summary, { isJson: false, mustShrink: true }))
  if (values['no-bugs'] === true) return code
  print('now every planted bug, searched for afresh')
  const bugs = spawnSync('npm', ['run', '--silent', 'sim:bugs', '--', '--search'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: 'inherit',
  })
  return code === 0 && bugs.status === 0 ? 0 : 1
}

try {
  const code = await main()
  if (code !== null) process.exitCode = code
} catch (error) {
  if (!(error instanceof WrongOption)) throw error
  process.stderr.write(`npm run sim:nightly: ${error.message}\n`)
  process.exitCode = 2
}
