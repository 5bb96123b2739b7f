// The closing line never hides a failure: not a file that cannot be loaded, not a run that died.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { add, closingLine, countsOf } from './counts.js'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-counts-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (status: string, ...tests: readonly string[]) => ({
  status,
  assertionResults: tests.map((each) => ({ status: each })),
})
const report = (passed: number, failed: number, testResults: readonly object[] = []) =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, numPendingTests: 0, testResults })

const cases = [
  { name: 'all passed', text: report(3, 0, [file('passed', 'passed')]), isPassed: true, gives: '3 passed, 0 failed' },
  { name: 'one failed', text: report(2, 1, [file('failed', 'failed')]), isPassed: false, gives: '2 passed, 1 failed' },
  {
    name: 'a file that cannot be loaded',
    text: report(2, 0, [file('failed')]),
    isPassed: false,
    gives: '2 passed, 1 failed',
  },
  { name: 'red without a failed test', text: report(2, 0), isPassed: false, gives: '2 passed, 1 failed' },
  { name: 'no tests at all', text: report(0, 0), isPassed: true, gives: '0 passed, 1 failed' },
  { name: 'no report', text: 'cut off {', isPassed: true, gives: '0 passed, 1 failed' },
] as const

for (const { name, text, isPassed, gives } of cases) {
  test(`${name}: ${gives}`, () => {
    const path = join(folder, 'report.json')
    writeFileSync(path, text)
    expect(closingLine(countsOf(path, isPassed))).toBe(gives)
  })
}

test('skipped tests are told', () => {
  const sum = add({ passed: 1, failed: 0, skipped: 2 }, { passed: 4, failed: 1, skipped: 0 })
  expect(closingLine(sum)).toBe('5 passed, 1 failed, 2 skipped')
})
