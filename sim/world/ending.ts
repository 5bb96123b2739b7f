// The state when everybody is live, and what is left when everybody has gone.

import { membersOf, presenceBoard } from '../../src/engine/members.js'
import type { MemoryLink } from '../../src/testing/memory-link.js'
import { numberOf } from './hearing.js'
import type { World } from './world.js'

export async function recordEnd(world: World): Promise<void> {
  const { trace, tabs, servers, shared } = world
  for (const { page } of tabs) {
    if (page === null) continue
    const { by, session } = page
    const { state, reason } = session.status
    trace.add({ kind: 'end-page', by, session: session.id, state, reason, waitingCount: page.waiting.size })
    for (const [name, { room, span, hasPresence }] of page.rooms) {
      const { place, isLive, position } = room
      const members = hasPresence ? [...room.presence.state()] : null
      trace.add({ kind: 'end-room', by, room: name, span, place, isLive, position, members })
    }
  }
  const disks = new Set(tabs.map(({ profile }) => profile.outbox))
  const stored = [...disks].flatMap(({ items }) => [...items.values()])
  trace.add({ kind: 'end-disk', ns: stored.map(({ data }) => numberOf(data)) })
  for (const { node, server } of servers) {
    if (server !== null) trace.add({ kind: 'end-node', node, sessions: [...server.sessions.keys()] })
  }
  for (const { row } of shared.view().control.sessions.values()) {
    const { id: session, user, status, rooms } = row
    if (status.state === 'ended') continue
    const node = status.state === 'live' ? status.node : null
    trace.add({ kind: 'end-row', session, user, state: status.state, node, rooms: Object.keys(rooms) })
  }
  for (const { name } of world.config.rooms) await recordLog(world, name)
}

async function recordLog({ shared, trace }: World, room: string): Promise<void> {
  const page = await shared.direct.read({
    room,
    from: { kind: 'last', count: 1e9 },
    readableFrom: 0,
    entriesMax: 1e9,
    bytesMax: 1e12,
    replayMax: 1e9,
  })
  const board = await shared.direct.board(room, presenceBoard)
  trace.add({
    kind: 'end-log',
    room,
    head: page.head,
    entries: page.entries.map(({ position: { offset, tag }, data }) => ({ offset, tag, isVoid: data === null })),
    members: membersOf(board.items),
  })
}

/** Counts of everything that must be gone, each with what may be left. */
export function recordRest({ shared, servers, clock, trace }: World): void {
  const { control, boards } = shared.view()
  const notEnded = [...control.sessions.values()].filter(({ row }) => row.status.state !== 'ended').length
  const members = [...boards.boards.values()].flatMap(({ items }) => [...items.keys()])
  const served = servers.reduce((sum, { server }) => sum + (server?.sessions.size ?? 0), 0)
  const counts: readonly (readonly [what: string, count: number, bound: number])[] = [
    ['sessions in the store', notEnded, 0],
    ['sessions on nodes', served, 0],
    ['members on boards', members.length, 0],
    ['leases', control.leases.size, 0],
    ['events in the queue', control.events.size, 0],
    // Each node follows the control log.
    ['followers of rooms', shared.followerCount, servers.length],
    // The tick and its deadline, the poll of heads, and their alarm, of each node.
    ['timers', clock.pending, 8 * servers.length],
    ['links', servers.reduce((sum, { server }) => sum + openLinks(server?.listener.links ?? []), 0), 0],
  ]
  for (const [what, count, bound] of counts) trace.add({ kind: 'rest', what, count, bound })
}

function openLinks(links: readonly MemoryLink[]): number {
  return links.filter(({ state }) => state.server === 'open').length
}
