// The trust page as Markdown. Pure: the same facts give the same page.

import { notCaught } from '../../sim/bugs/not-caught.js'
import type { Volume } from '../../sim/volumes.js'
import { catalogue } from './catalogue.js'
import { crashPart } from './crash.js'
import type { Facts } from './facts.js'
import { grouped, table } from './markdown.js'

export function trustPage(facts: Facts): string {
  return [
    head,
    runs(facts),
    crashPart(facts),
    checked(facts),
    faults(facts),
    planted(facts),
    branches(facts),
    notCovered(facts),
  ].join('\n')
}

const head = `# What has been shown, and what has not

<!-- Written by \`npm run trust\` from the tables of the simulator, the titles of the tests and the runs that were recorded.
     Do not edit it: \`npm run trust -- --check\` compares. -->

Holdfast is tested by a **simulator**: the real client, the real engine and server logic and a real store run on virtual time over a network
in memory; only the socket, the clock and the randomness are replaced. Each seed is another world, another workload and another choice of
faults; all invariants are judged on everything that was observed, first while things break, then, when everything is healed, whether
everybody comes back within a bound. Beside it are **tests over real sockets and real browsers** (\`test/\`) and **unit tests** (beside the
sources). **Crash tests** (\`npm run crash\`) kill a
server process that writes to a disk, and cut its power.
`

function runs({ volumes, keptSeeds }: Facts): string {
  const rows = Object.values(volumes).map((volume) => rowOf(volume))
  const text =
    rows.length === 0
      ? 'No run is recorded.\n'
      : table(
          ['command', 'seeds', 'twice', 'steps', 'faults', 'violations', 'two runs of a seed', 'seconds', 'commit'],
          rows,
        )
  return `## Volumes run

The last recorded run of each command. A \`+\` behind a commit: with changes that were not committed.

${text}
${keptSeeds} seeds that once found a fault are kept with the reason (\`sim/seeds.txt\`) and run with every \`npm test\`.
`
}

function rowOf(volume: Volume): string[] {
  const { command, seeds, twice, steps, faults, violations, determinism, seconds, commit } = volume
  const counts = [seeds, twice, steps, faults, violations].map((count) => grouped(count))
  return [`\`${command}\``, ...counts, determinism, `${seconds}`, commit]
}

const marks = { checked: 'yes', within: 'within others', not: 'no' } as const

function checked({ checks, named }: Facts): string {
  const rows = Object.entries(catalogue).map(([id, name]) => {
    const check = checks.get(id)
    const files = (named.get(id) ?? []).map((file) => `\`${file}\``)
    return [
      id,
      name,
      check === undefined ? 'no' : marks[check.kind],
      check?.words ?? 'no check, and no reason given',
      files.join(' '),
    ]
  })
  return `## Invariants, and where each is checked

\`yes\`: the simulator judges it by those words, but for what is named as excused (not named yet for every check: its code says it). \`within others\`: these say the same or more. Tests: those that name it in a title.

${table(['', 'invariant', 'simulator', 'what is checked there, or why not', 'tests'], rows)}`
}

function faults({ faults: all, named }: Facts): string {
  const rows = all.map(({ id, what, how, why }) => {
    const files = (named.get(id) ?? []).map((file) => `\`${file}\``).join(' ')
    return [id, what, how ?? 'not injected', why ?? '', files]
  })
  return `## Faults, and how each is injected

Names in \`code\` are kinds of faults or work of the simulator; most of them are [words of scripts](guide/testing.md#words-of-a-script) too.

${table(['', 'fault', 'in the simulator', 'what of it is not done', 'tests'], rows)}`
}

function planted({ bugs }: Facts): string {
  const caught = bugs.filter((bug) => bug.caught !== null)
  const rows = bugs.map(({ name, wrong, caught: found }) => [
    `\`${name}\``,
    wrong,
    found === null ? 'not recorded' : found.invariant,
    found === null ? '' : `${found.seedsNeeded}`,
  ])
  return `## Planted bugs, and the seeds needed to catch each

Each mistake is put into the code, alone, and the simulator must notice where the code without it breaks nothing:
${caught.length} of ${bugs.length} have a recorded seed that catches them. \`npm run sim:bugs\` replays those seeds, \`--search\` looks afresh.

${table(['bug', 'what is wrong', 'falls', 'seeds needed'], rows)}

These mistakes are not among them: no seed that was tried catches them (some dozens each), or the simulator cannot (\`why\` says which). \`hidden\`: another defence makes it harmless as far as a trace tells. \`hole\`: harm is possible, and the simulator does not look for it.

${table(
  ['mistake', 'what is wrong', '', 'why it is not caught'],
  notCaught.map(({ name, wrong: what, kind, why }) => [`\`${name}\``, what, kind, why]),
)}`
}

function branches({ probeNames, volumes }: Facts): string {
  const { nightly, sim } = volumes
  const last = nightly ?? sim
  if (last === undefined) return '## Rare branches\n\nNo run is recorded.\n'
  const rows = probeNames.map((name) => {
    const count = last.probes[name]
    return [name, count === undefined ? 'not counted then' : count === 0 ? '**never**' : grouped(count)]
  })
  return `## Rare branches, and how often each was taken

In the recorded run of \`${last.command}\`.

${table(['branch', 'hits'], rows)}`
}

function notCovered({ checks, faults: all, bugs, volumes, probeNames }: Facts): string {
  const last = volumes.nightly ?? volumes.sim
  const unchecked = Object.entries(catalogue).filter(([id]) => (checks.get(id)?.kind ?? 'not') === 'not')
  const never = probeNames.filter((name) => last !== undefined && (last.probes[name] ?? 0) === 0)
  const missed = bugs.filter(({ caught }) => caught === null).map(({ name }) => name)
  const missing = missed.length === bugs.length ? `all ${bugs.length}` : missed.join(', ') || 'none'
  return `## What is not covered

- Invariants that the simulator does not check: ${unchecked.map(([id, name]) => `${id} (${name})`).join(', ') || 'none'}.
- Faults that it does not inject: ${
    all
      .filter(({ how }) => how === null)
      .map(({ id, what }) => `${id} (${what})`)
      .join(', ') || 'none'
  }.
- Planted bugs without a recorded seed: ${missing}.
- Rare branches that the last recorded run never took: ${last === undefined ? 'no run is recorded' : never.join(' · ') || 'none'}.
- ${last === undefined ? 'No volume is recorded.' : last.violations === 0 ? 'The last recorded run broke nothing.' : `**The last recorded run found ${grouped(last.violations)} violations.**`}
- Every fourth seed of the simulator runs on the durable store over a disk in memory, the others on the memory store. Loss, older copies, failures and
  refused batches are simulated; files (the crash tests have real ones), failed flushes and Redis are not.
- Sockets, TLS, HTTP, WebSocket framing by \`ws\`, browsers' storage and timers are not simulated: tests over real ones look at them, at far
  fewer orders of events.
- One process is one thread of turns: what the machine's memory model, a native crash or a wrong CPU does is not seen.
- At most a few servers and a handful of clients per seed: what only many do together is not seen there. Load is measured elsewhere (\`bench/\`).
- A check judges what was observed. What nobody observes, and what the words of an invariant excuse, may be wrong.
`
}
