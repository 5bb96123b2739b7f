// What a presence board holds: one item per session that members see, and the frames that tell them.

import type { Json, Member } from '../protocol/frames.js'
import type { BoardItem } from '../store/store.js'

export const presenceBoard = 'presence'

export interface Shown {
  readonly user: string
  readonly state: 'live' | 'held'
  /** Absent: nothing is tracked. */
  readonly data?: Json
}

export function shownItem(session: string, shown: Shown, generation: number): BoardItem {
  const { user, state, data } = shown
  const value = data === undefined ? { user, state } : { user, state, data }
  return { key: session, value, fence: generation }
}

/** Null: the item was not written by this library. */
export function shownOf(item: BoardItem | undefined): Shown | null {
  const value = item?.value
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const { user, state, data } = value as { readonly [key: string]: Json | undefined }
  if (typeof user !== 'string' || (state !== 'live' && state !== 'held')) return null
  return data === undefined ? { user, state } : { user, state, data }
}

export function membersOf(items: Iterable<BoardItem>): Member[] {
  const members: Member[] = []
  for (const item of items) {
    const shown = shownOf(item)
    if (shown !== null) members.push({ session: item.key, ...shown })
  }
  return members
}
