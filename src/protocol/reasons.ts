// Every "no" and "not quite" that travels, as closed unions. PROTOCOL.md lists each with its meaning.

/** Why something is missing between two deliveries. */
export type GapReason =
  | 'trimmed' //         retention removed the entries after the reader's position
  | 'ahead-of-log' //    the position is beyond the surviving end of its epoch: those entries are lost
  | 'forked' //          same offset, other tag: the reader saw a history that did not survive
  | 'epoch-changed' //   an epoch the room does not know: nothing can be compared
  | 'too-far-behind' //  more is missing than one replay may send: read a snapshot
  | 'not-permitted' //   the membership may not read that far back

/** Why a hello was answered with a new session. */
export type NewReason =
  | 'created' //          none was asked for
  | 'session-unknown' //  no such session (never was, or ended long ago)
  | 'secret-unknown' //   the session lives, the secret is not its own
  | 'session-ended' //    it left, ran out, was kicked

/** Why a session is over. */
export type EndReason = 'left' | 'ran-out' | 'kicked' | 'revoked'

/** Why a request was not done. `retry` and `afterMs` beside it say what to do. */
export type RefusalReason =
  | 'bad-message' //        a field is missing, of another type, or beyond its limit
  | 'unsupported' //        a frame type this server does not know
  | 'invalid' //            the data does not fit the room's schema; `issues` tell where
  | 'forbidden' //          the application's hook said no, or the room does not exist for the asker
  | 'not-joined' //         publish, signal, track or leave of a room this session is not in
  | 'not-resumed' //        meant for a session that this connection is not
  | 'fenced' //             a newer generation of the session has already written to the room
  | 'out-of-order' //       `prev` is not the last seq of the producer here; `last` tells it
  | 'unknown' //            can no longer be told whether it was applied; never applied again
  | 'payload-mismatch' //   the same producer and seq came before with another payload
  | 'too-large' //          beyond a size limit
  | 'limit' //              one more than the limit of rooms, in-flight requests, members …
  | 'rate-limited' //       too many, wait `afterMs`
  | 'id-in-use' //          the request id is still unanswered on this connection
  | 'store-unavailable' //  the store did not answer; nothing was applied, or a retry is told apart
  | 'hook-failed' //        the application's hook threw; not retried

/** Why a session was taken out of a room it was in. */
export type RemovalReason = 'removed' | 'rights-revoked'

/** Why a lease is no longer its holder's. */
export type LeaseLostReason = 'ran-out' | 'taken' | 'revoked'
