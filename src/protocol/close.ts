// Close codes and their reasons: one table for both ends. A `bye` with the same words precedes every close,
// because proxies lose close codes (1005, 1006).

export interface CloseRow {
  readonly code: number
  readonly reason: string
  /** One sentence for people: what happened. */
  readonly meaning: string
}

export const closeTable = [
  { code: 4000, reason: 'drain', meaning: 'This server is going down; another one is waiting.' },
  { code: 4001, reason: 'moved', meaning: 'The session is better served by another connection.' },
  { code: 4002, reason: 'heartbeat-lost', meaning: 'Nothing was heard for longer than the heartbeat allows.' },
  { code: 4100, reason: 'overloaded', meaning: 'More than may be admitted now; come back after `afterMs`.' },
  { code: 4101, reason: 'slow', meaning: 'The reader took no bytes for too long; it resumes where it stopped.' },
  { code: 4102, reason: 'store-unavailable', meaning: 'The store did not answer in time.' },
  { code: 4103, reason: 'session-busy', meaning: 'This session attached too often in a short time; wait `afterMs`.' },
  { code: 4200, reason: 'session-invalid', meaning: 'The stored session cannot be used.' },
  { code: 4201, reason: 'user-mismatch', meaning: 'The session belongs to another user than the token names.' },
  { code: 4300, reason: 'token-expired', meaning: 'The token has run out; the session is kept.' },
  { code: 4301, reason: 'token-refused', meaning: 'The token was not accepted.' },
  { code: 4302, reason: 'rights-changed', meaning: 'The rights changed while attaching; ask again.' },
  { code: 4400, reason: 'superseded', meaning: 'Another connection of this session is newer.' },
  { code: 4401, reason: 'stale-attempt', meaning: 'A later attempt has already attached; `lastAttempt` tells it.' },
  { code: 4402, reason: 'kicked', meaning: 'The application ended the session.' },
  { code: 4403, reason: 'signed-out', meaning: 'The user must sign in again.' },
  { code: 4404, reason: 'session-limit', meaning: 'The user has as many sessions as allowed.' },
  { code: 4405, reason: 'revoked', meaning: 'The session was revoked.' },
  { code: 4406, reason: 'left', meaning: 'The session left, as it asked.' },
  { code: 4407, reason: 'secret-reused', meaning: 'A used secret came again: somebody else holds a copy.' },
  { code: 4500, reason: 'bad-frame', meaning: 'The bytes are no frame of this protocol.' },
  { code: 4501, reason: 'too-large', meaning: 'A frame, or what was sent before the verdict, is beyond the limit.' },
  { code: 4502, reason: 'unsupported-version', meaning: 'This server does not speak the client’s version.' },
  { code: 4503, reason: 'auth-timeout', meaning: 'No hello came before the deadline.' },
  { code: 4504, reason: 'bad-message', meaning: 'Too many messages with bad fields.' },
  { code: 1001, reason: 'going-away', meaning: 'The other end goes away.' },
  { code: 1008, reason: 'flooding', meaning: 'The rate limit was exceeded for too long.' },
  { code: 1011, reason: 'internal', meaning: 'The server made a mistake; it is in its log.' },
] as const satisfies readonly CloseRow[]

export type CloseReason = (typeof closeTable)[number]['reason']

const codes: ReadonlyMap<string, number> = new Map(closeTable.map((row) => [row.reason, row.code]))

/** The code that goes with a reason. */
export function codeOf(reason: CloseReason): number {
  const code = codes.get(reason)
  if (code === undefined) throw new Error(`no close code for ${reason}`)
  return code
}
