// Bugs in the rules of the store, and in the memory store.

import type { Bug } from './bug.js'

export const storeBugs: readonly Bug[] = [
  {
    name: 'fence-not-checked',
    wrong: 'an append does not compare its generation with the highest that the room has seen',
    patches: [{ file: 'src/store/log.ts', find: 'generation < view.watermark', replace: 'generation < 0' }],
    expected: ['I30'],
  },
  {
    name: 'secret-retired-too-early',
    wrong: 'the secret that was just presented is forgotten, so the same resume again is a stranger',
    patches: [
      {
        file: 'src/store/attach.ts',
        find: 'return { current: next, previous: presented, retired }',
        replace: 'return { current: next, previous: null, retired }',
      },
    ],
    expected: ['I31', 'I37'],
  },
  {
    name: 'dedupe-written-after-the-entry',
    wrong: 'an entry and what knows it again are two writes: a process that dies between them keeps the first',
    patches: [
      {
        file: 'src/store/memory.ts',
        find: 'return structuredClone({ ...this.#kept, incarnations, nowMs: nowMs() })',
        replace: `const kept = structuredClone({ ...this.#kept, incarnations, nowMs: nowMs() })
    for (const { producers } of kept.rooms.values()) {
      const [key, last] = [...producers].at(-1) ?? []
      if (key === undefined || last === undefined) continue
      const results = last.record.results.slice(0, -1)
      if (results.length === 0) producers.delete(key)
      else producers.set(key, { ...last, record: { ...last.record, last: results.at(-1).seq, results } })
    }
    return kept`,
      },
    ],
    expected: ['I18'],
  },
  {
    name: 'last-seq-taken-for-new',
    wrong: 'off by one: the last publish of a producer, sent again, is not known again',
    patches: [{ file: 'src/store/log.ts', find: 'producer.seq > record.last', replace: 'producer.seq >= record.last' }],
    expected: ['I18', 'I20'],
  },
  {
    name: 'forgotten-producers-leave-no-mark',
    wrong: 'where a producer was forgotten nothing says so, and its retries count as first ones',
    patches: [
      {
        file: 'src/store/log.ts',
        find: 'forgottenTo: Math.max(log.forgottenTo, offset)',
        replace: 'forgottenTo: log.forgottenTo',
      },
    ],
    expected: ['I18'],
  },
  {
    name: 'trims-one-too-many',
    wrong: 'off by one: a room keeps one entry less than it says',
    patches: [
      {
        file: 'src/store/log.ts',
        find: 'kept.entriesCount > retention.entriesMax',
        replace: 'kept.entriesCount >= retention.entriesMax',
      },
    ],
    expected: ['I11'],
  },
  {
    name: 'compaction-keeps-its-index',
    wrong: 'entries in front are dropped from the array, and the index of the first one stays where it was',
    patches: [
      {
        file: 'src/store/memory-log.ts',
        find: 'data.kept = data.kept.slice(data.first)\n    data.first = 0',
        replace: 'data.kept = data.kept.slice(data.first)',
      },
    ],
    expected: ['I02', 'I03', 'I08', 'I11', 'I54', 'I57', 'I58'],
  },
  {
    name: 'tag-ignored',
    wrong: 'a position is judged by its epoch and offset alone, whatever entry it was told of',
    patches: [
      {
        file: 'src/store/log.ts',
        find: 'if (tag === null ? !isBelowTrim : tag !== position.tag)',
        replace: 'if (tag === null && !isBelowTrim)',
      },
    ],
    expected: ['I08', 'I11', 'I12', 'I15', 'I24'],
  },
  {
    name: 'epoch-before-forgotten',
    wrong: 'off by one: a room that lives on remembers the epochs before the last one, and not that one',
    patches: [
      {
        file: 'src/store/log.ts',
        find: 'const ended = [log.epoch, ...since.map(({ epoch }) => epoch)]',
        replace: 'const ended = since.map(({ epoch }) => epoch)',
      },
    ],
    expected: ['I11'],
  },
  {
    name: 'grace-of-one-room-ends-all',
    wrong: 'when the grace of one room is over, the session is shown held in all of its rooms',
    patches: [
      {
        file: 'src/store/session.ts',
        find: '.filter(([, { graceMs }]) => droppedAtMs + graceMs <= holdMs)',
        replace: '.filter((_, index, all) => all.some(([, { graceMs }]) => droppedAtMs + graceMs <= holdMs))',
      },
    ],
    expected: ['I40'],
  },
  {
    name: 'empties-the-entry-before',
    wrong: 'off by one: a later entry with its key empties the one before the one it supersedes',
    patches: [
      { file: 'src/store/room-log.ts', find: 'room.entries.empty(older)', replace: 'room.entries.empty(older - 1)' },
    ],
    expected: ['I03', 'I08'],
  },
  {
    name: 'drop-back-dated-to-the-last-tick',
    wrong: 'what begins between two ticks begins at the one before, so holds and graces are too short',
    patches: [
      {
        file: 'src/store/hold-time.ts',
        find: 'if (!(sinceMs >= 0 && sinceMs <= tickGapMaxMs)) return holdMs',
        replace: 'if (lastTickMs !== null || Number.isNaN(sinceMs)) return holdMs',
      },
    ],
    expected: ['I34', 'I40'],
  },
  {
    name: 'node-heard-of-only-once',
    wrong: 'a node that ticks again is not noted as heard of, and is soon thought lost',
    patches: [
      {
        file: 'src/store/memory-leases.ts',
        find: 'state.nodes.set(ask.node, holdMs)',
        replace: 'if (!state.nodes.has(ask.node)) state.nodes.set(ask.node, holdMs)',
      },
    ],
    expected: ['I31', 'I34', 'I35', 'I39', 'I40'],
  },
  {
    name: 'sweep-fires-twice',
    wrong: 'an event that one node has taken is given to others too, and each tells it under an id of its own',
    patches: [
      {
        file: 'src/store/memory-leases.ts',
        find: 'events.set(id, { event, takenUntilMs: nowMs + takenMs, takenBy: node })\n',
        replace: '',
      },
      {
        file: 'src/engine/store-events.ts',
        find: '`${session}:${generation}:leave`',
        replace: '`${session}:${generation}:${this.#core.node}:leave`',
      },
    ],
    expected: ['I38'],
  },
  {
    name: 'hash-of-the-next-secret-not-moved-on',
    wrong: 'a resume keeps the old secrets in the row, as if every welcome were lost',
    patches: [
      {
        file: 'src/store/attach.ts',
        find: 'const secrets = isFirst ? movedOn(',
        replace: 'const secrets = isFirst && row.status.state === "live" ? movedOn(',
      },
    ],
    expected: ['I31', 'I37'],
  },
]
