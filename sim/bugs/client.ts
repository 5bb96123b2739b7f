// Bugs in the client.

import type { Bug } from './bug.js'

export const clientBugs: readonly Bug[] = [
  {
    name: 'outbox-cleared-before-the-ack',
    wrong: 'what was on its way when the link was lost is taken out of the outbox',
    patches: [
      {
        file: 'src/client/outbox.ts',
        find: 'const head = this.#items.find((item) => item.isInFlight)',
        replace:
          'const head = this.#items.find((item) => item.isInFlight)\n    this.#items = this.#items.filter((item) => !item.isInFlight)',
      },
    ],
    expected: ['I20'],
  },
  {
    name: 'sent-again-as-if-for-the-first-time',
    wrong: 'a publish that was in flight when the link was lost is not known to be doubtful',
    patches: [
      {
        file: 'src/client/outbox.ts',
        find: "item.isDoubtful ||= item.isInFlight && how !== 'unheard'",
        replace: "item.isDoubtful ||= item.isInFlight && how === 'broken'",
      },
    ],
    expected: ['I18', 'I19'],
  },
  {
    name: 'join-without-an-answer-is-not-asked-again',
    wrong: 'a room whose join was on its way when the link was lost still waits for that answer',
    patches: [
      {
        file: 'src/client/room-core.ts',
        find: "if (this.isOpen) this.place = 'down'\n    this.notBeforeMs",
        replace: "if (this.place === 'joined') this.place = 'down'\n    this.notBeforeMs",
      },
    ],
    expected: ['I20', 'I57', 'I58'],
  },
  {
    name: 'next-secret-made-anew-for-each-dial',
    wrong: 'a dial after a lost welcome proves the old secret with another next one, as a thief would',
    patches: [
      {
        file: 'src/client/credentials.ts',
        find: 'return { ...credentials, attempt: credentials.attempt + 1 }',
        replace:
          "return { ...credentials, next: `${credentials.next.slice(0, -4)}${String(credentials.attempt + 1).padStart(4, '0')}`, attempt: credentials.attempt + 1 }",
      },
    ],
    expected: ['I37'],
  },
  {
    name: 'timer-of-an-old-attempt-acted-on',
    wrong: 'timers are not taken back, and each is taken for the one of the present attempt',
    patches: [
      {
        file: 'src/client/connection.ts',
        find: 'this.#armed?.cancel()\n    this.#armed = null\n    if (atMs',
        replace: 'this.#armed = null\n    if (atMs',
      },
      { file: 'src/client/reconnect.ts', find: 'if (now.nowMs < step.untilMs) return stay(state)', replace: '' },
    ],
    expected: ['I57', 'I58'],
  },
  {
    name: 'silent-link-never-given-up',
    wrong: 'the watchdog starts anew with every beat that is sent, heard or not',
    patches: [
      {
        file: 'src/client/reconnect.ts',
        find: 'now.nowMs >= state.heardAtMs + watchdogMs(state)',
        replace: 'now.nowMs >= Math.max(state.heardAtMs, state.beatAtMs) + watchdogMs(state)',
      },
    ],
    expected: ['I20', 'I57', 'I58'],
  },
  {
    name: 'answered-request-stays-open',
    wrong: 'forgotten clean-up: an answer does not free its place in flight',
    patches: [{ file: 'src/client/requests.ts', find: 'this.#open.delete(id)\n', replace: '' }],
    expected: ['I20', 'I57', 'I58'],
  },
  {
    name: 'left-before-its-publishes-are-settled',
    wrong: 'a room is left at once, and what was published in it before waits for ever',
    patches: [
      {
        file: 'src/client/traffic.ts',
        find: 'return this.#toLeave.get(name) === true && !this.outbox.has(name)',
        replace: 'return this.#toLeave.get(name) === true',
      },
    ],
    expected: ['I20'],
  },
  {
    name: 'presence-change-without-its-base',
    wrong: 'the whole state replaces nothing: members that are gone stay in the list',
    patches: [{ file: 'src/client/presence.ts', find: 'this.#members.clear()\n', replace: '' }],
    expected: ['I41'],
  },
]
