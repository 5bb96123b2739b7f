// Real servers on real sockets, and the guard that they survive what a test does to them.

import { afterAll, afterEach, expect } from 'vitest'
import { createServer, type HoldfastServer, type ServerOptions } from 'holdfast/server'
import { createIdentity, enter, type RawPeer } from './raw.js'

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface RealServer {
  readonly server: HoldfastServer
  readonly port: number
  /** Everything it logged. */
  readonly lines: LogLine[]
}

const open: HoldfastServer[] = []
const unhandled: unknown[] = []
const note = (error: unknown) => void unhandled.push(error)

/** A server on a free port; closed after the file. */
export async function startServer(options: ServerOptions = {}): Promise<RealServer> {
  const lines: LogLine[] = []
  const line = (level: LogLine['level']) => (fields: object, message: string) =>
    void lines.push({ level, message, fields: fields as LogLine['fields'] })
  const log = { info: line('info'), warn: line('warn'), error: line('error') }
  const server = await createServer({ port: 0, host: '127.0.0.1', env: {}, log, ...options })
  open.push(server)
  return { server, port: server.port, lines }
}

/** Asserts after each test: nothing was thrown past the server, and it still serves a well-behaved client. */
export function guardServer(running: () => RealServer): void {
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
  afterEach(async () => {
    const { port, server } = running()
    await expectServes(port)
    expect(server.health()).toEqual({ status: 'ok' })
    expect(unhandled.splice(0)).toEqual([])
    expect((Object.prototype as Record<string, unknown>)['polluted']).toBeUndefined()
  })
  afterAll(async () => {
    process.off('unhandledRejection', note)
    process.off('uncaughtException', note)
    await Promise.all(open.splice(0).map((server) => server.close({ timeoutMs: 1000 })))
  })
}

/** A client of its own can come in, join, publish and leave. */
export async function expectServes(port: number): Promise<void> {
  const { peer, welcome } = await enter(port, createIdentity(), { rooms: [{ room: 'guard' }] })
  await peer.take('live', (frame) => frame.room === null)
  peer.send(publishOf(welcome.session, { room: 'guard', id: 1 }))
  await peer.take('published')
  peer.send({ type: 'leave', id: 2, room: null })
  await peer.take('left')
  await peer.ended()
}

export function publishOf(session: string, overrides: Readonly<Record<string, unknown>> = {}): object {
  return {
    type: 'publish',
    id: 1,
    session,
    room: 'a',
    producer: 'producer-1',
    seq: 1,
    prev: 0,
    again: false,
    mark: 'mark-1',
    data: { text: 'hi' },
    ...overrides,
  }
}

/** Enters with rooms, and waits until all of them are live. */
export async function enterLive(port: number, rooms: readonly object[], identity = createIdentity()) {
  const entered = await enter(port, identity, { rooms })
  await entered.peer.take('live', (frame) => frame.room === null)
  return entered
}

/** Sends, and resolves with the refusal of this id. */
export async function refusal(peer: RawPeer, frame: Readonly<Record<string, unknown>>) {
  peer.send(frame)
  return peer.take('refused', (refused) => refused.id === (frame['id'] ?? null))
}
