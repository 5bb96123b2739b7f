// Two projects: `unit` is fast and touches no socket; `system` runs whole servers, clients and browsers.
// Both read the package's own entries (`holdfast`, `holdfast/server`, ...) from source, so no build is needed.

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

const alias = [
  { find: /^holdfast$/, replacement: source('client/node.ts') },
  { find: /^holdfast\/server$/, replacement: source('server/index.ts') },
  { find: /^holdfast\/protocol$/, replacement: source('protocol/index.ts') },
  { find: /^holdfast\/react$/, replacement: source('react/index.ts') },
  { find: /^holdfast\/store\/lmdb$/, replacement: source('store/lmdb/index.ts') },
  { find: /^holdfast\/testing$/, replacement: source('testing/index.ts') },
]

const execArgv = ['--unhandled-rejections=strict']

export default defineConfig({
  test: {
    // The test machine has two cores; more workers only make the timing of system tests worse.
    maxWorkers: 2,
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'examples/**/*.test.ts', 'tools/**/*.test.ts', 'sim/**/*.test.ts'],
          pool: 'forks',
          execArgv,
          // A hang is found soon enough; a busy machine is no failure.
          testTimeout: 20_000,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          pool: 'forks',
          execArgv,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
