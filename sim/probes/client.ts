// Probes in the client.

import type { Probe } from '../probes.js'

const connection = 'src/client/connection.ts'
const reconnect = 'src/client/reconnect.ts'
const roomCore = 'src/client/room-core.ts'
const outbox = 'src/client/outbox.ts'
const traffic = 'src/client/traffic.ts'
const identity = 'src/client/identity.ts'

export const clientProbes: readonly Probe[] = [
  // Dialling.
  {
    name: 'event of an old dial ignored',
    file: reconnect,
    find: "'dial' in event && event.dial !== given.trail.dial",
    where: 'when',
  },
  {
    name: 'connect timeout',
    file: reconnect,
    find: "step.step === 'preparing' ? 'auth-failed' : 'connect-timeout'",
    part: "step.step === 'preparing'",
    where: 'unless',
  },
  { name: 'watchdog death', file: reconnect, find: 'if (isSilent) return', part: 'isSilent', where: 'when' },
  { name: 'two silent deaths double the watchdog', file: reconnect, find: 'deaths < 2', where: 'unless' },
  {
    name: 'late timer asks before it judges',
    file: reconnect,
    find: 'probe === null && (isSilent || now.nowMs >= due) && isLate(due, now)',
    where: 'when',
  },
  { name: 'probe ran out', file: reconnect, find: 'probe !== null && now.nowMs >= probe.untilMs', where: 'when' },
  { name: 'dial put off', file: reconnect, find: 'untilMs > now.nowMs', where: 'when' },
  {
    name: 'superseded by our own next dial',
    file: connection,
    find: 'frame.code === supersededCode && frame.instance === this.#host.instance',
    where: 'when',
  },
  {
    name: 'link lost before a welcome, aloud',
    file: connection,
    find: "!this.isConnected) this.#loss = 'unheard'",
    part: '!this.isConnected',
    where: 'when',
  },
  {
    name: 'link broken in use',
    file: connection,
    find: 'this.#isCurrent(dial) && this.isConnected && breaks.has(code)',
    where: 'when',
  },
  { name: 'session given up for a new one', file: identity, find: 'this.#credentials = renewed(', where: 'before' },
  {
    name: 'attempt raised by the server',
    file: identity,
    find: 'this.#credentials = raised(this.#credentials, lastAttempt)',
    where: 'before',
  },
  // Reading.
  { name: 'duplicate suppressed on the client', file: roomCore, find: 'offset <= at.offset', where: 'when' },
  { name: 'duplicate suppressed after a gap that led back', file: roomCore, find: 'known === tag', where: 'when' },
  { name: 'same number, another entry', file: roomCore, find: 'known !== undefined && known !== tag', where: 'when' },
  { name: 'hole seen by the client', file: roomCore, find: 'offset > at.offset + 1', where: 'when' },
  { name: 'hole told by a beat', file: roomCore, find: 'this.#received.offset < offset', where: 'when' },
  { name: 'acknowledged entry replaced by another', file: roomCore, find: 'acknowledged.tag !== tag', where: 'when' },
  {
    name: 'acknowledged entry gone from the log',
    file: roomCore,
    find: '// It was kept, and now the log ends before it.',
    where: 'before',
  },
  { name: 'verdict ahead of what was received', file: roomCore, find: 'position.offset > at.offset', where: 'when' },
  { name: 'presence change that does not follow', file: roomCore, find: 'this.board.change(frame)', where: 'unless' },
  { name: 'removed from a room', file: roomCore, find: 'this.#tracked = undefined\n', where: 'before' },
  { name: 'room denied', file: roomCore, find: "this.place = frame.retry ? 'down' : 'denied'", where: 'before' },
  // Publishing.
  {
    name: 'publish out of order on the client',
    file: outbox,
    find: "reason === 'out-of-order' && item.refusals <= disordersMax",
    where: 'when',
  },
  { name: 'publish fenced', file: outbox, find: "reason === 'fenced'", where: 'when' },
  { name: 'publish not resumed', file: outbox, find: "reason === 'not-resumed' && item.refusals === 1", where: 'when' },
  {
    name: 'publish for later: the store was away',
    file: outbox,
    find: "item.isDoubtful ||= reason === 'store-unavailable'",
    where: 'before',
  },
  {
    name: 'publish failed as unknown',
    file: outbox,
    find: "item.isDoubtful ? 'unknown' : reason",
    part: 'item.isDoubtful',
    where: 'when',
  },
  { name: 'publish poison', file: outbox, find: 'head !== undefined && head.deaths >= deathsMax', where: 'when' },
  { name: 'publish expired', file: outbox, find: "this.#fail(item, 'expired'", where: 'before' },
  {
    name: 'reply lost: publish, in flight when the link was lost',
    file: outbox,
    find: "item.isInFlight && how !== 'unheard'",
    where: 'when',
  },
  { name: 'outbox full', file: 'src/client/publishing.ts', find: "return { reason: 'outbox-full'", where: 'before' },
  { name: 'leave refused for now, asked again', file: traffic, find: 'this.#leaveAgain.set(', where: 'before' },
  {
    name: 'rejoined before its leave was sent',
    file: traffic,
    find: 'this.#toLeave.delete(name) ?',
    part: 'this.#toLeave.delete(name)',
    where: 'when',
  },
]
