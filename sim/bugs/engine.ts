// Bugs in the engine.

import type { Bug } from './bug.js'

export const engineBugs: readonly Bug[] = [
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
    name: 'slice-shared-by-readers-is-written-to',
    wrong: 'what one connection adds to its write is added to the list of frames that others share',
    patches: [
      {
        file: 'src/engine/taking.ts',
        find: 'this.#chunks = [...this.#shared]',
        replace: 'this.#chunks = this.#shared as Uint8Array[]',
      },
    ],
    expected: ['I08', 'I09', 'I54', 'I57'],
  },
  {
    name: 'slice-remembered-too-long',
    wrong: 'a new entry does not make the remembered slice of the tail void',
    patches: [
      {
        file: 'src/engine/tail.ts',
        find: 'this.#head = position\n    this.#memo = null',
        replace: 'this.#head = position',
      },
    ],
    expected: ['I08', 'I09', 'I57', 'I58'],
  },
  {
    name: 'nothing-follows-a-write',
    wrong: 'what became ready while a write was under way is not written after it',
    patches: [
      {
        file: 'src/engine/outlet.ts',
        find: 'if (this.#controls.length + this.#readyReaders.length + this.#readyWatchers.size > 0) this.#core.turn.write(this)',
        replace: '',
      },
    ],
    expected: ['I20', 'I41', 'I57', 'I58'],
  },
  {
    name: 'event-that-failed-is-never-done',
    wrong: 'forgotten clean-up: an event that failed once counts as being done here for ever',
    patches: [
      {
        file: 'src/engine/store-events.ts',
        find: '() => this.#doing.delete(event.id)',
        replace: '() => {}',
      },
    ],
    expected: ['I39', 'I52'],
  },
  {
    name: 'room-in-use-is-closed',
    wrong: 'a room that is used again is closed all the same when its linger is over',
    patches: [
      {
        file: 'src/engine/rooms.ts',
        find: 'this.#lingering.get(room)?.cancel()\n    this.#lingering.delete(room)\n    return room',
        replace: 'return room',
      },
      { file: 'src/engine/rooms.ts', find: 'if (!room.isUnused) return\n', replace: '' },
    ],
    expected: ['I08', 'I41', 'I54', 'I57', 'I58'],
  },
  {
    name: 'older-connection-drops-the-newer',
    wrong: 'the end of a connection drops its session, also where a newer connection has it',
    patches: [
      {
        file: 'src/engine/sessions.ts',
        find: 'if (session === undefined || session.outlet !== outlet) return',
        replace: 'if (session === undefined) return',
      },
    ],
    expected: ['I34', 'I35', 'I39', 'I40', 'I57'],
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
    name: 'end-does-not-outlive-late-writes',
    wrong: 'an end is written with the fence of the session, so what a dead node had on the way brings it back',
    patches: [
      {
        file: 'src/engine/store-events.ts',
        find: 'fence: Math.max(generation + 1, shown)',
        replace: 'fence: generation - 1',
      },
    ],
    expected: ['I39', 'I52'],
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
    name: 'reader-of-before-goes-on',
    wrong: 'who joins a room again keeps the reader of his first join beside the second',
    patches: [
      {
        file: 'src/engine/joins.ts',
        find: 'this.#closeReader(session, ask.room)\n    forget(session, ticket)',
        replace: 'forget(session, ticket)',
      },
    ],
    expected: ['I09', 'I52', 'I54', 'I57'],
  },
]
