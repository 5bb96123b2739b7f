import { describe, expect, test, vi } from 'vitest'
import type { ClientFrame, EntryFrame, GapFrame, Joined, Missing, Void } from '../protocol/frames.js'
import { RoomCore } from './room-core.js'
import type { JoinOptions } from './room-events.js'

const at = (offset: number, fork = '') => ({ epoch: `e${fork}`, offset, tag: `t${offset}${fork}` })

const entry = (offset: number, fork = ''): EntryFrame => {
  return { type: 'entry', room: 'r', ...at(offset, fork), atMs: 0, by: null, data: `d${offset}${fork}` }
}

const voided = (offset: number): Void => ({ type: 'void', room: 'r', ...at(offset) })

const complete = (from: number, to: number, fork = '', id?: number): Joined => {
  const position = from === 0 ? { epoch: 'e', offset: 0, tag: 'birth' } : at(from, fork)
  return {
    type: 'joined',
    room: 'r',
    verdict: { kind: 'complete', from, to },
    position,
    ...(id === undefined ? {} : { id }),
  }
}

const missing = (reason: Missing['reason'], from: number, to: number, next: number, fork = ''): Missing => {
  return { kind: 'gap', reason, from, to, next: at(next, fork) }
}

const gapped = (verdict: Missing): Joined => ({ type: 'joined', room: 'r', verdict, position: verdict.next })

function roomOf(options: JoinOptions = {}) {
  const told: string[] = []
  const sent: ClientFrame[] = []
  const counts = { duplicates: 0, holes: 0, replayed: 0, gaps: 0, wants: 0, breaches: 0 }
  const reports: unknown[] = []
  const room = new RoomCore(
    'r',
    options,
    {
      wantsJoin: () => {
        counts.wants += 1
      },
      stats: counts,
      way: {
        send: (frame) => sent.push(frame),
        breach: () => {
          counts.breaches += 1
        },
      },
    },
    (error) => reports.push(error),
  )
  room.events.on('entry', ({ data }) => told.push(`${data}`))
  room.events.on('gap', ({ reason, from, to, next }) => told.push(`gap ${reason} ${from}-${to}>${next.offset}`))
  room.events.on('live', () => told.push('live'))
  const hear = (...frames: (EntryFrame | Void | GapFrame | Joined | 'live')[]) => {
    for (const frame of frames) {
      if (frame === 'live') room.live()
      else if (frame.type === 'gap') room.gap(frame)
      else if (frame.type === 'joined') room.joined(frame)
      else room.entry(frame)
    }
  }
  return { room, told, sent, counts, reports, hear }
}

/** Asked in a hello, answered, with entries 1 … count handed over. */
function live(count: number, options: JoinOptions = {}) {
  const it = roomOf(options)
  it.room.ask(null)
  it.hear(complete(0, count), ...Array.from({ length: count }, (_, index) => entry(index + 1)), 'live')
  it.told.length = 0
  return it
}

describe('contiguity', () => {
  test('[ROOM-24] an entry tells whether it came live, is caught up on, or is history', () => {
    const { room, counts, hear } = roomOf({ last: 2 })
    const sources: string[] = []
    room.events.on('entry', ({ position, source }) => sources.push(`${position.offset} ${source}`))
    room.ask(null)
    hear(complete(3, 5), entry(4), entry(5), 'live', entry(6))
    room.lost()
    room.ask(null)
    // 9 is published while the room is caught up on: it was not missed.
    hear(complete(6, 8), entry(7), voided(8), entry(9), 'live', entry(10))
    room.lost()
    room.ask(null)
    hear(gapped(missing('trimmed', 11, 14, 14)), entry(15), 'live', entry(16))
    room.lost()
    room.ask(null)
    hear(gapped(missing('epoch-changed', 0, -1, 0, 'n')), entry(1, 'n'), 'live', entry(2, 'n'))
    expect(sources).toEqual([
      ...['4 history', '5 history', '6 live', '7 replay', '9 live', '10 live'],
      ...['15 replay', '16 live', '1 history', '2 live'],
    ])
    expect(counts).toMatchObject({ replayed: 2, gaps: 2, duplicates: 0 })
  })

  test('[ROOM-1] entries are handed over in order, the position moves first', () => {
    const { room, told, hear } = roomOf()
    room.ask(null)
    const positions: unknown[] = []
    room.events.on('entry', () => positions.push(room.position?.offset))
    hear(complete(0, 3), entry(1), voided(2), entry(3), 'live', entry(4))
    expect(told).toEqual(['d1', 'd3', 'live', 'd4'])
    expect(positions).toEqual([1, 3, 4])
    expect(room.position).toEqual(at(4))
  })

  test('[ROOM-2] [S66] a listener that throws has been given the entry; the others and the next are served', () => {
    const { room, told, hear, reports } = live(0)
    room.events.on('entry', () => {
      throw new Error('mine')
    })
    const after: string[] = []
    room.events.on('entry', ({ data }) => after.push(`${data}`))
    hear(entry(1), entry(2))
    expect(told).toEqual(['d1', 'd2'])
    expect(after).toEqual(['d1', 'd2'])
    expect(reports).toHaveLength(2)
    expect(room.position?.offset).toBe(2)
  })

  test('[ROOM-3] what came before is dropped before any listener, and counted', () => {
    const { told, counts, hear } = live(5)
    hear(entry(5), entry(1), entry(3), voided(2))
    expect(told).toEqual([])
    expect(counts).toMatchObject({ duplicates: 4, wants: 0 })
  })

  test('[ROOM-4] a hole is never handed over: the room is joined again from its own position', () => {
    const { room, told, counts, hear } = live(5)
    hear(entry(7), entry(8))
    expect(counts).toMatchObject({ holes: 1, wants: 1 })
    expect(room.ask(9)).toEqual({ room: 'r', since: at(5) })
    hear(entry(6), entry(9), 'live')
    expect(told).toEqual([])
    hear(complete(5, 8, '', 9), entry(6), entry(7), entry(8), 'live')
    expect(told).toEqual(['d6', 'd7', 'd8', 'live'])
  })

  test('[ROOM-4] answers to an older question are not heard', () => {
    const { room, told, hear } = live(5)
    room.lost()
    room.ask(1)
    room.lost()
    room.ask(null)
    hear(complete(5, 9, '', 1), entry(6))
    expect(room.place).toBe('asked')
    expect(told).toEqual([])
  })

  test('[ROOM-5] the same number with another tag is a fork: joined again, to be told', () => {
    const { counts, hear } = live(5)
    hear(entry(4, 'x'))
    expect(counts.wants).toBe(1)
  })

  test('[ROOM-6] [A69] a server that never delivers is given up', () => {
    const { room, counts, hear } = live(5)
    for (let round = 1; round <= 4; round++) {
      hear(entry(9e15))
      if (counts.breaches > 0) break
      room.ask(round)
      hear(complete(5, 9, '', round))
    }
    expect(counts).toMatchObject({ breaches: 1, wants: 3 })
  })

  test('[ROOM-7] an epoch that changes without a gap is taken over', () => {
    const { room, told, hear } = live(2)
    hear(entry(3, 'new'))
    expect(told).toEqual(['d3new'])
    room.lost()
    expect(room.ask(null).since).toEqual(at(3, 'new'))
    const old = live(2)
    old.room.lost()
    old.room.ask(null)
    old.hear({ ...complete(2, 2), position: { ...at(2), epoch: 'e2' } })
    expect(old.room.received).toEqual({ ...at(2), epoch: 'e2' })
  })

  test('[ROOM-8] a beat that tells more than came joins again; less or equal does not', () => {
    const { room, counts } = live(5)
    room.sentTo(5)
    room.sentTo(3)
    expect(counts.wants).toBe(0)
    room.sentTo(6)
    expect(counts.wants).toBe(1)
  })

  test('[ROOM-9] [S42] "complete" from beyond the own position is told as a gap', () => {
    const { room, told, hear } = live(5)
    room.lost()
    room.ask(null)
    hear(complete(8, 9), entry(9))
    expect(told).toEqual(['gap trimmed 6-8>8', 'd9'])
  })
})

describe('gaps', () => {
  test('[ROOM-10] [S40] a gap is told before the next entry, and delivery goes on behind it', () => {
    const { room, told, hear } = live(5)
    room.lost()
    room.ask(null)
    hear(gapped(missing('trimmed', 6, 20, 20)), entry(21), 'live')
    hear({ ...missing('too-far-behind', 22, 30, 30), type: 'gap', room: 'r' }, entry(31))
    expect(told).toEqual(['gap trimmed 6-20>20', 'd21', 'live', 'gap too-far-behind 22-30>30', 'd31'])
    expect(room.position?.offset).toBe(31)
  })

  test('[ROOM-11] a gap that leads back hands nothing over twice', () => {
    const { room, told, counts, hear } = live(6)
    room.lost()
    room.ask(null)
    hear(gapped(missing('ahead-of-log', 5, 6, 2)), entry(3), entry(4), entry(5, 'x'), entry(6, 'x'))
    expect(told).toEqual(['gap ahead-of-log 5-6>2', 'd5x', 'd6x'])
    expect(counts.duplicates).toBe(2)
    expect(room.position).toEqual(at(6, 'x'))
  })

  test('[ROOM-11] when nothing can be compared everything is handed over again', () => {
    const { room, told, hear } = live(3)
    room.lost()
    room.ask(null)
    hear(gapped(missing('epoch-changed', 1, 0, 1)), entry(2), entry(3))
    expect(told).toEqual(['gap epoch-changed 1-0>1', 'd2', 'd3'])
  })

  test('[ROOM-12] an acknowledged entry that the log has lost is told', () => {
    const { room, told, hear } = live(3)
    room.acknowledged(at(5))
    room.lost()
    room.ask(null)
    hear(complete(3, 4, 'x'), entry(4, 'x'), entry(5, 'x'))
    expect(told).toEqual(['gap ahead-of-log 5-5>3', 'd4x', 'd5x'])
  })

  test('[ROOM-12] one that was acknowledged before the room was first answered is told too', () => {
    const { room, told, hear } = roomOf()
    room.acknowledged(at(5))
    room.ask(null)
    hear(complete(2, 3, 'x'), entry(3, 'x'))
    expect(told).toEqual(['gap ahead-of-log 4-5>2', 'd3x'])
  })

  test('[ROOM-12] an acknowledged entry that another node has only not heard of yet is not lost', () => {
    const { room, told, hear } = live(3)
    room.acknowledged(at(5))
    room.lost()
    room.ask(null)
    hear(complete(3, 4), entry(4), entry(5))
    expect(told).toEqual(['d4', 'd5'])
  })

  test('[ROOM-12] an acknowledged entry whose place another took is told', () => {
    const { room, told, hear } = live(3)
    room.acknowledged(at(4))
    hear(entry(4, 'x'))
    expect(told).toEqual(['gap forked 4-4>3', 'd4x'])
    room.acknowledged(at(5))
    hear(entry(5), entry(6))
    expect(told.slice(2)).toEqual(['d5', 'd6'])
  })

  test('[ROOM-13] [S68] entries wait for the snapshot, then follow', async () => {
    let done = () => {}
    const snapshot = vi.fn(() => new Promise<void>((resolve) => (done = resolve)))
    const { room, told, hear } = live(2, { snapshot })
    hear({ ...missing('too-far-behind', 3, 9, 9), type: 'gap', room: 'r' }, entry(10), 'live', entry(11))
    await Promise.resolve()
    expect(snapshot).toHaveBeenCalledTimes(1)
    expect(told).toEqual(['gap too-far-behind 3-9>9'])
    expect([room.position?.offset, room.received?.offset]).toEqual([9, 11])
    done()
    await new Promise(setImmediate)
    hear(entry(12))
    expect(told.slice(1)).toEqual(['d10', 'live', 'd11', 'd12'])
  })

  test('[ROOM-13] a snapshot that fails is reported, and delivery goes on', async () => {
    const { told, hear, reports } = live(2, { snapshot: () => Promise.reject(new Error('no')) })
    hear({ ...missing('trimmed', 3, 9, 9), type: 'gap', room: 'r' }, entry(10))
    await new Promise(setImmediate)
    expect(told.at(-1)).toBe('d10')
    expect(reports).toHaveLength(1)
  })

  test('[ROOM-14] too many entries for a snapshot are read again from the log', async () => {
    let done = () => {}
    const { room, told, counts, hear } = live(2, { snapshot: () => new Promise((resolve) => (done = resolve)) })
    hear({ ...missing('trimmed', 3, 9, 9), type: 'gap', room: 'r' })
    for (let offset = 10; offset <= 2_000; offset++) hear(entry(offset))
    await Promise.resolve()
    expect(room.isWanting(0)).toBe(false)
    done()
    await new Promise(setImmediate)
    expect(counts.wants).toBe(1)
    expect(room.ask(1).since).toEqual(at(9))
    hear(complete(9, 11, '', 1), entry(10), entry(11))
    expect(told).toEqual(['gap trimmed 3-9>9', 'd10', 'd11'])
  })
})

describe('asking', () => {
  test('[ROOM-15] first with the application’s wish, then from the own position', () => {
    const { room, hear } = roomOf({ last: 50, presence: true })
    expect(room.ask(null)).toEqual({ room: 'r', last: 50, presence: true })
    hear(complete(0, 0))
    room.lost()
    expect(room.ask(null).since).toEqual({ epoch: 'e', offset: 0, tag: 'birth' })
    expect(roomOf({ since: at(7) }).room.ask(null)).toEqual({ room: 'r', since: at(7) })
  })

  test('[ROOM-16] [S81] a room that is denied stays denied until it is asked for again', () => {
    const { room } = live(1)
    room.lost()
    room.ask(null)
    const heard: unknown[] = []
    room.events.on('denied', (event) => heard.push(event))
    room.denied({ type: 'denied', room: 'r', reason: 'forbidden', message: 'no', retry: false }, 0)
    room.lost()
    expect([room.place, room.isWanting(1e9)]).toEqual(['denied', false])
    expect(heard).toEqual([{ reason: 'forbidden', message: 'no', retry: false }])
    room.reopen(false)
    expect(room.isWanting(1e9)).toBe(true)
  })

  test('[ROOM-16] "not now" is asked again by itself', () => {
    const { room } = roomOf()
    room.ask(3)
    const frame = { type: 'denied', id: 3, room: 'r', reason: 'store-unavailable', message: '', retry: true } as const
    room.denied({ ...frame, afterMs: 2_000 }, 100)
    expect([room.isWanting(2_099), room.isWanting(2_100)]).toEqual([false, true])
  })

  test('[ROOM-17] who was removed and comes back starts anew', () => {
    const { room, told, hear } = live(5)
    room.removed('removed')
    hear(entry(6))
    room.reopen(false)
    expect(room.ask(null)).toEqual({ room: 'r' })
    expect(told).toEqual([])
    expect(room.position).toBeNull()
  })
})

describe('presence', () => {
  const ann = { session: 's1', user: 'ann', state: 'live' } as const
  const bob = { session: 's2', user: 'bob', state: 'live' } as const

  test('[ROOM-18] state, changes, and a hole that asks for the state again', () => {
    const { room, counts, hear } = live(1, { presence: true })
    const users: string[] = []
    room.events.on('presence', ({ members }) => users.push(members.map(({ user, state }) => `${user} ${state}`).join()))
    room.presence({ type: 'presence', room: 'r', version: 3, members: [ann] })
    const change = { type: 'presence-changed', room: 'r', removed: [] as string[] } as const
    room.presenceChanged({ ...change, since: 3, version: 5, set: [bob, { ...ann, state: 'held' }] })
    room.presenceChanged({ ...change, since: 5, version: 6, set: [], removed: ['s1'] })
    expect(users).toEqual(['ann live', 'ann held,bob live', 'bob live'])
    room.presenceChanged({ ...change, since: 7, version: 8, set: [ann] })
    expect(counts.wants).toBe(1)
    room.ask(1)
    hear(complete(1, 1, '', 1))
    room.presence({ type: 'presence', room: 'r', version: 9, members: [] })
    room.presenceChanged({ ...change, since: 1, version: 2, set: [ann] })
    expect(counts.wants).toBe(2)
    users.pop()
    expect(users).toHaveLength(3)
  })

  test('[ROOM-19] [S90] what is tracked is shown again after each resume; the last value wins', () => {
    const { room, sent, hear } = live(1)
    const data = { score: 1 }
    room.track(data)
    data.score = 2
    room.track(data)
    data.score = 3
    room.lost()
    room.ask(null)
    hear(complete(1, 1))
    room.track(undefined)
    room.lost()
    room.ask(null)
    hear(complete(1, 1))
    expect(sent.map((frame) => frame.type === 'track' && frame.data)).toEqual([
      { score: 1 },
      { score: 2 },
      { score: 2 },
      null,
    ])
  })
})
