// Each house rule, on projects of a few lines in memory: one that breaks it, one that keeps it.

import { describe, expect, test } from 'vitest'
import { projectOf } from './tidy/project.js'
import { rules, toText, violationsOf } from './tidy/rules.js'

interface Case {
  readonly name: string
  readonly files: Readonly<Record<string, string>>
  /** What the violations say, in part; absent: the rule is kept. */
  readonly found?: readonly string[]
}

const lines = (count: number, text = '') => `${text}\n`.repeat(count)
const longFunction = (count: number) => `(() => {\n${lines(count - 2, '  void 0')}})`
const spec = '# Spec\n\n- **PUB-1** A publish settles.\n'
const closing = "export const closeTable = [{ code: 4000, reason: 'drain', meaning: 'Going down.' }]\n"
const manifest = JSON.stringify({
  name: 'holdfast',
  exports: { '.': { types: './dist/a.d.ts', default: './dist/a.js' }, './package.json': './package.json' },
  bin: { holdfast: 'dist/cli.js' },
  scripts: { jitter: 'tsx bench/jitter.ts' },
})
const entries = { 'package.json': manifest, 'src/a.ts': '', 'src/cli.ts': '', 'README.md': 'import from `holdfast`\n' }

const cases: Readonly<Record<string, readonly Case[]>> = {
  arrows: [
    {
      name: 'protocol imports the store',
      files: { 'src/protocol/a.ts': "import '../store/store.js'" },
      found: ['imports store'],
    },
    {
      name: 'client imports server',
      files: { 'src/client/a.ts': "export { b } from '../server/b.js'" },
      found: ['server'],
    },
    {
      name: 'server imports client',
      files: { 'src/server/a.ts': "import type { B } from '../client/b.js'" },
      found: ['client'],
    },
    {
      name: 'server imports testing',
      files: { 'src/server/a.ts': "await import('../testing/b.js')" },
      found: ['testing'],
    },
    {
      name: 'the engine imports a driver',
      files: { 'src/engine/a.ts': "import { m } from '../store/memory.js'", 'src/store/memory.ts': '' },
      found: ['driver src/store/memory.ts'],
    },
    {
      name: 'the engine imports the contract',
      files: { 'src/engine/a.ts': "import '../store/lease.js'; import './b.js'" },
    },
    {
      name: 'the engine imports node:fs',
      files: { 'src/engine/a.ts': "import fs from 'node:fs'" },
      found: ["'node:fs'"],
    },
    {
      name: 'the client imports a package',
      files: { 'src/client/a.ts': "import { WebSocket } from 'ws'" },
      found: ["'ws'"],
    },
    {
      name: 'the Node client imports a package',
      files: { 'src/client/node-socket.ts': "import { WebSocket } from 'ws'" },
    },
    {
      name: 'store rules import node:crypto',
      files: { 'src/store/log.ts': "import 'node:crypto'" },
      found: ["'node:crypto'"],
    },
    { name: 'a driver imports its package', files: { 'src/store/lmdb/open.ts': "import 'lmdb'; import 'node:fs'" } },
    { name: 'an unknown folder', files: { 'src/misc/a.ts': "import './b.js'" }, found: ['not in the import table'] },
    { name: 'a way out of src', files: { 'src/testing/a.ts': "import '../../test/b.js'" }, found: ['out of src'] },
    { name: 'a test imports what it needs', files: { 'src/protocol/a.test.ts': "import '../testing/b.js'" } },
    {
      name: 'testing imports everything',
      files: { 'src/testing/a.ts': "import '../server/b.js'; import '../client/b.js'" },
    },
  ],
  'file-size': [
    { name: '401 lines', files: { 'src/a.ts': lines(401) }, found: ['401 lines, 400 allowed'] },
    { name: '400 lines', files: { 'src/a.ts': lines(400) } },
    { name: 'a test of 600 lines', files: { 'src/a.test.ts': lines(600) } },
    { name: 'a test of 601 lines', files: { 'test/a.test.ts': lines(601) }, found: ['601 lines, 600 allowed'] },
  ],
  'function-size': [
    { name: '61 lines', files: { 'src/a.ts': `export const a = ${longFunction(61)}` }, found: ['a has 61 lines'] },
    { name: '60 lines', files: { 'src/a.ts': `export const a = ${longFunction(60)}` } },
    { name: 'a long method', files: { 'src/a.ts': `class A { b() {\n${lines(60)}} }` }, found: ['b has 62 lines'] },
    {
      name: 'callbacks of tests',
      files: { 'test/a.test.ts': `describe('a', ${longFunction(80)})\ntest.each([1])('a', ${longFunction(90)})` },
    },
  ],
  'time-and-chance': [
    { name: 'Date.now', files: { 'src/engine/a.ts': 'const now = Date.now()' }, found: ['Date.now'] },
    { name: 'new Date()', files: { 'src/client/a.ts': 'new Date(); new Date(5)' }, found: ['new Date()'] },
    {
      name: 'setTimeout',
      files: { 'src/server/a.ts': 'setTimeout(() => 0, 1); const later = setTimeout' },
      found: ['setTimeout', 'setTimeout'],
    },
    {
      name: 'globalThis.setInterval',
      files: { 'src/server/a.ts': 'globalThis.setInterval(f, 1)' },
      found: ['globalThis.setInterval'],
    },
    { name: 'Math.random', files: { 'src/store/a.ts': 'Math.random()' }, found: ['Math.random'] },
    {
      name: 'crypto.randomUUID',
      files: { 'src/server/a.ts': 'globalThis.crypto.randomUUID()' },
      found: ['crypto.randomUUID'],
    },
    {
      name: 'randomBytes',
      files: { 'src/server/a.ts': "import { createHash, randomBytes as r } from 'node:crypto'" },
      found: ['randomBytes'],
    },
    {
      name: 'node:timers',
      files: { 'src/server/a.ts': "import 'node:timers/promises'" },
      found: ["'node:timers/promises'"],
    },
    {
      name: 'a hash in the engine',
      files: { 'src/engine/a.ts': 'crypto.subtle.digest(x, y)' },
      found: ['crypto.subtle'],
    },
    { name: 'a hash in the server', files: { 'src/server/a.ts': "import { createHmac } from 'node:crypto'" } },
    {
      name: 'the clocks',
      files: { 'src/server/clock.ts': 'setTimeout(f, Date.now())', 'src/client/clock.ts': 'Math.random()' },
    },
    {
      name: 'a given clock',
      files: { 'src/client/a.ts': 'clock.setTimeout(f, 1); type T = ReturnType<typeof setTimeout>; queueMicrotask(f)' },
    },
    { name: 'a test', files: { 'src/engine/a.test.ts': 'Date.now()', 'test/b.ts': 'Math.random()' } },
  ],
  words: [
    {
      name: 'export *',
      files: { 'src/a.ts': "export * from './b.js'\nexport * as c from './c.js'" },
      found: ['export *', 'export *'],
    },
    {
      name: 'default exports',
      files: { 'src/a.ts': 'export default function f() {}', 'src/b.ts': 'export default 1' },
      found: ['default', 'default'],
    },
    {
      name: 'a config',
      files: { 'vitest.config.ts': 'export default {}', 'demo/vite.config.ts': 'export default {}' },
    },
    { name: 'enum', files: { 'src/a.ts': 'enum A { B }' }, found: ['enum'] },
    { name: 'as any', files: { 'tools/a.ts': 'f(x as any)' }, found: ['as any'] },
    {
      name: 'non-null',
      files: { 'src/a.ts': 'a!.b', 'test/b.ts': 'a!.b', 'src/c.test.ts': 'a!' },
      found: ['non-null'],
    },
    {
      name: '.only',
      files: { 'test/a.test.ts': "test.only('x', f)\ndescribe.only('y', f)" },
      found: ['test.only', 'describe.only'],
    },
    {
      name: 'console.',
      files: { 'src/a.ts': 'console.log(1)', 'src/server/cli.ts': 'console.log(1)', 'tools/b.ts': 'console.log(1)' },
      found: ['console.'],
    },
    { name: 'ts-ignore', files: { 'src/a.ts': '// @ts-ignore it is fine\nf()' }, found: ['@ts-ignore'] },
    {
      name: 'ts-expect-error',
      files: { 'src/a.ts': '// @ts-expect-error\nf()', 'src/b.ts': '// @ts-expect-error a bad frame\nf()' },
      found: ['without a reason'],
    },
    {
      name: 'open remarks',
      files: { 'src/a.ts': '// TODO later\nf() // FIXME: now\n/** TODO */' },
      found: ['TODO', 'FIXME', 'TODO'],
    },
    { name: 'the word in a string', files: { 'src/a.ts': "f('TODO // FIXME', /TODO/, `TODO ${'FIXME'}`)" } },
  ],
  spec: [
    { name: 'no SPEC.md', files: { 'src/protocol/a.ts': '' }, found: ['no SPEC.md'] },
    { name: 'no SPEC.md before there is a protocol', files: { 'tools/a.ts': '' } },
    { name: 'a rule without a test', files: { 'SPEC.md': spec }, found: ['no test names PUB-1'] },
    {
      name: 'a test without a rule',
      files: { 'SPEC.md': '', 'src/a.test.ts': "test('[RES-2] x', f)" },
      found: ['RES-2 is no rule'],
    },
    {
      name: 'a rule twice',
      files: { 'SPEC.md': spec + spec, 'src/a.test.ts': "it('[PUB-1] x', f)" },
      found: ['two rules'],
    },
    {
      name: 'both',
      files: { 'SPEC.md': spec, 'src/testing/suite.ts': "describe('[PUB-1] [S3] [A12, I08] [one] x', f)" },
    },
    {
      name: 'several ids at once',
      files: { 'SPEC.md': spec, 'src/a.test.ts': "test('[PUB-1, ABC-9] x', f)" },
      found: ['ABC-9'],
    },
    {
      name: 'a table',
      files: { 'SPEC.md': spec, 'src/a.test.ts': "const cases = [{ rule: 'PUB-1' }]\ntest(`[${rule}] x`, f)" },
    },
    {
      name: 'rules in a table, a suite of its own',
      files: { 'SPEC.md': '| PUB-1 | A publish settles. |', 'src/a.test.ts': "suite(() => test('[PUB-1] x', f))" },
    },
    {
      name: 'an unknown id is told once',
      files: { 'SPEC.md': '', 'src/a.test.ts': "test('[RES-2] x', f)\ntest('[RES-2] y', f)" },
      found: ['RES-2 is no rule'],
    },
    {
      name: 'a table that no title uses',
      files: { 'SPEC.md': spec, 'src/a.test.ts': "const cases = ['PUB-1']\ntest('x', f)" },
      found: ['no test names PUB-1'],
    },
  ],
  wire: [
    { name: 'no PROTOCOL.md', files: { 'src/protocol/close.ts': closing }, found: ['no PROTOCOL.md'] },
    {
      name: 'undocumented',
      files: { 'src/protocol/close.ts': closing, 'PROTOCOL.md': '`drain`' },
      found: ['close code 4000 is not in'],
    },
    {
      name: 'documented',
      files: {
        'src/protocol/close.ts': closing,
        'PROTOCOL.md': '| code | reason |\n|---|---|\n| `4000` | `drain` |\n',
      },
    },
    {
      name: 'swapped',
      files: { 'src/protocol/close.ts': closing, 'PROTOCOL.md': '`4000`\n| `1001` | `drain` |\n' },
      found: ['drain has 1001'],
    },
    {
      name: 'an unknown code',
      files: { 'src/protocol/close.ts': '', 'PROTOCOL.md': 'from `4100` to `4199`, or `4123`' },
      found: ['code 4123 is not in'],
    },
    {
      name: 'a frame type',
      files: {
        'src/protocol/frames.ts': "interface A { readonly type: 'hello'; readonly state: 'live' }",
        'PROTOCOL.md': '',
      },
      found: ['frame hello'],
    },
    {
      name: 'words in tables',
      files: {
        'src/protocol/reasons.ts': "export type R = 'left' | 'kicked'",
        'PROTOCOL.md': '`left`\n| Reason | why |\n|---|---|\n| `kicked` | x |\n| `ran-out` | y |\n',
      },
      found: ['reason ran-out is not in'],
    },
  ],
  exports: [
    { name: 'everything is there', files: entries },
    {
      name: 'no source',
      files: { 'package.json': manifest, 'README.md': '`holdfast`' },
      found: ['dist/cli.js has no source', './dist/a.js has no source'],
    },
    {
      name: 'no README line',
      files: { ...entries, 'README.md': 'Holdfast is a library' },
      found: ['no line names `holdfast`'],
    },
  ],
  unused: [
    {
      name: 'reached from an entry',
      files: {
        ...entries,
        'src/a.ts': "import './b.js'",
        'src/b.ts': "import type { C } from './c.js'",
        'src/c.ts': '',
      },
    },
    {
      name: 'nothing imports it',
      files: { ...entries, 'src/b.ts': "import './c.js'", 'src/c.ts': '' },
      found: ['nothing imports', 'nothing imports'],
    },
    {
      name: 'from a script, a test, a page',
      files: {
        ...entries,
        'bench/jitter.ts': '',
        'test/a.test.ts': "import './b.js'",
        'test/b.ts': '',
        'demo/index.html': '<script src="/src/main.ts">',
        'demo/src/main.ts': '',
      },
    },
    {
      name: 'started, not imported',
      files: { ...entries, 'src/a.ts': "new URL('./worker.js', import.meta.url)", 'src/worker.ts': '' },
    },
    {
      name: 'by the name of the package',
      files: {
        'package.json': manifest,
        'src/a.ts': '',
        'src/cli.ts': '',
        'demo/package.json': '"main.ts"',
        'demo/main.ts': "import 'holdfast'",
      },
    },
  ],
}

test('every rule has a case that breaks it and one that keeps it', () => {
  for (const { name } of rules) {
    const own = cases[name] ?? []
    expect({ name, breaks: own.some(({ found }) => found !== undefined) }).toEqual({ name, breaks: true })
    expect({ name, keeps: own.some(({ found }) => found === undefined) }).toEqual({ name, keeps: true })
  }
})

for (const rule of rules) {
  describe(rule.name, () => {
    for (const { name, files, found = [] } of cases[rule.name] ?? []) {
      test(`${name}: ${found.length === 0 ? 'kept' : 'broken'}`, () => {
        const violations = violationsOf(projectOf(new Map(Object.entries(files))), [rule])
        expect(violations.map(toText)).toEqual(found.map((text) => expect.stringContaining(text)))
        for (const { line, write } of violations)
          expect({ line: line > 0, write: write.length > 0 }).toEqual({ line: true, write: true })
      })
    }
  })
}
