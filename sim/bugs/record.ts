// Which seed catches which bug, as sim/bugs.txt keeps it: one line each. Pure.

export interface Caught {
  readonly name: string
  /** The cheapest of the first few seeds that catch it. */
  readonly seed: number
  /** What falls there. */
  readonly invariant: string
  /** How many seeds it took, from 1 on. */
  readonly seedsNeeded: number
}

const head = `# Which seed catches which planted bug: name, seed, invariant, seeds needed from 1 on, at most. They run with every \`npm test\`.
# A change in the simulator, or in what travels, changes what a seed does: npm run sim:bugs -- --search writes this anew.
`

export function recordText(all: readonly Caught[]): string {
  const wide = Math.max(0, ...all.map(({ name }) => name.length))
  const lines = all.map(
    ({ name, seed, invariant, seedsNeeded }) =>
      `${name.padEnd(wide)}  ${String(seed).padStart(4)}  ${invariant}  ${String(seedsNeeded).padStart(4)}\n`,
  )
  return head + lines.join('')
}

/** In the order of the file. Throws for a line that it cannot read. */
export function parseRecord(text: string): readonly Caught[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name = '', seed, invariant = '', seedsNeeded] = line.trim().split(/\s+/)
      const caught = { name, seed: Number(seed), invariant, seedsNeeded: Number(seedsNeeded) }
      if (Number.isInteger(caught.seed) && Number.isInteger(caught.seedsNeeded) && /^I\d\d$/.test(invariant)) {
        return caught
      }
      throw new Error(`sim/bugs.txt: cannot read the line ${line}`)
    })
}
