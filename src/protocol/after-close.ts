// What a client does after a close. Apart from the table of codes, whose words a client does not need.

/** What a client does after a close, decided by the code alone. */
export type AfterClose = 'resume-now' | 'back-off' | 'new-session' | 'new-token' | 'stop-for-user' | 'stop'

/** `moved`, `superseded` and `stale-attempt` of the table: what a client must know apart from the ranges. */
export const movedCode = 4001
export const supersededCode = 4400
export const staleCode = 4401

/**
 * What a client does after this code. Every number has an answer: what is not listed (1006, a proxy's own) is a
 * broken link and backs off.
 */
export function afterClose(code: number): AfterClose {
  if (code >= 4000 && code <= 4099) return 'resume-now'
  if (code >= 4200 && code <= 4299) return 'new-session'
  if (code >= 4300 && code <= 4399) return 'new-token'
  if (code >= 4400 && code <= 4499) return 'stop-for-user'
  if (code >= 4500 && code <= 4599) return 'stop'
  if (code === 1002 || code === 1003 || (code >= 1007 && code <= 1010)) return 'stop'
  return 'back-off'
}
