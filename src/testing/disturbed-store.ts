// A store that keeps its contract and not one promise more: answers late, hints late, lost and repeated, refusals with
// and without effect. Wraps any driver. Operations on one room, and on one session, keep their order; all else may
// overtake. Time and chance come as arguments.

import { type Following, type Hint, type Store, StoreUnavailable } from '../store/store.js'

export type StoreOperation = Exclude<keyof Store, 'driver' | 'durabilities' | 'open' | 'close'>

/** Read anew with each use, so a test may change it while the store runs. */
export interface Disturbance {
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Absent: lateness is a few microtasks, and the times below count for nothing. */
  readonly sleep?: (ms: number) => Promise<void>
  /** Drawn twice per operation: before its effect and before its answer. */
  readonly answerLateMs?: readonly [min: number, max: number]
  /** Share of hints that never come. */
  readonly hintLoss?: number
  /** Share of hints that come twice. */
  readonly hintRepeat?: number
  /** Later hints may overtake. */
  readonly hintLateMs?: readonly [min: number, max: number]
  /** Whether this call rejects, and when: before its effect, or after it (a lost reply). `true`: chance decides. */
  readonly failures?: (operation: StoreOperation, room: string | null) => boolean | 'before' | 'after'
}

/** The same store, disturbed. `open` and `close` go straight through. */
export function disturbStore(store: Store, disturbance: Disturbance): Store {
  const line = new Line(disturbance)
  return {
    ...disturbRooms(store, line, disturbance),
    ...disturbSessions(store, line),
    ...disturbNamespace(store, line),
  }
}

type RoomOperation = 'append' | 'read' | 'heads' | 'touch' | 'follow' | 'signal' | 'board' | 'changeBoard'

function disturbRooms(store: Store, line: Line, disturbance: Disturbance): Pick<Store, RoomOperation> {
  const inRoom = <T>(operation: RoomOperation, room: string, apply: () => Promise<T>) =>
    line.run(operation, room, [lineOfRoom(room)], apply)
  return {
    append: (ask) => inRoom('append', ask.room, () => store.append(ask)),
    read: (ask) => inRoom('read', ask.room, () => store.read(ask)),
    heads: (rooms) => line.run('heads', null, rooms.map(lineOfRoom), () => store.heads(rooms)),
    touch: (owner, rooms) => line.run('touch', null, rooms.map(lineOfRoom), () => store.touch(owner, rooms)),
    follow: (room, hear) => inRoom('follow', room, () => follow(store, disturbance, room, hear)),
    signal: (room, by, data) => inRoom('signal', room, () => store.signal(room, by, data)),
    board: (room, board) => inRoom('board', room, () => store.board(room, board)),
    changeBoard: (ask) => inRoom('changeBoard', ask.room, () => store.changeBoard(ask)),
  }
}

type SessionOperation =
  | 'session'
  | 'attach'
  | 'detach'
  | 'end'
  | 'enter'
  | 'exit'
  | 'remove'
  | 'readableFrom'
  | 'acquire'
  | 'release'

function disturbSessions(store: Store, line: Line): Pick<Store, SessionOperation> {
  const ofSession = <T>(operation: SessionOperation, session: string, apply: () => Promise<T>) =>
    line.run(operation, null, [lineOfSession(session)], apply)
  const inRoom = <T>(operation: SessionOperation, room: string, session: string, apply: () => Promise<T>) =>
    line.run(operation, room, [lineOfRoom(room), lineOfSession(session)], apply)
  return {
    session: (id) => ofSession('session', id, () => store.session(id)),
    attach: (ask) => ofSession('attach', ask.resume?.session ?? ask.nextHash, () => store.attach(ask)),
    detach: (owner) => ofSession('detach', owner.session, () => store.detach(owner)),
    end: (ask) => ofSession('end', ask.session, () => store.end(ask)),
    enter: (owner, room, asked) => inRoom('enter', room, owner.session, () => store.enter(owner, room, asked)),
    exit: (owner, room) => inRoom('exit', room, owner.session, () => store.exit(owner, room)),
    remove: (room, user) => line.run('remove', room, [lineOfRoom(room)], () => store.remove(room, user)),
    readableFrom: (room, user) =>
      line.run('readableFrom', room, [lineOfRoom(room)], () => store.readableFrom(room, user)),
    acquire: (ask) => ofSession('acquire', ask.session, () => store.acquire(ask)),
    release: (ask) => ofSession('release', ask.session, () => store.release(ask)),
  }
}

function disturbNamespace(store: Store, line: Line): Omit<Store, RoomOperation | SessionOperation> {
  return {
    driver: store.driver,
    durabilities: store.durabilities,
    open: (birth) => store.open(birth),
    close: () => store.close(),
    sessionsOf: (user) => line.run('sessionsOf', null, [], () => store.sessionsOf(user)),
    changeRights: (user) => line.run('changeRights', null, ['rights'], () => store.changeRights(user)),
    rightsCount: () => line.run('rightsCount', null, ['rights'], () => store.rightsCount()),
    lease: (key) => line.run('lease', null, [], () => store.lease(key)),
    tick: (ask) => line.run('tick', null, ['tick'], () => store.tick(ask)),
    takeEvents: (ask) => line.run('takeEvents', null, ['events'], () => store.takeEvents(ask)),
    settleEvents: (ids) => line.run('settleEvents', null, ['events'], () => store.settleEvents(ids)),
  }
}

const lineOfRoom = (room: string) => `room ${room}`
const lineOfSession = (session: string) => `session ${session}`

async function follow(
  store: Store,
  disturbance: Disturbance,
  room: string,
  hear: (hint: Hint) => void,
): Promise<Following> {
  let isOpen = true
  const give = async (hint: Hint) => {
    if (disturbance.hintLateMs !== undefined) await late(disturbance, disturbance.hintLateMs)
    if (isOpen) hear(hint)
  }
  const following = await store.follow(room, (hint) => {
    if (disturbance.random() < (disturbance.hintLoss ?? 0)) return
    give(hint)
    if (disturbance.random() < (disturbance.hintRepeat ?? 0)) give(hint)
  })
  return {
    close() {
      isOpen = false
      following.close()
    },
  }
}

/** Operations that share a key stand in one line: both their effects and their answers come in the order of calls. */
class Line {
  readonly #disturbance: Disturbance
  readonly #effects = new Map<string, Promise<unknown>>()
  readonly #answers = new Map<string, Promise<unknown>>()

  constructor(disturbance: Disturbance) {
    this.#disturbance = disturbance
  }

  run<T>(operation: StoreOperation, room: string | null, keys: readonly string[], apply: () => Promise<T>): Promise<T> {
    const failure = this.#failureOf(operation, room)
    const effect = behind(this.#effects, keys, async () => {
      await late(this.#disturbance, this.#disturbance.answerLateMs)
      if (failure === 'before') throw new StoreUnavailable(`disturbed: ${operation} was not done`)
      const answer = await apply()
      if (failure === 'after') throw new StoreUnavailable(`disturbed: ${operation} was done, the reply is lost`)
      return answer
    })
    return behind(this.#answers, keys, async () => {
      try {
        return await effect
      } finally {
        await late(this.#disturbance, this.#disturbance.answerLateMs)
      }
    })
  }

  #failureOf(operation: StoreOperation, room: string | null): 'before' | 'after' | null {
    const { failures, random } = this.#disturbance
    const failure = failures?.(operation, room) ?? false
    if (failure === true) return random() < 0.5 ? 'before' : 'after'
    return failure === false ? null : failure
  }
}

/** Runs after everything that stands before it under any of the keys, whatever became of that. */
function behind<T>(last: Map<string, Promise<unknown>>, keys: readonly string[], run: () => Promise<T>): Promise<T> {
  const before = keys.map((key) => last.get(key) ?? null).filter((one) => one !== null)
  const turn = Promise.all(before).then(run)
  const done = turn.then(
    () => {},
    () => {},
  )
  for (const key of keys) {
    last.set(key, done)
    done.then(() => {
      if (last.get(key) === done) last.delete(key)
    })
  }
  return turn
}

async function late({ random, sleep }: Disturbance, range: readonly [number, number] | undefined): Promise<void> {
  if (sleep !== undefined && range !== undefined) {
    await sleep(range[0] + random() * (range[1] - range[0]))
    return
  }
  for (let turns = Math.floor(random() * 8); turns > 0; turns--) await null
}
