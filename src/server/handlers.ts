// What each frame of a client does, once its connection is welcomed: one function per type, found by the type.

import type { JoinAnswer } from '../engine/engine.js'
import type { ClientFrame, Data, Publish, RoomAsk } from '../protocol/frames.js'
import { isLongerThan } from '../protocol/utf8.js'
import type { Appended } from '../store/store.js'
import type { Conversation, Refusal, Request } from './conversation.js'
import { isPromise } from './hook.js'
import type { JoinPermit, PublishPermit } from './rooms.js'

type Handle<F> = (frame: F, talk: Conversation) => void

export type Handlers = { readonly [type in ClientFrame['type']]: Handle<Extract<ClientFrame, { type: type }>> }

/** Steps of one connection that wait for hooks or the store; beyond it frames without an id are not taken. */
const waitingMax = 64
const notJoined: Refusal = { reason: 'not-joined', message: 'join the room first' }

export const handlers: Handlers = {
  hello(frame, talk) {
    talk.refuse(frame, { reason: 'bad-message', message: 'hello is the first frame, and comes once' })
  },

  join(frame, talk) {
    if (talk.begin(frame)) void joinRoom(frame, talk)
  },

  leave(frame, talk) {
    if (!talk.begin(frame)) return
    const { id, room } = frame
    if (room === null) void leaveSession(id, talk)
    else talk.order.enqueue(room, () => leaveRoom({ ...frame, room }, talk))
  },

  publish(frame, talk) {
    if (!talk.begin(frame)) return
    if (frame.session !== talk.session.id) {
      const message = 'this connection is another session than the publish was meant for'
      return talk.refuse(frame, { reason: 'not-resumed', message, retry: true })
    }
    talk.order.enqueue(frame.room, () => permitted('publish', frame, talk, () => publish(frame, talk)))
  },

  signal(frame, talk) {
    // Dropped under pressure, without an answer: a signal that would have to wait is stale.
    if (talk.order.isBusy(frame.room) || !talk.isIn(frame.room)) return
    const by = { session: talk.session.id, user: talk.session.user }
    const data = ownedData(frame.data)
    const send = () => talk.context.engine.signal(frame.room, by, data)
    talk.order.enqueue(frame.room, () => permitted('signal', frame, talk, send))
  },

  track(frame, talk) {
    if (talk.order.waitingCount >= waitingMax) {
      const message = 'too much is waiting on this connection'
      return talk.refuse(frame, { reason: 'rate-limited', message, retry: true, afterMs: 1_000 })
    }
    const bytesMax = talk.context.settings.trackBytesMax
    if (isLongerThan(JSON.stringify(frame.data), bytesMax)) {
      return talk.refuse(frame, { reason: 'too-large', message: `presence data has at most ${bytesMax} bytes` })
    }
    const { session } = talk
    const track = () => talk.context.engine.track(session, frame.room, frame.data)
    talk.order.enqueue(frame.room, () => permitted('track', frame, talk, track))
  },

  beat(_, talk) {
    talk.session.outlet.answerBeat()
  },
}

/**
 * Joins a room: of the hello when `ask` has no id. Whatever the connection asks of this room next waits for the
 * verdict, not for the entries. Resolves when the room is live or refused; never rejects.
 */
export function joinRoom(ask: RoomAsk & { readonly id?: number }, talk: Conversation): Promise<void> {
  return new Promise((resolve) => {
    talk.order.enqueue(ask.room, async () => {
      const permit = await talk.context.rooms.mayJoin(talk.asker, ask.room)
      await new Promise<void>((verdictGiven) => {
        void enter({ ask, permit, talk, verdictGiven }).then(() => {
          verdictGiven()
          resolve()
        })
      })
    })
  })
}

interface Entering {
  readonly ask: RoomAsk & { readonly id?: number }
  readonly permit: JoinPermit
  readonly talk: Conversation
  readonly verdictGiven: () => void
}

async function enter({ ask, permit, talk, verdictGiven }: Entering): Promise<void> {
  const { context, session } = talk
  const request = { type: 'join', room: ask.room, ...(ask.id === undefined ? {} : { id: ask.id }) }
  try {
    if (permit.kind === 'no') return await deny(request, permit, talk)
    const { id: _, ...roomAsk } = ask
    let isAnswered = false
    const answer = await context.engine.join(session, roomAsk, { readableFrom: permit.readableFrom }, (joined) => {
      isAnswered = true
      welcomeTo(request, joined, talk)
      verdictGiven()
    })
    if (answer.kind === 'limit') {
      const message = `a session may be in ${context.settings.roomsMax} rooms; leave one first`
      talk.refuse(request, { reason: 'limit', message })
    } else if (!isAnswered) talk.refuse(request, unanswered(answer.kind))
  } catch (error) {
    talk.failed(request, error)
  }
}

/** A join that ended before its verdict, on a connection that may be open. */
function unanswered(kind: JoinAnswer['kind']): Refusal {
  if (kind !== 'not-owner') return { reason: 'not-joined', message: 'taken out of the room while joining it' }
  return { reason: 'fenced', message: 'the store knows of a newer connection of this session', retry: true }
}

function welcomeTo(
  request: Request & { room: string },
  joined: Extract<JoinAnswer, { kind: 'joined' }>,
  talk: Conversation,
) {
  talk.joined.add(request.room)
  talk.settled(request.id)
  const { verdict, position } = joined
  const id = request.id === undefined ? {} : { id: request.id }
  talk.session.outlet.send({ type: 'joined', ...id, room: request.room, verdict, position })
}

/** A right that was lost while away ends the membership too; a hook that failed ends nothing. */
async function deny(
  request: Request & { readonly room: string },
  permit: Extract<JoinPermit, { kind: 'no' }>,
  talk: Conversation,
): Promise<void> {
  const { context, session } = talk
  talk.joined.delete(request.room)
  talk.refuse(request, permit)
  context.log.happened('refusal', {
    session: session.id,
    user: session.user,
    room: request.room,
    reason: permit.reason,
  })
  // It is answered; a leave that fails is repeated by the engine.
  if (permit.reason === 'forbidden' && session.rooms.has(request.room))
    await context.engine.leave(session, request.room).catch(() => {})
}

async function leaveRoom(frame: Request & { readonly id: number; readonly room: string }, talk: Conversation) {
  const { context, session } = talk
  if (!session.rooms.has(frame.room)) return talk.refuse(frame, notJoined)
  try {
    await context.engine.leave(session, frame.room)
    talk.joined.delete(frame.room)
    talk.settled(frame.id)
    session.outlet.send({ type: 'left', id: frame.id, room: frame.room })
  } catch (error) {
    talk.failed(frame, error)
  }
}

/** What was asked before is done first. */
async function leaveSession(id: number, talk: Conversation): Promise<void> {
  const { context, session } = talk
  await talk.order.idle()
  try {
    await context.engine.end(session.id, 'left')
    session.outlet.send({ type: 'left', id, room: null })
    session.outlet.close({ reason: 'left', kept: false, ended: 'left' })
  } catch (error) {
    talk.failed({ type: 'leave', id, room: null }, error)
  }
}

/** Runs `act` when the session is in the room and the application agrees; else the frame is refused. */
function permitted(
  kind: 'publish' | 'signal' | 'track',
  frame: Extract<ClientFrame, { type: 'publish' | 'signal' | 'track' }>,
  talk: Conversation,
  act: () => void,
): void | Promise<void> {
  const decide = (permit: PublishPermit) => {
    // The membership may have ended while the hook decided.
    if (permit.kind === 'yes' && talk.isIn(frame.room)) return act()
    const refusal = permit.kind === 'yes' ? notJoined : permit
    // Of signals only a mistake is told: data that can never fit.
    if (kind !== 'signal' || refusal.reason === 'invalid') talk.refuse(frame, refusal)
  }
  if (!talk.isIn(frame.room)) return decide({ kind: 'yes' })
  const permit = talk.context.rooms.mayPublish({ ...talk.asker, kind, room: frame.room, data: frame.data })
  return isPromise(permit) ? permit.then(decide) : decide(permit)
}

/** Asks the engine at once, in the order of the room; the answer comes when it comes. */
function publish(frame: Publish, talk: Conversation): void {
  const { context, session } = talk
  const { producer, seq, prev, again, sentAfter, mark } = frame
  const known = sentAfter === undefined ? {} : { sentAfter }
  const ask = {
    producer: { user: session.user, producer, seq, prev, again, ...known },
    mark,
    key: frame.key ?? null,
    data: ownedData(frame.data),
  }
  context.engine.publish(session, frame.room, ask).then(
    (appended) => answerPublish(frame, appended, talk),
    (error: unknown) => talk.failed(frame, error),
  )
}

function answerPublish(frame: Publish, appended: Appended, talk: Conversation): void {
  if (appended.kind === 'appended' || appended.kind === 'duplicate') {
    talk.settled(frame.id)
    const duplicate = appended.kind === 'duplicate'
    talk.session.outlet.send({ type: 'published', id: frame.id, position: appended.position, duplicate })
    return
  }
  const refusal = refusals[appended.kind]
  talk.refuse(frame, appended.kind === 'out-of-order' ? { ...refusal, last: appended.last } : refusal)
}

const refusals: { readonly [kind in Exclude<Appended['kind'], 'appended' | 'duplicate'>]: Refusal } = {
  'out-of-order': { reason: 'out-of-order', message: 'prev is not the last seq of this producer here', retry: true },
  unknown: { reason: 'unknown', message: 'it can no longer be told whether this was applied; it will not be' },
  'payload-mismatch': { reason: 'payload-mismatch', message: 'this seq came before with another payload' },
  fenced: { reason: 'fenced', message: 'a newer connection of this session has written here', retry: true },
}

/** Bytes of a frame are a view of what the socket read: kept longer they would pin all of it, or change. */
function ownedData(data: Data): Data {
  return data instanceof Uint8Array ? data.slice() : data
}
