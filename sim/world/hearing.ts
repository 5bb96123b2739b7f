// Everything that a session and a room tell, put into the trace. Some listeners throw, and some answer what they hear:
// applications do.

import type { PublishResult } from '../../src/client/outbox-item.js'
import { readPayload } from '../payload.js'
import type { Trace } from '../trace.js'
import type { Joined, Page } from './tab.js'

/** What a throwing listener of ours says; it is expected. */
export const ourThrow = 'sim: this listener throws'

export function hearSession(page: Page, trace: Trace): void {
  const { session, by } = page
  session.on('status', ({ state, reason }) => trace.add({ kind: 'status', by, state, reason }))
  session.on('live', ({ session: id, user }) => trace.add({ kind: 'live', by, session: id, user }))
  session.on('new-session', ({ session: id, reason }) => trace.add({ kind: 'new-session', by, session: id, reason }))
  session.on('resume', ({ session: verdict, rooms, leases }) =>
    trace.add({ kind: 'resume', by, verdict, rooms: Object.fromEntries(rooms), leases }),
  )
  session.on('superseded', ({ reason }) => trace.add({ kind: 'stopped', by, what: 'superseded', reason }))
  session.on('signed-out', ({ reason }) => trace.add({ kind: 'stopped', by, what: 'signed-out', reason }))
  session.on('reconnect-failed', ({ attempts }) =>
    trace.add({ kind: 'stopped', by, what: 'reconnect-failed', reason: `${attempts}` }),
  )
  session.on('error', ({ error }) =>
    trace.add({ kind: 'error', by, error: error instanceof Error ? error.message : String(error) }),
  )
}

/** Publishes of pages before this one end as its own do. */
export function hearAdopted(page: Page, trace: Trace): void {
  const adopted = new Map<string, number>()
  page.session.on('publish', (change) => {
    const { room, mark, state } = change
    if (state === 'sending') {
      if (!page.session.outbox.list().some((item) => item.mark === mark && item.isAdopted)) return
      const { n } = readPayload(change.data)
      adopted.set(mark, n)
      page.waiting.add(n)
      trace.add({ kind: 'adopted', by: page.by, n })
      return
    }
    const n = adopted.get(mark)
    if (n === undefined || page.isOver) return
    adopted.delete(mark)
    page.waiting.delete(n)
    const { room: _, mark: __, state: kind, ...rest } = change
    trace.add({ kind: 'settled', by: page.by, room, n, result: { kind, ...rest } as PublishResult })
  })
}

export function numberOf(data: string | Uint8Array): number {
  return readPayload(typeof data === 'string' ? JSON.parse(data) : data).n
}

export function hearRoom(page: Page, joined: Joined, trace: Trace, answer: (echoes: number) => void): void {
  const { by } = page
  const { room, span } = joined
  const { name } = room
  room.on('entry', ({ position, mark, by: from, data }) => {
    const { n, echoes } = readPayload(data)
    trace.add({ kind: 'entry', by, room: name, span, position, mark, n, from })
    // Only one of the readers answers.
    if (echoes > 0 && from?.session !== page.session.id) answer(echoes - 1)
    if (n % 13 === 0) throw new Error(ourThrow)
  })
  room.on('gap', ({ reason, from, to, next }) =>
    trace.add({ kind: 'gap', by, room: name, span, reason, from, to, next }),
  )
  room.on('live', ({ position }) => trace.add({ kind: 'room-live', by, room: name, span, position }))
  room.on('presence', ({ members }) => trace.add({ kind: 'presence', by, room: name, span, members: [...members] }))
  room.on('signal', ({ by: from }) => trace.add({ kind: 'signal', by, room: name, from: from?.session ?? null }))
  room.on('removed', ({ reason }) => trace.add({ kind: 'removed', by, room: name, span, reason }))
  room.on('denied', ({ reason }) => trace.add({ kind: 'denied', by, room: name, span, reason }))
}
