// `npm run bench:memory`: what rooms with history cost in memory when nobody reads them. A server of its own process is
// measured before and after very many rooms were joined, written and left, and again when it starts over their data.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connect, memoryStorage } from 'holdfast'
import type { FromServer, Measured, ToServer } from './memory/channel.js'

const help = `npm run bench:memory -- [options]

  --rooms N     joined, written and left (default 100000)
  --entries N   written to each (default 3)
  --json        one JSON object on standard output
  --help        this text

Anonymous memory (RssAnon) of the server, in bytes: warm (after a tenth of the rooms, at least 2 000), after all of them,
and of a server started over nothing and over all of them. Linux only. Exit code: 0, or 2 for a wrong option.
`

interface Server {
  readonly url: string
  readonly startMs: number
  measure(): Promise<Measured>
  stop(): Promise<void>
}

const roomsAtOnce = 500

async function start(path: string): Promise<Server> {
  const script = fileURLToPath(new URL('./memory/server.ts', import.meta.url))
  const child = fork(script, [path], { execArgv: ['--expose-gc', '--import', 'tsx'] })
  const { port, startMs } = await heard(child, 'listening')
  const ask = (message: ToServer) => child.send(message)
  return {
    url: `ws://127.0.0.1:${port}`,
    startMs,
    async measure() {
      const measured = heard(child, 'measured')
      ask({ do: 'measure' })
      return measured
    },
    async stop() {
      const ended = once(child, 'exit')
      ask({ do: 'stop' })
      await ended
    },
  }
}

function heard<T extends FromServer['is']>(child: ChildProcess, is: T): Promise<Extract<FromServer, { is: T }>> {
  return new Promise((resolve, reject) => {
    const listen = (message: FromServer) => {
      if (message.is !== is) return
      child.off('message', listen)
      resolve(message as Extract<FromServer, { is: T }>)
    }
    child.on('message', listen)
    child.once('exit', (code) => reject(new Error(`the server ended with code ${code}`)))
  })
}

/** Some rooms at once: joined by one session, written, left. */
async function touch(url: string, { from, to, entries }: { from: number; to: number; entries: number }): Promise<void> {
  const session = connect(url, { storage: memoryStorage() })
  for (let first = from; first < to; first += roomsAtOnce) {
    const names = Array.from({ length: Math.min(roomsAtOnce, to - first) }, (_, index) => `room/${first + index}`)
    const rooms = names.map((name) => session.join(name))
    await session.whenLive()
    for (let n = 1; n <= entries; n++) {
      await Promise.all(rooms.map((room) => room.publish({ n, text: 'x'.repeat(100) })))
    }
    for (const room of rooms) room.leave()
  }
  await session.leave()
}

/** When no room is in memory that is not always there. */
async function left(server: Server): Promise<Measured> {
  for (;;) {
    const measured = await server.measure()
    if (measured.rooms < 10) return server.measure()
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function run({ rooms, entries }: { readonly rooms: number; readonly entries: number }) {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const told = (text: string) => void process.stderr.write(`${text}\n`)
  try {
    const path = join(root, 'data')
    const first = await start(path)
    const warmRooms = Math.min(rooms, Math.max(2_000, Math.floor(rooms / 10)))
    await touch(first.url, { from: 0, to: warmRooms, entries })
    const warm = await left(first)
    const step = 10_000
    for (let from = warmRooms; from < rooms; from += step) {
      await touch(first.url, { from, to: Math.min(rooms, from + step), entries })
      told(`  ${Math.min(rooms, from + step)} rooms`)
    }
    const after = await left(first)
    await first.stop()
    const diskBytes = statSync(join(path, 'holdfast.mdb')).size

    const empty = await start(join(root, 'empty'))
    const startedEmpty = await left(empty)
    await empty.stop()
    const again = await start(path)
    const startedFull = await left(again)
    await again.stop()
    return {
      ...{ rooms, entries, warmRooms, diskBytes },
      warmAnonBytes: warm.anonBytes,
      afterAnonBytes: after.anonBytes,
      grownAnonBytes: after.anonBytes - warm.anonBytes,
      grownHeapBytes: after.heapBytes - warm.heapBytes,
      startedEmptyAnonBytes: startedEmpty.anonBytes,
      startedFullAnonBytes: startedFull.anonBytes,
      startedMoreAnonBytes: startedFull.anonBytes - startedEmpty.anonBytes,
      startedMoreHeapBytes: startedFull.heapBytes - startedEmpty.heapBytes,
      startMs: again.startMs,
      roomsInMemory: after.rooms,
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      rooms: { type: 'string', default: '100000' },
      entries: { type: 'string', default: '3' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  for (const name of ['rooms', 'entries'] as const) {
    if (!/^[1-9]\d{0,6}$/.test(values[name]))
      throw new Error(`--${name} must be a whole number, but ${values[name]} came`)
  }
  return { rooms: Number(values.rooms), entries: Number(values.entries), isJson: values.json, isHelp: values.help }
}

async function main(): Promise<number> {
  let ask: ReturnType<typeof readArguments>
  try {
    ask = readArguments()
  } catch (error) {
    process.stderr.write(`memory: ${error instanceof Error ? error.message : String(error)}\n\n${help}`)
    return 2
  }
  if (ask.isHelp) {
    process.stdout.write(help)
    return 0
  }
  const report = await run(ask)
  const mega = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
  process.stderr.write(
    `${report.rooms} rooms, ${report.entries} entries each, ${mega(report.diskBytes)} on the disk\n` +
      `  anonymous memory ${mega(report.warmAnonBytes)} when warm, ${mega(report.afterAnonBytes)} after all\n` +
      `  started over nothing ${mega(report.startedEmptyAnonBytes)}, over all ${mega(report.startedFullAnonBytes)}\n`,
  )
  if (ask.isJson) process.stdout.write(`${JSON.stringify(report)}\n`)
  return 0
}

process.exit(await main())
