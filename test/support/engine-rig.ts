// Engines without servers, for tests: each over a store and a process of the virtual clock, with clients that parse
// every frame, check that nothing is missing or comes twice, and can stall.

import { createEngine } from '../../src/engine/create-engine.js'
import type {
  AttachAnswer,
  Engine,
  EngineSettings,
  JoinAnswer,
  LiveSession,
  Outlet,
  RoomOptions,
  SessionEvent,
} from '../../src/engine/engine.js'
import type { Transport } from '../../src/engine/transport.js'
import { decodeServerFrame } from '../../src/protocol/decode-server.js'
import type { Bye, Data, Member, RoomAsk, ServerFrame } from '../../src/protocol/frames.js'
import type { Position } from '../../src/protocol/position.js'
import { createFrameReader, opcodes } from '../../src/protocol/websocket-frame.js'
import { type Appended, type Store, StoreUnavailable } from '../../src/store/store.js'
import { createSeededChance, type SeededChance } from '../../src/testing/seeded-chance.js'
import type { ProcessClock, VirtualClock } from '../../src/testing/virtual-clock.js'

export const testSettings: EngineSettings = {
  sessionHoldMs: 120_000,
  heartbeatMs: 25_000,
  heartbeatTimeoutMs: 10_000,
  tickMs: 1_000,
  nodeLeaseMs: 10_000,
  freezeMs: 15_000,
  slowMs: 30_000,
  writeBytesMax: 262_144,
  narrowWriteBytesMax: 16_384,
  controlBytesMax: 1_048_576,
  pageEntriesMax: 256,
  pageBytesMax: 262_144,
  tailEntriesMax: 1_000,
  tailBytesMax: 1_048_576,
  tailAgeMs: 300_000,
  tailsBytesMax: 268_435_456,
  roomLingerMs: 30_000,
  roomsPerSessionMax: 128,
  storeDeadlineMs: 5_000,
}

export const testRoom: RoomOptions = {
  durability: 'memory',
  retention: { entriesMax: 10_000, bytesMax: 1e9, ageMs: 1e9, producersMax: 1_000, producerAgeMs: 1e9 },
  history: 'retained',
  presence: { graceMs: 15_000, membersMax: 100 },
  replayMax: 10_000,
}

export interface Node {
  readonly name: string
  readonly engine: Engine
  readonly clock: ProcessClock
  readonly chance: SeededChance
  readonly events: SessionEvent[]
  readonly reports: unknown[]
  readonly reauthorised: string[]
  /** How often the host was asked for a turn, and to be woken earlier. */
  readonly asked: { turns: number; wakes: number }
}

export interface NodeOptions {
  readonly clock: VirtualClock
  readonly store: Store
  readonly name?: string
  readonly seed?: number
  readonly settings?: Partial<EngineSettings>
  readonly rooms?: (room: string) => RoomOptions | null
  readonly onEvent?: (event: SessionEvent) => void | Promise<void>
}

/** An engine that is woken and given its turns, not yet started. */
export function createNode(options: NodeOptions): Node {
  const { name = 'n1', seed = 1 } = options
  const clock = options.clock.process()
  const chance = createSeededChance(seed).fork(name)
  const node = { events: [] as SessionEvent[], reports: [] as unknown[], reauthorised: [] as string[] }
  const asked = { turns: 0, wakes: 0 }
  let cancel = () => {}
  const arm = () => {
    cancel()
    const atMs = engine.wakeAtMs
    if (atMs === Number.POSITIVE_INFINITY) return
    cancel = clock.after(Math.max(0, atMs - clock.nowMs()), () => {
      engine.wake()
      arm()
    })
  }
  const engine: Engine = createEngine({
    node: name,
    store: options.store,
    clock,
    chance,
    roomOptions: options.rooms ?? ((room) => (room.startsWith('$') ? null : testRoom)),
    settings: { ...testSettings, ...options.settings },
    host: {
      turnWanted() {
        asked.turns += 1
        clock.soon(() => engine.endOfTurn())
      },
      wakeMoved() {
        asked.wakes += 1
        arm()
      },
      onEvent(event) {
        node.events.push(event)
        return options.onEvent?.(event)
      },
      reauthorise: (session) => node.reauthorised.push(session.id),
      report: (error) => node.reports.push(error),
    },
  })
  return { name, engine, clock, chance, asked, ...node }
}

export async function startNode(options: NodeOptions): Promise<Node> {
  const node = createNode(options)
  await within(options.clock, node.engine.start())
  return node
}

/** One connection as its other end sees it. */
export class Wire {
  readonly frames: ServerFrame[] = []
  /** Every chunk as it was handed over, and a copy of what it was then. */
  readonly chunks: { readonly given: Uint8Array; readonly copy: Uint8Array }[] = []
  readonly writes: number[] = []
  closed: { readonly code: number; readonly reason: string } | null = null
  isDestroyed = false
  readonly violations: string[] = []
  heard: (frame: ServerFrame) => void = () => {}
  #isStalled = false
  #isOpen = true
  #written: (() => void) | null = null
  #held: (readonly Uint8Array[])[] = []
  readonly #read = createFrameReader()
  readonly #clock: ProcessClock
  readonly #writtenAfterMs: number

  constructor(clock: ProcessClock, writtenAfterMs = 0) {
    this.#clock = clock
    this.#writtenAfterMs = writtenAfterMs
  }

  readonly transport: Transport = {
    write: (chunks, written) => this.#write(chunks, written),
    close: (code, reason, last) => {
      if (this.closed !== null) this.violations.push('closed twice')
      this.closed = { code, reason }
      this.#isOpen = false
      for (const held of this.#held) this.#take(held)
      this.#held = []
      if (last !== null) this.#take([last])
    },
    destroy: () => {
      this.isDestroyed = true
      this.#isOpen = false
    },
    pause: () => {},
    resume: () => {},
  }

  get bye(): Bye | null {
    return this.frames.find((frame) => frame.type === 'bye') ?? null
  }

  get isWriting(): boolean {
    return this.#written !== null
  }

  of<T extends ServerFrame['type']>(type: T): Extract<ServerFrame, { type: T }>[] {
    return this.frames.filter((frame): frame is Extract<ServerFrame, { type: T }> => frame.type === type)
  }

  /** Nothing is taken any more: the write stays outstanding, its bytes do not arrive. */
  stall(): void {
    this.#isStalled = true
  }

  unstall(): void {
    this.#isStalled = false
    const held = this.#held
    this.#held = []
    for (const chunks of held) this.#take(chunks)
    this.#finish()
  }

  /** The link is cut: nothing arrives, no `written` comes. */
  cut(): void {
    this.#isOpen = false
    this.#written = null
    this.#held = []
  }

  /** Bytes handed over must stay as they were. */
  get hasChangedBytes(): boolean {
    return this.chunks.some(({ given, copy }) => given.some((byte, index) => byte !== copy[index]))
  }

  #write(chunks: readonly Uint8Array[], written: () => void): boolean {
    if (!this.#isOpen) return false
    if (this.#written !== null) this.violations.push('a second write before written')
    this.writes.push(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
    for (const given of chunks) this.chunks.push({ given, copy: given.slice() })
    this.#written = written
    if (this.#isStalled) {
      this.#held.push(chunks)
      return true
    }
    this.#take(chunks)
    if (this.#writtenAfterMs === 0) this.#clock.soon(() => this.#finish())
    else this.#clock.after(this.#writtenAfterMs, () => this.#finish())
    return true
  }

  #finish(): void {
    const written = this.#written
    this.#written = null
    written?.()
  }

  #take(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) {
      for (const { opcode, payload } of this.#read(chunk)) {
        const raw = opcode === opcodes.text ? new TextDecoder().decode(payload) : payload
        const decoded = decodeServerFrame(raw)
        if (decoded.kind !== 'frame') throw new Error(`a bad frame: ${JSON.stringify(decoded)}`)
        this.frames.push(decoded.frame)
        this.heard(decoded.frame)
      }
    }
  }
}

/** What a client knows of a room over all its connections. */
export interface Place {
  position: Position | null
  readonly delivered: { readonly epoch: string; readonly offset: number; readonly data: Data | undefined }[]
  readonly gaps: { readonly reason: string; readonly from: number; readonly to: number }[]
  liveCount: number
  isJoined: boolean
}

let secretCount = 0

/** A client that outlives its connections, and the instance that must never miss or see twice. */
export class Client {
  readonly user: string
  readonly places = new Map<string, Place>()
  readonly violations: string[] = []
  node: Node
  wire: Wire
  outlet: Outlet | null = null
  session: LiveSession | null = null
  attempt = 0
  readonly instance: string
  #seq = 0
  #prev = new Map<string, number>()
  #secret: { id: string; current: string } | null = null
  #next = `secret-${++secretCount}`

  constructor(node: Node, user: string) {
    this.node = node
    this.user = user
    this.wire = new Wire(node.clock)
    this.instance = `instance-${++secretCount}`
  }

  /** Dials a node; a session that it has is resumed. Null: a later dial came before the answer. */
  async dial(node: Node = this.node, options: { readonly writtenAfterMs?: number } = {}): Promise<AttachAnswer | null> {
    this.node = node
    const wire = new Wire(node.clock, options.writtenAfterMs)
    // What an older connection still brings is ignored.
    wire.heard = (frame) => {
      if (this.wire === wire) this.#heard(frame)
    }
    this.wire = wire
    for (const place of this.places.values()) place.isJoined = false
    const outlet = node.engine.open(wire.transport)
    this.outlet = outlet
    this.session = null
    this.attempt += 1
    const secret = this.#secret
    const nextHash = this.#next
    const resume = secret === null ? null : { session: secret.id, secretHash: secret.current, previousHash: null }
    const { attempt } = this
    const row = resume === null ? null : await this.#orClosed(outlet, node.engine.row(resume.session))
    const asking = node.engine.attach(outlet, {
      resume,
      nextHash,
      attempt,
      instance: this.instance,
      user: { user: this.user, claims: null },
      mayTakeOver: true,
      rightsVersion: row?.rightsVersion ?? null,
      rightsCount: Number.MAX_SAFE_INTEGER,
    })
    const answer = await this.#orClosed(outlet, asking)
    // Its welcome is not read: the pair of secrets stays what it was.
    if (this.wire !== wire) return null
    if (answer.kind !== 'attached') return answer
    this.session = answer.session
    this.#secret = { id: answer.session.id, current: nextHash }
    this.#next = `secret-${++secretCount}`
    return answer
  }

  get current(): LiveSession {
    if (this.session === null) throw new Error('not attached')
    return this.session
  }

  place(room: string): Place {
    const place = this.places.get(room) ?? { position: null, delivered: [], gaps: [], liveCount: 0, isJoined: false }
    this.places.set(room, place)
    return place
  }

  /** From its own position, when it has one. */
  join(room: string, ask: Partial<RoomAsk> = {}): Promise<JoinAnswer> {
    const { position } = this.place(room)
    const since = position === null || ask.last !== undefined ? {} : { since: position }
    const { outlet } = this
    return this.node.engine.join(this.current, { room, ...since, ...ask }, { readableFrom: 'retained' }, (joined) => {
      outlet?.send({ type: 'joined', room, verdict: joined.verdict, position: joined.position })
    })
  }

  publish(room: string, data: Data, again = false): Promise<Appended> {
    this.#seq += 1
    const prev = this.#prev.get(room) ?? 0
    this.#prev.set(room, this.#seq)
    const producer = { user: this.user, producer: this.instance, seq: this.#seq, prev, again }
    return this.node.engine.publish(this.current, room, { producer, mark: `mark-${this.#seq}`, key: null, data })
  }

  /** The connection is gone, and the server notices. */
  drop(): void {
    this.wire.cut()
    if (this.outlet !== null) this.node.engine.closed(this.outlet, 'closed')
  }

  offsets(room: string): number[] {
    return this.place(room).delivered.map(({ offset }) => offset)
  }

  data(room: string): (Data | undefined)[] {
    return this.place(room).delivered.map(({ data }) => data)
  }

  /** What a server does when the store is not there. */
  async #orClosed<T>(outlet: Outlet, promise: Promise<T>): Promise<T> {
    const { engine } = this.node
    try {
      return await promise
    } catch (error) {
      outlet.close({ reason: 'store-unavailable' })
      engine.closed(outlet, 'closed')
      throw error
    }
  }

  #heard(frame: ServerFrame): void {
    if (frame.type === 'joined') {
      const place = this.place(frame.room)
      if (frame.verdict.kind === 'gap') place.gaps.push(frame.verdict)
      else if (place.position !== null && place.isJoined === false && place.position.offset !== frame.position.offset) {
        if (place.position.offset > 0) this.violations.push(`joined elsewhere: ${JSON.stringify(frame)}`)
      }
      place.position = frame.position
      place.isJoined = true
      return
    }
    if (frame.type === 'entry' || frame.type === 'void') {
      const place = this.place(frame.room)
      const { epoch, offset, tag } = frame
      if (!place.isJoined) this.violations.push(`an entry before joined: ${offset}`)
      if (offset !== (place.position?.offset ?? 0) + 1) {
        this.violations.push(`entry ${offset} behind ${place.position?.offset}`)
      }
      place.position = { epoch, offset, tag }
      place.delivered.push({ epoch, offset, data: frame.type === 'entry' ? frame.data : undefined })
      return
    }
    if (frame.type === 'gap') {
      const place = this.place(frame.room)
      place.gaps.push(frame)
      place.position = frame.next
      return
    }
    if (frame.type === 'live' && frame.room !== null) this.place(frame.room).liveCount += 1
  }
}

/** Runs the clock until the promise has settled; rejects with what it rejected with. */
export async function within<T>(clock: VirtualClock, promise: Promise<T>, ms = 10_000): Promise<T> {
  let isSettled = false
  const settle = () => {
    isSettled = true
  }
  promise.then(settle, settle)
  await clock.settle()
  for (let waitedMs = 0; !isSettled && waitedMs < ms; waitedMs += 50) await clock.advance(50)
  if (!isSettled) throw new Error(`still pending after ${ms} ms`)
  return promise
}

export type Calls = { readonly [operation in keyof Store]?: readonly unknown[][] }

/** The same store; what it is asked is kept, and `fail` may refuse a call before it has any effect. */
export function watchStore(
  store: Store,
  fail: (operation: string, count: number) => boolean = () => false,
): {
  readonly store: Store
  readonly calls: Map<string, unknown[][]>
  readonly countOf: (operation: string) => number
} {
  const calls = new Map<string, unknown[][]>()
  let count = 0
  const watched = new Proxy(store, {
    get(target, key, receiver) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function' || typeof key !== 'string') return Reflect.get(target, key, receiver)
      return (...args: unknown[]) => {
        calls.set(key, [...(calls.get(key) ?? []), args])
        count += 1
        if (fail(key, count)) return Promise.reject(new StoreUnavailable(`${key} was made to fail`))
        return Reflect.apply(value, target, args)
      }
    },
  })
  return { store: watched, calls, countOf: (operation) => calls.get(operation)?.length ?? 0 }
}

/** Moves on while the clients' beats arrive. */
export async function advanceAlive(clock: VirtualClock, clients: readonly Client[], ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= 1_000) {
    for (const { outlet } of clients) outlet?.heard()
    await clock.advance(Math.min(1_000, leftMs))
  }
}

/** The members that presence frames add up to. Throws for one that does not continue what was told before. */
export function shownMembers(frames: readonly ServerFrame[]): Map<string, Member> {
  const members = new Map<string, Member>()
  let version = -1
  for (const frame of frames) {
    if (frame.type === 'presence') {
      members.clear()
      for (const member of frame.members) members.set(member.session, member)
      version = frame.version
    }
    if (frame.type !== 'presence-changed') continue
    if (frame.since !== version) throw new Error(`presence since ${frame.since} was told at ${version}`)
    version = frame.version
    for (const member of frame.set) members.set(member.session, member)
    for (const session of frame.removed) members.delete(session)
  }
  return members
}

/** The same as `user state`, sorted. */
export function shownUsers(client: Client): string[] {
  return [...shownMembers(client.wire.frames).values()].map(({ user, state }) => `${user} ${state}`).sort()
}
