// Probes in the server's half of a connection.

import type { Probe } from '../probes.js'

const connection = 'src/server/connection.ts'
const conversation = 'src/server/conversation.ts'
const handshake = 'src/server/handshake.ts'
const handlers = 'src/server/handlers.ts'

export const serverProbes: readonly Probe[] = [
  { name: 'admission refused: too many come', file: handshake, find: 'afterMs > 0', where: 'when' },
  { name: 'admission refused: one session attaches too often', file: handshake, find: 'restMs > 0', where: 'when' },
  {
    name: 'rights changed during a handshake, read again',
    file: handshake,
    find: "return { state: 'reading', ask, needsUser, retryCount: retryCount + 1 }",
    where: 'before',
  },
  {
    name: 'a secret alone does not do: the user is asked for',
    file: handshake,
    find: "return { ...from, state: 'authenticating', needsUser: true }",
    where: 'before',
  },
  {
    name: 'store unavailable in a handshake',
    file: handshake,
    find: 'error instanceof StoreUnavailable',
    where: 'when',
  },
  { name: 'connection gone during its handshake', file: handshake, find: '!way.outlet.isOpen', where: 'when' },
  { name: 'hello too late', file: connection, find: 'const message = `no hello came within', where: 'before' },
  { name: 'frames queued before the welcome', file: connection, find: 'judged.queued.push(raw)', where: 'before' },
  {
    name: 'queue overflow: too much before the welcome',
    file: connection,
    find: 'this.#tooLarge(`before the welcome',
    where: 'before',
  },
  { name: 'too many requests in flight', file: conversation, find: 'inFlight.size < inFlightMax', where: 'unless' },
  {
    name: 'store unavailable for a request',
    file: conversation,
    find: "const message = 'the store did not answer; try again'",
    where: 'before',
  },
  {
    name: 'publish meant for another session',
    file: handlers,
    find: 'frame.session !== talk.session.id',
    where: 'when',
  },
  {
    name: 'membership refused on resume',
    file: handlers,
    find: "permit.reason === 'forbidden' && session.rooms.has(request.room)",
    where: 'when',
  },
  {
    name: 'leave of a room that was not joined',
    file: handlers,
    find: '!session.rooms.has(frame.room)',
    where: 'when',
  },
  {
    name: 'membership ended while a hook decided',
    file: handlers,
    find: "permit.kind === 'yes' ? notJoined : permit",
    part: "permit.kind === 'yes'",
    where: 'when',
  },
  {
    name: 'what came waits for its room',
    file: 'src/server/room-order.ts',
    find: 'queue !== undefined',
    where: 'when',
  },
]
