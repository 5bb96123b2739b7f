// One connection's way out: answers in order, then slices of its readers, one write at a time. It keeps no messages
// of rooms; what a slow connection has not taken stays in the rooms' tails and in the store.

import { afterClose } from '../protocol/after-close.js'
import { type CloseReason, closeTable, codeOf } from '../protocol/close.js'
import type { Bye, ServerFrame } from '../protocol/frames.js'
import type { Core } from './core.js'
import { type Encoding, webSocketFrames } from './encoding.js'
import type { DropReason, Outlet } from './engine.js'
import { PageSlots } from './page-slots.js'
import type { Presence, Watcher } from './presence.js'
import type { Reader } from './reader.js'
import { Taking } from './taking.js'
import type { Transport } from './transport.js'
import { Watch } from './watch.js'

export type ByeAsk = Parameters<Outlet['close']>[0]

export interface OutletWay {
  /** The other end is silent or stuck; nobody waits for its part of the closing handshake. */
  readonly judged?: (outlet: ConnectionOutlet) => void
  /** Default: WebSocket frames. */
  readonly encoding?: Encoding
  /** The other end never says anything: its silence is no sign. */
  readonly isOneWay?: boolean
}

/** Shared by all who have none; never pushed to. */
const none: Reader[] = []

/** A flush fills it and leaves nothing behind, so one does for all. */
const gathering = new Taking()

/** Signals are dropped while more than this waits. */
const signalBytesMax = 65_536

export class ConnectionOutlet implements Outlet {
  readonly connection: string
  readonly readers = new Map<string, Reader>()
  readonly pageSlots = new PageSlots()
  /** Why the engine closed it; null: it did not. */
  closedAs: CloseReason | null = null
  /** The session id, once attached. */
  session: string | null = null
  isMarked = false
  readonly #core: Core
  readonly #encoding: Encoding
  readonly #transport: Transport
  readonly #watch: Watch
  readonly #watchers = new Map<string, RoomWatcher>()
  readonly #judged: (outlet: ConnectionOutlet) => void
  #isOpen = true
  #controls: Uint8Array[] = []
  #controlBytes = 0
  #readyReaders: Reader[] = none
  #readyWatchers = new Set<RoomWatcher>()
  /** Readers whose page is in the outstanding write. */
  #writtenReaders: Reader[] = []
  #isWriting = false
  #isNarrow = false
  #writeTurn = 0
  readonly #whenWritten = () => this.#written()

  constructor(core: Core, transport: Transport, connection: string, way: OutletWay = {}) {
    this.#core = core
    this.#encoding = way.encoding ?? webSocketFrames
    this.#judged = way.judged ?? (() => {})
    this.#transport = transport
    this.connection = connection
    this.#watch = new Watch(core, {
      beat: (everyMs) => this.#beat(everyMs),
      lost: (reason) => this.close({ reason }),
      isOneWay: way.isOneWay ?? false,
    })
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Of answers. */
  get waitingBytes(): number {
    return this.#controlBytes
  }

  send(frame: ServerFrame): void {
    if (this.#isOpen) this.#queue(this.#encoding.frame(frame))
  }

  heard(): void {
    this.#watch.heard()
  }

  answerBeat(): void {
    this.#watch.answer()
  }

  startBeats(): void {
    if (this.#isOpen) this.#watch.startBeats()
  }

  readerReady(reader: Reader): void {
    if (!this.#isOpen) return
    if (!reader.isReady) {
      reader.isReady = true
      if (this.#readyReaders === none) this.#readyReaders = [reader]
      else this.#readyReaders.push(reader)
    }
    if (!this.#isWriting) this.#core.turn.write(this)
  }

  signal(frame: Uint8Array, bySession: string | null): void {
    // A signal is encoded once, for those who take WebSocket frames; streams carry what is logged.
    if (this.#encoding !== webSocketFrames) return
    if (!this.#isOpen || this.#isWriting || bySession === this.session) return
    if (this.#controlBytes <= signalBytesMax) this.#queue(frame)
  }

  watch(room: string, presence: Presence): void {
    if (!this.#isOpen || this.#watchers.has(room)) return
    const watcher = new RoomWatcher(presence, (ready) => {
      this.#readyWatchers.add(ready)
      if (!this.#isWriting) this.#core.turn.write(this)
    })
    this.#watchers.set(room, watcher)
    presence.watch(watcher)
  }

  unwatch(room: string): void {
    const watcher = this.#watchers.get(room)
    if (watcher === undefined) return
    this.#watchers.delete(room)
    this.#readyWatchers.delete(watcher)
    watcher.presence.unwatch(watcher)
  }

  /** Everything that may leave now, in one write: answers first, then presence, then entries. */
  flush(): void {
    if (!this.#isOpen || this.#isWriting) return
    const { writeBytesMax, narrowWriteBytesMax } = this.#core.settings
    const into = gathering
    into.begin(this.#isNarrow ? narrowWriteBytesMax : writeBytesMax)
    if (this.#controls.length > 0) this.#takeControls(into)
    if (this.#controls.length === 0) {
      this.#takePresence(into)
      this.#takeEntries(into)
    }
    if (into.bytes > 0) this.#write(into.chunks)
  }

  close(bye: ByeAsk): void {
    if (!this.#isOpen) return
    const reason = this.#known(bye.reason)
    this.closedAs = reason
    // A connection that takes nothing would only pin the answers that it does not take.
    const isStuck = reason === 'slow' || reason === 'heartbeat-lost'
    const last = joined([...(isStuck ? [] : this.#controls), this.#encoding.frame(byeFrame(bye, reason))])
    this.stop()
    try {
      this.#transport.close(codeOf(reason), reason, last)
    } catch (error) {
      this.#core.report(error, 'closing a transport')
    }
    if (isStuck) this.#judged(this)
  }

  /** Nothing is written any more. Idempotent. */
  stop(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#watch.close()
    for (const room of [...this.#watchers.keys()]) this.unwatch(room)
    for (const reader of this.readers.values()) {
      reader.close()
      reader.room.removed(reader)
    }
    this.readers.clear()
    this.#readyReaders = none
    this.#writtenReaders = []
    this.#controls = []
    this.#controlBytes = 0
  }

  #queue(bytes: Uint8Array): void {
    this.#controls.push(bytes)
    this.#controlBytes += bytes.length
    if (this.#controlBytes > this.#core.settings.controlBytesMax) this.close({ reason: 'slow' })
    else if (!this.#isWriting) this.#core.turn.write(this)
  }

  #takeControls(into: Taking): void {
    let taken = 0
    for (const frame of this.#controls) {
      if (!into.fits(frame.length)) break
      into.add(frame)
      taken += 1
    }
    this.#controls = taken === this.#controls.length ? [] : this.#controls.slice(taken)
    this.#controlBytes -= into.bytes
  }

  #takePresence(into: Taking): void {
    for (const watcher of this.#readyWatchers) {
      if (into.isFull) return
      this.#readyWatchers.delete(watcher)
      const frame = watcher.presence.frameFor(watcher)
      if (frame !== null) into.add(frame)
    }
  }

  /** Readers with more than fits go to the back, so that no room starves another. */
  #takeEntries(into: Taking): void {
    const ready = this.#readyReaders
    let taken = 0
    for (const most = ready.length; taken < most && !into.isFull; taken++) {
      const reader = ready[taken]
      if (reader === undefined || reader.isClosed) continue
      reader.isReady = reader.take(into)
      if (reader.isReady) ready.push(reader)
      if (reader.awaitsWritten) this.#writtenReaders.push(reader)
    }
    if (taken === ready.length) this.#readyReaders = none
    else if (taken > 0) this.#readyReaders = ready.slice(taken)
  }

  #write(chunks: readonly Uint8Array[]): void {
    this.#isWriting = true
    const { turn } = this.#core
    this.#writeTurn = turn.count
    this.#watch.writeBegan(turn.begunMs)
    try {
      if (!this.#transport.write(chunks, this.#whenWritten)) this.stop()
    } catch (error) {
      this.#core.report(error, 'writing to a transport')
      this.stop()
      this.#transport.destroy()
    }
  }

  #written(): void {
    if (!this.#isWriting) return
    const nowMs = this.#core.nowMs()
    this.#isWriting = false
    this.#isNarrow = !this.#core.turn.isStill(this.#writeTurn, nowMs)
    this.#watch.writeEnded(nowMs)
    if (!this.#isOpen) return
    if (this.#writtenReaders.length > 0) {
      const readers = this.#writtenReaders
      this.#writtenReaders = []
      for (const reader of readers) reader.written()
    }
    if (this.#controls.length + this.#readyReaders.length + this.#readyWatchers.size > 0) this.#core.turn.write(this)
  }

  #beat(everyMs: number): void {
    const sent: [string, number][] = []
    for (const [room, reader] of this.readers) {
      if (reader.beatOffset === reader.sentOffset) continue
      reader.beatOffset = reader.sentOffset
      sent.push([room, reader.sentOffset])
    }
    this.send({ type: 'beat', everyMs, sent })
  }

  #known(reason: string): CloseReason {
    const row = closeTable.find((known) => known.reason === reason)
    if (row !== undefined) return row.reason
    this.#core.report(new Error(`no close code for ${reason}`), 'closing a connection')
    return 'internal'
  }
}

class RoomWatcher implements Watcher {
  readonly presence: Presence
  told: Watcher['told'] = null
  readonly #ready: (watcher: RoomWatcher) => void

  constructor(presence: Presence, ready: (watcher: RoomWatcher) => void) {
    this.presence = presence
    this.#ready = ready
  }

  ready(): void {
    this.#ready(this)
  }
}

/** What a drop is called when the engine itself closed the connection. */
export function dropReasonOf(closed: CloseReason): DropReason {
  switch (closed) {
    case 'heartbeat-lost':
    case 'slow':
    case 'drain':
    case 'superseded':
      return closed
    case 'going-away':
    case 'moved':
      return 'drain'
    default:
      return codeOf(closed) >= 4500 || closed === 'flooding' ? 'protocol' : 'cut'
  }
}

function byeFrame(bye: ByeAsk, reason: CloseReason): Bye {
  const code = codeOf(reason)
  const after = afterClose(code)
  const { afterMs, instance, lastAttempt, ended } = bye
  return {
    type: 'bye',
    code,
    reason,
    message: bye.message ?? closeTable.find((row) => row.reason === reason)?.meaning ?? reason,
    retry: after !== 'stop' && after !== 'stop-for-user',
    kept: bye.kept ?? (ended === undefined && after !== 'new-session'),
    ...(afterMs !== undefined && { afterMs }),
    ...(instance !== undefined && { instance }),
    ...(lastAttempt !== undefined && { lastAttempt }),
    ...(ended !== undefined && { ended }),
  }
}

function joined(frames: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0))
  let at = 0
  for (const frame of frames) {
    bytes.set(frame, at)
    at += frame.length
  }
  return bytes
}
