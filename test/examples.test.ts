// Every example that the README shows is a file, shown whole, and runs.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const root = new URL('../', import.meta.url)
const started: ChildProcess[] = []

afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
})

test('the README shows every example, whole', () => {
  const readme = readFileSync(new URL('README.md', root), 'utf8')
  const shown = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text]) => text)
  const files = readdirSync(new URL('examples', root)).map((file) =>
    readFileSync(new URL(`examples/${file}`, root), 'utf8'),
  )
  expect(shown.toSorted()).toEqual(files.toSorted())
})

test('the examples of a server and a client talk to each other', async () => {
  const server = run('server')
  const client = run('client', /^kept$/m)
  expect(await client.output).toMatch(/^guest-\S+ \{ text: 'hi' \}$/m)
  expect(await client.output).toMatch(/guest-\S+ live/)
  await server.says(/lost the connection \(closed\); the session is held/)
})

/** Starts an example; `until`: what it has said when it is done. */
function run(example: string, until?: RegExp) {
  const script = fileURLToPath(new URL(`examples/${example}.ts`, root))
  const child = spawn(process.execPath, ['--import', 'tsx', script], { cwd: fileURLToPath(root) })
  started.push(child)
  let said = ''
  child.stdout.on('data', (chunk) => {
    said += chunk
  })
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const says = async (what: RegExp) => {
    while (!what.test(said)) {
      if (child.exitCode !== null) throw new Error(`${example} ended (${child.exitCode}) without ${what}:\n${said}`)
      await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
    }
  }
  const output = (async () => {
    if (until === undefined) return said
    await once(child, 'exit')
    expect(said).toMatch(until)
    return said
  })()
  return { output, says }
}
