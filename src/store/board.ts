// Boards: keyed states with a version, as the contract has them. Each effective change carries the next version.

import type { Json } from '../protocol/frames.js'

export interface BoardChange {
  readonly board: string
  readonly version: number
  readonly set: readonly BoardItem[]
  readonly removed: readonly string[]
}

export interface BoardItem {
  readonly key: string
  readonly value: Json
  /** A change with a lower fence than the item's is ignored. */
  readonly fence: number
}

export interface Board {
  readonly version: number
  readonly items: readonly BoardItem[]
}

export interface ChangeBoard {
  readonly room: string
  readonly board: string
  readonly set: readonly BoardItem[]
  readonly removed: readonly { readonly key: string; readonly fence: number }[]
  /** One more item is refused. */
  readonly itemsMax: number
}

export type BoardChanged =
  /** Version after the change; equal to before when nothing was different. */
  { readonly kind: 'changed'; readonly version: number } | { readonly kind: 'full' }
