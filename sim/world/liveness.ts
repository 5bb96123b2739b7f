// Whether nothing more is to come: everybody connected, every publish settled, every reader at the head.

import type { Page } from './tab.js'
import type { World } from './world.js'

export function isEverybodyLive(world: World): boolean {
  return (
    world.servers.every(({ server }) => server !== null) &&
    world.tabs.every(({ page }) => page !== null && isLive(world, page))
  )
}

function isLive({ shared }: World, page: Page): boolean {
  if (page.session.status.state !== 'connected' || page.waiting.size > 0) return false
  for (const [name, { room }] of page.rooms) {
    if (room.place === 'denied' || room.place === 'removed') continue
    if (!room.isLive || room.position?.offset !== shared.headOf(name)) return false
  }
  return true
}
