// Numbers of a namespace that only rise: fences, generations, how often rights changed. A copy that is opened has not
// seen the last ones given, so every life of a store starts above all that came before it. Pure.

/** How far such a number jumps where the wall clock does not lift it. */
export const risingJump = 2 ** 20

/** Far more than are given in a millisecond. */
const perMs = 1_024

/** Above it nothing is lifted by a clock, which must be wrong: room is left for what is given. */
const liftedMax = 2 ** 52

/**
 * Above whatever was given before, also after the copy was made and in other lives that began with the same copy. Where
 * the wall clock was set back behind `last`: above up to 2^20 given since.
 */
export function lifted(last: number, wallMs: number): number {
  const byClock = Math.floor(wallMs) * perMs
  return byClock > last && byClock < liftedMax ? byClock : last + risingJump
}
