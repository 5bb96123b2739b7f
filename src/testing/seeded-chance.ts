// Chance that repeats: the same seed gives the same numbers, on every machine. Never for secrets that protect anything.

import type { Chance } from '../protocol/time.js'

export interface SeededChance extends Chance {
  /** A whole number in [0, below). */
  below(count: number): number
  /** An independent stream: what it draws changes nothing here, and is the same for the same name. */
  fork(name: string): SeededChance
}

/** Seeds may be any finite number; a fraction counts too. */
export function createSeededChance(seed: number): SeededChance {
  return chanceOf(`${seed}`)
}

function chanceOf(path: string): SeededChance {
  const next = sfc32(path)
  const fraction = () => next() / 2 ** 32
  return {
    fraction,
    below: (count) => Math.floor(fraction() * count),
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
    fork: (name) => chanceOf(`${path}/${name}`),
  }
}

/** sfc32 by Chris Doty-Humphrey (PractRand): 128 bits of state, passes BigCrush. */
function sfc32(path: string): () => number {
  let a = fnv1a(path, 0x811c9dc5)
  let b = fnv1a(path, a)
  let c = fnv1a(path, b)
  let counter = 1
  const next = () => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    return sum >>> 0
  }
  for (let round = 0; round < 15; round++) next()
  return next
}

function fnv1a(text: string, start: number): number {
  let hash = start
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
