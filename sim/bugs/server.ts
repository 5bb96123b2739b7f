// Bugs in the server's half of a connection.

import type { Bug } from './bug.js'

export const serverBugs: readonly Bug[] = [
  {
    name: 'refusal-keeps-its-place-in-flight',
    wrong: 'forgotten clean-up: a request that is refused stays open, until no more may be sent',
    patches: [
      {
        file: 'src/server/conversation.ts',
        find: 'refuse(request: Request, refusal: Refusal): void {\n    this.settled(request.id)',
        replace: 'refuse(request: Request, refusal: Refusal): void {',
      },
    ],
    expected: ['I20', 'I57'],
  },
  {
    name: 'membership-of-before-not-asked-about',
    wrong: 'a room that the session was in is joined again without asking the application',
    patches: [
      {
        file: 'src/server/handlers.ts',
        find: 'const permit = await talk.context.rooms.mayJoin(talk.asker, ask.room)',
        replace:
          "const permit = talk.session.rooms.has(ask.room) ? ({ kind: 'yes', readableFrom: 'retained' } as const) : await talk.context.rooms.mayJoin(talk.asker, ask.room)",
      },
    ],
    expected: ['I56'],
  },
  {
    name: 'reading-not-taken-up-after-the-welcome',
    wrong: 'forgotten clean-up: a connection that was paused for its handshake stays paused',
    patches: [
      {
        file: 'src/server/connection.ts',
        find: 'this.#message(raw, talk)\n    this.#unpause()',
        replace: 'this.#message(raw, talk)',
      },
    ],
    expected: ['I20', 'I57', 'I58'],
  },
  {
    name: 'queue-of-a-room-without-a-runner',
    wrong: 'forgotten clean-up: what comes behind a step that took its time waits for ever',
    patches: [
      {
        file: 'src/server/room-order.ts',
        find: 'this.#queues?.delete(room)\n',
        replace: '',
      },
    ],
    expected: ['I20', 'I39', 'I57', 'I58'],
  },
  {
    name: 'store-trouble-told-as-final',
    wrong: 'a request that the store did not answer is refused for good, as if it had done nothing',
    patches: [
      {
        file: 'src/server/conversation.ts',
        find: "this.refuse(request, { reason: 'store-unavailable', message, retry: true, afterMs: storeRestMs })",
        replace: "this.refuse(request, { reason: 'store-unavailable', message, retry: storeRestMs < 0 })",
      },
    ],
    expected: ['I19', 'I20', 'I57', 'I58'],
  },
  {
    name: 'token-runs-out-unnoticed',
    wrong: 'a connection goes on when the token that it came with is over',
    patches: [
      {
        file: 'src/server/connection.ts',
        find: 'expiresAtMs: clock.nowMs() + Math.max(0, restMs) })',
        replace: 'expiresAtMs: restMs < 0 ? 0 : Number.POSITIVE_INFINITY })',
      },
    ],
    expected: ['I56'],
  },
]
