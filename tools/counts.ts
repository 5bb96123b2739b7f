// How many tests passed and failed, from the report that vitest leaves. A run that broke counts as a failure too.

import { readFileSync } from 'node:fs'

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

interface Report {
  readonly numPassedTests: number
  readonly numPendingTests: number
  readonly numTodoTests?: number
  readonly numFailedTests: number
  readonly testResults: readonly { status: string; assertionResults: readonly { status: string }[] }[]
}

export const none: Counts = { passed: 0, failed: 0, skipped: 0 }
const broken: Counts = { passed: 0, failed: 1, skipped: 0 }

/** Counts of one run. `isPassed` is the verdict of its exit code: a red run never counts as zero failures. */
export function countsOf(reportPath: string, isPassed: boolean): Counts {
  const report = readReport(reportPath)
  if (report === null) return broken
  // A file that cannot even be loaded fails as a whole and has no tests to count.
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  ).length
  const failed = report.numFailedTests + brokenFiles
  const hasNone = report.numPassedTests + failed === 0
  const isHidden = !isPassed && failed === 0
  return {
    passed: report.numPassedTests,
    failed: hasNone || isHidden ? 1 : failed,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  }
}

export function add(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }
}

/** The closing line of `npm test`, which machines read: `12 passed, 0 failed`. */
export function closingLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`
}

function readReport(path: string): Report | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report
  } catch {
    return null
  }
}
