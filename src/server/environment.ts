// What the environment may say beside the numbers of settings.ts: words. And which HOLDFAST_ variables there are at all,
// so that a misspelt one is noticed.

import { OptionError } from './option-error.js'
import { envOf, settingsTable } from './settings.js'

export type Environment = Readonly<Record<string, string | undefined>>

/** Where `holdfast serve` keeps its data, and `holdfast store` looks for them. */
export const defaultData = './holdfast-data'

/** Each is an option of `createServer` too; what that says comes first. */
export const wordsTable = [
  { name: 'HOLDFAST_DATA', meaning: 'The data directory: what is kept over restarts.', default: defaultData },
  { name: 'HOLDFAST_HOST', meaning: 'On which address to listen.', default: 'all' },
  {
    name: 'HOLDFAST_ORIGINS',
    meaning: 'Pages that may connect: same-host, or origins with commas.',
    default: 'same-host',
  },
  { name: 'HOLDFAST_ALLOW_NO_ORIGIN', meaning: 'May programs connect, which send no Origin?', default: 'true' },
  { name: 'HOLDFAST_COOKIE', meaning: 'The cookie whose value is a token, over HTTP.', default: 'none' },
  { name: 'HOLDFAST_ALLOW_GUESTS', meaning: 'In production: may everybody come in as a guest?', default: 'false' },
] as const

type WordName = (typeof wordsTable)[number]['name']

/** Empty counts as absent. */
export function wordOf(env: Environment, name: WordName): string | undefined {
  const text = env[name]?.trim()
  return text === '' ? undefined : text
}

/** Throws for anything but true and false. */
export function flagOf(env: Environment, name: WordName): boolean | undefined {
  const text = wordOf(env, name)
  if (text === undefined || text === 'true' || text === 'false') return text === undefined ? undefined : text === 'true'
  throw new OptionError(`${name} must be true or false, but ${JSON.stringify(text)} came`)
}

export function originsOf(env: Environment): readonly string[] | 'same-host' | undefined {
  const text = wordOf(env, 'HOLDFAST_ORIGINS')
  if (text === undefined || text === 'same-host') return text
  return text.split(',').map((origin) => origin.trim())
}

/** The words as lines of help. */
export function wordsHelp(width: number): string {
  return wordsTable.map((word) => `  ${word.name.padEnd(width)}  ${word.meaning} [${word.default}]\n`).join('')
}

/** One sentence for each HOLDFAST_ variable that nothing reads, with the one that was probably meant. */
export function unknownVariables(env: Environment): string[] {
  const known = [...wordsTable.map(({ name }) => name), ...settingsTable.map(({ key }) => envOf(key))]
  const unknown = Object.keys(env).filter((name) => /^holdfast_/i.test(name) && !known.includes(name as WordName))
  return unknown.map((name) => {
    const [meant] = known
      .map((word) => ({ word, away: distance(name.toUpperCase(), word) }))
      .sort((one, other) => one.away - other.away)
    const hint = meant !== undefined && meant.away <= 4 ? `; did you mean ${meant.word}?` : ''
    return `the variable ${name} is not known and was ignored${hint}`
  })
}

/** Letters to insert, take out or change (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1]
    for (const [j, mate] of [...other].entries()) {
      const change = (row[j] ?? 0) + (letter === mate ? 0 : 1)
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[other.length] ?? 0
}
