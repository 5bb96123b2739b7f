// The numbers that commands of the simulator take, and what is said to those that make no sense.

import { availableParallelism } from 'node:os'

export const options = {
  seeds: { least: 1, most: 10_000_000, otherwise: 200 },
  from: { least: 0, most: 2 ** 52, otherwise: 1 },
  twice: { least: 0, most: 10_000_000, otherwise: 50 },
  workers: { least: 1, most: 64, otherwise: Math.min(2, availableParallelism()) },
  seed: { least: 0, most: 2 ** 52, otherwise: 1 },
} as const

/** What was typed and cannot be meant; the message says what can. */
export class WrongOption extends Error {}

/** Throws WrongOption. */
export function wholeOf(name: keyof typeof options, given: string | undefined): number {
  const { least, most, otherwise } = options[name]
  if (given === undefined) return otherwise
  const value = Number(given)
  if (/^\d+$/.test(given) && value >= least && value <= most) return value
  throw new WrongOption(`--${name} ${given}: write a whole number from ${least} to ${most}`)
}
