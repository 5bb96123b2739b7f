// `npm run jitter`: many sessions over a network that keeps breaking; nothing may be lost, repeated or forgotten.
// What is measured and how to read it: bench/README.md.

import { parseArgs } from 'node:util'
import type { Usage } from './jitter/channel.js'
import { type Run, run } from './jitter/run.js'
import { brokenPromises } from './jitter/tally.js'

const help = `npm run jitter -- [options]

Sessions of the real client over real sockets. Each is cut without a goodbye about every 15 s, for 2 s, while
2 messages a second are published. Every message must reach every session once.

  --clients N   sessions (default 100)
  --seconds N   how long (default 60)
  --seed N      which cuts (default: random, told at the end)
  --json        print { clients, seconds, seed, expected, delivered, duplicates, silentGaps, resumed, newSessions,
                replayP95Ms, replayP99Ms } on standard output; progress goes to standard error
  --help        this text

Exit code: 0 all promises held, 1 one was broken, 2 the options make no sense.
`

interface Ask {
  readonly clients: number
  readonly seconds: number
  readonly seed: number
  readonly isJson: boolean
}

/** What was asked for; a text when it makes no sense; null when it was the help. */
function readArguments(): Ask | string | null {
  try {
    const { values } = parseArgs({
      options: {
        clients: { type: 'string', default: '100' },
        seconds: { type: 'string', default: '60' },
        seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return null
    const clients = wholeNumber('clients', values.clients, { min: 1, max: 20_000 })
    const seconds = wholeNumber('seconds', values.seconds, { min: 2, max: 86_400 })
    const seed = wholeNumber('seed', values.seed, { min: 0, max: 2 ** 32 - 1 })
    return { clients, seconds, seed, isJson: values.json }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function wholeNumber(name: string, text: string, { min, max }: { min: number; max: number }): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new Error(`--${name} must be a whole number from ${min} to ${max}, but ${JSON.stringify(text)} came`)
}

function summary({ report, wallMs, used }: Run): string {
  const { clients, seconds, seed, expected, delivered, duplicates, silentGaps, resumed, newSessions } = report
  const share = ({ cpuMs, rssBytes }: Usage) =>
    `${Math.round((100 * cpuMs) / wallMs)} % of a core, ${Math.round(rssBytes / 1_048_576)} MiB`
  return [
    `${clients} sessions, ${seconds} s, seed ${seed}`,
    `  delivered ${delivered} of ${expected}, ${duplicates} duplicates, ${silentGaps} silent gaps`,
    `  ${resumed} resumed, ${newSessions} not; from dial to live p95 ${report.replayP95Ms} ms, p99 ${report.replayP99Ms} ms`,
    `  server ${share(used.server)}; clients ${share(used.clients)}; proxy ${share(used.proxy)}`,
  ].join('\n')
}

async function main(): Promise<number> {
  const ask = readArguments()
  if (ask === null) {
    process.stdout.write(help)
    return 0
  }
  if (typeof ask === 'string') {
    process.stderr.write(`jitter: ${ask}\nTry: npm run jitter -- --help\n`)
    return 2
  }
  const { clients, seconds, seed, isJson } = ask
  const done = await run({ clients, seconds, seed, progress: (line) => process.stderr.write(`${line}\n`) })
  process.stderr.write(`${summary(done)}\n`)
  if (isJson) process.stdout.write(`${JSON.stringify(done.report)}\n`)
  const broken = brokenPromises(done.report)
  if (broken.length === 0) return 0
  process.stderr.write(`jitter: ${broken.join(', ')}\nThe same cuts, fewer of them: npm run jitter -- --clients `)
  process.stderr.write(`${Math.max(1, Math.floor(clients / 10))} --seconds ${seconds} --seed ${seed}\n`)
  return 1
}

process.exit(await main())
