// Bugs in what of the outbox outlives its page.

import type { Bug } from './bug.js'

export const outboxBugs: readonly Bug[] = [
  {
    name: 'adopted-publish-gets-a-new-number',
    wrong: 'what a page before this one published is sent as a publish of this page',
    patches: [
      {
        file: 'src/client/outbox.ts',
        find: 'stored.map((item) => adopted(item,',
        replace: 'stored.map((item) => adopted({ ...item, producer: this.#producer, seq: ++this.#seq },',
      },
    ],
    expected: ['I18', 'I20'],
  },
  {
    name: 'adopted-publish-counts-as-never-sent',
    wrong: 'a publish that a page before this one has sent may expire, or fail as refused, although it was applied',
    patches: [
      {
        file: 'src/client/outbox-item.ts',
        find: 'isMarked: again, isDoubtful: again,',
        replace: 'isMarked: again, isDoubtful: false,',
      },
    ],
    expected: ['I18', 'I19'],
  },
  {
    name: 'frozen-page-judges-what-it-has-lent',
    wrong: 'a frozen page lets a publish expire that another page may be sending',
    patches: [{ file: 'src/client/outbox-item.ts', find: ' && !item.isLent', replace: '' }],
    expected: ['I19'],
  },
  {
    name: 'closed-page-takes-its-publishes-along',
    wrong: 'what a closed page handed on is removed from the storage',
    patches: [
      {
        file: 'src/client/outbox-life.ts',
        find: "if (result.kind === 'failed' && result.reason === 'handed-on') return",
        replace: '',
      },
    ],
    expected: ['I20'],
  },
]
