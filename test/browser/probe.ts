// The page under test: one session in one room, its history, and a way for the test to look and act from outside.

import { connect, type Session } from 'holdfast'

export interface Seen {
  readonly offset: number
  readonly text: string
}

export interface Probe {
  readonly session: Session
  /** Everything handed over, in order. */
  readonly seen: Seen[]
  /** What must not happen, and what happened to the session, by name. */
  readonly events: string[]
  /** Members of the room whenever they changed: `session:state` of each. */
  readonly presence: string[]
  /** How each publish ended. */
  readonly results: string[]
  /** Publishes one message. */
  say(text: string): void
  /** Publishes `count` messages, one every `everyMs`. */
  chatter(name: string, count: number, everyMs: number): void
}

declare global {
  interface Window {
    probe: Probe
  }
}

const tab = new URLSearchParams(location.search).get('tab') ?? 'nobody'
const session = connect(`/?tab=${tab}`, { reconnect: { minMs: 50, maxMs: 400 } })
const room = session.join('kelp', { last: 1_000, presence: true })

const probe: Probe = {
  session,
  seen: [],
  events: [],
  presence: [],
  results: [],
  say: (text) => void room.publish(text).then(({ kind }) => probe.results.push(kind)),
  chatter(name, count, everyMs) {
    let n = 0
    const timer = setInterval(() => {
      n += 1
      void room.publish(`${name} ${n}`).then(({ kind }) => probe.results.push(kind))
      if (n === count) clearInterval(timer)
    }, everyMs)
  },
}
window.probe = probe

room.on('entry', ({ position, data }) => probe.seen.push({ offset: position.offset, text: String(data) }))
room.on('gap', ({ reason }) => probe.events.push(`gap ${reason}`))
room.on('presence', ({ members }) =>
  probe.presence.push(members.map(({ session, state }) => `${session}:${state}`).join()),
)
session.on('resume', ({ session: verdict }) => probe.events.push(`resume ${verdict.kind}`))
session.on('new-session', ({ reason }) => probe.events.push(`new-session ${reason}`))
session.on('superseded', ({ reason }) => probe.events.push(`superseded ${reason}`))
session.on('error', ({ error }) => probe.events.push(`error ${String(error)}`))
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) probe.events.push('restored')
})
