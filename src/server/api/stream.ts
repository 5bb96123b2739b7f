// A room as server-sent events: a reader without a session, of the same tail as everybody. The position is the event's
// id, so that whoever comes back with Last-Event-ID goes on where he stopped.

import type { Outlet } from '../../engine/engine.js'
import type { VisitFrom } from '../../engine/visits.js'
import { no, problemResponse, type Step, yes } from './problem.js'
import { openStream } from './stream-transport.js'
import { type Admitted, admit, countOf, positionOf, type Visit } from './visit.js'

const retriesMax = 3
const restMs = 1_000

/** Who comes back does so after this and up to as much again, or as the server's admission spreads it. */
const retryMs = 1_000

/** `GET /v1/rooms/{room}/stream`. Null: the response is taken, and stays open. */
export async function openRoomStream(visit: Visit): Promise<Response | null> {
  const { query, incoming } = visit
  // The URL of a reader stays as it is when it comes back: the header is newer.
  const header = incoming.headers['last-event-id']
  const since = header === undefined || header === '' ? query.get('after') : String(header)
  const after = positionOf(since ?? undefined, header === undefined ? 'after' : 'Last-Event-ID')
  if (after.kind === 'no') return problemResponse(after.problem)
  const last = countOf(query, 'last', { least: 0, fallback: 0 })
  if (last.kind === 'no') return problemResponse(last.problem)
  const from = { since: after.value, last: last.value }

  for (let attempt = 0; attempt < retriesMax; attempt++) {
    const answer = await listen(visit, from)
    if (answer.kind === 'no') return problemResponse(answer.problem)
    if (answer.value !== 'rights-changed') return answer.value === 'head' ? headOnly(visit) : null
  }
  return problemResponse({ reason: 'rights-changed', detail: 'come again', afterMs: restMs })
}

async function listen(visit: Visit, from: VisitFrom): Promise<Step<'open' | 'head' | 'rights-changed'>> {
  const { api, incoming, outgoing } = visit
  const { visits } = api.engine
  const { rightsHeard } = visits
  const admitted = await admit(visit)
  if (admitted.kind === 'no') return admitted
  if (incoming.method === 'HEAD') return yes('head')
  const { asker, room, readableFrom } = admitted.value
  if (outgoing.destroyed) return no('internal', 'the client has gone')
  const listening = await visits.listen(
    { user: asker.user, room, readableFrom },
    { ...from, rightsHeard, open: () => opened(visit) },
  )
  if (listening.kind === 'rights-changed') return yes('rights-changed')
  untilTheEnd(visit, listening.outlet, admitted.value)
  return yes('open')
}

function opened(visit: Visit) {
  const { api, outgoing } = visit
  const { spreadMs } = api.admission
  const waitMs = retryMs + api.chance.fraction() * Math.max(retryMs, spreadMs(api.engine.visits.streams.length))
  const firstLine = `retry: ${Math.round(waitMs)}\n`
  return openStream(outgoing, { headers: headersOf(visit), firstLine }, api.clock)
}

/** The proof runs out, or the connection ends. */
function untilTheEnd({ api, outgoing }: Visit, outlet: Outlet, { expiresAtMs }: Admitted): void {
  const leftMs = expiresAtMs - api.clock.wallMs()
  const cancel =
    leftMs === Number.POSITIVE_INFINITY
      ? () => {}
      : api.clock.after(Math.max(0, leftMs), () => outlet.close({ reason: 'token-expired' }))
  const over = () => {
    cancel()
    api.engine.closed(outlet, 'closed')
  }
  outgoing.once('close', over)
  if (outgoing.destroyed) over()
}

function headersOf({ headers }: Visit): Record<string, string> {
  return {
    ...Object.fromEntries(headers),
    'Content-Type': 'text/event-stream',
    // Proxies that gather answers would hold events back.
    'X-Accel-Buffering': 'no',
  }
}

function headOnly(visit: Visit): Response {
  return new Response(null, { headers: headersOf(visit) })
}
