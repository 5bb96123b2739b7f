// What `npm run check` consists of, in order: the cheap first. `npm test` runs the same steps.

import type { Step } from './steps.js'

const second = 1000

/** The steps by name; `unitReport` is where the unit tests leave their counts. */
export function checkSteps({ unitReport, isBuilt }: { unitReport: string; isBuilt: boolean }): Step[] {
  return [
    { name: 'format', script: ['format:check'], next: 'npm run format', timeoutMs: 60 * second },
    { name: 'lint', script: ['lint'], next: 'npx biome lint --write .', timeoutMs: 60 * second },
    { name: 'types', script: ['types'], next: 'npm run types', timeoutMs: 120 * second },
    { name: 'tidy', script: ['tidy'], next: 'npm run tidy', timeoutMs: 60 * second },
    { name: 'reference', script: ['reference', '--', '--check'], next: 'npm run reference', timeoutMs: 120 * second },
    {
      name: 'unit',
      script: ['unit', '--', ...reportTo(unitReport)],
      next: 'npm run unit',
      timeoutMs: 480 * second,
    },
    {
      name: 'package',
      script: ['package', ...(isBuilt ? ['--', '--no-build'] : [])],
      next: 'npm run package',
      timeoutMs: 180 * second,
    },
  ]
}

/** Arguments by which vitest shows its progress and leaves its counts in a file as well. */
export function reportTo(path: string): string[] {
  return ['--reporter=default', '--reporter=json', `--outputFile.json=${path}`]
}
