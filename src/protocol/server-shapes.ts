// Which fields each frame of a server has, as checks: frames.ts again, at run time. The types keep the two together.

import {
  anything,
  byKind,
  type Check,
  flag,
  id,
  json,
  listOf,
  literal,
  maybe,
  name,
  oneOf,
  ordinal,
  orNull,
  pairOf,
  shape,
  text,
  whole,
} from './check.js'
import type * as frames from './frames.js'
import type { Limits } from './limits.js'
import type { EndReason, GapReason, LeaseLostReason, NewReason, RefusalReason, RemovalReason } from './reasons.js'
import { features, position } from './shared-shapes.js'

const gapReason = oneOf<GapReason>({
  trimmed: true,
  'ahead-of-log': true,
  forked: true,
  'epoch-changed': true,
  'too-far-behind': true,
  'not-permitted': true,
})

const newReason = oneOf<NewReason>({
  created: true,
  'session-unknown': true,
  'secret-unknown': true,
  'session-ended': true,
})

const endReason = oneOf<EndReason>({ left: true, 'ran-out': true, kicked: true, revoked: true })

const refusalReason = oneOf<RefusalReason>({
  'bad-message': true,
  unsupported: true,
  forbidden: true,
  'not-joined': true,
  'not-resumed': true,
  fenced: true,
  'out-of-order': true,
  unknown: true,
  'payload-mismatch': true,
  'too-large': true,
  limit: true,
  'rate-limited': true,
  'id-in-use': true,
  'store-unavailable': true,
  'hook-failed': true,
  invalid: true,
})

const removalReason = oneOf<RemovalReason>({ removed: true, 'rights-revoked': true })
const leaseLostReason = oneOf<LeaseLostReason>({ 'ran-out': true, taken: true, revoked: true })

const missing = { reason: gapReason, from: whole, to: whole, next: position }
const roomVerdict = byKind({
  complete: shape<Extract<frames.RoomVerdict, { kind: 'complete' }>>({
    kind: literal('complete'),
    from: whole,
    to: whole,
  }),
  gap: shape<frames.Missing>({ kind: literal('gap'), ...missing }),
})

const sessionVerdict = byKind({
  resumed: shape<Extract<frames.SessionVerdict, { kind: 'resumed' }>>({ kind: literal('resumed'), downMs: whole }),
  new: shape<Extract<frames.SessionVerdict, { kind: 'new' }>>({ kind: literal('new'), reason: newReason }),
})

const leaseVerdict = byKind({
  kept: shape<Extract<frames.LeaseVerdict, { kind: 'kept' }>>({ kind: literal('kept'), key: text }),
  lost: shape<Extract<frames.LeaseVerdict, { kind: 'lost' }>>({
    kind: literal('lost'),
    key: text,
    reason: leaseLostReason,
  }),
})

const textOrWhole: Check = (value) => (typeof value === 'string' ? null : whole(value))

const by = orNull(shape<frames.By>({ session: id, user: name }))
const member = shape<frames.Member>({
  session: id,
  user: name,
  state: oneOf<frames.Member['state']>({ live: true, held: true }),
  data: maybe(json),
})

const place = { room: name, epoch: id, offset: ordinal, tag: id }

const welcome = shape<frames.Welcome>({
  type: literal('welcome'),
  version: whole,
  features,
  session: id,
  user: name,
  generation: whole,
  verdict: sessionVerdict,
  leases: listOf(leaseVerdict),
  limits: shape<Limits>({ payloadBytesMax: whole, inFlightMax: whole, roomsMax: whole }),
  heartbeat: shape<frames.Welcome['heartbeat']>({ everyMs: whole, timeoutMs: whole }),
  holdMs: whole,
  spreadMs: whole,
})

const refused = shape<frames.Refused>({
  type: literal('refused'),
  id: orNull(whole),
  reason: refusalReason,
  message: text,
  retry: flag,
  afterMs: maybe(whole),
  last: maybe(whole),
  issues: maybe(listOf(shape<frames.RefusedIssue>({ message: text, path: listOf(textOrWhole) }))),
})

const bye = shape<frames.Bye>({
  type: literal('bye'),
  code: whole,
  reason: text,
  message: text,
  retry: flag,
  afterMs: maybe(whole),
  kept: flag,
  instance: maybe(id),
  lastAttempt: maybe(whole),
  ended: maybe(endReason),
})

/** The frames a server sends. */
export const serverShapes = {
  welcome,
  joined: shape<frames.Joined>({
    type: literal('joined'),
    id: maybe(whole),
    room: name,
    verdict: roomVerdict,
    position,
  }),
  denied: shape<frames.Denied>({
    type: literal('denied'),
    id: maybe(whole),
    room: name,
    reason: refusalReason,
    message: text,
    retry: flag,
    afterMs: maybe(whole),
  }),
  entry: shape<frames.EntryFrame>({
    type: literal('entry'),
    ...place,
    atMs: whole,
    by,
    mark: maybe(id),
    key: maybe(name),
    data: anything,
  }),
  void: shape<frames.Void>({ type: literal('void'), ...place }),
  gap: shape<frames.GapFrame>({ type: literal('gap'), room: name, ...missing }),
  live: shape<frames.Live>({ type: literal('live'), room: orNull(name) }),
  published: shape<frames.Published>({
    type: literal('published'),
    id: whole,
    position: orNull(position),
    duplicate: flag,
  }),
  left: shape<frames.Left>({ type: literal('left'), id: whole, room: orNull(name) }),
  refused,
  presence: shape<frames.Presence>({ type: literal('presence'), room: name, version: whole, members: listOf(member) }),
  'presence-changed': shape<frames.PresenceChanged>({
    type: literal('presence-changed'),
    room: name,
    since: whole,
    version: whole,
    set: listOf(member),
    removed: listOf(id),
  }),
  signalled: shape<frames.Signalled>({ type: literal('signalled'), room: name, by, data: anything }),
  removed: shape<frames.Removed>({ type: literal('removed'), room: name, reason: removalReason }),
  beat: shape<frames.ServerBeat>({ type: literal('beat'), everyMs: whole, sent: listOf(pairOf(name, whole)) }),
  bye,
} as const satisfies { readonly [type in frames.ServerFrame['type']]: Check }
