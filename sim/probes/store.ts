// Probes in the rules of the store and in the memory store.

import type { Probe } from '../probes.js'

const log = 'src/store/log.ts'
const roomLog = 'src/store/room-log.ts'
const attach = 'src/store/attach.ts'
const holdTime = 'src/store/hold-time.ts'
const leases = 'src/store/memory-leases.ts'
const sessions = 'src/store/memory-sessions.ts'
const boards = 'src/store/memory-boards.ts'

export const storeProbes: readonly Probe[] = [
  // What a returning position is answered.
  { name: 'gap: epoch-changed', file: log, find: 'end === null || !isOffset(position.offset)', where: 'when' },
  { name: 'gap: ahead-of-log', file: log, find: 'position.offset > end.offset', where: 'when' },
  { name: 'gap: forked', file: log, find: 'tag === null ? !isBelowTrim : tag !== position.tag', where: 'when' },
  { name: 'gap: not-permitted', file: log, find: "cut = 'not-permitted'", where: 'before' },
  { name: 'gap: trimmed', file: log, find: "cut = 'trimmed'", where: 'before' },
  { name: 'gap: too-far-behind', file: log, find: "cut = 'too-far-behind'", where: 'before' },
  {
    name: 'position of an earlier epoch judged by lineage',
    file: log,
    find: 'return log.lineage.findLast(',
    where: 'before',
  },
  { name: 'room adopted by a newer life of the store', file: log, find: 'const since = past.slice(', where: 'before' },
  // What an append is answered.
  {
    name: 'publish fenced by the store',
    file: log,
    find: 'ask.fence !== null && generation < view.watermark',
    where: 'when',
  },
  { name: 'publish duplicate, answered again', file: log, find: 'first.print === print', where: 'when' },
  {
    name: 'publish duplicate, first answer dropped',
    file: log,
    find: 'producer.seq <= record.droppedTo',
    where: 'when',
  },
  { name: 'publish unknown: skipped by its own producer', file: log, find: 'first === undefined', where: 'when' },
  {
    name: 'publish unknown: its record was forgotten',
    file: log,
    find: 'producer.again && log.forgottenTo > sentAfter(log, producer)',
    where: 'when',
  },
  { name: 'publish out of order: record there', file: log, find: 'producer.prev === record.last', where: 'unless' },
  { name: 'publish out of order: no record', file: log, find: 'producer.prev === 0', where: 'unless' },
  { name: 'producer record forgotten', file: roomLog, find: 'room.log = forgotten(', where: 'before' },
  { name: 'entry trimmed', file: roomLog, find: 'room.log = trimmedAt(', where: 'before' },
  {
    name: 'entry emptied by a later one with its key',
    file: roomLog,
    find: 'older !== undefined) room.entries.empty(older)',
    part: 'older !== undefined',
    where: 'when',
  },
  // Attaching.
  {
    name: 'stale attempt refused',
    file: attach,
    find: "return { kind: 'refuse', answer: { kind: 'stale-attempt'",
    where: 'before',
  },
  { name: 'reply lost: resume', file: attach, find: 'isPrevious && isNextCurrent', where: 'when' },
  {
    name: 'secret: the previous one tried',
    file: attach,
    find: 'const before = classify(secrets, resume.previousHash, nextHash)',
    where: 'before',
  },
  {
    name: 'secret: used pair of a late dial',
    file: attach,
    find: 'isNextCurrent || isNextPrevious || isNextRetired',
    where: 'when',
  },
  {
    name: 'secret: reuse detected',
    file: attach,
    find: 'isTakeover && !(ask.mayTakeOver && ask.user !== null)',
    where: 'when',
  },
  { name: 'secret: unknown', file: attach, find: "proof.kind === 'unknown'", where: 'when' },
  { name: 'session unknown', file: attach, find: 'row === null', where: 'when' },
  { name: 'session ended, and asked for again', file: attach, find: 'return isStale ? stale(row)', where: 'before' },
  {
    name: 'reply lost: create',
    file: attach,
    find: "made.status.state !== 'ended' && isSameDigest(made.secrets.current, made.createdBy)",
    where: 'when',
  },
  {
    name: 'rights changed while attaching',
    file: attach,
    find: 'ask.rightsVersion !== null && ask.rightsVersion !== row.rightsVersion',
    where: 'when',
  },
  {
    name: 'attach takes over a live connection',
    file: sessions,
    find: "before !== null && was?.state === 'live'",
    where: 'when',
  },
  { name: 'removed user comes back to a floor', file: sessions, find: 'const offset = floor ??', where: 'before' },
  // Time.
  {
    name: 'hold time frozen after an outage',
    file: holdTime,
    find: 'sinceMs < 0 || sinceMs > tickGapMaxMs',
    where: 'when',
  },
  { name: 'hold time frozen after a new life', file: holdTime, find: 'clock.isInterrupted', where: 'when' },
  { name: 'tick while frozen', file: leases, find: '!isRunning(state.clock, this.#nowMs())', where: 'when' },
  {
    name: 'node lost, its sessions dropped',
    file: leases,
    find: 'if (session !== null) this.#rows.put(dropped(session, clock.holdMs))',
    where: 'before',
  },
  { name: 'session ran out', file: leases, find: "this.#sessions.endSession(session, 'ran-out')", where: 'before' },
  { name: 'grace over', file: leases, find: 'this.#rows.tell(graceOverEvent(session, due.rooms))', where: 'before' },
  { name: 'event taken by one node not given to another', file: leases, find: 'takenUntilMs > nowMs', where: 'when' },
  // Boards.
  {
    name: 'board: a late change of a former owner refused',
    file: boards,
    find: 'item.fence >= fenceOf(board, item.key)',
    where: 'unless',
  },
  { name: 'board: a late removal refused', file: boards, find: 'fence >= fenceOf(board, key)', where: 'unless' },
]
