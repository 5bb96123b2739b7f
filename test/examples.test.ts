// Every example that the README and the guide show is a file, or a stretch of lines of one, and every file runs.

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

const files = new Map(
  readdirSync(new URL('examples', root)).map((file) => [file, readFileSync(new URL(`examples/${file}`, root), 'utf8')]),
)

for (const { page, blocks } of pages()) {
  test(`${page} shows only lines of examples, none of them changed`, () => {
    for (const block of blocks) {
      const isShown = [...files.values()].some((text) => text === block || hasStretch(text, block))
      expect(isShown, `in no example:\n${block}`).toBe(true)
    }
  })
}

test('every example is shown on a page', () => {
  const shown = pages().flatMap(({ blocks }) => blocks)
  for (const [file, text] of files) {
    const isShown = shown.some((block) => text === block || hasStretch(text, block))
    expect(isShown, `examples/${file} is on no page`).toBe(true)
  }
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

/** The README and the pages of docs/guide with what they show as TypeScript. */
function pages() {
  const guide = readdirSync(new URL('docs/guide', root)).filter((name) => name.endsWith('.md'))
  return ['README.md', ...guide.map((name) => `docs/guide/${name}`)].map((page) => {
    const text = readFileSync(new URL(page, root), 'utf8')
    return { page, blocks: [...text.matchAll(/```tsx?\n([\s\S]*?)```/g)].map(([, block]) => block ?? '') }
  })
}

/** Whether the block is a run of whole lines of the text, moved to the left as one. */
function hasStretch(text: string, block: string): boolean {
  const lines = text.split('\n')
  const wanted = block.trimEnd().split('\n')
  return lines.some((line, start) => {
    const indent = line.length - line.trimStart().length
    return wanted.every((want, index) => {
      const at = lines[start + index] ?? ''
      return want === '' ? at.trim() === '' : at === ' '.repeat(indent) + want
    })
  })
}
