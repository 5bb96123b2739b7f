// The command `npm run sim:bugs`: plants each bug of the table and says whether the simulator catches it.

import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { readOptions } from '../../tools/options.js'
import { bundle, textsOf } from '../bundle.js'
import { StalePatch } from '../patches.js'
import { planOf } from '../plan.js'
import { type Hunted, hunt, replayOf, searchOf } from './hunt.js'
import { type Caught, parseRecord, recordText } from './record.js'
import { bugs } from './table.js'

const help = `npm run sim:bugs [-- options]

Plants bugs into the code, one at a time, and runs the simulator: each must make an invariant fall by the seed that
sim/bugs.txt has for it, where the code without the bug breaks nothing.

  --search     looks for the seeds afresh, from 1 on, and writes sim/bugs.txt
  --seeds N    with --search: how many seeds at most for each bug (default 1000)
  --bug NAME   only this one
  --seed N     with --bug: runs it by this seed, and prints what falls
  --workers N  processes (default 2, or as many as there are cores)
  --json       one object: bugs, caught, missed, seconds, list of { name, seed, invariant, seedsNeeded }
  --help       this text

Exit code: 0 every bug was caught, 1 one was not or no longer fits the code, 2 a wrong option.
`

const recordFile = new URL('../bugs.txt', import.meta.url)

async function main(): Promise<number | null> {
  const read = readOptions('npm run sim:bugs', help, {
    options: {
      search: { type: 'boolean' },
      seeds: { type: 'string' },
      bug: { type: 'string' },
      seed: { type: 'string' },
      workers: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (read === null) return null
  const { values } = read
  const asked = bugs.filter(({ name }) => values.bug === undefined || name === values.bug)
  const [seeds, seed, workers] = [values.seeds ?? '1000', values.seed ?? '1', values.workers ?? String(cores())]
  const wrong = [seeds, seed, workers].find((text) => !/^\d{1,15}$/.test(text))
  if (wrong !== undefined) return say(`npm run sim:bugs: ${wrong} is not a whole number\n`, 2)
  if (asked.length === 0) return say(`npm run sim:bugs: no bug is called ${values.bug}: see sim/bugs\n`, 2)
  const [only] = asked
  if (values.seed !== undefined) {
    if (values.bug === undefined || only === undefined) return say('npm run sim:bugs: --seed needs --bug\n', 2)
    return replayOne(only, Number(seed))
  }
  for (const bug of asked) textsOf([bug], [])
  const recorded = readRecord()
  const mustSearch = values.search === true
  const hunted = await hunt({
    bugs: asked,
    workerCount: Math.max(1, Number(workers)),
    progress: (line) => say(`${line}\n`),
    hunt: mustSearch ? searchOf(Number(seeds)) : replayOf(recorded),
  })
  if (mustSearch) keep(hunted, recorded)
  return report(hunted, values.json === true)
}

async function replayOne(bug: (typeof bugs)[number], seed: number): Promise<number> {
  const planted = await bundle(bug)
  try {
    process.setSourceMapsEnabled(true)
    const { replay } = await planted.load()
    const again = `npm run sim:bugs -- --bug ${bug.name} --seed ${seed}`
    const hasFallen = await replay(planOf(seed), again, { trace: false, mustShrink: false })
    return hasFallen ? 0 : 1
  } finally {
    planted.remove()
  }
}

function readRecord(): readonly Caught[] {
  try {
    return parseRecord(readFileSync(recordFile, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** What was looked for is written anew; what was not asked for stays, unless there is no such bug any more. */
function keep({ list, missed }: Hunted, recorded: readonly Caught[]): void {
  const all = bugs.flatMap(({ name }) => {
    const found = list.find((caught) => caught.name === name)
    const before = missed.includes(name) ? undefined : recorded.find((caught) => caught.name === name)
    return found ?? before ?? []
  })
  writeFileSync(recordFile, recordText(all))
}

function report(hunted: Hunted, isJson: boolean): number {
  const { caught, missed, seconds } = hunted
  const text = missed.length === 0 ? '' : `not caught: ${missed.join(', ')}\n`
  process.stdout.write(
    isJson
      ? `${JSON.stringify(hunted)}\n`
      : `${text}sim:bugs: ${hunted.bugs} bugs, ${caught} caught, ${missed.length} missed, ${seconds} s\n`,
  )
  return missed.length === 0 ? 0 : 1
}

function cores(): number {
  return Math.min(2, availableParallelism())
}

function say(text: string, code = 0): number {
  process.stderr.write(text)
  return code
}

/** A patch that no longer fits the code is told as a sentence, with the place. */
async function run(): Promise<number | null> {
  try {
    return await main()
  } catch (error) {
    if (!(error instanceof StalePatch)) throw error
    return say(`npm run sim:bugs: ${error.message}\n`, 1)
  }
}

const code = await run()
if (code !== null) process.exitCode = code
