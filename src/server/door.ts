// How many connections there are, and how many have not yet said who they are: in total and per address.

import { networkOf } from './address.js'
import type { Settings } from './settings.js'

/** What `GET /health` tells: may anybody come in at all? */
export type Health = 'starting' | 'ok' | 'down'

export interface Door {
  /** Null: full. Else the connection counts from now on. */
  enter(address: string): Place | null
  readonly openCount: number
  readonly pendingCount: number
}

export interface Place {
  /** It is no longer pending. Idempotent. */
  known(): void
  /** It is gone. Idempotent. */
  left(): void
}

export function createDoor(settings: Settings): Door {
  const pendingBy = new Map<string, number>()
  let openCount = 0
  let pendingCount = 0

  const leavePending = (network: string) => {
    pendingCount -= 1
    const rest = (pendingBy.get(network) ?? 1) - 1
    if (rest === 0) pendingBy.delete(network)
    else pendingBy.set(network, rest)
  }

  return {
    enter(address) {
      const network = networkOf(address)
      const pendingHere = pendingBy.get(network) ?? 0
      if (openCount >= settings.connectionsMax || pendingCount >= settings.pendingMax) return null
      if (pendingHere >= settings.pendingPerAddressMax) return null
      openCount += 1
      pendingCount += 1
      pendingBy.set(network, pendingHere + 1)
      let state: 'pending' | 'known' | 'left' = 'pending'
      const known = () => {
        if (state !== 'pending') return
        state = 'known'
        leavePending(network)
      }
      return {
        known,
        left() {
          known()
          if (state === 'left') return
          state = 'left'
          openCount -= 1
        },
      }
    },
    get openCount() {
      return openCount
    },
    get pendingCount() {
      return pendingCount
    },
  }
}
