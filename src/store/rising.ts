// Numbers of a namespace that only rise: fences, generations, how often rights changed. A copy that is opened has not
// seen the last ones given, so every life of a store starts above all that came before it. Pure.

/** How far such a number jumps at least when a store is opened anew. */
export const risingJump = 2 ** 20

/**
 * Above whatever was given after the copy was made: up to 2^20 in that life. Two lives from one copy are told apart by
 * the wall clock of whoever opened them: only where that was set back between them may numbers come again.
 */
export function lifted(last: number, wallMs: number): number {
  return Math.max(last + risingJump, Math.floor(wallMs))
}
