// Who hears of a room. Hints leave in a later microtask, per follower in the order in which they were told.

import type { Entry, Following, Hint } from './store.js'

type Waiting = Hint | { readonly kind: 'entries'; readonly entries: Entry[] }

interface Follower {
  readonly hear: (hint: Hint) => void
  waiting: Waiting[]
  isOpen: boolean
}

/** Who is told of what happens in a room. */
export interface Told {
  tell(room: string, hint: Hint): void
}

export class Followers implements Told {
  readonly #ofRoom = new Map<string, Set<Follower>>()

  follow(room: string, hear: (hint: Hint) => void): Following {
    const follower: Follower = { hear, waiting: [], isOpen: true }
    const followers = this.#ofRoom.get(room) ?? new Set()
    this.#ofRoom.set(room, followers.add(follower))
    return {
      close: () => {
        follower.isOpen = false
        followers.delete(follower)
        if (followers.size === 0 && this.#ofRoom.get(room) === followers) this.#ofRoom.delete(room)
      },
    }
  }

  isFollowed(room: string): boolean {
    return this.#ofRoom.has(room)
  }

  tell(room: string, hint: Hint): void {
    for (const follower of this.#ofRoom.get(room) ?? []) {
      if (follower.waiting.length === 0) queueMicrotask(() => deliver(follower))
      add(follower.waiting, hint)
    }
  }

  close(): void {
    for (const followers of this.#ofRoom.values()) for (const follower of followers) follower.isOpen = false
    this.#ofRoom.clear()
  }
}

/** Entries told one after the other leave as one hint. */
function add(waiting: Waiting[], hint: Hint): void {
  const last = waiting.at(-1)
  if (hint.kind !== 'entries') waiting.push(hint)
  else if (last?.kind === 'entries') (last.entries as Entry[]).push(...hint.entries)
  else waiting.push({ kind: 'entries', entries: [...hint.entries] })
}

function deliver(follower: Follower): void {
  const { waiting } = follower
  follower.waiting = []
  for (const hint of waiting) if (follower.isOpen) follower.hear(hint)
}
