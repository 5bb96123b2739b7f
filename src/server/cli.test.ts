import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { main, type Shell } from './cli-serve.js'
import { envOf, settingsTable } from './settings.js'

interface Run {
  out: string
  err: string
  readonly codes: number[]
  readonly signals: Map<string, () => void>
}

/** Each run has a data directory of its own, unless it names one. */
async function run(argv: string[], given: Shell['env'] = {}): Promise<Run> {
  const env = { HOLDFAST_DATA: await mkdtemp(join(tmpdir(), 'holdfast-')), ...given }
  const done: Run = { out: '', err: '', codes: [], signals: new Map() }
  await main(argv, {
    env,
    out(text) {
      done.out += text
    },
    err(text) {
      done.err += text
    },
    onSignal: (signal, act) => void done.signals.set(signal, act),
    exit: (code) => void done.codes.push(code),
  })
  return done
}

async function quietConfig(options: object = {}): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'holdfast-')), 'config.json')
  await writeFile(path, JSON.stringify({ log: false, host: '127.0.0.1', port: 0, ...options }))
  return path
}

describe('help and mistakes', () => {
  test('[CLI-1] --help names every flag and every setting with its default', async () => {
    const { out, codes } = await run(['--help'])
    expect(codes).toEqual([0])
    for (const flag of ['--port', '--host', '--config', '--json', '--help']) expect(out).toContain(flag)
    for (const row of settingsTable) expect(out).toMatch(new RegExp(`${envOf(row.key)} .*\\[${row.default} `))
  })

  const mistakes: { argv: string[]; env?: Shell['env']; says: RegExp }[] = [
    { argv: [], says: /holdfast serve/ },
    { argv: ['server'], says: /no command server/ },
    { argv: ['serve', 'now'], says: /now is one word too many/ },
    { argv: ['serve', '--prot', '1'], says: /--prot/ },
    { argv: ['serve', '--port', 'abc'], says: /--port .*"abc"/ },
    { argv: ['serve', '--port', '70000'], says: /0 to 65535/ },
    { argv: ['serve', '--config', '/nowhere.json'], says: /\/nowhere\.json cannot be read/ },
    { argv: ['serve'], env: { HOLDFAST_HEARTBEAT_MS: 'often' }, says: /HOLDFAST_HEARTBEAT_MS .*"often"/ },
  ]
  test('[CLI-7] what the operator should know is told in words: a misspelt variable is named', async () => {
    const config = await quietConfig()
    const { err, signals, codes } = await run(['serve', '--config', config], { HOLDFAST_HEARTBEAT: '5000' })
    expect(err).toMatch(/^holdfast: warning: the variable HOLDFAST_HEARTBEAT is not known .*HOLDFAST_HEARTBEAT_MS\?$/m)
    signals.get('SIGINT')?.()
    await expect.poll(() => codes).toEqual([0])
  })

  test('[SRV-21] in production without authenticate it does not start', async () => {
    const { err, codes } = await run(['serve', '--config', await quietConfig()], { NODE_ENV: 'production' })
    expect(err).toMatch(/`authenticate` must be set/)
    expect(codes).toEqual([2])
  })

  for (const { argv, env = {}, says } of mistakes) {
    test(`[CLI-2] ${JSON.stringify(argv)} with ${JSON.stringify(env)} is told and ends with 2`, async () => {
      const { err, codes, signals } = await run(argv, env)
      expect(codes).toEqual([2])
      expect(err).toMatch(says)
      expect(err).toMatch(/^holdfast: [^\n]*--help\n$/)
      expect(signals.size).toBe(0)
    })
  }

  test('[CLI-6] an option in the config file that does not exist is named', async () => {
    const { err, codes } = await run(['serve', '--config', await quietConfig({ prot: 1 })])
    expect([codes, err]).toEqual([[2], expect.stringContaining('no option prot')])
  })

  test('[CLI-3] a port in use is told and ends with 1', async () => {
    const other: Server = createServer()
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { err, codes } = await run(['serve', '--port', `${port}`, '--config', await quietConfig()])
    other.close()
    expect(codes).toEqual([1])
    expect(err).toContain(`port ${port} is in use`)
  })
})

describe('serving', () => {
  test('[CLI-4] [CLI-6] the start is one line, flags come before the file; a signal ends with 0', async () => {
    const file = await quietConfig({ host: 'localhost', heartbeat: { everyMs: 5_000 } })
    const { out, codes, signals } = await run(['serve', '--host', '127.0.0.1', '--config', file])
    expect(out).toMatch(
      /^Holdfast listening on http:\/\/127\.0\.0\.1:\d+ \(store lmdb, heartbeat 5 s \+ 10 s, [^\n]*\)\n$/,
    )
    signals.get('SIGTERM')?.()
    await expect.poll(() => codes).toEqual([0])
  })

  test('[CLI-4] --json tells the start to programs; a second signal does not wait', async () => {
    const { out, codes, signals } = await run(['serve', '--json', '--config', await quietConfig()])
    const started = JSON.parse(out)
    expect(started).toMatchObject({ store: 'lmdb', warnings: [] })
    expect((await fetch(`${started.listening}/health`)).status).toBe(200)
    signals.get('SIGINT')?.()
    signals.get('SIGINT')?.()
    expect(codes).toEqual([130])
    await expect.poll(() => codes).toEqual([130, 0])
  })

  test('[CLI-4] [CLI-6] as a process it listens, takes a module for its options, and ends on SIGTERM', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'holdfast-')), 'config.mjs')
    await writeFile(path, 'export default { rooms: { "chat/:id": { canJoin: () => true } } }')
    const argv = ['--import', 'tsx', new URL('./cli.ts', import.meta.url).pathname, 'serve', '--port', '0']
    const env = { ...process.env, HOLDFAST_DATA: await mkdtemp(join(tmpdir(), 'holdfast-')) }
    const child = spawn(process.execPath, [...argv, '--config', path], { env, stdio: ['ignore', 'pipe', 'ignore'] })
    const [line] = await once(child.stdout, 'data')
    expect(String(line)).toContain('Holdfast listening on http://localhost:')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  }, 20_000)

  test('[CLI-8] sessions and rooms are kept in the data directory, which one server has; --memory keeps nothing', async () => {
    const config = await quietConfig()
    const data = join(await mkdtemp(join(tmpdir(), 'holdfast-')), 'data')
    const first = await run(['serve', '--config', config, '--data', data])
    expect(first.out).toContain('(store lmdb,')
    const second = await run(['serve', '--config', config, '--data', data])
    expect(second.err).toMatch(/in use by process \d+/)
    expect(second.codes).toEqual([1])
    first.signals.get('SIGINT')?.()
    await expect.poll(() => first.codes).toEqual([0])
    const third = await run(['serve', '--config', config, '--memory'])
    expect(third.out).toContain('(store memory,')
    third.signals.get('SIGINT')?.()
    await expect.poll(() => third.codes).toEqual([0])
    expect((await run(['serve', '--memory', '--data', data])).codes).toEqual([2])
  })
})
