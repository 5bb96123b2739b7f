// The durable store: the same steps as in memory, over tables that are written behind. A step changes memory at once; its
// answer, and what followers hear of it, leave when that is kept at the level promised. Pure: any disk, any clock.

import type { Incarnations } from '../log.js'
import { Followers } from '../memory-followers.js'
import type { Kept, Operation, Parts, Steps } from '../steps.js'
import { assemble, beginLife, operationNames, operationsOf, stepsOf } from '../steps.js'
import { type Append, type Birth, type Hint, type Read, type Store, StoreUnavailable } from '../store.js'
import { decodeJson, encodeJson } from './codec.js'
import { DiskControl, type Scalars } from './control.js'
import type { Disk, Write } from './disk.js'
import { migrate } from './format.js'
import { type FailPoint, Journal, type Scope } from './journal.js'
import { metaKeys } from './keys.js'
import { DiskRooms } from './rooms.js'
import { Numbers } from './table.js'

export interface DurableOptions {
  readonly disk: Disk
  /** What is changed and not yet on the disk; more is refused until it has caught up. Default 64 MB. */
  readonly unwrittenBytesMax?: number
  /** For tests that end the process there. */
  readonly onPoint?: (point: FailPoint) => void
  /** Told of each batch that was not kept; `isFatal`: nothing is written any more. */
  readonly onFault?: (error: Error, isFatal: boolean) => void
}

/** With every batch. */
interface StateRecord extends Scalars {
  readonly nowMs: number
  readonly lastRoom: number
}

interface Opened {
  readonly epoch: string
  readonly steps: Steps
  readonly journal: Journal
  readonly rooms: DiskRooms
  readonly control: DiskControl
}

const looks = new Set<Operation>(['read', 'heads', 'board', 'session', 'sessionsOf', 'lease', 'rightsCount'])
const passing = new Set<Operation>(['follow', 'signal'])

export function durableStore(options: DurableOptions): Store {
  const store = new Durable(options)
  return {
    driver: 'lmdb',
    durabilities: ['memory', 'process', 'disk'],
    open: (birth) => store.open(birth),
    close: () => store.close(),
    ...operationsOf(operationNames, (name, run, asked) => store.enter(name, run, asked)),
  }
}

class Durable {
  readonly #options: DurableOptions
  readonly #followers = new Followers()
  #opening: Promise<Opened> | null = null
  #opened: Opened | null = null
  #closing: Promise<void> | null = null

  constructor(options: DurableOptions) {
    this.#options = options
  }

  async open(birth: Birth): Promise<{ readonly epoch: string }> {
    if (this.#closing !== null) throw new StoreUnavailable('the store is closed')
    this.#opening ??= this.#begin(birth)
    const { epoch } = await this.#opening
    return { epoch }
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  /** Not `async`: each promise more counts where tens of thousands are answered in a second. */
  enter(name: Operation, run: (steps: Steps) => unknown, asked: readonly unknown[]): Promise<unknown> {
    try {
      const opened = this.#open()
      if (passing.has(name)) return Promise.resolve(run(opened.steps))
      return looks.has(name)
        ? look(opened, run, () => scopesOf(opened, name, asked))
        : change(opened, run, levelOf(name, asked))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #open(): Opened {
    if (this.#closing !== null) throw new StoreUnavailable('the store is closed')
    if (this.#opened === null) throw new StoreUnavailable('the store is not open yet: call open() first')
    return this.#opened
  }

  async #end(): Promise<void> {
    const opened = this.#opened ?? (await this.#opening?.catch(() => null))
    this.#followers.close()
    await opened?.journal.close()
    await this.#options.disk.close()
  }

  async #begin(birth: Birth): Promise<Opened> {
    const { disk, unwrittenBytesMax = 64 * 2 ** 20, onPoint, onFault } = this.#options
    await migrate(disk)
    const state = readJson<StateRecord>(disk, metaKeys.state)
    const numbers = new Numbers()
    numbers.seen(state?.lastRoom ?? 0)
    let write: (writes: Write[]) => void = () => {}
    const journal = new Journal({
      disk,
      bytesMax: unwrittenBytesMax,
      always: (writes) => write(writes),
      ...(onPoint === undefined ? {} : { onPoint }),
      ...(onFault === undefined ? {} : { onFault }),
    })
    let opened: Opened | null = null
    journal.unnoted(() => {
      const control = new DiskControl({ disk, journal }, state)
      const incarnations = readJson<Incarnations>(disk, metaKeys.lives)
      const kept: Kept = { incarnations, nowMs: state?.nowMs ?? 0, boards: control.boards, control }
      const life = beginLife(kept, birth)
      const rooms = new DiskRooms({ disk, journal, incarnations: life.incarnations, numbers })
      const told = { tell: (room: string, hint: Hint) => this.#tell(opened, room, hint) }
      const newBoard = (version: number) => control.newBoard(version)
      const parts: Parts = assemble({ life, kept, source: rooms, followers: this.#followers, told, newBoard })
      control.rows = parts.rows
      const { epoch } = life.incarnations.present
      opened = { epoch, steps: stepsOf(parts), journal, rooms, control }
      write = (writes) => {
        const record: StateRecord = { ...control.scalars, nowMs: life.nowMs(), lastRoom: numbers.last }
        writes.push({ key: metaKeys.state, value: encodeJson(record) })
      }
      this.#lives = encodeJson(life.incarnations)
    })
    if (opened === null) throw new Error('a life was not begun')

    // Flushed before anything is answered: what an earlier life left unflushed counts from now on.
    const writes: Write[] = [{ key: metaKeys.lives, value: this.#lives }]
    write(writes)
    await disk.commit(writes).flushed
    this.#opened = opened
    return opened
  }

  #lives: Uint8Array = new Uint8Array()

  /** Nobody hears of what could still be lost at the room's level. */
  #tell(opened: Opened | null, room: string, hint: Hint): void {
    // Whoever follows only now reads, and that waits for what is told here.
    if (!this.#followers.isFollowed(room)) return
    const tell = () => this.#followers.tell(room, hint)
    const scope = hint.kind === 'entries' ? opened?.rooms.inMemory(room)?.scope : opened?.control.scope
    const isNow = hint.kind === 'signal' || scope === undefined || scope.isUnkept
    const kept = isNow ? null : (opened?.journal.keptOf(scope) ?? null)
    if (kept === null) tell()
    else kept.then(tell, () => {})
  }
}

/** The answer leaves when what it tells is kept. If that is lost, it is looked up again: nobody else has seen it. */
async function look(opened: Opened, run: (steps: Steps) => unknown, scopes: () => readonly Scope[]): Promise<unknown> {
  for (;;) {
    const answer = run(opened.steps)
    const waits = scopes().flatMap((scope) => opened.journal.keptOf(scope) ?? [])
    if (waits.length === 0) return answer
    const isKept = await Promise.all(waits).then(
      () => true,
      () => false,
    )
    if (isKept) return answer
  }
}

type Level = 'memory' | 'process' | 'disk'

function change({ steps, journal }: Opened, run: (steps: Steps) => unknown, level: Level): Promise<unknown> {
  journal.admit()
  const answer = run(steps)
  const kept = level === 'memory' ? null : journal.kept(level === 'disk')
  journal.stepped()
  return kept === null ? Promise.resolve(answer) : kept.then(() => answer)
}

function levelOf(name: Operation, asked: readonly unknown[]): Level {
  return name === 'append' ? (asked[0] as Append).durability : 'process'
}

/** What a look depends on: the rooms it names, or the control data. */
function scopesOf({ rooms, control }: Opened, name: Operation, asked: readonly unknown[]): readonly Scope[] {
  if (name !== 'read' && name !== 'heads') return [control.scope]
  const names = name === 'read' ? [(asked[0] as Read).room] : (asked[0] as readonly string[])
  return names.flatMap((room) => rooms.inMemory(room)?.scope ?? [])
}

function readJson<T>(disk: Disk, key: Uint8Array): T | null {
  const value = disk.get(key)
  return value === undefined ? null : (decodeJson(value) as T)
}
