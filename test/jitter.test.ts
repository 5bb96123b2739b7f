import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Report } from '../bench/jitter/tally.js'

const root = fileURLToPath(new URL('..', import.meta.url))

function jitter(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'bench/jitter.ts', ...args], { cwd: root })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })))
}

test('sessions that keep breaking miss nothing and repeat nothing, as `npm run jitter` measures it', async () => {
  const { code, out, err } = await jitter('--clients', '40', '--seconds', '10', '--seed', '11', '--json')
  expect(code, err).toBe(0)
  const { replayP95Ms, replayP99Ms, resumed, ...report } = JSON.parse(out) as Report
  expect(report).toEqual({
    clients: 40,
    seconds: 10,
    seed: 11,
    expected: 800,
    delivered: 800,
    duplicates: 0,
    silentGaps: 0,
    newSessions: 0,
  })
  expect(resumed).toBeGreaterThan(20)
  expect(replayP95Ms).toBeGreaterThan(0)
  expect(replayP99Ms).toBeGreaterThanOrEqual(replayP95Ms)
})

test('`npm run jitter` explains itself, and says what is wrong with an option', async () => {
  expect(await jitter('--help')).toMatchObject({ code: 0, err: '' })
  const { code, err } = await jitter('--clients', 'many')
  expect(code).toBe(2)
  expect(err).toContain('--clients must be a whole number from 1 to 20000, but "many" came')
  expect(err).toContain('npm run jitter -- --help')
})
