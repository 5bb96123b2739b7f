import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createServer } from 'holdfast/server'
import { afterEach, expect, test } from 'vitest'

const story = fileURLToPath(new URL('story.mjs', import.meta.url))

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const run of undo.splice(0).reverse()) await run()
})

function run(args: readonly string[]): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [story, ...args], { timeout: 50_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, said: stdout + stderr })
    })
  })
}

test('a client that knows only the written protocol creates a session, is cut, resumes and leaves', async () => {
  const server = await createServer({ port: 0, rooms: { lobby: {} }, log: false })
  undo.push(() => server.close())
  const { code, said } = await run([`ws://127.0.0.1:${server.port}/v1/connect`, 'lobby'])
  expect(said.match(/^ok /gm)?.length, said).toBe(9)
  expect(code, said).toBe(0)
})
