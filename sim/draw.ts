// Drawing from a seeded chance: choices, ranges, yes or no.

import type { SeededChance } from '../src/testing/seeded-chance.js'

export function pick<T>(chance: SeededChance, items: readonly T[]): T {
  const item = items[chance.below(items.length)]
  if (item === undefined) throw new Error('nothing to pick from')
  return item
}

/** A whole number from `least` to `most`, both included. */
export function between(chance: SeededChance, least: number, most: number): number {
  return least + chance.below(most - least + 1)
}

/** True with this probability. */
export function isDrawn(chance: SeededChance, share: number): boolean {
  return chance.fraction() < share
}

/** Mostly near `least`, seldom near `most`: delays have long tails. */
export function heavyTail(chance: SeededChance, least: number, most: number): number {
  return Math.round(least * (most / least) ** (chance.fraction() ** 2))
}
