// The wire of holdfast.v1, for clients, servers and tests of other makers: entry `holdfast/protocol`.

export { base64url } from './base64url.js'
export { isId, isName, isRoomName } from './check.js'
export { type AfterClose, afterClose } from './after-close.js'
export { type CloseReason, type CloseRow, closeTable, codeOf } from './close.js'
export type { Decoded } from './decode.js'
export { decodeClientFrame } from './decode-client.js'
export { decodeServerFrame } from './decode-server.js'
export { positionOfToken, positionToken } from './events.js'
export { type EncodableEntry, encodeEntry, encodeFrame } from './encode.js'
export {
  type Bye,
  type By,
  type ClientBeat,
  type ClientFrame,
  type Data,
  type Denied,
  type EntryFrame,
  type GapFrame,
  type Hello,
  type Join,
  type Joined,
  type Json,
  type LeaseVerdict,
  type Leave,
  type Left,
  type Live,
  type Member,
  type Missing,
  type Presence,
  type PresenceChanged,
  type Publish,
  type Published,
  protocolVersion,
  type Refused,
  type RefusedIssue,
  type Removed,
  type RoomAsk,
  type RoomVerdict,
  type ServerBeat,
  type ServerFrame,
  type SessionVerdict,
  type Signal,
  type Signalled,
  subprotocol,
  type Track,
  type Void,
  type Welcome,
} from './frames.js'
export { bounds, defaultLimits, type Limits, serverFrameBounds } from './limits.js'
export type { Position } from './position.js'
export type {
  EndReason,
  GapReason,
  LeaseLostReason,
  NewReason,
  RefusalReason,
  RemovalReason,
} from './reasons.js'
export { sha256, sha256Bytes } from './sha256.js'
export { isLongerThan, isWellFormed, utf8Length } from './utf8.js'
export {
  createFrameReader,
  frameBinary,
  frameClose,
  frameLength,
  framePong,
  frameText,
  opcodes,
  type WebSocketFrame,
  writeFrame,
} from './websocket-frame.js'
