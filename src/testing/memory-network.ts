// A network in memory, on virtual time: servers listen, clients dial, links break in every way a real one can. The
// same seed and the same calls give the same run.

import type { Dial } from '../client/link.js'
import type { Transport } from '../engine/transport.js'
import type { Chance } from '../protocol/time.js'
import { type MemoryLink, openLink } from './memory-link.js'
import type { Cut, Direction, ServerEnd } from './memory-wires.js'
import type { ProcessClock, VirtualClock } from './virtual-clock.js'

/** A connection as it reaches a server. */
export interface Arrival {
  readonly url: string
  /** The name of the line it came over. */
  readonly line: string
  readonly transport: Transport
}

/** Null refuses the connection: the client is told 1006. */
export type Accept = (arrival: Arrival) => ServerEnd | null

export interface Listener {
  readonly links: readonly MemoryLink[]
  /** New dials are refused (or go to another listener of the same host); open links stay. Idempotent. */
  close(): void
  /** The process is gone: links break, the clients are told. The server's own end hears nothing. */
  crash(): void
}

/** What a client's machine has for a network. Faults of the line are those of all its links, present and future. */
export interface Line {
  readonly name: string
  readonly dial: Dial
  /** The time of the client's process: give it to the client too, so that a pause stops both. */
  readonly clock: ProcessClock
  /** Every link that is not closed at both ends, oldest first. */
  readonly links: readonly MemoryLink[]
  /** The newest link, also when it has ended. Throws before the first dial. */
  readonly link: MemoryLink
  readonly dialCount: number
  /** Cuts every link. */
  cut(cut?: Cut): void
  /** Cuts every link and refuses dials until `up`. */
  down(cut?: Cut): void
  up(): void
  /** Dials answer 1006 after a round trip. */
  refuse(isRefusing: boolean): void
  /** Dials are never answered. */
  hang(isHanging: boolean): void
  latency(ms: number): void
  /** Runs for each later link while it dials: the place to script its faults. Returns an idempotent stop. */
  onDial(prepare: (link: MemoryLink) => void): () => void
  /** The next dials go to this listener; null: to the listeners of the host in turn. */
  via(listener: Listener | null): void
}

export interface Network {
  /** Several listeners of one host share its dials in turn. */
  listen(url: string, accept: Accept, clock?: ProcessClock): Listener
  /** The same name is the same line. */
  line(name: string): Line
  /** `line(name).dial`; without a name a line of its own. */
  dial(name?: string): Dial
  /** Every frame, when it arrives. Returns an idempotent stop. */
  watch(see: (seen: SeenFrame) => void): () => void
  /** Rules of the transport that the code under test broke: to be expected empty. */
  readonly violations: readonly string[]
}

export interface SeenFrame {
  readonly line: string
  readonly number: number
  readonly direction: Direction
  readonly frame: string | Uint8Array
  readonly atMs: number
}

interface Place {
  readonly host: string
  readonly accept: Accept
  readonly clock: ProcessClock
  readonly links: MemoryLink[]
  isOpen: boolean
  readonly listener: Listener
}

interface Shared {
  readonly clock: VirtualClock
  readonly latencyMs: () => number
  readonly places: Place[]
  readonly violations: string[]
  readonly watchers: Set<(seen: SeenFrame) => void>
  turnCount: number
}

export interface NetworkOptions {
  readonly clock: VirtualClock
  readonly chance: Chance
  /** One way. A pair is a range, drawn for each message; the order is kept. Default 5. */
  readonly latencyMs?: number | readonly [least: number, most: number]
}

export function createNetwork({ clock, chance, latencyMs = 5 }: NetworkOptions): Network {
  const [least, most] = typeof latencyMs === 'number' ? [latencyMs, latencyMs] : latencyMs
  const shared: Shared = {
    clock,
    latencyMs: () => (most === least ? least : least + chance.fraction() * (most - least)),
    places: [],
    violations: [],
    watchers: new Set(),
    turnCount: 0,
  }
  const lines = new Map<string, Line>()
  const line = (name: string) => {
    const known = lines.get(name) ?? createLine(shared, name)
    lines.set(name, known)
    return known
  }
  return {
    listen(url, accept, process = clock.process()) {
      const place = createPlace(hostOf(url), accept, process)
      shared.places.push(place)
      return place.listener
    },
    line,
    dial: (name = `line-${lines.size + 1}`) => line(name).dial,
    watch(see) {
      shared.watchers.add(see)
      return () => shared.watchers.delete(see)
    },
    violations: shared.violations,
  }
}

function createPlace(host: string, accept: Accept, clock: ProcessClock): Place {
  const links: MemoryLink[] = []
  const place: Place = {
    host,
    accept,
    clock,
    links,
    isOpen: true,
    listener: {
      links,
      close() {
        place.isOpen = false
      },
      crash() {
        place.isOpen = false
        clock.kill()
        for (const link of links.splice(0)) link.cut({ server: 'never' })
      },
    },
  }
  return place
}

interface LineState {
  readonly name: string
  readonly clock: ProcessClock
  readonly links: MemoryLink[]
  readonly prepares: Set<(link: MemoryLink) => void>
  newest: MemoryLink | null
  dialCount: number
  isRefusing: boolean
  isDown: boolean
  isHanging: boolean
  latencyMs: number | null
  via: Listener | null
}

function createLine(shared: Shared, name: string): Line {
  const state: LineState = {
    name,
    clock: shared.clock.process(),
    links: [],
    prepares: new Set(),
    newest: null,
    dialCount: 0,
    isRefusing: false,
    isDown: false,
    isHanging: false,
    latencyMs: null,
    via: null,
  }
  const cutAll = (how?: Cut) => {
    for (const link of [...state.links]) link.cut(how)
  }
  return {
    name,
    dial: dialOf(shared, state),
    clock: state.clock,
    links: state.links,
    get link() {
      if (state.newest === null) throw new Error(`${name} has not dialled yet`)
      return state.newest
    },
    get dialCount() {
      return state.dialCount
    },
    cut: cutAll,
    down(how) {
      state.isDown = true
      cutAll(how)
    },
    up() {
      state.isDown = false
    },
    refuse(isRefusing) {
      state.isRefusing = isRefusing
    },
    hang(isHanging) {
      state.isHanging = isHanging
    },
    latency(ms) {
      state.latencyMs = ms
    },
    onDial(prepare) {
      state.prepares.add(prepare)
      return () => state.prepares.delete(prepare)
    },
    via(listener) {
      state.via = listener
    },
  }
}

function dialOf(shared: Shared, state: LineState): Dial {
  return (url, events) => {
    state.dialCount += 1
    const { name, dialCount: number } = state
    const place = state.isRefusing || state.isDown ? null : placeFor(shared, hostOf(url), state.via)
    const { handle, link } = openLink(
      {
        line: name,
        number,
        clock: shared.clock,
        latencyMs: () => state.latencyMs ?? shared.latencyMs(),
        client: { clock: state.clock, events },
        server: place && {
          clock: place.clock,
          accept: (transport) => (place.isOpen ? place.accept({ url, line: name, transport }) : null),
        },
        violated: (what) => shared.violations.push(`${name}#${number}: ${what}`),
        seen(direction, frame) {
          for (const see of shared.watchers) see({ line: name, number, direction, frame, atMs: shared.clock.nowMs() })
        },
        ended() {
          remove(state.links, handle)
          if (place !== null) remove(place.links, handle)
        },
      },
      (preparing) => {
        if (state.isHanging) preparing.halfOpen()
        for (const prepare of [...state.prepares]) prepare(preparing)
      },
    )
    state.newest = handle
    state.links.push(handle)
    place?.links.push(handle)
    return link
  }
}

function placeFor(shared: Shared, host: string, via: Listener | null): Place | null {
  const open = shared.places.filter((place) => place.isOpen && place.host === host)
  shared.turnCount += 1
  return open.find((place) => place.listener === via) ?? open[shared.turnCount % (open.length || 1)] ?? null
}

function hostOf(url: string): string {
  return new URL(url).host
}

function remove<T>(items: T[], item: T): void {
  const at = items.indexOf(item)
  if (at !== -1) items.splice(at, 1)
}
