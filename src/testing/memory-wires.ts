// One connection of the in-memory network: two ends, a pipe each way, and how it opens, breaks and closes. It speaks
// WebSocket only as far as frames and the closing handshake.

import type { Link, LinkEvents } from '../client/link.js'
import type { Transport } from '../engine/transport.js'
import {
  createFrameReader,
  frameClose,
  frameLength,
  opcodes,
  type WebSocketFrame,
} from '../protocol/websocket-frame.js'
import { createPipe, type Pipe } from './memory-pipe.js'
import type { ProcessClock, VirtualClock } from './virtual-clock.js'

/** `up` is from client to server. */
export type Direction = 'up' | 'down'

/** What a server hears of a connection it accepted. Nothing comes after `closed`. */
export interface ServerEnd {
  received(frame: string | Uint8Array): void
  /** 1006 when it broke without a close frame. */
  closed(code: number, reason: string): void
}

/** When each end hears of a cut: ms from now (default 0), or never. */
export interface Cut {
  readonly client?: number | 'never'
  readonly server?: number | 'never'
  /** True: what is on the way still arrives before an end is told. Default: it is lost. */
  readonly delivers?: boolean
}

export interface LinkSetup {
  readonly clock: VirtualClock
  readonly latencyMs: () => number
  readonly client: { readonly clock: ProcessClock; readonly events: LinkEvents }
  /** Null: nobody listens there. `accept` answers null when it does not want the connection. */
  readonly server: { readonly clock: ProcessClock; accept(transport: Transport): ServerEnd | null } | null
  /** The code under test broke a rule of the transport or the link. */
  violated(what: string): void
  seen(direction: Direction, frame: string | Uint8Array): void
  /** Both ends are closed. */
  ended(): void
}

type State = 'opening' | 'open' | 'closing' | 'closed'

export interface Wires {
  readonly setup: LinkSetup
  readonly up: Pipe
  readonly down: Pipe
  client: State
  server: State
  serverEnd: ServerEnd | null
  /** The server reads nothing now: what arrived waits here. */
  unread: (() => void)[] | null
  /** The server has not heard of this link: what arrived waits here. */
  withheld: (() => void)[] | null
  isCut: boolean
  closeFrames: 'arrive' | 'swallowed' | 'code-lost'
  /** True for a frame that must not arrive: the link is cut there. */
  loses: Record<Direction, ((frame: string | Uint8Array) => boolean) | null>
  lossCut: Cut
  hasLost: boolean
  /** Bytes of the server into frames; cut anywhere. */
  readonly readFrames: (bytes: Uint8Array) => readonly WebSocketFrame[]
  readonly arrived: Record<Direction, number>
}

/** An end waits this long for the other's close frame. */
const closeWaitMs = 2000
const maskBytes = 4
const textDecoder = new TextDecoder()

export function createWires(setup: LinkSetup): Wires {
  const { clock, latencyMs, client } = setup
  const serverClock = setup.server?.clock ?? client.clock
  const wires: Wires = {
    setup,
    up: createPipe({
      clock,
      latencyMs,
      depart: (run) => client.clock.soon(run),
      arrive: (delayMs, run) => serverClock.arrive(delayMs, () => atServer(wires, run)),
    }),
    down: createPipe({
      clock,
      latencyMs,
      depart: (run) => serverClock.soon(run),
      arrive: (delayMs, run) => client.clock.arrive(delayMs, run),
    }),
    client: 'opening',
    server: 'opening',
    serverEnd: null,
    unread: null,
    withheld: null,
    isCut: false,
    closeFrames: 'arrive',
    loses: { up: null, down: null },
    lossCut: {},
    hasLost: false,
    readFrames: createFrameReader(),
    arrived: { up: 0, down: 0 },
  }
  return wires
}

function atServer(wires: Wires, run: () => void): void {
  const waiting = wires.withheld ?? wires.unread
  if (waiting !== null) waiting.push(run)
  else run()
}

/** The upgrade travels up, its answer down. A withheld link opens for the client alone. */
export function dial(wires: Wires): void {
  const { setup, up, down } = wires
  const opened = { bytes: 0, arrived: () => openClient(wires) }
  if (wires.withheld !== null) down.send(opened)
  up.send({
    bytes: 0,
    arrived() {
      wires.server = 'open'
      down.send(opened)
      wires.serverEnd = setup.server?.accept(createTransport(wires)) ?? null
      if (wires.serverEnd !== null) return
      wires.server = 'closed'
      cut(wires, { server: 'never', client: setup.latencyMs() })
    },
  })
}

function openClient(wires: Wires): void {
  if (wires.client !== 'opening' || wires.isCut) return
  wires.client = 'open'
  wires.setup.client.events.opened()
}

/** Breaks the link without close frames. Later cuts only tell ends that were not told. */
export function cut(wires: Wires, { client = 0, server = 0, delivers = false }: Cut): void {
  const { setup, up, down } = wires
  wires.isCut = true
  const endings = [
    { pipe: down, at: setup.client.clock, whenMs: client, end: () => endClient(wires, 1006, '') },
    { pipe: up, at: setup.server?.clock, whenMs: server, end: () => endServer(wires, 1006, '') },
  ]
  for (const { pipe, at, whenMs, end } of endings) {
    const isKept = delivers || (pipe === up && wires.withheld !== null)
    const tell = () => {
      if (whenMs !== 'never') at?.arrive(whenMs, end)
    }
    if (isKept) pipe.behind(tell)
    else tell()
    if (isKept) pipe.swallow()
    else pipe.lose()
  }
}

function endClient(wires: Wires, code: number, reason: string): void {
  if (wires.client === 'closed') return
  wires.client = 'closed'
  wires.setup.client.events.closed(code, reason)
  if (wires.server !== 'open' && wires.server !== 'closing') wires.setup.ended()
}

function endServer(wires: Wires, code: number, reason: string): void {
  if (wires.server === 'closed') return
  const wasOpening = wires.server === 'opening'
  wires.server = 'closed'
  if (!wasOpening) atServer(wires, () => wires.serverEnd?.closed(code, reason))
  if (wires.client === 'closed') wires.setup.ended()
}

export function createClientLink(wires: Wires): Link {
  const { up, setup } = wires
  let bufferedBytes = 0
  return {
    get bufferedBytes() {
      return bufferedBytes
    },
    send(frame) {
      if (wires.client === 'opening') setup.violated('a client sent before its link was opened')
      if (wires.client !== 'open') return
      const bytes = frameLength(frame) + maskBytes
      bufferedBytes += bytes
      up.send({
        bytes,
        taken: () => {
          bufferedBytes -= bytes
        },
        arrived: (count) => {
          if (count === bytes) hearAtServer(wires, frame)
        },
      })
    },
    close(code, reason) {
      if (wires.client === 'closing' || wires.client === 'closed') return
      const wasOpen = wires.client === 'open'
      wires.client = 'closing'
      if (wasOpen) sendCloseUp(wires, code, reason)
      else cut(wires, { server: setup.latencyMs() })
    },
  }
}

function hearAtServer(wires: Wires, frame: string | Uint8Array): void {
  if (wires.hasLost) return
  if (wires.loses.up?.(frame)) {
    loseHere(wires, 'up')
    return
  }
  wires.arrived.up += 1
  wires.setup.seen('up', frame)
  if (wires.server === 'open') wires.serverEnd?.received(frame)
}

function loseHere(wires: Wires, direction: Direction): void {
  wires.loses[direction] = null
  wires.hasLost = true
  cut(wires, wires.lossCut)
}

function sendCloseUp(wires: Wires, code: number, reason: string): void {
  const bytes = 4 + maskBytes + reason.length
  wires.up.send({
    bytes,
    arrived(count) {
      if (count < bytes || wires.closeFrames === 'swallowed') return
      if (wires.server === 'open') sendDown(wires, frameClose(code === 1005 ? 1000 : code, reason))
      endServer(wires, wires.closeFrames === 'code-lost' ? 1006 : code, reason)
    },
  })
}

function sendDown(wires: Wires, bytes: Uint8Array, taken?: () => void): void {
  const arrived = (count: number) => hearAtClient(wires, bytes.subarray(0, count))
  wires.down.send(taken === undefined ? { bytes: bytes.length, arrived } : { bytes: bytes.length, arrived, taken })
}

function hearAtClient(wires: Wires, bytes: Uint8Array): void {
  for (const frame of wires.readFrames(bytes)) {
    if (wires.client === 'closed' || wires.hasLost) return
    if (frame.opcode === opcodes.close) hearCloseAtClient(wires, frame.payload)
    else if (frame.opcode === opcodes.text) hearFrameAtClient(wires, textDecoder.decode(frame.payload))
    else if (frame.opcode === opcodes.binary) hearFrameAtClient(wires, frame.payload)
  }
}

function hearFrameAtClient(wires: Wires, frame: string | Uint8Array): void {
  if (wires.client !== 'open') return
  if (wires.loses.down?.(frame)) {
    loseHere(wires, 'down')
    return
  }
  wires.arrived.down += 1
  wires.setup.seen('down', frame)
  wires.setup.client.events.received(frame)
}

function hearCloseAtClient(wires: Wires, payload: Uint8Array): void {
  if (wires.closeFrames === 'swallowed') return
  const code = payload.length < 2 ? 1005 : new DataView(payload.buffer, payload.byteOffset).getUint16(0)
  const reason = textDecoder.decode(payload.subarray(2))
  if (wires.client === 'open') sendCloseUp(wires, code, '')
  if (wires.closeFrames === 'code-lost') endClient(wires, 1006, '')
  else endClient(wires, code, reason)
}

function createTransport(wires: Wires): Transport {
  const { setup } = wires
  const clock = setup.server?.clock
  let isWriting = false
  /** Nobody tells the client when close frames are swallowed: it keeps a link to whoever swallows them. */
  const destroy = () => {
    if (wires.server === 'closed') return
    wires.server = 'closing'
    cut(wires, { client: wires.closeFrames === 'swallowed' ? 'never' : setup.latencyMs() })
  }
  return {
    write(chunks, written) {
      if (wires.server !== 'open') return false
      if (isWriting) setup.violated('a write began before the last one was written')
      isWriting = true
      sendDown(wires, joined(chunks), () => {
        isWriting = false
        if (wires.server === 'open') written()
      })
      return true
    },
    close(code, reason, last) {
      if (wires.server !== 'open') return
      wires.server = 'closing'
      if (last !== null) sendDown(wires, last)
      sendDown(wires, frameClose(code, reason))
      clock?.after(closeWaitMs, destroy)
    },
    destroy,
    pause() {
      wires.unread ??= []
    },
    resume() {
      const runs = wires.unread ?? []
      wires.unread = null
      for (const run of runs) clock?.arrive(0, () => atServer(wires, run))
    },
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
