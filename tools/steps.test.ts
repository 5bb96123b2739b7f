// A failed step is told with the command to type next; a summary counts what passed.

import { expect, test } from 'vitest'
import { runSteps, type StepResult, summaryOf, toJson } from './steps.js'

const result = (name: string, kind: StepResult['kind']): StepResult => {
  return { name, kind, ms: 1500, output: 'line\n'.repeat(300), next: `npm run ${name}` }
}

test('the summary names what to type after a failure', () => {
  const text = summaryOf([result('lint', 'passed'), result('types', 'failed')])
  expect(text).toContain('passed  lint')
  expect(text).toMatch(/FAILED {2}types .* next: npm run types/)
  expect(text).toContain('1 of 2 steps passed in 3.0 s')
})

test('JSON has the end of a failed output and nothing of a passed one', () => {
  const { passed, steps } = JSON.parse(toJson([result('lint', 'passed'), result('types', 'failed')]))
  expect(passed).toBe(false)
  expect(steps[0].output).toBe('')
  expect(steps[1].output).toMatch(/^… 180 lines before/)
})

test('a step that fails is told and the next one still runs', { timeout: 30_000 }, async () => {
  const said: string[] = []
  const step = { next: 'do something', timeoutMs: 20_000 }
  const steps = [
    { ...step, name: 'absent', script: ['no-such-script'] },
    { ...step, name: 'hangs', script: ['start', '--help'], timeoutMs: 1 },
  ]
  const results = await runSteps(steps, (text) => said.push(text))
  expect(results.map(({ kind }) => kind)).toEqual(['failed', 'failed'])
  expect(said.join('')).toContain('next: do something')
  expect(results[1]?.output).toContain('took longer than')
})
