// How each fault is done on virtual time and the network in memory. The simulator and the tests of applications play
// their scripts here; they differ in what stands on the stage.

import type { Clock } from '../protocol/time.js'
import type { Fault } from './fault.js'
import type { MemoryLink } from './memory-link.js'
import type { Line } from './memory-network.js'
import { endHang, type StoreTrouble } from './store-trouble.js'
import type { TestProcess } from './test-process.js'
import type { ProcessClock } from './virtual-clock.js'

/** What faults act upon. */
export interface FaultStage {
  readonly clock: Pick<Clock, 'after'>
  /** Null: nobody has one of that name now. */
  line(name: string): Line | null
  /** Those of now. */
  lines(): readonly Line[]
  /** Sets it on that line, and on every line that takes its place, until what is returned is called. */
  lasting(name: string, set: (line: Line, isOn: boolean) => void): () => void
  /** Null: there is none of that name. */
  server(name: string): TestProcess | null
  /** Of that server's way to the store, or of all. */
  troubles(server?: string): readonly StoreTrouble[]
  /** How late the store is when nothing is wrong, and how many of its hints are lost. */
  readonly usual: Pick<StoreTrouble, 'lateMs' | 'hintLoss'>
}

/** Answers whether there was something to act upon. */
type Act<K extends Fault['fault']> = (stage: FaultStage, fault: Extract<Fault, { fault: K }>) => boolean

const acts: { readonly [K in Fault['fault']]: Act<K> } = {
  cut(stage, { line, client = 0, server = 0, delivers = false }) {
    const own = stage.line(line)
    const isOpen = own !== null && own.links.length > 0
    own?.cut({ client, server, delivers })
    return isOpen
  },
  'cut-at': (stage, { line, direction, bytes }) => onLink(stage, line, (link) => link.cutAt({ bytes, direction })),
  storm(stage) {
    const lines = stage.lines()
    for (const line of lines) line.cut()
    return lines.length > 0
  },
  'half-open': (stage, { line, direction = 'both' }) =>
    onLink(stage, line, (link) => (direction === 'both' ? link.halfOpen() : link.halfOpen(direction))),
  delay: (stage, { line, ms, forMs, direction = 'both' }) =>
    onLink(stage, line, (link) => {
      const set = (delayMs: number) => (direction === 'both' ? link.delay(delayMs) : link.delay(delayMs, direction))
      set(ms)
      stage.clock.after(forMs, () => set(0))
    }),
  bandwidth: (stage, { line, bytesPerSec, forMs }) =>
    onLink(stage, line, (link) => {
      link.bandwidth(bytesPerSec)
      stage.clock.after(forMs, () => link.bandwidth(Number.POSITIVE_INFINITY))
    }),
  stall: (stage, { line, direction = 'down', forMs }) =>
    onLink(stage, line, (link) => {
      link.stall(direction)
      stage.clock.after(forMs, () => link.flow(direction))
    }),
  'close-lost': (stage, { line, how }) =>
    onLink(stage, line, (link) => (how === 'swallowed' ? link.swallowClose() : link.loseCloseCode())),
  hang: (stage, { line, forMs }) => lastingFor(stage, line, forMs, (own, isOn) => own.hang(isOn)),
  refuse: (stage, { line, forMs }) => lastingFor(stage, line, forMs, (own, isOn) => own.refuse(isOn)),
  down: (stage, { line, forMs }) => lastingFor(stage, line, forMs, (own, isOn) => (isOn ? own.down() : own.up())),
  'handshake-stall': (stage, { line, direction = 'up', forMs }) =>
    onNextLink(stage, line, (link) => {
      link.stall(direction)
      stage.clock.after(forMs, () => link.flow(direction))
    }),
  swizzle(stage, { lines, everyMs, heldMs }) {
    for (const [index, line] of lines.entries()) {
      const letGoMs = heldMs + 2 * (lines.length - 1 - index) * everyMs
      stage.clock.after(index * everyMs, () => clog(stage, line, letGoMs))
    }
    return lines.some((line) => stage.line(line) !== null)
  },
  'late-dial': (stage, { line, releaseMs }) =>
    onNextLink(stage, line, (link) => {
      link.withhold()
      stage.clock.after(releaseMs, () => link.release())
    }),
  'lose-reply'(stage, { line, frame, nth = 1, isNext = frame === 'welcome', serverHears = 0 }) {
    const prepare = (link: MemoryLink) => link.loseReply(nthOf(frame, nth), { server: serverHears })
    return isNext ? onNextLink(stage, line, prepare) : onThisOrNextLink(stage, line, prepare)
  },
  'lose-request'(stage, { line, frame, nth = 1, isNext = frame === 'hello', serverHears = 0 }) {
    const prepare = (link: MemoryLink) => link.loseRequest(nthOf(frame, nth), { server: serverHears })
    return isNext ? onNextLink(stage, line, prepare) : onThisOrNextLink(stage, line, prepare)
  },
  'pause-client'(stage, { line, forMs }) {
    const clock = stage.line(line)?.clock
    clock?.pause()
    stage.clock.after(forMs, () => clock?.thaw())
    return clock !== undefined
  },
  'pause-server'(stage, { server, forMs }) {
    const clock = stage.server(server)?.process ?? null
    clock?.pause()
    stage.clock.after(forMs, () => clock?.thaw())
    return clock !== null
  },
  'skew-client': (stage, fault) => skew(stage, stage.line(fault.line)?.clock, fault),
  'skew-server': (stage, fault) => skew(stage, stage.server(fault.server)?.process, fault),
  crash(stage, { server, downMs }) {
    const process = stage.server(server)
    const isUp = process?.server != null
    process?.crash()
    stage.clock.after(downMs, () => process?.start())
    return isUp
  },
  stop: (stage, { server, downMs, killAfterMs = null }) => {
    const process = stage.server(server)
    return process !== null && stop(stage, process, downMs, killAfterMs)
  },
  'store-fails': (stage, { server, which = 'all', share, when = 'either', forMs }) =>
    troubled(stage, server, forMs, (trouble, isOn) => {
      Object.assign(trouble, { failShare: isOn ? share : 0, failWhen: when, failsReads: which === 'all' })
    }),
  'store-slow': (stage, { server, lateMs, forMs }) =>
    troubled(stage, server, forMs, (trouble, isOn) => {
      trouble.lateMs = isOn ? lateMs : stage.usual.lateMs
    }),
  'store-hangs': (stage, { server, forMs }) =>
    troubled(stage, server, forMs, (trouble, isOn) => {
      if (isOn) trouble.hanging ??= []
      else endHang(trouble)
    }),
  'hints-lost': (stage, { server, share, forMs }) =>
    troubled(stage, server, forMs, (trouble, isOn) => {
      trouble.hintLoss = isOn ? share : stage.usual.hintLoss
    }),
}

/** Does it now. False: there was nothing to act upon, such as a line without a link. */
export function doFault(stage: FaultStage, fault: Fault): boolean {
  // One row per kind; the compiler cannot see that both sides of the call are the same one.
  return (acts[fault.fault] as Act<Fault['fault']>)(stage, fault as never)
}

/** Nothing is broken any more; what was lost stays lost. Half-open links stay so, as in life. */
export function healStage(stage: FaultStage, servers: readonly TestProcess[]): void {
  for (const trouble of stage.troubles()) healTrouble(trouble, stage.usual)
  for (const server of servers) healServer(server)
  for (const line of stage.lines()) healLine(line)
}

export function healTrouble(trouble: StoreTrouble, { lateMs, hintLoss }: FaultStage['usual']): void {
  Object.assign(trouble, { failShare: 0, hintLoss, lateMs })
  endHang(trouble)
}

export function healServer(server: TestProcess): void {
  server.process?.thaw()
  server.process?.skew({ rate: 1, wallOffsetMs: 0 })
  server.start()
}

export function healLine(line: Line): void {
  line.clock.thaw()
  line.clock.skew({ rate: 1, wallOffsetMs: 0 })
  line.up()
  line.refuse(false)
  line.hang(false)
  for (const link of [...line.links]) {
    link.delay(0)
    link.bandwidth(Number.POSITIVE_INFINITY)
    link.flow('up')
    link.flow('down')
    link.release()
  }
}

function stop({ clock }: FaultStage, process: TestProcess, downMs: number, killAfterMs: number | null): boolean {
  const { node, server } = process
  void process.stop().then(() => clock.after(downMs, () => process.start()))
  if (killAfterMs !== null) {
    clock.after(killAfterMs, () => {
      if (process.node !== node) return
      process.crash()
      clock.after(downMs, () => process.start())
    })
  }
  return server !== null
}

/** The newest link that has not ended. */
function linkOf(stage: FaultStage, line: string): MemoryLink | undefined {
  return stage.line(line)?.links.at(-1)
}

function onLink(stage: FaultStage, line: string, act: (link: MemoryLink) => void): boolean {
  const link = linkOf(stage, line)
  if (link !== undefined) act(link)
  return link !== undefined
}

function onThisOrNextLink(stage: FaultStage, line: string, prepare: (link: MemoryLink) => void): boolean {
  return onLink(stage, line, prepare) || onNextLink(stage, line, prepare)
}

/** Once, of whichever link of this line comes next. */
function onNextLink(stage: FaultStage, name: string, prepare: (link: MemoryLink) => void): boolean {
  const line = stage.line(name)
  const stop = line?.onDial((link) => {
    stop?.()
    prepare(link)
  })
  return line !== null
}

function lastingFor(stage: FaultStage, line: string, forMs: number, set: (line: Line, isOn: boolean) => void): boolean {
  const isThere = stage.line(line) !== null
  stage.clock.after(forMs, stage.lasting(line, set))
  return isThere
}

/** Nothing leaves or arrives, on the links that are there and on those dialled meanwhile. */
function clog(stage: FaultStage, name: string, forMs: number): void {
  const line = stage.line(name)
  if (line === null) return
  const clogged: MemoryLink[] = []
  const stall = (link: MemoryLink) => {
    clogged.push(link)
    link.stall('up')
    link.stall('down')
  }
  for (const link of line.links) stall(link)
  const stopStalling = line.onDial(stall)
  stage.clock.after(forMs, () => {
    stopStalling()
    for (const link of clogged) {
      link.flow('up')
      link.flow('down')
    }
  })
}

function skew(
  { clock }: FaultStage,
  process: ProcessClock | null | undefined,
  { rate, wallOffsetMs, forMs }: { readonly rate?: number; readonly wallOffsetMs?: number; readonly forMs?: number },
): boolean {
  process?.skew({ ...(rate !== undefined && { rate }), ...(wallOffsetMs !== undefined && { wallOffsetMs }) })
  if (forMs !== undefined) clock.after(forMs, () => process?.skew({ rate: 1 }))
  return process != null
}

function troubled(
  stage: FaultStage,
  server: string | undefined,
  forMs: number,
  set: (trouble: StoreTrouble, isOn: boolean) => void,
): boolean {
  const troubles = stage.troubles(server)
  for (const trouble of troubles) set(trouble, true)
  stage.clock.after(forMs, () => {
    for (const trouble of troubles) set(trouble, false)
  })
  return troubles.length > 0
}

function nthOf(type: string, nth: number): (frame: { readonly type: string }) => boolean {
  let count = 0
  return (frame) => {
    if (frame.type === type) count += 1
    return count === nth
  }
}
