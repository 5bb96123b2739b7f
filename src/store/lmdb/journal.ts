// What was changed in memory and is not yet on the disk. Steps of one batch are written together; while a batch is being
// committed the next ones gather, and they are committed while it is flushed. A batch that fails takes everything with it
// that came after it: memory is as it was, and whoever waited is refused. It knows nothing of what is changed.

import { StoreUnavailable } from '../store.js'
import type { Disk, Write } from './disk.js'

/** Something whose changes are written: it notes each key before it changes. */
export interface Keeper {
  readonly scope: Scope
  /** Adds what these keys are now. `before` has what they were when the batch began. */
  write(before: ReadonlyMap<unknown, unknown>, writes: Write[]): void
  /** Sets these keys back. */
  revert(before: ReadonlyMap<unknown, unknown>): void
  /** They are on the disk now. `isNoted`: changed again since. */
  settled(before: ReadonlyMap<unknown, unknown>, isNoted: (key: unknown) => boolean): void
}

/** Several keepers that answer together: whoever saw one of their changes waits for it. */
export interface Scope {
  last: Batch | null
  /** True: its changes count only once they are flushed. */
  needsFlush: boolean
  /** True: its changes are not written; it is in memory only. */
  isUnkept: boolean
}

export function newScope(): Scope {
  return { last: null, needsFlush: false, isUnkept: false }
}

export interface Batch {
  readonly changes: Map<Keeper, Map<unknown, unknown>>
  readonly scopes: Set<Scope>
  readonly visible: Settling
  readonly flushed: Settling
  /** Filled when nothing more is added to it. */
  readonly writes: Write[]
  /** How many keys. */
  size: number
  bytes: number
  isFlushed: boolean
  /** Told as lost, whatever the disk says of it later. */
  isLost: boolean
}

/** A batch that has grown to this is written as it is: it must not hold the loop for long. */
const sizeMax = 2_000
const batchBytesMax = 4 * 2 ** 20

/** Batches that are there and not yet flushed. Each holds a thread of the process's four. */
const flushingMax = 2

interface Settling {
  readonly promise: Promise<void>
  resolve(): void
  reject(error: Error): void
}

/** Steps between which a process may die, for tests that kill it there. */
export type FailPoint = 'gathered' | 'committing' | 'visible' | 'flushed'

export interface JournalOptions {
  readonly disk: Disk
  /** Written with every batch. */
  readonly always: (writes: Write[]) => void
  /** More than this is not taken while the disk is behind. */
  readonly bytesMax: number
  readonly onPoint?: (point: FailPoint) => void
  /** Told once per failed batch, for the log. */
  readonly onFault?: (error: Error, isFatal: boolean) => void
}

export class Journal {
  readonly #options: JournalOptions
  #gathering: Batch = newBatch()
  /** Complete, and waiting for the one that is being committed. Oldest first, as the next. */
  #sealed: Batch[] = []
  #committing: Batch | null = null
  #flushing: Batch[] = []
  #unwrittenBytes = 0
  #isPumpDue = false
  #isPaused = false
  #isClosing = false
  #refusal: Error | null = null

  constructor(options: JournalOptions) {
    this.#options = options
  }

  /** Not null: nothing can be written any more in this life of the store. */
  get refusal(): Error | null {
    return this.#refusal
  }

  /** What `run` changes is not noted: it is on the disk already. */
  unnoted(run: () => void): void {
    this.#isPaused = true
    try {
      run()
    } finally {
      this.#isPaused = false
    }
  }

  /** To be called before the first change of the key. */
  note(keeper: Keeper, key: unknown, before: () => unknown): void {
    if (this.#isPaused || keeper.scope.isUnkept) return
    const batch = this.#gathering
    const { scope } = keeper
    let ofKeeper = batch.changes.get(keeper)
    if (ofKeeper === undefined) {
      ofKeeper = new Map()
      batch.changes.set(keeper, ofKeeper)
    }
    if (ofKeeper.has(key)) return
    ofKeeper.set(key, before())
    batch.size += 1
    if (scope.last !== batch) {
      scope.last = batch
      batch.scopes.add(scope)
    }
    this.#pumpSoon()
  }

  /** To be called between steps: a batch that is large enough ends here. */
  stepped(): void {
    const { size, bytes } = this.#gathering
    if (size >= sizeMax || bytes >= batchBytesMax) this.#seal()
  }

  /** True: changed since the batch that is being committed. */
  #isNoted(keeper: Keeper, key: unknown): boolean {
    const isIn = ({ changes }: Batch) => changes.get(keeper)?.has(key) ?? false
    return isIn(this.#gathering) || this.#sealed.some(isIn)
  }

  /** What the key was when the gathering batch began; undefined: not noted in it. */
  noted(keeper: Keeper, key: unknown): unknown {
    return this.#gathering.changes.get(keeper)?.get(key)
  }

  grow(bytes: number): void {
    this.#gathering.bytes += bytes
    this.#unwrittenBytes += bytes
  }

  /** Throws when nothing more can be written, for ever or for now. */
  admit(): void {
    if (this.#refusal !== null) throw unavailable(this.#refusal)
    if (this.#isClosing) throw new StoreUnavailable('the store is closed')
    if (this.#unwrittenBytes <= this.#options.bytesMax) return
    throw new StoreUnavailable('the disk is behind; ask again')
  }

  /** When all that was changed until now is kept, flushed if asked; null: it is already. */
  kept(needsFlush: boolean): Promise<void> | null {
    const unseen = this.#gathering.size > 0 ? this.#gathering : (this.#sealed.at(-1) ?? this.#committing)
    if (!needsFlush) return unseen?.visible.promise ?? null
    return (unseen ?? this.#flushing.at(-1))?.flushed.promise ?? null
  }

  /** The same for what one scope changed. */
  keptOf(scope: Scope): Promise<void> | null {
    const { last, needsFlush } = scope
    if (last === null) return null
    return needsFlush ? last.flushed.promise : last.visible.promise
  }

  /** Writes what is left. Afterwards nothing is taken. */
  async close(): Promise<void> {
    this.#isClosing = true
    for (let kept = this.kept(true); kept !== null; kept = this.kept(true)) await kept.catch(() => {})
  }

  /** In a microtask: what one turn changes goes together, and nothing waits longer when the disk is idle. */
  #pumpSoon(): void {
    if (this.#isPumpDue || this.#isBusy) return
    this.#isPumpDue = true
    queueMicrotask(() => {
      this.#isPumpDue = false
      this.#pump()
    })
  }

  get #isBusy(): boolean {
    return this.#committing !== null || this.#flushing.length >= flushingMax
  }

  /** Writes the oldest batch that waits. */
  #pump(): void {
    if (this.#isBusy) return
    if (this.#sealed.length === 0 && this.#gathering.size > 0) this.#seal()
    const batch = this.#sealed.shift()
    if (batch !== undefined) this.#commit(batch)
  }

  /** What is written is what the keys are now: later steps are not part of it. */
  #seal(): void {
    const batch = this.#gathering
    this.#gathering = newBatch()
    this.#sealed.push(batch)
    this.#options.onPoint?.('gathered')
    for (const [keeper, before] of batch.changes) if (!keeper.scope.isUnkept) keeper.write(before, batch.writes)
    this.#options.always(batch.writes)
  }

  #commit(batch: Batch): void {
    this.#committing = batch
    this.#options.onPoint?.('committing')
    const { visible, flushed } = this.#options.disk.commit(batch.writes)
    flushed.catch(() => {})
    const told = visible.then(() => {
      this.#isVisible(batch)
      return flushed.then(
        () => this.#isFlushed(batch),
        (error: Error) => this.#flushFailed(batch, error),
      )
    })
    told.catch((error: Error) => this.#commitFailed(batch, error))
  }

  #isVisible(batch: Batch): void {
    if (batch.isLost) return
    this.#options.onPoint?.('visible')
    for (const [keeper, before] of batch.changes) {
      keeper.settled(before, (key) => this.#isNoted(keeper, key))
    }
    for (const scope of batch.scopes) if (!scope.needsFlush) leave(scope, batch)
    this.#committing = null
    this.#flushing.push(batch)
    batch.visible.resolve()
    this.#pumpSoon()
  }

  /** Not believed before those in front of it: the kernel tells a failed flush once, the next one may succeed. */
  #isFlushed(flushed: Batch): void {
    if (flushed.isLost) return
    this.#options.onPoint?.('flushed')
    flushed.isFlushed = true
    for (let batch = this.#flushing[0]; batch?.isFlushed === true; batch = this.#flushing[0]) {
      this.#flushing.shift()
      this.#unwrittenBytes -= batch.bytes
      for (const scope of batch.scopes) leave(scope, batch)
      batch.flushed.resolve()
    }
    this.#pumpSoon()
  }

  /** Nothing of the batch is there. What came after it has seen its changes. */
  #commitFailed(batch: Batch, error: Error): void {
    if (batch.isLost) return
    this.#lose([batch, ...this.#taken()], unavailable(error))
    this.#options.onFault?.(error, false)
  }

  /** After a failed flush the kernel may say of lost pages that they are kept, so nothing is believed any more. */
  #flushFailed(batch: Batch, error: Error): void {
    if (batch.isLost) return
    this.#refusal = new Error(`closed for writing since a flush failed (${error.message}); restart the server`)
    const committing = this.#committing === null ? [] : [this.#committing]
    const flushing = this.#flushing
    this.#flushing = []
    this.#lose([...committing, ...this.#taken()], unavailable(this.#refusal))
    // What needs no flush is there, and was told. The rest was told to nobody.
    this.#lose(flushing, unavailable(this.#refusal), ({ scope }) => scope.needsFlush)
    this.#options.onFault?.(this.#refusal, true)
  }

  /** What is not being committed yet, and is then no longer there. */
  #taken(): readonly Batch[] {
    const taken = [...this.#sealed, this.#gathering]
    this.#sealed = []
    this.#gathering = newBatch()
    return taken
  }

  #lose(batches: readonly Batch[], error: StoreUnavailable, which: (keeper: Keeper) => boolean = () => true): void {
    for (const batch of [...batches].reverse()) {
      batch.isLost = true
      if (batch === this.#committing) this.#committing = null
      this.#unwrittenBytes -= batch.bytes
      for (const [keeper, before] of [...batch.changes].reverse()) if (which(keeper)) keeper.revert(before)
      for (const scope of batch.scopes) leave(scope, batch)
    }
    for (const { visible, flushed } of batches) {
      visible.reject(error)
      flushed.reject(error)
    }
  }
}

function leave(scope: Scope, batch: Batch): void {
  if (scope.last === batch) scope.last = null
}

function unavailable(cause: Error): StoreUnavailable {
  return new StoreUnavailable(`nothing was kept: ${cause.message}`, { cause })
}

function newBatch(): Batch {
  const [visible, flushed] = [settling(), settling()]
  const [changes, scopes] = [new Map(), new Set<Scope>()]
  return { changes, scopes, visible, flushed, writes: [], size: 0, bytes: 0, isFlushed: false, isLost: false }
}

function settling(): Settling {
  let settle: Pick<Settling, 'resolve' | 'reject'> = { resolve() {}, reject() {} }
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject }
  })
  promise.catch(() => {})
  return { promise, ...settle }
}
