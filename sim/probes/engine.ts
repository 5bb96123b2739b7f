// Probes in the engine.

import type { Probe } from '../probes.js'

const room = 'src/engine/room.ts'
const reader = 'src/engine/reader.ts'
const tail = 'src/engine/tail.ts'
const follower = 'src/engine/follower.ts'
const joins = 'src/engine/joins.ts'
const board = 'src/engine/board.ts'
const presence = 'src/engine/presence.ts'
const control = 'src/engine/control.ts'
const sessions = 'src/engine/sessions.ts'
const departures = 'src/engine/departures.ts'
const storeEvents = 'src/engine/store-events.ts'
const strays = 'src/engine/strays.ts'
const ticker = 'src/engine/ticker.ts'
const watch = 'src/engine/watch.ts'
const outlet = 'src/engine/outlet.ts'
const core = 'src/engine/core.ts'
const publishing = 'src/engine/publishing.ts'

export const engineProbes: readonly Probe[] = [
  // Following a log.
  {
    name: 'hint with a hole',
    file: follower,
    find: 'position.epoch !== head.epoch || position.offset > head.offset + 1',
    where: 'when',
  },
  {
    name: 'hint lost, the entry read after its grace',
    file: follower,
    find: 'if (this.#noted !== null) this.check(this.#noted)',
    part: 'this.#noted !== null',
    where: 'when',
  },
  {
    name: 'hint lost, repaired by the poll of heads',
    file: follower,
    find: 'this.#head !== null && isNews(this.#head, position)',
    where: 'when',
  },
  { name: 'hint while a read was under way', file: follower, find: 'this.#head !== from', where: 'when' },
  { name: 'log broken under a follower', file: follower, find: 'this.#host.broken(page)', where: 'before' },
  { name: 'log of a newer life, nothing lost', file: follower, find: 'this.#host.renewed(page.head)', where: 'before' },
  {
    name: 'read asked for during a read',
    file: follower,
    find: 'this.#mustReadAgain = true\n      return',
    where: 'before',
  },
  // Tail and readers.
  {
    name: 'tail evicted its oldest segment',
    file: tail,
    find: 'const { lastOffset, epoch, capacity } = segment',
    where: 'before',
  },
  { name: 'tail warmed with a page', file: tail, find: 'this.#segments.unshift(...built)', where: 'before' },
  { name: 'tail meets a position that differs', file: tail, find: 'there?.tag !== position.tag', where: 'when' },
  {
    name: 'tail has not heard of the position',
    file: tail,
    find: 'position.offset > this.#head.offset',
    where: 'when',
  },
  { name: 'page read from the store', file: reader, find: "this.#state = { at: 'asking' }", where: 'before' },
  {
    name: 'page of a reader meets the tail',
    file: reader,
    find: "this.room.tail?.reach(page.start) === 'here'",
    where: 'when',
  },
  {
    name: 'trim during replay: gap behind the verdict',
    file: reader,
    find: 'frames.push(this.#gapFrame(page, page.verdict))',
    where: 'before',
  },
  { name: 'reader waits for a page slot', file: reader, find: "this.#state = { at: 'queued' }", where: 'before' },
  {
    name: 'reader fell behind the tail while writing',
    file: reader,
    find: "tail === null || slice === undefined || slice.kind === 'behind'",
    where: 'when',
  },
  { name: 'page of a room repeated after a failure', file: room, find: 'this.#retries.add(retry)', where: 'before' },
  { name: 'new life of the store seen by a room', file: room, find: 'this.presence?.restart()', where: 'before' },
  // Joins.
  {
    name: 'join refused: not the owner',
    file: joins,
    find: 'membership === null) return',
    part: 'membership === null',
    where: 'when',
  },
  {
    name: 'join given up while it was under way',
    file: joins,
    find: 'isUsed = isCurrent(session, ticket)',
    part: 'isCurrent(session, ticket)',
    where: 'unless',
  },
  {
    name: 'join by a membership of before, also where its reply was lost',
    file: joins,
    find: 'known?.graceMs === graceMs',
    where: 'when',
  },
  { name: 'join since its own time', file: joins, find: 'return (head?.offset ?? 0) + 1', where: 'before' },
  {
    name: 'connection closed by the answer to a join',
    file: joins,
    find: '!session.isServed) return reader.close()',
    part: '!session.isServed',
    where: 'when',
  },
  {
    name: 'reply lost: leave, the room is left as not asked for',
    file: 'src/engine/create-engine.ts',
    find: 'for (const room of session.unasked())',
    where: 'before',
  },
  // Boards and presence.
  {
    name: 'board hole',
    file: board,
    find: 'this.#version !== null) this.refresh()\n      return',
    part: 'this.#version !== null',
    where: 'when',
  },
  {
    name: 'board hint lost, the board read after its grace',
    file: board,
    find: 'this.#version !== null && this.#version < this.#noted',
    where: 'when',
  },
  { name: 'board set back', file: board, find: 'this.#noted = board.version', where: 'before' },
  {
    name: 'board read overtaken by hints',
    file: board,
    find: 'this.#version !== null && this.#version > before && board.version < this.#version',
    where: 'when',
  },
  { name: 'board of another life than it was asked of', file: board, find: 'life !== this.#life', where: 'when' },
  {
    name: 'presence write failed',
    file: presence,
    find: 'for (const session of batch.keys()) this.#answer(session, error)',
    where: 'before',
  },
  {
    name: 'presence told as a change',
    file: presence,
    find: 'return this.#deltaFrame(told.version, version)',
    where: 'before',
  },
  { name: 'presence told whole', file: presence, find: 'return this.#fullFrame(version)\n    }', where: 'before' },
  {
    name: 'presence wish overtaken while it was written',
    file: presence,
    find: 'this.#wishes.get(session) !== wish',
    where: 'when',
  },
  // Sessions.
  { name: 'control-log hole', file: control, find: 'this.#epoch = page.start.epoch', where: 'before' },
  {
    name: 'control log of another life',
    file: control,
    find: '!isSame) this.verifyAll()',
    part: '!isSame',
    where: 'when',
  },
  { name: 'session that the store has lost', file: control, find: 'const rooms = [...session.rooms]', where: 'before' },
  {
    name: 'session moved: held or on another node',
    file: control,
    find: "session.outlet.close({ reason: 'moved' })",
    where: 'before',
  },
  {
    name: 'past session live again in the store',
    file: control,
    find: 'row !== null && isLiveOn(row, this.#core.node)',
    where: 'when',
  },
  {
    name: 'superseded on this node',
    file: sessions,
    find: 'older !== undefined) this.#supersede(older, row.instance)',
    part: 'older !== undefined',
    where: 'when',
  },
  {
    name: 'superseded, told by the control log',
    file: sessions,
    find: 'told.generation > session.generation',
    where: 'when',
  },
  {
    name: 'takeover race: attaches answered in the other order',
    file: sessions,
    find: 'older !== undefined && older.attached.order > order',
    where: 'when',
  },
  {
    name: 'takeover race: the control log was faster than the attach',
    file: sessions,
    find: 'told !== undefined',
    where: 'when',
  },
  { name: 'connection gone before its attach was answered', file: sessions, find: '!outlet.isOpen', where: 'when' },
  { name: 'attach answered behind its deadline', file: sessions, find: 'isGranted(late)', where: 'when' },
  {
    name: 'session that nobody serves found live',
    file: sessions,
    find: "if (status.state === 'live' && this.#attaching.has",
    where: 'before',
  },
  { name: 'attach whose answer never came looked after', file: strays, find: 'isGivenTo(row, ask)', where: 'when' },
  {
    name: 'returned before its drop was stored',
    file: departures,
    find: 'departure !== undefined && wasHeld',
    where: 'when',
  },
  {
    name: 'drop not stored, tried again',
    file: departures,
    find: 'this.#waiting.set(session, departure)\n        }',
    where: 'before',
  },
  {
    name: 'drop refused: another connection owns it',
    file: departures,
    find: 'row === null || row.generation >= generation || !isLiveOn(row, this.#core.node)',
    where: 'when',
  },
  {
    name: 'drop of a session that a store set back',
    file: departures,
    find: 'const older = await this.#core.ask(',
    where: 'before',
  },
  { name: 'publish of a connection that is over', file: publishing, find: 'session.isOver', where: 'when' },
  {
    name: 'answer of the store behind its deadline',
    file: core,
    find: 'isOver) return late?.(answer)',
    part: 'isOver',
    where: 'when',
  },
  { name: 'store did not answer in time', file: core, find: 'isOver = true\n', where: 'before' },
  // Time and the store's queue.
  { name: 'sweep race: event given twice', file: storeEvents, find: 'this.#doing.has(event.id)', where: 'when' },
  {
    name: 'event done, and its settling repeated',
    file: storeEvents,
    find: 'this.#backOff.failed(() => this.#settle())',
    where: 'before',
  },
  {
    name: 'shown held after the grace',
    file: storeEvents,
    find: "await this.#change(room, [shownItem(session, { ...shown, state: 'held' }, generation)], [])",
    where: 'before',
  },
  {
    name: 'grace over, but back or gone',
    file: storeEvents,
    find: "shown === null || shown.state === 'held'",
    where: 'when',
  },
  {
    name: 'node silent for so long that it may be thought lost',
    file: ticker,
    find: 'silentMs > this.#core.settings.nodeLeaseMs',
    where: 'when',
  },
  // Connections.
  { name: 'slow reader closed', file: watch, find: 'nowMs >= this.#slowAtMs()', where: 'when' },
  { name: 'silent connection closed', file: watch, find: 'nowMs >= this.#silentAtMs()', where: 'when' },
  {
    name: 'late timer judged again',
    file: watch,
    find: 'this.#isRecheck) this.#timer = this.#core.after',
    part: 'this.#isRecheck',
    where: 'when',
  },
  {
    name: 'queue overflow: too many answers wait',
    file: outlet,
    find: 'this.#controlBytes > this.#core.settings.controlBytesMax',
    where: 'when',
  },
  {
    name: 'narrow writes after a stall',
    file: outlet,
    find: 'this.#isNarrow ?',
    part: 'this.#isNarrow',
    where: 'when',
  },
]
