// Whoever is no client of ours: sockets that send garbage, floods, forged credentials, positions of every wrong class,
// and requests at exactly their limits. Honest clients beside them must not notice.

import { base64url } from '../../src/protocol/base64url.js'
import type { Json } from '../../src/protocol/frames.js'
import { bounds } from '../../src/protocol/limits.js'
import type { Position } from '../../src/protocol/position.js'
import type { Network } from '../../src/testing/memory-network.js'
import type { SeededChance } from '../../src/testing/seeded-chance.js'
import type { VirtualClock } from '../../src/testing/virtual-clock.js'
import type { Config } from '../config.js'
import { between, pick } from '../draw.js'
import type { StrangerScript } from '../faults.js'
import type { Trace } from '../trace.js'
import type { Hooks } from './hooks.js'
import type { SharedStore } from './shared-store.js'

export interface StrangersParts {
  readonly config: Config
  readonly clock: VirtualClock
  readonly chance: SeededChance
  readonly network: Network
  readonly shared: SharedStore
  readonly trace: Trace
  readonly hooks: Hooks
  readonly url: string
}

export interface StrangerAsk {
  readonly script: StrangerScript
  readonly room: string
  readonly salt: number
}

export class Strangers {
  readonly #parts: StrangersParts
  readonly #present = new Set<Stranger>()
  #count = 0

  constructor(parts: StrangersParts) {
    this.#parts = parts
  }

  come(ask: StrangerAsk): void {
    this.#count += 1
    this.#present.add(new Stranger(this.#parts, ask, `x${this.#count}`))
  }

  /** All of them hang up. */
  go(): void {
    for (const stranger of this.#present) stranger.go()
    this.#present.clear()
  }
}

type Answer = { readonly [key: string]: Json }

class Stranger {
  readonly #by: string
  readonly #ask: StrangerAsk
  readonly #parts: StrangersParts
  readonly #chance: SeededChance
  readonly #link: { send(frame: string | Uint8Array): void; close(code: number, reason: string): void }
  readonly #asked = new Map<number, { readonly what: string; readonly asked: Json }>()
  #session = ''
  #isWelcome = false
  #id = 0

  constructor(parts: StrangersParts, ask: StrangerAsk, by: string) {
    this.#parts = parts
    this.#ask = ask
    this.#by = by
    this.#chance = parts.chance.fork(`${by} ${ask.salt}`)
    this.#link = parts.network.line(by).dial(parts.url, {
      opened: () => this.#opened(),
      received: (frame) => this.#received(frame),
      closed: (code) => this.#note('closed', null, { type: 'closed', reason: String(code) }),
    })
  }

  go(): void {
    this.#link.close(1000, '')
  }

  #opened(): void {
    const { script } = this.#ask
    if (script === 'garbage' && this.#chance.below(3) === 0) return this.#sendGarbage()
    if (script === 'version') return this.#send({ ...this.#hello(), version: pick(this.#chance, [0, 2, 99]), odd: [] })
    if (script === 'forger') return this.#send({ ...this.#hello(), session: this.#forged() })
    this.#send(this.#hello())
    if (script === 'flood') this.#flood()
    if (script === 'limits') for (let count = 1; count <= bounds.queuedFramesMax; count++) this.#send({ type: 'beat' })
  }

  #received(raw: string | Uint8Array): void {
    if (typeof raw !== 'string') return
    const frame = JSON.parse(raw) as Answer
    const { type, id } = frame
    if (type === 'welcome' && !this.#isWelcome) this.#welcomed(frame)
    const open = typeof id === 'number' ? this.#asked.get(id) : undefined
    if (open !== undefined) {
      this.#asked.delete(id as number)
      this.#note(open.what, open.asked, frame)
    } else if (type === 'bye') this.#note('bye', this.#id, frame)
    if (type === 'beat' && this.#ask.script !== 'flood') this.#send({ type: 'beat' })
  }

  #welcomed(frame: Answer): void {
    this.#isWelcome = true
    this.#session = String(frame['session'])
    this.#note('welcome', null, frame)
    const { script } = this.#ask
    if (script === 'garbage') this.#sendGarbage()
    if (script === 'positions') this.#sendPositions()
    if (script === 'limits') this.#sendLimits()
    if (script === 'deaf') this.#askDeaf()
  }

  // What each of them does.

  #sendGarbage(): void {
    let atMs = 0
    for (let count = between(this.#chance, 1, 12); count > 0; count--) {
      atMs += between(this.#chance, 0, 300)
      this.#parts.clock.after(atMs, () => this.#link.send(garbageOf(this.#chance, this.#ask.room)))
    }
  }

  /** Each join starts the room again. */
  #sendPositions(): void {
    const { room } = this.#ask
    for (const [index, { what, since }] of positionsOf(this.#parts, this.#chance, room).entries()) {
      this.#parts.clock.after(index * 120, () =>
        this.#request(`since ${what}`, { ...since }, { type: 'join', room, since: { ...since }, last: 2 }),
      )
    }
  }

  #sendLimits(): void {
    const { payloadBytesMax = 65_536, inFlightMax = 32 } = this.#parts.config.settings
    const { room } = this.#ask
    this.#request('join', { room }, { type: 'join', room })
    // Frames of n - 1, n and n + 1 bytes.
    for (const more of [-1, 0, 1]) {
      this.#parts.clock.after(1_000 + 400 * (more + 1), () => {
        const bare = JSON.stringify(this.#publish('')).length
        this.#request(`bytes ${more}`, more, this.#publish('x'.repeat(payloadBytesMax + more - bare)))
      })
    }
    // As many requests at once as may be open, less one, and one more; each time none is open before.
    for (const more of [-1, 0, 1]) {
      this.#parts.clock.after(4_000 + 3_000 * (more + 1), () => {
        if (this.#asked.size > 0) return
        for (let at = 1; at <= inFlightMax + more; at++) this.#request(`open ${more}`, at, this.#publish('x'))
      })
    }
  }

  #flood(): void {
    const count = pick(this.#chance, [bounds.queuedFramesMax, bounds.queuedFramesMax + 1, 500])
    for (let at = 1; at <= count; at++) this.#send({ type: 'beat' })
    this.#parts.clock.after(500, () => {
      for (let at = 1; at <= 300; at++) this.#send({ type: 'signal', room: this.#ask.room, data: { at } })
    })
  }

  /** Asks on and on, and reads no answer. It never leaves: presence is looked at by what honest clients did. */
  #askDeaf(): void {
    const { network, clock } = this.#parts
    network.line(this.#by).links.at(-1)?.stall('down')
    for (let at = 1; at <= 900; at++) {
      clock.after(at * 8, () => this.#send({ type: 'join', id: at, room: this.#ask.room }))
    }
  }

  #forged(): Json {
    const sessions = [...this.#parts.shared.view().control.sessions.keys()]
    const id = sessions.length === 0 ? 's-none' : pick(this.#chance, sessions)
    return { id, secret: base64url(this.#chance.bytes(32)) }
  }

  // Frames.

  #hello(): { readonly [key: string]: Json } {
    const { config, hooks, clock } = this.#parts
    return {
      type: 'hello',
      version: 1,
      features: [],
      instance: `i-${this.#by}`,
      attempt: 1,
      nextHash: base64url(this.#chance.bytes(32)),
      rooms: [],
      ...(config.auth !== null && { token: hooks.token('stranger', clock.wallMs()) }),
    }
  }

  /** As long as its text, while ids have one digit. */
  #publish(text: string): { readonly [key: string]: Json } {
    const producer = `p-${base64url(this.#chance.bytes(9))}`
    const mark = `m-${base64url(this.#chance.bytes(9))}`
    const { room } = this.#ask
    const rest = { session: this.#session, room, producer, seq: 1, prev: 0, again: false, mark, data: { text } }
    return { type: 'publish', id: 0, ...rest }
  }

  #request(what: string, asked: Json, frame: { readonly [key: string]: Json }): void {
    this.#id += 1
    const id = this.#id
    this.#asked.set(id, { what, asked })
    this.#send({ ...frame, id })
  }

  #send(frame: Json): void {
    this.#link.send(JSON.stringify(frame))
  }

  #note(what: string, asked: Json, { type, reason, verdict }: Answer): void {
    this.#parts.trace.add({
      kind: 'probed',
      by: this.#by,
      what: `${this.#ask.script}: ${what}`,
      room: this.#ask.room,
      asked,
      answer: verdict === undefined ? String(type) : JSON.stringify(verdict),
      reason: typeof reason === 'string' ? reason : null,
    })
  }
}

/** One of every class: right, and wrong in each of the ways a position can be wrong. */
function positionsOf({ trace }: StrangersParts, chance: SeededChance, room: string) {
  const appended = trace.records.flatMap((record) =>
    record.kind === 'appended' && record.room === room ? [record.position] : [],
  )
  const lives = trace.records.flatMap((record) => (record.kind === 'life' ? [record.epoch] : []))
  const last: Position = appended.at(-1) ?? { epoch: lives.at(-1) ?? 'none', offset: 0, tag: 'none' }
  const other = appended.at(-2) ?? last
  const tag = base64url(chance.bytes(8))
  return [
    { what: 'right', since: last },
    { what: 'earlier', since: appended[chance.below(appended.length || 1)] ?? last },
    { what: 'other tag', since: { ...last, tag } },
    { what: 'tag of another', since: { ...last, tag: other.tag } },
    { what: 'ahead', since: { ...last, offset: last.offset + 1 + chance.below(9), tag } },
    { what: 'far ahead', since: { ...last, offset: Number.MAX_SAFE_INTEGER } },
    { what: 'other epoch', since: { ...last, epoch: tag } },
    { what: 'first epoch', since: { ...last, epoch: lives[0] ?? 'none' } },
    { what: 'zero', since: { ...last, offset: 0, tag } },
    { what: 'zero of another epoch', since: { epoch: tag, offset: 0, tag } },
  ]
}

function garbageOf(chance: SeededChance, room: string): string | Uint8Array {
  const text = (frame: Json) => JSON.stringify(frame)
  const kinds: readonly (() => string | Uint8Array)[] = [
    () => '',
    () => '{',
    () => 'null',
    () => '[]',
    () => '{"type":"join","id":1,"room":"r1","room":"r2"}',
    () => '{"type":"publish","__proto__":{"x":1},"id":1}',
    () => '{"type":"beat","x":-0}',
    () => '{"type":"beat","x":1e999}',
    () => `${'['.repeat(40)}${']'.repeat(40)}`,
    () => `{"type":"signal","room":"${room}","data":${'['.repeat(31)}${']'.repeat(31)}}`,
    () => text({ type: 'later', id: 7 }),
    () => text({ type: 'hello', version: 1 }),
    () => text({ type: 'join', id: 1, room: '$control' }),
    () => text({ type: 'join', id: 1, room: '' }),
    () => text({ type: 'join', id: -1, room }),
    () => text({ type: 'join', id: 2, room, since: { epoch: 'e', offset: 1.5, tag: 't' } }),
    () => text({ type: 'leave', id: 3, room }),
    () => text({ type: 'publish', id: 4, session: 's', room, producer: 'p', seq: 1, prev: 0, again: false, mark: 'm' }),
    () => text({ type: 'track', room, data: 'x'.repeat(5_000) }),
    () => text({ type: 'signal', room, data: 'x'.repeat(70_000) }),
    () => text({ type: 'signal', room, data: '\ud800' }),
    () => 'x'.repeat(70_000),
    () => chance.bytes(between(chance, 0, 200)),
    () => Uint8Array.of(0xff, 0xff, 1, 2, 3),
    () => Uint8Array.of(0, 2, 0x7b, 0x7d),
  ]
  return pick(chance, kinds)()
}
