// What those get who are no clients of ours: parts of I12 and of I51.

import { has, type Of, type Truth } from '../truth.js'
import type { Broken } from './check.js'

/** Requests of the script `limits` before its frame that is one byte too long. */
const requestsBelowLimit = 3

/** A part of I51. */
export function wronglyLimited({ step, by, what, asked, reason }: Of<'probed'>): Broken[] {
  const isBelow =
    what === 'limits: bytes -1' ||
    what === 'limits: bytes 0' ||
    (what === 'limits: bye' && typeof asked === 'number' && asked <= requestsBelowLimit)
  if (isBelow && reason === 'too-large') return [{ step, what: `${by}: ${what} of its limit was too large` }]
  if (what === 'limits: bytes 1' && reason === null) return [{ step, what: `${by}: one byte too many was taken` }]
  if ((what === 'limits: open -1' || what === 'limits: open 0') && reason === 'limit') {
    return [{ step, what: `${by}: request ${JSON.stringify(asked)} was refused within the limit` }]
  }
  return []
}

/** A part of I12: who shows a position that is not on the log, or no proof, is not resumed. */
export function strangersResumed(truth: Truth): Broken[] {
  return truth.of('probed').flatMap((probed) => {
    const { step, by, what, answer } = probed
    if (what === 'version: welcome') return [{ step, what: `${by} was welcomed with a version that nobody speaks` }]
    if (!answer.startsWith('{')) return []
    const { kind } = JSON.parse(answer) as { readonly kind: string }
    if (what === 'forger: welcome' && kind === 'resumed') return [{ step, what: `${by} resumed by a forged secret` }]
    if (!what.startsWith('positions: since') || kind !== 'complete' || liesOnLog(truth, probed)) return []
    return [{ step, what: `${by}: ${what} in ${probed.room} was called complete` }]
  })
}

/** At the time of the answer, which may be some seconds before it came. */
function liesOnLog(truth: Truth, { asked, room, step, atMs }: Of<'probed'>): boolean {
  const { offset, tag } = asked as { readonly offset: number; readonly tag: string }
  if (offset === 0) return true
  return truth.lives.some((life, index) => {
    const next = truth.lives[index + 1]
    if (life.step > step || (next !== undefined && next.atMs < atMs - 10_000)) return false
    return has(life, room ?? '', { epoch: life.epoch, offset, tag })
  })
}
