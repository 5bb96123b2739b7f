// The limits both ends must know. A server tells its own in the welcome; these are the defaults and the hard bounds.

/** Limits that a server tells each client. Sizes in bytes of the encoded frame. */
export interface Limits {
  /** The largest frame either end may send. */
  readonly payloadBytesMax: number
  /** Unanswered requests per connection. */
  readonly inFlightMax: number
  readonly roomsMax: number
}

export const defaultLimits: Limits = { payloadBytesMax: 65_536, inFlightMax: 32, roomsMax: 128 }

/** Bounds of every decoder; not settable. */
export const bounds = {
  depthMax: 32,
  keysMax: 1000,
  helloBytesMax: 65_536,
  headerBytesMax: 16_384,
  roomBytesMax: 255,
  idCharsMax: 64,
  secretCharsMax: 256,
  tokenCharsMax: 16_384,
  queuedFramesMax: 64, //  before the verdict
  queuedBytesMax: 131_072,
  featuresMax: 64,
  helloRoomsMax: 128, //   more are joined after the welcome
  issuesMax: 8, //         of data that does not fit a schema
  issuePathMax: 16,
  issueCharsMax: 200,
} as const

/**
 * What a client takes from a server. Wider than what it may send: one presence frame tells many members, and the data
 * of a track sits two levels deeper there.
 */
export const serverFrameBounds = { depthMax: 34, keysMax: 65_536, bytesMax: 4_194_304 } as const
