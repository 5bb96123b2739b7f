// The one store that all servers share: the memory store or the durable one, whose lives end and begin again with all,
// none or an older part of what it had. It tells the trace what was really decided, before any answer is late or lost.

import { shownOf } from '../../src/engine/members.js'
import { base64url } from '../../src/protocol/base64url.js'
import { bytesOf } from '../../src/store/fingerprint.js'
import {
  type Append,
  type Appended,
  type Attach,
  type Attached,
  type BoardChanged,
  type ChangeBoard,
  type Control,
  controlRoom,
  type Following,
  type Hint,
  type Owner,
  type OwnerAnswer,
  type Store,
  type Tick,
} from '../../src/store/store.js'
import type { SeededChance } from '../../src/testing/seeded-chance.js'
import type { VirtualClock } from '../../src/testing/virtual-clock.js'
import type { Config } from '../config.js'
import { readStored } from '../payload.js'
import type { Trace } from '../trace.js'
import { HoldCount } from './hold-count.js'
import { diskLife, memoryLife, type StoreLife } from './store-life.js'

/** What the next life of the store begins with. */
export type Survival = 'same' | 'empty' | 'older'

export interface StoreHandle {
  readonly store: Store
  /** The process that had it is gone: it follows nothing any more. */
  drop(): void
}

interface Backup {
  readonly life: number
  readonly begin: () => StoreLife
  readonly heads: Readonly<Record<string, number>>
}

interface Follower {
  readonly room: string
  readonly hear: (hint: Hint) => void
  following: Following | null
  isOpen: boolean
}

export class SharedStore {
  readonly #trace: Trace
  readonly #clock: VirtualClock
  readonly #chance: SeededChance
  readonly #followers = new Set<Follower>()
  readonly #empty: () => StoreLife
  #present: StoreLife
  #life = 0
  #isOpen = false
  #heads: Record<string, number> = {}
  #backup: Backup | null = null
  /** Which sessions are live, as far as it was told, and on which node. */
  readonly #live = new Map<string, { readonly generation: number; readonly node: string }>()
  /** Hold time as ticks should count it: a second opinion. */
  readonly #hold = new HoldCount()
  /** When each node ticked last, or was first heard of. */
  readonly #heardMs = new Map<string, number>()

  constructor(trace: Trace, clock: VirtualClock, chance: SeededChance, plan: Pick<Config, 'disk' | 'runMs'>) {
    this.#trace = trace
    this.#clock = clock
    this.#chance = chance
    const { disk, runMs } = plan
    const fault = () => {
      if (disk === null || !this.#isOpen || this.#clock.nowMs() > runMs) return
      if (this.#chance.fraction() < disk.failing) throw new Error('disturbed: no space left on the disk')
    }
    this.#empty = disk === null ? memoryLife : () => diskLife(fault)
    this.#present = this.#empty()
    this.#begin(this.#present, null, true)
  }

  get #store(): Store {
    return this.#present.store
  }

  get life(): number {
    return this.#life
  }

  get followerCount(): number {
    return this.#followers.size
  }

  /** The head of a room, as it is. */
  headOf(room: string): number {
    return this.#heads[room] ?? 0
  }

  /** What it keeps now. */
  view(): ReturnType<StoreLife['view']> {
    return this.#present.view()
  }

  /** The same as text. */
  text(): string {
    return this.#present.text()
  }

  /** The present store itself, undisturbed. */
  get direct(): Store {
    return this.#store
  }

  /** Keeps a copy of everything as it is now, for a life `older`. */
  backUp(): void {
    this.#backup = { life: this.#life, begin: this.#present.copy(), heads: { ...this.#heads } }
  }

  /** Ends this life and begins the next. Servers that run on find the other store in its place. */
  rebirth(survival: Survival): void {
    const present: Backup = { life: this.#life, begin: this.#present.copy(), heads: { ...this.#heads } }
    void this.#store.close()
    const from = survival === 'empty' ? null : survival === 'same' ? present : this.#backup
    this.#begin((from?.begin ?? this.#empty)(), from, survival === 'same')
    for (const follower of this.#followers) this.#follow(follower)
  }

  /** As one server process reaches it. */
  handle(): StoreHandle {
    const own = new Set<Follower>()
    let isDropped = false
    const told: Readonly<Record<string, (args: readonly unknown[], answer: unknown) => void>> = {
      append: ([ask], answer) => this.#appended(ask as Append, answer as Appended),
      attach: ([ask], answer) => this.#attached(ask as Attach, answer as Attached),
      detach: ([owner], answer) => this.#detached(owner as Owner, answer as OwnerAnswer),
      touch: ([owner, rooms]) =>
        this.#trace.add({ kind: 'touched', ...(owner as Owner), rooms: rooms as readonly string[] }),
      changeBoard: ([ask], answer) => this.#shown(ask as ChangeBoard, answer as BoardChanged),
      tick: ([ask]) => this.#ticked(ask as Tick),
    }
    const follow: Store['follow'] = async (room, hear) => {
      const follower: Follower = { room, hear, following: null, isOpen: !isDropped }
      // What a dead process still had on its way to the store.
      if (isDropped) return { close() {} }
      this.#followers.add(follower)
      own.add(follower)
      await this.#follow(follower)
      return { close: () => this.#unfollow(follower, own) }
    }
    const store = new Proxy(this.#store, {
      get: (_, key) => {
        if (key === 'follow') return follow
        const value: unknown = Reflect.get(this.#store, key)
        if (typeof value !== 'function') return value
        const tell = told[String(key)]
        return async (...args: unknown[]) => {
          const answer: unknown = await Reflect.apply(value, this.#store, args)
          tell?.(args, answer)
          return answer
        }
      },
    })
    return {
      store,
      drop: () => {
        isDropped = true
        for (const follower of [...own]) this.#unfollow(follower, own)
      },
    }
  }

  #begin(present: StoreLife, from: Backup | null, isWhole: boolean): void {
    const { store } = present
    // As it was left: a disk is read before its next life writes to it.
    const { sessions } = present.view().control
    this.#present = present
    this.#life += 1
    this.#hold.begin(from === null)
    this.#heads = { ...from?.heads }
    const birth = { epoch: base64url(this.#chance.bytes(8)), tag: base64url(this.#chance.bytes(8)) }
    this.#isOpen = false
    const life = { ...birth, nowMs: this.#clock.nowMs, wallMs: 1.7e12 + this.#clock.nowMs() }
    void store.open(life).then(() => {
      if (this.#present === present) this.#isOpen = true
    })
    this.#trace.add({
      kind: 'life',
      life: this.#life,
      epoch: birth.epoch,
      isWhole,
      parent: from?.life ?? null,
      heads: { ...this.#heads },
      sessions: [...sessions.keys()],
    })
    this.#live.clear()
    for (const { row } of sessions.values()) {
      const { id, generation, status } = row
      if (status.state === 'live') this.#live.set(id, { generation, node: status.node })
    }
    void store.follow(controlRoom, (hint) => this.#told(hint))
  }

  async #follow(follower: Follower): Promise<void> {
    const following = await this.#store.follow(follower.room, (hint) => {
      if (follower.isOpen) follower.hear(hint)
    })
    if (follower.isOpen) follower.following = following
    else following.close()
  }

  #unfollow(follower: Follower, own: Set<Follower>): void {
    follower.isOpen = false
    follower.following?.close()
    own.delete(follower)
    this.#followers.delete(follower)
  }

  /** Also what the store ends by itself, when a hold is over. */
  #told(hint: Hint): void {
    for (const { data } of hint.kind === 'entries' ? hint.entries : []) {
      const told = JSON.parse(`${data}`) as Control
      if (told.kind !== 'ended') continue
      const { session, generation, reason } = told
      this.#live.delete(session)
      const holdMs = this.#hold.at(this.#clock.nowMs())
      this.#trace.add({ kind: 'ended', session, generation, reason, holdMs })
    }
  }

  #appended({ room, entry, fence }: Append, answer: Appended): void {
    if (answer.kind !== 'appended') return
    const { position } = answer
    this.#heads[room] = position.offset
    const { mark, key, by, data } = entry
    const { n, event } = readStored(data)
    this.#trace.add({
      kind: 'appended',
      room,
      position,
      mark,
      key,
      n,
      bytes: bytesOf(data),
      event,
      session: by?.session ?? null,
      user: by?.user ?? null,
      generation: fence?.generation ?? 0,
    })
  }

  #attached(ask: Attach, answer: Attached): void {
    const { node } = ask
    if (answer.kind !== 'created' && answer.kind !== 'resumed') {
      this.#trace.add({ kind: 'attach-refused', session: ask.resume?.session ?? null, how: answer.kind, node })
      return
    }
    const { id: session, user, generation } = answer.row
    this.#trace.add({ kind: 'attached', session, user, generation, node, how: answer.kind })
    this.#live.set(session, { generation, node })
    if (!this.#heardMs.has(node)) this.#heardMs.set(node, this.#clock.nowMs())
  }

  #detached({ session, generation }: Owner, { kind: how }: OwnerAnswer): void {
    this.#trace.add({ kind: 'detached', session, generation, how })
    if (how === 'done') this.#dropped(session, generation, null)
  }

  #dropped(session: string, generation: number, silentMs: number | null): void {
    const live = this.#live.get(session)
    if (live?.generation !== generation) return
    this.#live.delete(session)
    const holdMs = this.#hold.at(this.#clock.nowMs())
    this.#trace.add({ kind: 'dropped', session, generation, node: live.node, silentMs, holdMs })
  }

  /** A tick may decide that nodes are lost; nothing tells their drops. */
  #ticked({ node, freezeMs }: Tick): void {
    const [store, nowMs] = [this.#store, this.#clock.nowMs()]
    this.#hold.tick(nowMs, freezeMs)
    this.#heardMs.set(node, nowMs)
    for (const [session, { generation, node: owner }] of this.#live) {
      const silentMs = nowMs - (this.#heardMs.get(owner) ?? 0)
      void store.session(session).then(
        (row) => {
          if (row?.status.state !== 'live' && store === this.#store) this.#dropped(session, generation, silentMs)
        },
        () => {},
      )
    }
  }

  #shown({ room, set, removed }: ChangeBoard, answer: BoardChanged): void {
    if (answer.kind !== 'changed') return
    for (const item of set) {
      const as = shownOf(item)?.state ?? 'gone'
      this.#trace.add({ kind: 'shown', room, session: item.key, generation: item.fence, as })
    }
    for (const { key: session, fence: generation } of removed) {
      this.#trace.add({ kind: 'shown', room, session, generation, as: 'gone' })
    }
  }
}
