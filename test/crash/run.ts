// The command `npm run crash`.

import { readOptions } from '../../tools/options.js'
import { crash, type CrashResult } from './crash.js'
import { isPoint, points } from './points.js'
import { recordCrash } from './volumes.js'

const help = `npm run crash [-- options]

Kills a real server under load (SIGKILL) at random moments and at named points, starts it again on the same directory,
and compares everything that clients were told with what is there.

  --rounds N    how often (default 40)
  --seed N      another choice of moments and points (default 1)
  --point NAME  only at this point
  --power       each kill is a power cut: what was not flushed is lost in part, pages are torn
  --record      keeps what came of it in test/crash/volumes.json, for the trust page
  --json        one object: rounds, acked, lost, duplicated, forks, sessionsLost, falseLeaves, seconds, and more
  --help        this text

Points: ${points.join(' ')}

Exit code: 0 nothing differs, 1 something does, 2 a wrong option.
`

function wholeOf(name: string, given: string | undefined, otherwise: number): number {
  if (given === undefined) return otherwise
  if (/^[1-9]\d{0,6}$/.test(given)) return Number(given)
  throw new RangeError(`--${name} ${given}: write a whole number from 1`)
}

async function main(): Promise<number | null> {
  const read = readOptions('npm run crash', help, {
    options: {
      rounds: { type: 'string' },
      seed: { type: 'string' },
      point: { type: 'string' },
      power: { type: 'boolean' },
      record: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (read === null) return null
  const { values } = read
  const point = values.point ?? null
  if (point !== null && !isPoint(point)) throw new RangeError(`--point ${point}: there is none; see --help`)
  const isJson = values.json === true
  const result = await crash({
    rounds: wholeOf('rounds', values.rounds, 40),
    seed: wholeOf('seed', values.seed, 1),
    point,
    isPower: values.power === true,
    progress: isJson ? () => {} : (line) => process.stdout.write(`${line}\n`),
  })
  const again = commandOf(result, values.power === true, point)
  if (values.record === true) recordCrash(values.power === true ? 'power' : 'kills', result, again)
  process.stdout.write(isJson ? `${JSON.stringify(result)}\n` : textOf(result, again))
  return result.differences.length === 0 ? 0 : 1
}

function commandOf({ rounds, seed }: CrashResult, isPower: boolean, point: string | null): string {
  const more = `${isPower ? ' --power' : ''}${point === null ? '' : ` --point ${point}`}`
  return `npm run crash -- --rounds ${rounds} --seed ${seed}${more}`
}

function textOf(result: CrashResult, again: string): string {
  const { differences, ends, ...counts } = result
  const lines = [
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join('  '),
    ...Object.entries(ends)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([end, count]) => `  ${count} × ${end}`),
    ...differences.slice(0, 20).map(({ kind, during, what }) => `CRASH ${kind}  ${during}  ${what}`),
    differences.length === 0 ? 'Nothing differs.' : `${differences.length} differences. Again: ${again}`,
  ]
  return `${lines.join('\n')}\n`
}

try {
  const code = await main()
  if (code !== null) process.exitCode = code
} catch (error) {
  if (!(error instanceof RangeError)) throw error
  process.stderr.write(`npm run crash: ${error.message}\n`)
  process.exitCode = 2
}
