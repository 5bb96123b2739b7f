// The hooks. Each shows one part of a store, as a result of one shape; what they return is the same object until
// something in it changes.

import type { Publication, PublishOptions } from '../client/publishing.js'
import type { Room } from '../client/room.js'
import type { MemberOf } from '../client/room-events.js'
import type { Session } from '../client/session.js'
import type { Data } from '../protocol/frames.js'
import type { AnyRooms, RoomName, RoomOf, RoomTypes } from '../protocol/room-types.js'
import type { Draft, Message } from './message-log.js'
import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from './npm-install-react.js'
import { useSource } from './provider.js'
import { type Failure, type RoomParts, type RoomWish, type Signal, unknownRoom } from './room-store.js'
import { type ConnectionView, type Person, type SessionParts, unconnected } from './session-hub.js'

/** What every hook gives. */
export interface Result<Content> {
  readonly data: Content
  /** `pending`: nothing has come yet. `error`: it will not come by itself; `data` is what was known. */
  readonly status: 'pending' | 'success' | 'error'
  readonly error: Failure | null
  readonly isPending: boolean
  /** There is no connection now: `data` may be old, and what is sent waits. Short drops do not show. */
  readonly isPaused: boolean
}

export interface ConnectionResult extends Result<ConnectionView> {
  /** Dials now, also after anything that stopped it. */
  readonly retryNow: () => void
}

export interface MessagesResult<Content> extends Result<readonly Message<Content>[]> {
  /** Older entries may be there, and `max` leaves room for them. */
  readonly hasOlder: boolean
  /** Reads as many more of them. False: none will come. */
  readonly loadOlder: (count?: number) => boolean
}

/** `data`: what this page has published there and is not in the room's log yet, failed ones too. */
export interface SendResult<Content> extends Result<readonly Draft<Content>[]> {
  /** Shown at once, sent when it can be; the promise settles also when the component is gone. */
  readonly send: (data: Content, options?: PublishOptions) => Publication
  /** False: bytes of it may have been sent. */
  readonly cancel: (mark: string) => boolean
  /** Null: there is no failed one with this mark. After `unknown` or `poison` it may be there twice. */
  readonly retry: (mark: string) => Publication | null
  /** Shows a failed one no more. */
  readonly dismiss: (mark: string) => void
}

export interface PresenceResult<Shown> extends Result<readonly MemberOf<Shown>[]> {
  /** Shows this of me to the others, until another takes its place; `undefined`: nothing any more. */
  readonly track: (data: Shown | undefined) => void
}

export interface SignalResult<Content> extends Result<readonly Signal<Content>[]> {
  /** False: nobody could get it now. */
  readonly send: (data: Content) => boolean
}

export interface MessagesOptions {
  /** How many earlier entries to start with. Default 50. */
  readonly last?: number
  /** How many to keep; the oldest fall out. Default 1000. */
  readonly max?: number
}

export interface SignalOptions<Content> {
  /** How long the last signal of each session is shown. Default 3000. */
  readonly keepMs?: number
  readonly onSignal?: (signal: Signal<Content>) => void
}

/** The hooks for the rooms of a server: `createHooks<RoomsOf<typeof rooms>>()`. */
export interface Hooks<Rooms extends RoomTypes> {
  /** The session, once it is there. */
  useSession(): Result<Omit<Person, 'session'> & { readonly session: Session<Rooms> | null }>
  useConnection(): ConnectionResult
  /** Keeps this session in the room while mounted, and shows whether it is. */
  useRoom<Name extends RoomName<Rooms>>(name: Name, wish?: RoomWish): Result<Room<RoomOf<Rooms, Name>> | null>
  /** What is said in the room, in order, and behind it what this page has on its way there. */
  useMessages<Name extends RoomName<Rooms>>(
    name: Name,
    options?: MessagesOptions,
  ): MessagesResult<RoomOf<Rooms, Name>['entry']>
  useSend<Name extends RoomName<Rooms>>(name: Name): SendResult<RoomOf<Rooms, Name>['entry']>
  /** Who is there. `shown`: what I show of myself, by value. */
  usePresence<Name extends RoomName<Rooms>>(
    name: Name,
    shown?: RoomOf<Rooms, Name>['presence'],
  ): PresenceResult<RoomOf<Rooms, Name>['presence']>
  /** The last signal of each session, for a moment. */
  useSignal<Name extends RoomName<Rooms>>(
    name: Name,
    options?: SignalOptions<RoomOf<Rooms, Name>['signal']>,
  ): SignalResult<RoomOf<Rooms, Name>['signal']>
}

function useSessionPart<Name extends keyof SessionParts>(name: Name): SessionParts[Name] {
  const source = useSource()
  const subscribe = useCallback((hear: () => void) => source.hold(hear), [source])
  return useSyncExternalStore(
    subscribe,
    () => source.parts[name],
    () => unconnected[name],
  )
}

function useRoomPart<Name extends keyof RoomParts>(room: string, wish: RoomWish, part: Name): RoomParts[Name] {
  const source = useSource()
  const { last, presence, max, keepMs } = wish
  const subscribe = useCallback(
    (hear: () => void) => {
      const given = Object.entries({ last, presence, max, keepMs }).filter(([, value]) => value !== undefined)
      return source.holdRoom(room, Object.fromEntries(given), hear)
    },
    [source, room, last, presence, max, keepMs],
  )
  return useSyncExternalStore(
    subscribe,
    () => source.roomParts(room)[part],
    () => unknownRoom[part],
  )
}

/** `hasCome`: `data` is more than nothing. */
function useResult<Content>(data: Content, hasCome: boolean, error: Failure | null): Result<Content> {
  const { health } = useSessionPart('connection')
  return useMemo(() => resultOf(data, hasCome, error, health), [data, hasCome, error, health])
}

function resultOf<Content>(
  data: Content,
  hasCome: boolean,
  error: Failure | null,
  health: ConnectionView['health'],
): Result<Content> {
  const status = error !== null ? 'error' : hasCome ? 'success' : 'pending'
  return { data, status, error, isPending: status === 'pending', isPaused: health !== 'ok' }
}

/** Why nothing is dialled any more; null while something is. */
function useStop(): Failure | null {
  const { state, reason } = useSessionPart('connection')
  const why = state === 'suspended' || state === 'closed' ? (reason ?? state) : null
  return useMemo(() => (why === null ? null : { reason: why, message: `the connection is stopped: ${why}` }), [why])
}

function useRoomResult<Content>(name: string, wish: RoomWish, data: Content): Result<Content> {
  const { wasLive, error } = useRoomPart(name, wish, 'standing')
  const stop = useStop()
  return useResult(data, wasLive, error ?? stop)
}

const nothing: RoomWish = {}

const untyped = {
  useSession() {
    const person = useSessionPart('person')
    return useResult(person, person.id !== null, useStop())
  },

  useConnection() {
    const source = useSource()
    const connection = useSessionPart('connection')
    const stop = useStop()
    return useMemo(() => {
      const result = resultOf(connection, connection.health !== 'connecting', stop, connection.health)
      return { ...result, retryNow: () => source.retryNow() }
    }, [source, connection, stop])
  },

  useRoom(name: string, wish: RoomWish = nothing) {
    const { room } = useRoomPart(name, wish, 'standing')
    return useRoomResult(name, wish, room)
  },

  useMessages(name: string, { last = 50, max = 1_000 }: MessagesOptions = {}) {
    const source = useSource()
    const wish = useMemo(() => ({ last, max }), [last, max])
    const hasOlder = useRoomPart(name, wish, 'hasOlder')
    const result = useRoomResult(name, wish, useRoomPart(name, wish, 'messages'))
    const loadOlder = useCallback((count = last) => source.room(name)?.loadOlder(count) ?? false, [source, name, last])
    return useMemo(() => ({ ...result, hasOlder, loadOlder }), [result, hasOlder, loadOlder])
  },

  useSend(name: string) {
    const source = useSource()
    const result = useRoomResult(name, nothing, useRoomPart(name, nothing, 'drafts'))
    const acts = useMemo(
      () => ({
        send: (data: Data, options?: PublishOptions) => source.publish(name, data, options),
        cancel: (mark: string) => source.cancel(mark),
        retry: (mark: string) => source.retry(name, mark),
        dismiss: (mark: string) => source.dismiss(name, mark),
      }),
      [source, name],
    )
    return useMemo(() => ({ ...result, ...acts }), [result, acts])
  },

  usePresence(name: string, shown?: unknown) {
    const source = useSource()
    const result = useRoomResult(name, withPresence, useRoomPart(name, withPresence, 'members'))
    const track = useCallback((data: unknown) => source.room(name)?.track(data), [source, name])
    const json = JSON.stringify(shown)
    useEffect(() => {
      if (json === undefined) return
      track(JSON.parse(json))
      return () => track(undefined)
    }, [track, json])
    return useMemo(() => ({ ...result, track }), [result, track])
  },

  useSignal(name: string, { keepMs = 3_000, onSignal }: SignalOptions<Data> = {}) {
    const source = useSource()
    const wish = useMemo(() => ({ keepMs }), [keepMs])
    const signals = useRoomPart(name, wish, 'signals')
    const result = useRoomResult(name, wish, signals)
    const hear = useRef(onSignal)
    useEffect(() => {
      hear.current = onSignal
    })
    const room = useRoomPart(name, wish, 'standing').room
    useEffect(() => room?.on('signal', (signal) => hear.current?.(signal)), [room])
    const send = useCallback((data: Data) => source.room(name)?.signal(data) ?? false, [source, name])
    return useMemo(() => ({ ...result, send }), [result, send])
  },
}

const withPresence: RoomWish = { presence: true }

/** The same hooks, knowing the types of the server's rooms. */
export function createHooks<Rooms extends RoomTypes>(): Hooks<Rooms> {
  return untyped as unknown as Hooks<Rooms>
}

export const { useSession, useConnection, useRoom, useMessages, useSend, usePresence, useSignal }: Hooks<AnyRooms> =
  createHooks<AnyRooms>()
