// Whether sessions, leases and the queue of events are sound, each by itself and against each other.

import { kinds } from '../keys.js'
import { isCount, isObject, type Json, type Records } from './records.js'

interface SeenSession {
  readonly user: unknown
  readonly isEnded: boolean
}

type Sessions = ReadonlyMap<string, SeenSession>

export function verifyControl(records: Records, lastFence: number) {
  const sessions = sessionsOf(records)
  verifyEndings(records, sessions)
  const leases = verifyLeases(records, sessions, lastFence)
  for (const { key, value } of records.rows(kinds.node, 'nodes')) {
    records.check(typeof value[0] === 'number', `node ${key}`, 'was never heard of')
  }
  for (const { key, value } of records.rows(kinds.floor, 'removals')) {
    records.check(value[0] === null || isCount(value[0]), `removal ${JSON.stringify(key)}`, 'has no offset')
  }
  for (const { key, value } of records.rows(kinds.rights, 'rights')) {
    records.check(isCount(value[0]), `rights of ${JSON.stringify(key)}`, 'have no count')
  }
  return { sessions: sessions.size, leases, events: verifyEvents(records) }
}

function sessionsOf(records: Records): Sessions {
  const sessions = new Map<string, SeenSession>()
  for (const { key, value } of records.rows(kinds.session, 'sessions')) {
    const where = `session ${key}`
    const [stored] = value
    const row = isObject(stored) && isObject(stored['row']) ? stored['row'] : null
    if (row === null) {
      records.found(where, 'has no row')
      continue
    }
    sessions.set(key, { user: row['user'], isEnded: verifyRow(records, where, row, key) === 'ended' })
  }
  return sessions
}

/** Tells the state. */
function verifyRow(records: Records, where: string, row: Json, key: string): unknown {
  const { id, user, generation, secrets, status, rooms, holdMs } = row
  records.check(id === key, where, `is called ${String(id)} in its row`)
  records.check(typeof user === 'string', where, 'has no user')
  records.check(isCount(generation) && generation > 0, where, 'has no generation')
  records.check(isObject(secrets) && typeof secrets['current'] === 'string', where, 'has no secret')
  records.check(isObject(rooms), where, 'has no rooms')
  records.check(typeof holdMs === 'number', where, 'has no hold')
  const state = isObject(status) ? status['state'] : null
  const isKnown = state === 'live' || state === 'held' || state === 'ended'
  records.check(isKnown, where, `is in no known state (${String(state)})`)
  if (state === 'held') records.check(typeof (status as Json)['droppedAtMs'] === 'number', where, 'is held since never')
  return state
}

function verifyEndings(records: Records, sessions: Sessions): void {
  const endings = new Set<string>()
  for (const { key } of records.rows(kinds.ending, 'endings')) {
    endings.add(key)
    records.check(sessions.get(key)?.isEnded === true, `session ${key}`, 'is noted as ended, but is not')
  }
  for (const [id, { isEnded }] of sessions) {
    records.check(!isEnded || endings.has(id), `session ${id}`, 'has ended, and nothing will forget it')
  }
}

function verifyLeases(records: Records, sessions: Sessions, lastFence: number): number {
  let count = 0
  for (const { key, value } of records.rows(kinds.lease, 'leases')) {
    count += 1
    const where = `lease ${JSON.stringify(key)}`
    const [lease] = value
    if (!isObject(lease)) {
      records.found(where, 'has no row')
      continue
    }
    const holder = sessions.get(String(lease['session']))
    records.check(lease['key'] === key, where, `is called ${String(lease['key'])} in its row`)
    records.check(holder !== undefined && !holder.isEnded, where, 'is held by no session that lives')
    records.check(holder === undefined || holder.user === lease['user'], where, 'belongs to another user')
    const { fence } = lease
    records.check(isCount(fence) && fence <= lastFence, where, `has fence ${String(fence)}, above ${lastFence}`)
  }
  return count
}

const eventKinds = new Set<unknown>(['ended', 'grace-over', 'freed'])

function verifyEvents(records: Records): number {
  let count = 0
  for (const { key, value } of records.rows(kinds.event, 'events')) {
    count += 1
    const where = `event ${key}`
    const waiting = value[0]
    const event = isObject(waiting) && isObject(waiting['event']) ? waiting['event'] : {}
    records.check(event['id'] === key, where, `is called ${String(event['id'])} in its row`)
    records.check(eventKinds.has(event['kind']), where, `is of no known kind (${String(event['kind'])})`)
  }
  return count
}
