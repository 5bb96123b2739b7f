// What was changed in memory and is not yet on the disk. Steps of one batch are written together; while a batch is under
// way the next one gathers. A batch that fails takes everything with it that came after it: memory is as it was, and
// whoever waited is refused. It knows nothing of what is changed.

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
  bytes: number
}

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
  #underWay: Batch | null = null
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
    const { changes, scopes } = this.#gathering
    const { scope } = keeper
    const ofKeeper = changes.get(keeper)
    if (ofKeeper === undefined) changes.set(keeper, new Map([[key, before()]]))
    else if (!ofKeeper.has(key)) ofKeeper.set(key, before())
    if (scope.last !== this.#gathering) {
      scope.last = this.#gathering
      scopes.add(scope)
    }
    if (changes.size === 1 && this.#underWay === null) this.#sealSoon()
  }

  isNoted(keeper: Keeper, key: unknown): boolean {
    return this.#gathering.changes.get(keeper)?.has(key) ?? false
  }

  /** What the key was when the gathering batch began; undefined: not noted in it. */
  noted(keeper: Keeper, key: unknown): unknown {
    return this.#gathering.changes.get(keeper)?.get(key)
  }

  grow(bytes: number): void {
    this.#gathering.bytes += bytes
  }

  /** Throws when nothing more can be written, for ever or for now. */
  admit(): void {
    if (this.#refusal !== null) throw unavailable(this.#refusal)
    if (this.#isClosing) throw new StoreUnavailable('the store is closed')
    if (this.#gathering.bytes + (this.#underWay?.bytes ?? 0) <= this.#options.bytesMax) return
    throw new StoreUnavailable('the disk is behind; ask again')
  }

  /** When all that was changed until now is kept, flushed if asked; null: it is already. */
  kept(needsFlush: boolean): Promise<void> | null {
    const batch = this.#gathering.changes.size > 0 ? this.#gathering : this.#underWay
    if (batch === null) return null
    return needsFlush ? batch.flushed.promise : batch.visible.promise
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
  #sealSoon(): void {
    queueMicrotask(() => {
      if (this.#underWay === null && this.#gathering.changes.size > 0) this.#seal()
    })
  }

  #seal(): void {
    const batch = this.#gathering
    this.#gathering = newBatch()
    this.#underWay = batch
    this.#options.onPoint?.('gathered')
    const writes: Write[] = []
    for (const [keeper, before] of batch.changes) if (!keeper.scope.isUnkept) keeper.write(before, writes)
    this.#options.always(writes)
    this.#options.onPoint?.('committing')
    const { visible, flushed } = this.#options.disk.commit(writes)
    flushed.catch(() => {})
    const told = visible.then(() => {
      this.#isVisible(batch)
      return flushed.then(
        () => this.#isFlushed(batch),
        (error: Error) => this.#flushFailed(batch, error),
      )
    })
    told.catch((error: Error) => this.#failed(batch, error))
  }

  #isVisible(batch: Batch): void {
    this.#options.onPoint?.('visible')
    for (const [keeper, before] of batch.changes) {
      keeper.settled(before, (key) => this.isNoted(keeper, key))
    }
    for (const scope of batch.scopes) if (!scope.needsFlush) leave(scope, batch)
    batch.visible.resolve()
  }

  #isFlushed(batch: Batch): void {
    this.#options.onPoint?.('flushed')
    for (const scope of batch.scopes) leave(scope, batch)
    batch.flushed.resolve()
    this.#underWay = null
    if (this.#gathering.changes.size > 0) this.#seal()
  }

  /** Nothing of the batch is there. What gathered since has seen its changes. */
  #failed(batch: Batch, error: Error): void {
    this.#underWay = null
    const later = this.#gathering
    this.#gathering = newBatch()
    for (const lost of [later, batch]) revert(lost)
    this.#options.onFault?.(error, false)
    for (const lost of [batch, later]) refuse(lost, unavailable(error))
  }

  /** After a failed flush the kernel may say of lost pages that they are kept, so nothing is believed any more. */
  #flushFailed(batch: Batch, error: Error): void {
    this.#refusal = new Error(`closed for writing since a flush failed (${error.message}); restart the server`)
    this.#underWay = null
    const later = this.#gathering
    this.#gathering = newBatch()
    revert(later)
    // What needs no flush is there, and was told. The rest was told to nobody.
    revert(batch, ({ scope }) => scope.needsFlush)
    this.#options.onFault?.(this.#refusal, true)
    for (const scope of batch.scopes) leave(scope, batch)
    refuse(batch, unavailable(this.#refusal))
    refuse(later, unavailable(this.#refusal))
  }
}

function leave(scope: Scope, batch: Batch): void {
  if (scope.last === batch) scope.last = null
}

function revert(batch: Batch, which: (keeper: Keeper) => boolean = () => true): void {
  for (const [keeper, before] of [...batch.changes].reverse()) if (which(keeper)) keeper.revert(before)
  for (const scope of batch.scopes) leave(scope, batch)
}

function refuse(batch: Batch, error: StoreUnavailable): void {
  batch.visible.reject(error)
  batch.flushed.reject(error)
}

function unavailable(cause: Error): StoreUnavailable {
  return new StoreUnavailable(`nothing was kept: ${cause.message}`, { cause })
}

function newBatch(): Batch {
  return { changes: new Map(), scopes: new Set(), visible: settling(), flushed: settling(), bytes: 0 }
}

function settling(): Settling {
  let settle: Pick<Settling, 'resolve' | 'reject'> = { resolve() {}, reject() {} }
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject }
  })
  promise.catch(() => {})
  return { promise, ...settle }
}
