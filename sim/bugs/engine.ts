// Bugs in the engine.

import type { Bug } from './bug.js'

export const engineBugs: readonly Bug[] = [
  {
    name: 'tag-ignored-by-the-tail',
    wrong: 'a tail compares offsets only: a position of another branch of history goes on with this one',
    patches: [
      {
        file: 'src/engine/tail.ts',
        find: "if (there?.tag !== position.tag) return 'differs'",
        replace: "if (there === null) return 'differs'",
      },
      {
        file: 'src/engine/tail.ts',
        find: "return position.epoch === there.epoch || position.epoch === this.#head.epoch ? 'here' : 'differs'",
        replace: "return 'here'",
      },
    ],
    expected: ['I02', 'I08', 'I11', 'I12', 'I15'],
  },
  {
    name: 'skips-at-the-edge-of-the-tail',
    wrong: 'a reader that the tail has outrun goes on with the first entry that the tail still has',
    patches: [
      {
        file: 'src/engine/reader.ts',
        find: "if (tail === null || slice === undefined || slice.kind === 'behind') {",
        replace: `const first = slice?.kind === 'behind' ? tail?.positionAt(tail.first - 1) : null
    if (first) {
      this.#position = first
      return true
    }
    if (tail === null || slice === undefined || slice.kind === 'behind') {`,
      },
    ],
    expected: ['I08'],
  },
  {
    name: 'hint-with-a-hole-is-taken',
    wrong: 'a hint that is ahead of the log is followed as if it were the next',
    patches: [
      {
        file: 'src/engine/follower.ts',
        find: 'position.epoch !== head.epoch || position.offset > head.offset + 1',
        replace: 'position.epoch !== head.epoch',
      },
      {
        file: 'src/engine/follower.ts',
        find: 'else if (position.offset === head.offset + 1)',
        replace: 'else if (position.offset > head.offset)',
      },
    ],
    expected: ['I08', 'I54', 'I58'],
  },
  {
    name: 'read-overtaken-by-a-hint-is-told',
    wrong: 'what a read gives is told although a hint has told the same meanwhile',
    patches: [
      {
        file: 'src/engine/follower.ts',
        find: 'if (this.#head !== from) return',
        replace: 'if (this.#head === null) return',
      },
    ],
    expected: ['I09', 'I54'],
  },
  {
    name: 'one-failed-poll-ends-polling',
    wrong: 'the next poll of the heads is planned only after one that went well',
    patches: [
      {
        file: 'src/engine/rooms.ts',
        find: 'if (!this.#isClosed) this.startPolling()',
        replace: '',
      },
      {
        file: 'src/engine/rooms.ts',
        find: 'await this.#pollSome(read.slice(at, at + headsMax))\n',
        replace:
          'await this.#pollSome(read.slice(at, at + headsMax))\n      if (!this.#isClosed) this.startPolling()\n',
      },
    ],
    expected: ['I41', 'I57', 'I58'],
  },
  {
    name: 'gap-in-a-replay-not-told',
    wrong: 'what was trimmed away while a reader caught up is left out without a word',
    patches: [
      {
        file: 'src/engine/reader.ts',
        find: 'frames.push(this.#gapFrame(page, page.verdict))',
        replace: '',
      },
    ],
    expected: ['I08'],
  },
  {
    name: 'readers-not-told-that-history-broke',
    wrong: 'a tail that starts anew tells its readers as if it had grown',
    patches: [
      {
        file: 'src/engine/room.ts',
        find: 'for (const reader of this.#readers) reader.tailMoved(true)',
        replace: 'for (const reader of this.#readers) reader.tailMoved(false)',
      },
    ],
    expected: ['I02', 'I08', 'I15', 'I57', 'I58'],
  },
  {
    name: 'page-given-to-a-reader-with-other-rights',
    wrong: 'readers that join at one time share a page, whatever each of them may read',
    patches: [
      {
        file: 'src/engine/room.ts',
        find: 'const key = `${place} ${last} ${readableFrom} ${entriesMax}`',
        replace: 'const key = `${place} ${last} ${entriesMax}`',
      },
    ],
    expected: ['I16'],
  },
  {
    name: 'page-read-on-from-where-it-began',
    wrong: 'the position of a reader does not move with the frames of a page',
    patches: [
      {
        file: 'src/engine/reader.ts',
        find: '      this.#position = frame.position\n      page.taken',
        replace: '      page.taken',
      },
    ],
    expected: ['I08', 'I09', 'I54', 'I57', 'I58'],
  },
  {
    name: 'since-join-by-the-tail',
    wrong: 'where a session joins is taken from the tail of this node, which may not have heard of the last entries',
    patches: [
      {
        file: 'src/engine/joins.ts',
        find: 'return (head?.offset ?? 0) + 1',
        replace: 'return (this.#rooms.find(name)?.tail?.head.offset ?? head?.offset ?? 0) + 1',
      },
    ],
    expected: ['I16'],
  },
  {
    name: 'old-join-acted-on',
    wrong: 'a join is carried on although the room was left, or asked for again, meanwhile',
    patches: [
      {
        file: 'src/engine/joins.ts',
        find: 'return session.isServed && session.joins.get(ticket.room) === ticket',
        replace: 'return session.isServed',
      },
    ],
    expected: ['I08', 'I09', 'I39', 'I41', 'I52', 'I54', 'I57'],
  },
  {
    name: 'leave-takes-off-the-board-last',
    wrong:
      'wrong order: the store forgets the room before the members are told, and an end in between cannot tell them',
    patches: [
      {
        file: 'src/engine/joins.ts',
        find: 'await this.#hide(session, name)\n    await this.#core.ask((store) => store.exit(session.owner, name))',
        replace:
          'await this.#core.ask((store) => store.exit(session.owner, name))\n    await this.#hide(session, name)',
      },
    ],
    expected: ['I39', 'I52'],
  },
  {
    name: 'drop-that-failed-is-forgotten',
    wrong: 'a drop that the store did not take is not tried again',
    patches: [
      {
        file: 'src/engine/departures.ts',
        find: 'this.#waiting.set(session, departure)\n        }',
        replace: '}',
      },
    ],
    expected: ['I34', 'I35', 'I39', 'I52'],
  },
  {
    name: 'attach-that-timed-out-is-forgotten',
    wrong: 'nobody looks after an attach whose answer never came: its session stays live in the store',
    patches: [{ file: 'src/engine/sessions.ts', find: 'this.#strays.look(whole)\n', replace: '' }],
    expected: ['I35', 'I39', 'I52'],
  },
  {
    name: 'takeover-heard-of-is-not-obeyed',
    wrong: 'off by one: a node whose session was taken over takes the next generation for its own',
    patches: [
      {
        file: 'src/engine/sessions.ts',
        find: 'told.generation > session.generation',
        replace: 'told.generation > session.generation + 1',
      },
    ],
    expected: ['I35'],
  },
  {
    name: 'control-log-not-polled',
    wrong: 'a tick does not read the control log: what a lost hint told is never heard',
    patches: [{ file: 'src/engine/create-engine.ts', find: 'this.#control.poll()\n', replace: '' }],
    expected: ['I35', 'I57'],
  },
  {
    name: 'sessions-not-looked-after-in-a-new-life',
    wrong: 'a node goes on in a new life of the store without asking what became of its sessions',
    patches: [
      { file: 'src/engine/control.ts', find: 'if (!isSame) this.verifyAll()', replace: '' },
      {
        file: 'src/engine/control.ts',
        find: 'this.entries(page.entries)\n    this.verifyAll()',
        replace: 'this.entries(page.entries)',
      },
    ],
    expected: ['I35', 'I39', 'I52', 'I57'],
  },
  {
    name: 'late-ticks-not-noticed',
    wrong: 'a node that was not heard of for long does not ask what other nodes did to its sessions',
    patches: [
      {
        file: 'src/engine/ticker.ts',
        find: 'if (silentMs > this.#core.settings.nodeLeaseMs) this.#host.wasAway()',
        replace: '',
      },
    ],
    expected: ['I31', 'I34', 'I35', 'I57'],
  },
  {
    name: 'event-settled-before-it-is-done',
    wrong: 'wrong order: an event is settled first, and lost when the process dies while it does it',
    patches: [
      {
        file: 'src/engine/store-events.ts',
        find: 'this.#do(event).then(',
        replace: 'this.#done.add(event.id)\n    this.#settle()\n    this.#do(event).then(',
      },
    ],
    expected: ['I39', 'I52'],
  },
  {
    name: 'held-shown-over-who-came-back',
    wrong: 'the end of a grace is written with a fence above the one of a session that came back',
    patches: [
      {
        file: 'src/engine/store-events.ts',
        find: "{ ...shown, state: 'held' }, generation)",
        replace: "{ ...shown, state: 'held' }, generation + 1)",
      },
      {
        file: 'src/engine/store-events.ts',
        find: 'const board = await this.#core.ask((store) => store.board(room, presenceBoard))',
        replace: 'const board = await this.#core.ask((store) => store.board(room, presenceBoard))\n    await null',
      },
    ],
    expected: ['I39', 'I40'],
  },
  {
    name: 'end-does-not-outlive-late-writes',
    wrong: 'an end is written with the fence of the session, so what a dead node had on the way brings it back',
    patches: [{ file: 'src/engine/store-events.ts', find: 'fence: generation + 1', replace: 'fence: generation - 1' }],
    expected: ['I39', 'I52'],
  },
  {
    name: 'presence-written-in-doubt-counts-as-written',
    wrong: 'after a write that failed the mirror is believed, though nobody knows what the board shows',
    patches: [
      {
        file: 'src/engine/presence.ts',
        find: 'before !== undefined && !this.#doubtful.has(session)',
        replace: 'before !== undefined',
      },
      {
        file: 'src/engine/presence.ts',
        find: 'if (life !== this.#mirror.life || version <= (this.#mirror.version ?? 0)) this.#written.clear()\n    const written = this.#written.get(session)\n    return written',
        replace: 'const written = this.#mirror.life < life && version < 0 ? null : undefined\n    return written',
      },
    ],
    expected: ['I39', 'I41'],
  },
  {
    name: 'board-hole-not-noticed',
    wrong: 'a change of a board that does not follow is applied all the same',
    patches: [
      {
        file: 'src/engine/board.ts',
        find: 'this.#version === null || change.version > this.#version + 1',
        replace: 'this.#version === null',
      },
    ],
    expected: ['I41'],
  },
  {
    name: 'presence-not-said-again-in-a-new-life',
    wrong: 'who is there is not told to a store that came back without it',
    patches: [
      {
        file: 'src/engine/presence.ts',
        find: 'for (const [session, wish] of this.#here) if (!this.#wishes.has(session)) this.#wish(session, wish)',
        replace: '',
      },
    ],
    expected: ['I39', 'I41'],
  },
]
