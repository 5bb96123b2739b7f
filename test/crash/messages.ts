// What the crash test and its server process tell each other.

import type { Point } from './points.js'

/** How a life of the server is to end, given to it at its start. */
export interface Orders {
  readonly directory: string
  readonly port: number
  /** Ends the process when it has come there so often. Null: it is killed from outside. */
  readonly point: { readonly name: Point; readonly count: number } | null
  /**
   * A power cut: after so many flushes, and when nothing is unflushed, the file is copied, as a disk would have it that
   * wrote nothing else; the process ends before the next flush is told: `afterMs` after it began to write, or at the point.
   */
  readonly cut: { readonly flushes: number; readonly at: CutAt; readonly afterMs: number; readonly copy: string } | null
  /** Where it writes, before it ends itself, what it had come to. */
  readonly note: string
}

export type CutAt = 'writing' | 'batch.visible' | 'batch.flushed'

export interface Claim {
  readonly id: number
  readonly session: string
  readonly key: string
}

export type Told =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'left'; readonly event: string; readonly session: string; readonly reason: string }
  | { readonly kind: 'claimed'; readonly id: number; readonly answer: ClaimAnswer }
  | { readonly kind: 'trouble'; readonly text: string }

export type ClaimAnswer = { readonly kind: 'granted'; readonly fence: number } | { readonly kind: string }
