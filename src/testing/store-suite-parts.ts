// What the parts of the store suite share: the shape of a runner and of a store under test, and asks with everything
// filled in, so that a test says only what it is about.

import type { Position } from '../protocol/position.js'
import type {
  Acquire,
  Append,
  Appended,
  Attach,
  Attached,
  Page,
  Read,
  Retention,
  SessionRow,
  Store,
  StoreEvent,
  Ticked,
} from '../store/store.js'

/** The part of vitest (or of another runner with the same words) that the suite uses. */
export interface Runner {
  readonly describe: (name: string, body: () => void) => void
  readonly test: (name: string, body: () => Promise<void>) => void
  readonly expect: (actual: unknown) => {
    toBe(expected: unknown): void
    toEqual(expected: unknown): void
    toMatchObject(expected: object): void
    toBeGreaterThan(expected: number): void
    toBeLessThanOrEqual(expected: number): void
  }
}

export interface SuiteStore {
  /** Open, and empty. */
  readonly store: Store
  /** Moves the store's clock; nothing ticks by itself. */
  advance(ms: number): Promise<void>
  /** Resolves when every hint that will come has come. */
  settle(): Promise<void>
  /** A copy of all data as they are now; opaque. */
  copy(): Promise<unknown>
  /** Ends the store and opens another over the same data, over a copy, or (null) over nothing: a new epoch. */
  reopen(data?: unknown): Promise<Store>
}

export type OpenStore = () => Promise<SuiteStore>

export type Part = (runner: Runner, open: OpenStore) => void

/** Names a part, as `describe` does for its tests. */
export function suite(part: Part): Part {
  return part
}

/** A test with a store of its own, closed afterwards. */
export function withStore(open: OpenStore, body: (suite: SuiteStore) => Promise<void>): () => Promise<void> {
  return async () => {
    const opened = await open()
    try {
      await body(opened)
    } finally {
      await opened.store.close()
    }
  }
}

// Logs.

export const roomy: Retention = {
  entriesMax: 1_000,
  bytesMax: 1_000_000,
  ageMs: 1_000_000,
  producersMax: 1_000,
  producerAgeMs: 1_000_000,
}

export type AppendDetails = Partial<Omit<Append, 'entry' | 'producer'>> & {
  readonly key?: string
  readonly tag?: string
  readonly producer?: Partial<NonNullable<Append['producer']>>
}

/** One entry, without producer and fence unless told. Its tag is derived from its data unless told. */
export function append(store: Store, room: string, data: string | Uint8Array, details: AppendDetails = {}) {
  const { key = null, tag = `tag of ${data}`, producer, ...rest } = details
  return store.append({
    room,
    entry: { tag, atMs: 0, by: null, mark: null, key, data },
    fence: null,
    retention: roomy,
    durability: 'memory',
    producer:
      producer === undefined ? null : { user: 'ann', producer: 'p', seq: 1, prev: 0, again: false, ...producer },
    ...rest,
  })
}

/** Appends one after the other; answers the last position. */
export async function appendAll(
  store: Store,
  room: string,
  all: readonly string[],
  details: AppendDetails = {},
): Promise<Position> {
  let last: Appended = { kind: 'unknown' }
  for (const data of all) last = await append(store, room, data, details)
  if (last.kind !== 'appended') throw new Error(`not appended: ${JSON.stringify(last)}`)
  return last.position
}

const wholePage = { readableFrom: 0, entriesMax: 1_000, bytesMax: 1_000_000, replayMax: 10_000 }

export function readAfter(
  store: Store,
  room: string,
  position: Position,
  details: Partial<Read> & { readonly last?: number } = {},
): Promise<Page> {
  const { last = 0, ...rest } = details
  return store.read({ room, from: { kind: 'position', position, last }, ...wholePage, ...rest })
}

export function readLast(store: Store, room: string, count: number, details: Partial<Read> = {}): Promise<Page> {
  return store.read({ room, from: { kind: 'last', count }, ...wholePage, ...details })
}

/** What a page gives, in short. */
export function dataOf(page: Page): readonly (string | Uint8Array | null)[] {
  return page.entries.map(({ data }) => data)
}

export function offsetsOf(page: Page): readonly number[] {
  return page.entries.map(({ position }) => position.offset)
}

export function numbers(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)
}

export async function headOf(store: Store, room: string): Promise<Position> {
  const [head] = await store.heads([room])
  if (head === undefined) throw new Error('no head was given')
  return head
}

// Sessions.

/** An attach of user ann on node n1; unless told, a creation. */
export function attach(store: Store, details: Partial<Attach> = {}): Promise<Attached> {
  return store.attach({
    resume: null,
    nextHash: 'h1',
    attempt: 1,
    instance: 'i1',
    node: 'n1',
    connection: 'c1',
    user: { user: 'ann', claims: { role: 'player' } },
    mayTakeOver: false,
    rightsVersion: null,
    rightsCount: Number.MAX_SAFE_INTEGER,
    holdMs: 120_000,
    newSession: 's1',
    ...details,
  })
}

/** A resume of a session by secret and next secret; without a user's proof unless told. */
export function resume(
  store: Store,
  [secretHash, nextHash]: readonly [secret: string, next: string],
  attempt: number,
  details: Partial<Attach> & { readonly session?: string; readonly previousHash?: string } = {},
): Promise<Attached> {
  const { session = 's1', previousHash = null, ...rest } = details
  const newSession = `never-${session}-${attempt}`
  return attach(store, {
    resume: { session, secretHash, previousHash },
    nextHash,
    attempt,
    user: null,
    newSession,
    connection: `c${attempt}`,
    ...rest,
  })
}

export type Accepted = Extract<Attached, { kind: 'resumed' | 'created' }>

export function accepted(answer: Attached): Accepted {
  if (answer.kind === 'resumed' || answer.kind === 'created') return answer
  throw new Error(`not accepted: ${JSON.stringify(answer)}`)
}

/** A fresh session, live. */
export async function created(store: Store, session: string, details: Partial<Attach> = {}): Promise<SessionRow> {
  const nextHash = `first-${session}`
  return accepted(await attach(store, { newSession: session, nextHash, ...details })).row
}

export function user(name: string): NonNullable<Attach['user']> {
  return { user: name, claims: null }
}

export function ownerOf(row: SessionRow): { readonly session: string; readonly generation: number } {
  return { session: row.id, generation: row.generation }
}

/** A lease for the session; two minutes of hold unless told. */
export function acquire(store: Store, row: SessionRow, key: string, details: Partial<Acquire> = {}) {
  return store.acquire({ ...ownerOf(row), key, kind: 'name', holdMs: 120_000, data: null, ...details })
}

/** The fence granted. */
export async function fenceOf(asked: ReturnType<Store['acquire']>): Promise<number> {
  const answer = await asked
  if (answer.kind !== 'granted') throw new Error(`not granted: ${JSON.stringify(answer)}`)
  return answer.lease.fence
}

// Hold time.

export interface TickDetails {
  readonly nodes?: readonly string[]
  readonly nodeLeaseMs?: number
  readonly freezeMs?: number
  readonly rowsMax?: number
}

/** One tick of each node (n1 unless told), until nothing more is due. */
export async function tick(store: Store, details: TickDetails = {}): Promise<Ticked> {
  const { nodes = ['n1'], nodeLeaseMs = 10_000, freezeMs = 15_000, rowsMax = 100 } = details
  let ticked: Ticked = { holdMs: 0, isFrozen: false, hasMore: false }
  for (const node of nodes) {
    do ticked = await store.tick({ node, nodeLeaseMs, freezeMs, rowsMax })
    while (ticked.hasMore)
  }
  return ticked
}

/** Lets hold time pass: a tick each second, unless told. */
export async function holdFor(
  { store, advance }: Pick<SuiteStore, 'store' | 'advance'>,
  ms: number,
  { everyMs = 1_000, ...details }: TickDetails & { readonly everyMs?: number } = {},
): Promise<Ticked> {
  let ticked = await tick(store, details)
  for (let leftMs = ms; leftMs > 0; leftMs -= everyMs) {
    await advance(Math.min(everyMs, leftMs))
    ticked = await tick(store, details)
  }
  return ticked
}

/** All events that wait, settled. */
export async function events(store: Store): Promise<readonly StoreEvent[]> {
  const taken = await store.takeEvents({ node: 'n1', having: [], eventsMax: 1_000, takenMs: 1_000 })
  await store.settleEvents(taken.map(({ id }) => id))
  return taken
}

/** The control log from its start. */
export async function controls(store: Store): Promise<readonly unknown[]> {
  return dataOf(await readLast(store, '$control', 1_000)).map((data) => JSON.parse(String(data)))
}
