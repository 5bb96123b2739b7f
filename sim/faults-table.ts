// Every fault of the catalogue: how the simulator injects it, or why it does not. The trust page is made of it, so each
// line must be true to the letter.

export interface FaultRow {
  readonly id: string
  readonly what: string
  /** Which faults of a plan, or which work and settings, do it. Null: not injected here. */
  readonly how: string | null
  /** Why not, or what of it is not done. */
  readonly why?: string
}

export const faultTable: readonly FaultRow[] = [
  { id: 'F01', what: 'a frame is dropped', how: '`cut`, `lose-reply`, `lose-request`: it and all behind it are lost' },
  {
    id: 'F02',
    what: 'delay of 0 to 60 s with a heavy tail',
    how: '`delay` per direction, and latencies drawn per frame',
  },
  {
    id: 'F03',
    what: 'one connection attempt arrives twice',
    how: '`double-dial`: two sockets with one first frame; `late-dial`: an abandoned one is heard later',
  },
  { id: 'F04', what: 'reset in the middle of a frame', how: '`cut-at` any byte' },
  { id: 'F05', what: 'half-open', how: '`half-open` both; `cut` of which one end never hears' },
  { id: 'F06', what: 'one direction is lost', how: '`half-open` up or down' },
  { id: 'F07', what: 'bandwidth of 1 to 10 kB/s', how: '`bandwidth`, `stall`' },
  {
    id: 'F08',
    what: 'a load balancer cuts idle links at exactly T',
    how: null,
    why: 'cuts come at random times; one at exactly the ping interval is among them by luck only',
  },
  { id: 'F09', what: 'a proxy swallows the close code', how: '`close-lost`: the code alone, or the whole close' },
  { id: 'F10', what: 'the upgrade is never answered', how: '`hang`' },
  {
    id: 'F11',
    what: 'HTTP 200, 302 or 503 instead of 101',
    how: '`refuse`',
    why: 'a client cannot tell them apart: each is 1006; the bytes are not sent',
  },
  { id: 'F12', what: 'all sockets of a machine die, new ones are fine', how: '`cut` never heard, `down`' },
  {
    id: 'F13',
    what: 'DNS fails, then recovers',
    how: '`down`: dials fail at once, then work',
    why: 'no resolver is run',
  },
  {
    id: 'F14',
    what: 'TLS handshake stalls',
    how: '`handshake-stall`: the upgrade or its answer is held up',
    why: 'no TLS is run',
  },
  {
    id: 'F15',
    what: 'swizzle',
    how: '`swizzle`: tabs are clogged one after the other and let go in the reverse order',
  },
  { id: 'F16', what: 'publish applied, acknowledgement lost', how: '`lose-reply` published; `store-fails` after' },
  { id: 'F17', what: 'resume accepted, response lost', how: '`lose-reply` welcome; `store-fails` after' },
  { id: 'F18', what: 'lease granted, response lost', how: null, why: 'no client can ask for a lease yet' },
  { id: 'F19', what: 'inbox acknowledgement applied, reply lost', how: null, why: 'there are no inboxes yet' },
  { id: 'F20', what: 'leave applied, reply lost', how: '`lose-reply` left' },
  {
    id: 'F21',
    what: 'killed at any await',
    how: '`crash`: nothing of the process runs after it, between any two turns',
  },
  { id: 'F22', what: 'graceful stop', how: '`stop`' },
  {
    id: 'F23',
    what: 'paused for 0 to 120 s',
    how: '`pause-tab`, `pause-server`: then everything overdue runs at once',
  },
  {
    id: 'F24',
    what: 'the event loop stalls for 0.2 to 5 s',
    how: '`pause-tab`, `pause-server`; late turns by the seed',
  },
  { id: 'F25', what: 'restart with the old data', how: '`crash`, `rebirth` same' },
  { id: 'F26', what: 'restart with an empty store', how: '`rebirth` empty' },
  { id: 'F27', what: 'restart from an older backup', how: '`back-up`, then `rebirth` older' },
  {
    id: 'F28',
    what: 'mixed versions',
    how: '`newer`: unknown fields, features and kinds of frames from either end; `stranger` version: another protocol',
    why: 'text frames only; an older release of this code does not exist yet',
  },
  {
    id: 'F29',
    what: 'two processes with one node id',
    how: null,
    why: 'a process draws its id at random when it starts and no option sets it; a copied running machine is not covered',
  },
  { id: 'F30', what: 'SIGTERM, then SIGKILL', how: '`stop` with `killAfterMs`' },
  {
    id: 'F31',
    what: 'the code of the user throws',
    how: '`hook-fails`: hooks and listeners of servers throw, reject or never answer; listeners of clients throw',
    why: 'what an application throws outside of any call of ours ends its process: F21',
  },
  { id: 'F32', what: 'the wall clock steps by an hour', how: '`skew-tab`, `skew-server`' },
  { id: 'F33', what: 'clocks drift by 5 %', how: '`skew-tab`, `skew-server`' },
  { id: 'F34', what: 'NTP slews during a lease', how: '`skew-server` for a while' },
  { id: 'F35', what: 'a client clock that is years wrong', how: '`skew-tab`' },
  {
    id: 'F36',
    what: 'timers of background tabs are throttled',
    how: '`throttle-tab`: they ring once a second or a minute',
  },
  { id: 'F37', what: 'no wall clock in any deadline', how: '`skew-*` change the wall clock alone, and no check falls' },
  { id: 'F38', what: 'writes fail', how: '`store-fails` before', why: 'as calls of the store, not of a disk' },
  {
    id: 'F39',
    what: 'fsync fails',
    how: '`store-fails` of writes only',
    why: 'as a store that refuses writes; no disk is run',
  },
  {
    id: 'F40',
    what: 'un-synced writes are lost',
    how: '`rebirth` older from a copy of the last 300 ms',
    why: 'no disk is run',
  },
  {
    id: 'F41',
    what: 'torn write at any byte',
    how: '`rebirth` older: the log ends earlier',
    why: 'whole entries, not bytes; the crash test tears pages of real files',
  },
  { id: 'F42', what: 'bit flips at rest', how: null, why: 'the memory store has no bytes at rest' },
  { id: 'F43', what: 'a truncated file', how: null, why: 'the memory store has no files' },
  { id: 'F44', what: 'a misdirected or zeroed page', how: null, why: 'the memory store has no pages' },
  { id: 'F45', what: 'slow fsync', how: '`store-slow` of up to 7 s' },
  { id: 'F46', what: 'rename or directory not synced', how: null, why: 'the memory store has no files' },
  { id: 'F47', what: 'disk full during compaction', how: null, why: 'the memory store has no disk' },
  {
    id: 'F48',
    what: 'failover loses the last writes',
    how: '`rebirth` older underneath running servers',
    why: 'the new life has a new epoch, which a driver must find out; that it does is for the tests of the driver',
  },
  { id: 'F49', what: 'failover loses the meta data only', how: '`rebirth` same underneath running servers' },
  { id: 'F50', what: 'FLUSHALL', how: '`rebirth` empty underneath running servers' },
  { id: 'F51', what: 'eviction of some keys', how: null, why: 'the memory store cannot lose a part of a room' },
  {
    id: 'F52',
    what: 'script timeout, BUSY, OOM',
    how: '`store-fails` before, `store-hangs`',
    why: 'without the words of Redis',
  },
  { id: 'F53', what: 'a hint is lost, the entry is kept', how: '`hints-lost`, and a share of hints in many seeds' },
  { id: 'F54', what: 'hints come twice or late', how: 'a share of hints in many seeds; later ones overtake' },
  {
    id: 'F55',
    what: 'READONLY, MOVED, LOADING',
    how: '`store-fails` of writes only',
    why: 'without the words of Redis',
  },
  {
    id: 'F56',
    what: 'two primaries accept writes',
    how: null,
    why: 'one memory store at a time; lives follow one another',
  },
  { id: 'F57', what: 'WAIT returns fewer than asked', how: null, why: 'the memory store has no replicas' },
  {
    id: 'F58',
    what: 'a key expires in the middle of an operation',
    how: null,
    why: 'operations of the memory store are atomic',
  },
  { id: 'F59', what: 'store latency of 2 s', how: '`store-slow`, `store-hangs`' },
  { id: 'F60', what: 'the result of a script is unknown', how: '`store-fails` after' },
  {
    id: 'F61',
    what: 'everybody reconnects at once',
    how: '`storm`; `crash` of the only server',
    why: 'at most five tabs here',
  },
  { id: 'F62', what: 'slow readers', how: '`bandwidth`, `stall` down' },
  { id: 'F63', what: 'one room has 90 % of the traffic', how: '`hasHotRoom` in a fifth of the seeds' },
  { id: 'F64', what: 'join and leave churn', how: 'work `churn`, `rejoin`, `reload`, `depart`' },
  {
    id: 'F65',
    what: 'oversize and malformed frames',
    how: '`stranger` garbage, flood, forger, deaf beside honest clients',
    why: 'what WebSocket itself forbids is for the tests over real sockets',
  },
  { id: 'F66', what: 'resume with every wrong position', how: '`stranger` positions: ten classes per room' },
  { id: 'F67', what: 'many rooms at once', how: 'work `join-all`; 8 to 12 rooms in a twentieth of the seeds' },
  { id: 'F68', what: 'trim while a replay is under way', how: 'rooms of 4 entries, pages of one, bursts of publishes' },
  {
    id: 'F69',
    what: 'limits at n − 1, n and n + 1',
    how: '`stranger` limits: bytes of a frame, requests in flight; flood: frames before the welcome',
    why: 'other limits are unit tests',
  },
  ...signalling(['offer and offer glare', 'answer for an old offer', 'candidate before its description'], 70),
  ...signalling(['peer restarts in between', 'ICE restart while signalling is lost', 'both sides restart'], 73),
]

function signalling(whats: readonly string[], from: number): FaultRow[] {
  return whats.map((what, index) => ({ id: `F${from + index}`, what, how: null, why: 'there is no signalling yet' }))
}
