// The client for Node: the same names, and credentials in a file. Entry `holdfast` where `node` is a condition.

import { type Connect, createConnect } from './connect.js'
import { dialWs } from './node-dial.js'
import { memoryStorage } from './storage.js'

/** A session with the server at `url`. It dials at once and comes back after every drop, until `close` or `leave`. */
export const connect: Connect = createConnect({
  dial: dialWs,
  storage: memoryStorage,
  claims: () => null,
  wake: [],
  report: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
})

export type { By, Data, Json, LeaseVerdict, Member, RefusedIssue, SessionVerdict } from '../protocol/frames.js'
export type { Position } from '../protocol/position.js'
export type { GapReason, RefusalReason, RemovalReason } from '../protocol/reasons.js'
export type { AnyRoom, AnyRooms, RoomName, RoomOf, RoomType, RoomTypes } from '../protocol/room-types.js'
export type { Chance, Clock } from '../protocol/time.js'
export type { Backoff } from './backoff.js'
export { dialWebSocket, pageFocus, pageOnline, pageWake } from './browser.js'
export type { Status } from './connection.js'
export type { Connect, ConnectOptions, Source, WakeSource } from './connect.js'
export type { Off } from './emitter.js'
export type { Health, HealthOptions } from './health.js'
export type { Auth, Claims } from './identity.js'
export type { Dial, Link, LinkEvents } from './link.js'
export { dialWs } from './node-dial.js'
export { fileOutbox } from './node-outbox.js'
export { fileStorage } from './node-storage.js'
export type { OutboxLimits } from './outbox.js'
export type { PublishFailure, PublishResult, Waiting } from './outbox-item.js'
export type { OutboxShelf, OutboxStore, StoredChange, StoredItem } from './outbox-store.js'
export type { Publication, PublishChange, PublishOptions } from './publishing.js'
export type { Room, RoomPresence } from './room.js'
export type { Place } from './room-core.js'
export type { Entry, Gap, JoinOptions, MemberOf, RoomEvents } from './room-events.js'
export type { Session, SessionOutbox, WhenLive } from './session.js'
export type { Log, RoomOutcome, SessionEvents, Stats } from './session-events.js'
export { type ClientStorage, memoryStorage, type Slots } from './storage.js'
