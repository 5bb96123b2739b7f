// What can be broken, as plain data: the words of fault scripts. The simulator draws them from a seed, an application's
// test writes them down. How each is done is in fault-acts.ts and fault-proxy.ts.

import type { ClientFrame, ServerFrame } from '../protocol/frames.js'
import type { Direction } from './memory-wires.js'

/** When an end hears of a break: ms from then, or never. */
export type Hearing = number | 'never'

/**
 * `line` names a client's network, `server` a server (of faults of the store: only its way to the store; absent: that
 * of every server); times are virtual milliseconds.
 */
export type Fault =
  /** The link breaks without a close frame; told to both ends at once (0) unless said otherwise. */
  | {
      readonly fault: 'cut'
      readonly line: string
      readonly client?: Hearing
      readonly server?: Hearing
      /** What is on the way still arrives. Default: it is lost. */
      readonly delivers?: boolean
    }
  /** The link breaks when so many more bytes have passed: in the middle of a frame. */
  | { readonly fault: 'cut-at'; readonly line: string; readonly direction: Direction; readonly bytes: number }
  /** All links of all lines break. */
  | { readonly fault: 'storm' }
  /** From now on everything that way (default both) is swallowed, and nobody is told. `up` or `down`: one-way. */
  | { readonly fault: 'half-open'; readonly line: string; readonly direction?: Direction | 'both' }
  /** Everything takes so much longer. */
  | {
      readonly fault: 'delay'
      readonly line: string
      readonly ms: number
      readonly forMs: number
      readonly direction?: Direction | 'both'
    }
  /** A slow link. */
  | { readonly fault: 'bandwidth'; readonly line: string; readonly bytesPerSec: number; readonly forMs: number }
  /** Nothing leaves that way (default down): senders feel back-pressure, nothing is lost. */
  | { readonly fault: 'stall'; readonly line: string; readonly direction?: Direction; readonly forMs: number }
  /** Close frames never arrive, or arrive as a break (1006). */
  | { readonly fault: 'close-lost'; readonly line: string; readonly how: 'swallowed' | 'code-lost' }
  /** Dials get no answer (`hang`), are refused (`refuse`), or there is no network at all, for open links too (`down`). */
  | { readonly fault: 'hang' | 'refuse' | 'down'; readonly line: string; readonly forMs: number }
  /** The next dial: the connection is there, but the upgrade (`up`), or its answer (`down`), goes on only after a while. */
  | { readonly fault: 'handshake-stall'; readonly line: string; readonly direction?: Direction; readonly forMs: number }
  /** Lines are clogged one after the other, and let go in the reverse order. */
  | { readonly fault: 'swizzle'; readonly lines: readonly string[]; readonly everyMs: number; readonly heldMs: number }
  /** The next dial: the client's end opens, the server hears of it, and of everything sent, only after so long. */
  | { readonly fault: 'late-dial'; readonly line: string; readonly releaseMs: number }
  /** That frame of the server never arrives, nor anything behind it: the link breaks there. */
  | ({ readonly fault: 'lose-reply'; readonly frame: ServerFrame['type'] } & Loss)
  /** That frame of the client never arrives, nor anything behind it: the link breaks there. */
  | ({ readonly fault: 'lose-request'; readonly frame: ClientFrame['type'] } & Loss)
  /** Nothing of the process runs, then everything overdue at once: sleep, a garbage collection, SIGSTOP. */
  | { readonly fault: 'pause-client'; readonly line: string; readonly forMs: number }
  | { readonly fault: 'pause-server'; readonly server: string; readonly forMs: number }
  /** Its time runs so fast from now on (1.05: 5 % too fast), its wall clock is so far ahead. */
  | ({ readonly fault: 'skew-client'; readonly line: string } & Skew)
  | ({ readonly fault: 'skew-server'; readonly server: string } & Skew)
  /** The process is gone in the middle of whatever it did, and is started again. */
  | { readonly fault: 'crash'; readonly server: string; readonly downMs: number }
  /** The process says goodbye, ends, and is started again; `killAfterMs`: unless it has crashed by then. */
  | {
      readonly fault: 'stop'
      readonly server: string
      readonly downMs: number
      readonly killAfterMs?: number | null
    }
  /** That share (0 to 1) of calls of the store fails, or of its writes: before or after they took effect. */
  | {
      readonly fault: 'store-fails'
      readonly server?: string
      readonly which?: 'all' | 'writes'
      readonly share: number
      readonly when?: 'before' | 'after' | 'either'
      readonly forMs: number
    }
  /** Each call of the store takes so long, drawn anew, before its effect and again before its answer. */
  | {
      readonly fault: 'store-slow'
      readonly server?: string
      readonly lateMs: readonly [number, number]
      readonly forMs: number
    }
  /** No call of the store goes on until it is over. */
  | { readonly fault: 'store-hangs'; readonly server?: string; readonly forMs: number }
  /** That share of what the store tells its servers never comes. */
  | { readonly fault: 'hints-lost'; readonly server?: string; readonly share: number; readonly forMs: number }

// Types, not interfaces: so a fault is JSON to the compiler too.
type Loss = {
  readonly line: string
  /** The how-manyeth of its kind from then on. Default 1. */
  readonly nth?: number
  /** On the next link instead of this one. Default: for `welcome` and `hello`, which come once on each link. */
  readonly isNext?: boolean
  /** When the server hears of the break. Default 0. */
  readonly serverHears?: Hearing
}

type Skew = {
  readonly rate?: number
  readonly wallOffsetMs?: number
  /** Absent: for good. Afterwards the rate is right again; the wall clock stays. */
  readonly forMs?: number
}

/** `atMs`: from when the script is played. */
export type FaultStep = { readonly atMs: number } & Fault

export type FaultScript = readonly FaultStep[]
