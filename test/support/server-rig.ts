// The whole server on virtual time, and raw clients that say exactly what a test wants: for the tests of src/server.

import { createHash } from 'node:crypto'
import type { Link } from '../../src/client/link.js'
import { decodeServerFrame } from '../../src/protocol/decode-server.js'
import type { Bye, RoomAsk, ServerFrame, Welcome } from '../../src/protocol/frames.js'
import { memoryStore } from '../../src/store/memory.js'
import type { Store } from '../../src/store/store.js'
import { createNetwork, type Network } from '../../src/testing/memory-network.js'
import { createSeededChance } from '../../src/testing/seeded-chance.js'
import { createTestServer, type TestServer, type TestServerOptions } from '../../src/testing/test-server.js'
import { createVirtualClock, type VirtualClock } from '../../src/testing/virtual-clock.js'
import { within } from './engine-rig.js'

export interface LoggedLine {
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
}

export interface ServerRig {
  readonly clock: VirtualClock
  readonly network: Network
  readonly server: TestServer
  readonly lines: LoggedLine[]
  /** Moves time on until the promise has settled. */
  soon<T>(promise: Promise<T>): Promise<T>
  /** Dials, and resolves when the connection is open. */
  peer(name?: string): Promise<Peer>
  /** A peer that said hello and was welcomed. */
  enter(ask?: { readonly rooms?: readonly RoomAsk[]; readonly more?: object; readonly name?: string }): Promise<Entered>
}

export interface Entered {
  readonly peer: Peer
  readonly welcome: Welcome
  readonly session: string
}

export interface Peer {
  readonly frames: ServerFrame[]
  readonly closedWith: number | null
  send(frame: object | string | Uint8Array): void
  /** The frames that came since the last call, once time has moved on a little. */
  take(waitMs?: number): Promise<ServerFrame[]>
  close(): void
}

export async function createServerRig(
  options: Omit<TestServerOptions, 'clock' | 'chance' | 'network'> = {},
): Promise<ServerRig> {
  const clock = createVirtualClock()
  const chance = createSeededChance(7)
  const network = createNetwork({ clock, chance: chance.fork('net'), latencyMs: 1 })
  const lines: LoggedLine[] = []
  const write = (level: string) => (fields: object, message: string) => void lines.push({ ...fields, level, message })
  const log = { info: write('info'), warn: write('warn'), error: write('error') }
  const server = await within(clock, createTestServer({ clock, chance: chance.fork('srv'), network, log, ...options }))

  const rig: ServerRig = {
    clock,
    network,
    server,
    lines,
    soon: (promise) => within(clock, promise),
    async peer(name = 'peer') {
      const peer = new RawPeer(clock)
      peer.link = network.line(name).dial(server.url, peer)
      await clock.advance(10)
      return peer
    },
    async enter({ rooms = [], more = {}, name } = {}) {
      const peer = await rig.peer(name)
      peer.send(hello({ rooms, ...more }))
      const [welcome] = await peer.take()
      if (welcome?.type !== 'welcome') throw new Error(`no welcome but ${JSON.stringify(welcome)}`)
      return { peer, welcome, session: welcome.session }
    },
  }
  return rig
}

class RawPeer implements Peer {
  readonly frames: ServerFrame[] = []
  readonly #clock: VirtualClock
  closedWith: number | null = null
  link: Link | null = null
  #taken = 0

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  opened(): void {}

  received(raw: string | Uint8Array): void {
    const decoded = decodeServerFrame(raw)
    if (decoded.kind !== 'frame') throw new Error(`the server sent what is no frame: ${JSON.stringify(decoded)}`)
    this.frames.push(decoded.frame)
  }

  closed(code: number): void {
    this.closedWith = code
  }

  send(frame: object | string | Uint8Array): void {
    const isRaw = typeof frame === 'string' || frame instanceof Uint8Array
    this.link?.send(isRaw ? frame : JSON.stringify(frame))
  }

  async take(waitMs = 20): Promise<ServerFrame[]> {
    await this.#clock.advance(waitMs)
    const taken = this.frames.slice(this.#taken)
    this.#taken = this.frames.length
    return taken
  }

  close(): void {
    this.link?.close(1000, '')
  }
}

/** A hello of a new session; `more` replaces fields. */
export function hello(more: object = {}): object {
  const base = { type: 'hello', version: 1, features: [], instance: 'i-1', attempt: 1, nextHash: hash('secret-1') }
  return { ...base, rooms: [], ...more }
}

/** The hello that resumes: its `count`-th, by secrets `secret-1`, `secret-2`, … */
export function resume(session: string, count: number, more: object = {}): object {
  const secrets = { session: { id: session, secret: `secret-${count}` }, nextHash: hash(`secret-${count + 1}`) }
  return hello({ ...secrets, attempt: count + 1, ...more })
}

export function publish(session: string, id: number, more: object = {}): object {
  const base = { type: 'publish', id, session, room: 'a', producer: 'p', seq: id, prev: id - 1, again: false }
  return { ...base, mark: `m-${id}`, data: id, ...more }
}

export function hash(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

/** Frames in short: `welcome`, `joined a`, `entry a 3`, `live a`, `live`, `denied b forbidden`, `bye drain`. */
export function inShort(frames: readonly ServerFrame[]): string[] {
  return frames.map((frame) => {
    const words = [frame.type, 'room' in frame ? frame.room : null, 'offset' in frame ? frame.offset : null]
    const reason = 'reason' in frame ? frame.reason : null
    return [...words, reason].filter((word) => word !== null).join(' ')
  })
}

export function byeOf(frames: readonly ServerFrame[]): Bye | null {
  return frames.find((frame) => frame.type === 'bye') ?? null
}

/** A promise that the test settles. */
export function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** The same store with some operations of the test's own. */
export function overridden(own: Partial<Store>, store: Store = memoryStore()): Store {
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(own, key) ?? Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
