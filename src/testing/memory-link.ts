// A link of the in-memory network as a test holds it: everything that can go wrong between two ends.

import type { Link } from '../client/link.js'
import { decodeClientFrame } from '../protocol/decode-client.js'
import { decodeServerFrame } from '../protocol/decode-server.js'
import type { ClientFrame, ServerFrame } from '../protocol/frames.js'
import type { Pipe } from './memory-pipe.js'
import {
  type Cut,
  createClientLink,
  createWires,
  cut,
  dial,
  type Direction,
  type LinkSetup,
  type Wires,
} from './memory-wires.js'

/** Which frame, counted from now (the first is 1) or by what it is. */
export type Which<F> = number | ((frame: F) => boolean)

/** All faults may be combined, and each may come at any time. */
export interface MemoryLink {
  /** Whose it is: the name of the line. */
  readonly line: string
  /** The how-manyeth dial of its line, from 1. */
  readonly number: number
  readonly state: { readonly client: Wires['client']; readonly server: Wires['server'] }
  /** Frames that arrived so far, by direction. */
  readonly arrived: Readonly<Record<Direction, number>>
  /** Breaks it without close frames; both ends hear of it at once unless told otherwise. */
  cut(cut?: Cut): void
  /** From now on everything in this direction (default both) is swallowed, closes too; nobody is told. */
  halfOpen(direction?: Direction): void
  /** From now on everything takes this much longer, each way or one way; 0 ends it. */
  delay(ms: number, direction?: Direction): void
  /** Cuts it when `bytes` more bytes have gone by (0: now). A frame that is cut inside does not arrive. */
  cutAt(at: { readonly bytes: number; readonly direction: Direction }, cut?: Cut): void
  /** Close frames never arrive, as behind some proxies: what was to close stays half open. */
  swallowClose(): void
  /** Close frames arrive as a break: every end is told 1006. */
  loseCloseCode(): void
  /** That server frame does not arrive, nor anything behind it: the link is cut there. */
  loseReply(which: Which<ServerFrame>, cut?: Cut): void
  /** That client frame does not arrive, nor anything behind it: the link is cut there. */
  loseRequest(which: Which<ClientFrame>, cut?: Cut): void
  /** Nothing leaves in this direction (default down): senders feel back-pressure, nothing is lost. `flow` ends it. */
  stall(direction?: Direction): void
  flow(direction?: Direction): void
  bandwidth(bytesPerSec: number, direction?: Direction): void
  /**
   * To be called while dialling (`line.onDial`): the client's end opens, the server hears nothing of it. `release`
   * tells the server all at once: the arrival, every frame, and how it ended if it has.
   */
  withhold(): void
  release(): void
}

/** Starts dialling; `prepare` runs before anything has left. */
export function openLink(
  setup: LinkSetup & { readonly line: string; readonly number: number },
  prepare: (handle: MemoryLink) => void,
): { readonly handle: MemoryLink; readonly link: Link } {
  const wires = createWires(setup)
  const handle = handleOf(wires, setup.line, setup.number)
  const link = createClientLink(wires)
  prepare(handle)
  dial(wires)
  return { handle, link }
}

function handleOf(wires: Wires, line: string, number: number): MemoryLink {
  const each = (direction: Direction | undefined, run: (pipe: Pipe) => void) => {
    if (direction !== 'down') run(wires.up)
    if (direction !== 'up') run(wires.down)
  }
  const lose = (direction: Direction, matches: (raw: string | Uint8Array) => boolean, lossCut: Cut) => {
    wires.loses[direction] = matches
    wires.lossCut = lossCut
  }
  return {
    line,
    number,
    get state() {
      return { client: wires.client, server: wires.server }
    },
    arrived: wires.arrived,
    cut: (how = {}) => cut(wires, how),
    halfOpen: (direction) => each(direction, (pipe) => pipe.swallow()),
    delay: (ms, direction) => each(direction, (pipe) => pipe.delay(ms)),
    cutAt: ({ bytes, direction }, how = {}) => wires[direction].cutAfter(bytes, () => cut(wires, how)),
    swallowClose() {
      wires.closeFrames = 'swallowed'
    },
    loseCloseCode() {
      wires.closeFrames = 'code-lost'
    },
    loseReply: (which, how = {}) => lose('down', matcher(which, decodeServerFrame), how),
    loseRequest: (which, how = {}) => lose('up', matcher(which, decodeClientFrame), how),
    stall: (direction = 'down') => wires[direction].stall(),
    flow: (direction = 'down') => wires[direction].flow(),
    bandwidth: (bytesPerSec, direction) => each(direction, (pipe) => pipe.bandwidth(bytesPerSec)),
    withhold() {
      wires.withheld ??= []
    },
    release() {
      const runs = wires.withheld ?? []
      wires.withheld = null
      for (const run of runs) run()
    },
  }
}

function matcher<F>(
  which: Which<F>,
  decode: (raw: string | Uint8Array) => { kind: string } | { kind: 'frame'; frame: F },
): (raw: string | Uint8Array) => boolean {
  let count = 0
  return (raw) => {
    count += 1
    if (typeof which === 'number') return count === which
    const decoded = decode(raw)
    return 'frame' in decoded && which(decoded.frame)
  }
}
