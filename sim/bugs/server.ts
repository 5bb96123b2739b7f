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
    name: 'what-came-before-the-welcome-is-lost',
    wrong: 'frames that were queued during the handshake are not looked at',
    patches: [
      {
        file: 'src/server/connection.ts',
        find: "for (const raw of queued) if (this.#state.state === 'welcomed') this.#message(raw, talk)",
        replace: '',
      },
    ],
    expected: ['I20', 'I57'],
  },
  {
    name: 'step-that-takes-its-time-is-not-waited-for',
    wrong: 'what is asked of a room overtakes a join of it that is under way',
    patches: [
      {
        file: 'src/server/room-order.ts',
        find: 'void underWay.then(() => this.#run(room, queue))\n        return',
        replace: 'void underWay',
      },
    ],
    expected: ['I05', 'I16', 'I19', 'I20', 'I39', 'I41', 'I54', 'I56', 'I57'],
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
    name: 'guest-by-another-name-each-time',
    wrong: 'a guest gets a name of chance with every connection, whatever his device key',
    patches: [
      {
        file: 'src/server/auth.ts',
        find: '(deviceHash ?? base64url(chance.bytes(12))).slice(0, 16)',
        replace: '(base64url(chance.bytes(12)) ?? deviceHash).slice(0, 16)',
      },
    ],
    expected: ['I37'],
  },
  {
    name: 'publish-of-another-session-is-taken',
    wrong: 'a publish that was queued behind a hello is done for whoever the connection turned out to be',
    patches: [
      {
        file: 'src/server/handlers.ts',
        find: 'if (frame.session !== talk.session.id) {',
        replace: "if (frame.session === '') {",
      },
    ],
    expected: ['I17', 'I18', 'I19', 'I20'],
  },
]
