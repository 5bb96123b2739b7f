import { describe, expect, test } from 'vitest'
import type { SessionEvent } from '../engine/engine.js'
import { createVirtualClock } from '../testing/virtual-clock.js'
import { createAlarm, type Sleeper } from './alarm.js'
import { createDoor } from './door.js'
import { createEvents, listenerDeadlineMs } from './events.js'
import { createHookCaller } from './hook.js'
import { RoomOrder } from './room-order.js'
import { readSettings } from './settings.js'
import { TokenBucket } from './token-bucket.js'
import { createTurns } from './turns.js'

describe('the alarm', () => {
  const sleeperOf = (wakeAtMs: number, woken: string[], name: string): Sleeper & { wakeAtMs: number } => ({
    wakeAtMs,
    wake() {
      woken.push(name)
      this.wakeAtMs = Number.POSITIVE_INFINITY
    },
  })

  test('[SRV-11] wakes each sleeper at its time, also when the time moves or others come and go', async () => {
    const clock = createVirtualClock()
    const alarm = createAlarm(clock)
    const woken: string[] = []
    const [early, late, gone] = [100, 500, 200].map((at, index) =>
      sleeperOf(at, woken, ['early', 'late', 'gone'][index]!),
    )
    for (const sleeper of [late, early, gone]) alarm.moved(sleeper!)
    gone!.wakeAtMs = Number.POSITIVE_INFINITY
    alarm.moved(gone!)
    await clock.advance(99)
    expect(woken).toEqual([])
    await clock.advance(101)
    expect(woken).toEqual(['early'])
    early!.wakeAtMs = 250
    alarm.moved(early!)
    await clock.advance(300)
    expect(woken).toEqual(['early', 'early', 'late'])
    expect(clock.pending).toBe(0)
  })

  test('[SRV-11] holds one timer however many sleep, and none after close', async () => {
    const clock = createVirtualClock()
    const alarm = createAlarm(clock)
    const woken: string[] = []
    for (let count = 0; count < 1_000; count++) alarm.moved(sleeperOf(1_000 + count, woken, `${count}`))
    expect(clock.pending).toBe(1)
    alarm.close()
    await clock.advance(5_000)
    expect(woken).toEqual([])
  })
})

describe('turns', () => {
  test('[SRV-10] run at once when idle, once for many wishes', async () => {
    const clock = createVirtualClock()
    const at: number[] = []
    const turns = createTurns({ clock, delayMs: 10, run: () => void at.push(clock.nowMs()) })
    for (const ms of [0, 100, 100]) {
      await clock.advance(ms)
      turns.wanted()
      turns.wanted()
      await clock.settle()
    }
    expect(at).toEqual([0, 100, 200])
    turns.close()
    turns.wanted()
    await clock.advance(100)
    expect(at).toHaveLength(3)
  })

  test('[SRV-10] are spread while they take much of the time, and at once again after a pause', async () => {
    const clock = createVirtualClock()
    let extraMs = 0
    let count = 0
    const busy = { ...clock, nowMs: () => clock.nowMs() + extraMs }
    const run = () => {
      count += 1
      extraMs += 3
    }
    const turns = createTurns({ clock: busy, delayMs: 10, run })
    for (let ms = 0; ms < 100; ms++) {
      turns.wanted()
      await clock.advance(1)
    }
    expect(count).toBeLessThan(40)
    const before = count
    await clock.advance(5_000)
    turns.wanted()
    await clock.advance(1)
    turns.wanted()
    await clock.settle()
    expect(count).toBeGreaterThan(before)
  })
})

describe('the door', () => {
  test('[SRV-3] [A9] one address cannot fill it; who is known no longer counts as pending', () => {
    const door = createDoor(readSettings({ pendingMax: 5, pendingPerAddressMax: 2, connectionsMax: 6 }))
    const first = door.enter('1.1.1.1')
    expect(door.enter('1.1.1.1')).not.toBeNull()
    expect(door.enter('1.1.1.1')).toBeNull()
    expect(door.enter('2001:db8::1')).not.toBeNull()
    expect(door.enter('2001:db8::2')).not.toBeNull()
    expect(door.enter('2001:db8::3')).toBeNull()
    first?.known()
    first?.known()
    expect(door.pendingCount).toBe(3)
    expect(door.enter('1.1.1.1')).not.toBeNull()
    expect(door.enter('2.2.2.2')).not.toBeNull()
    expect(door.enter('3.3.3.3')).toBeNull()
    first?.left()
    first?.left()
    expect(door.openCount).toBe(5)
  })

  test('[SRV-3] [I52] nothing is left when all have gone', () => {
    const door = createDoor(readSettings({}))
    const places = Array.from({ length: 50 }, (_, at) => door.enter(`1.1.1.${at % 7}`))
    for (const [at, place] of places.entries()) {
      if (at % 2 === 0) place?.known()
      place?.left()
    }
    expect([door.openCount, door.pendingCount]).toEqual([0, 0])
  })
})

describe('order', () => {
  test('[ROOMS-5] steps of a room wait for one another, rooms do not; a step that fails stops nothing', async () => {
    const failures: unknown[] = []
    const done: string[] = []
    const order = new RoomOrder((error) => failures.push(error))
    let release = () => {}
    order.enqueue('a', () => new Promise<void>((resolve) => (release = resolve)))
    order.enqueue('a', () => Promise.reject(new Error('one')))
    order.enqueue('a', () => {
      throw new Error('two')
    })
    order.enqueue('a', () => void done.push('a'))
    order.enqueue('b', () => void done.push('b'))
    expect(done).toEqual(['b'])
    expect(order.waitingCount).toBe(3)
    release()
    await order.idle()
    expect(done).toEqual(['b', 'a'])
    expect(failures).toMatchObject([{ message: 'one' }, { message: 'two' }])
    expect([order.isBusy('a'), order.waitingCount]).toEqual([false, 0])
  })
})

describe('a token bucket', () => {
  test('[SRV-18] allows its burst, then its rate, and tells how long to wait', () => {
    const bucket = new TokenBucket({ perSecond: 2, burst: 3 })
    expect([1, 2, 3].map(() => bucket.take(0))).toEqual([0, 0, 0])
    expect(bucket.take(0)).toBe(500)
    expect(bucket.take(499)).toBe(1)
    expect(bucket.take(500)).toBe(0)
    expect([1, 2, 3, 4].map(() => bucket.take(1_000_000))).toEqual([0, 0, 0, 500])
    // A clock that goes back neither refills nor breaks it.
    expect(bucket.take(999_000)).toBeGreaterThan(0)
  })
})

describe('events', () => {
  const event: SessionEvent = { kind: 'leave', id: 'e1', session: 's', user: 'u', reason: 'left', rooms: [] }

  const eventsOn = (reported: unknown[] = []) => {
    const clock = createVirtualClock()
    const report = (error: unknown) => reported.push(error)
    return { clock, events: createEvents(createHookCaller({ clock, deadlineMs: listenerDeadlineMs, report })) }
  }

  test('[SRV-14] a listener that never ends is reported after a minute, and nobody waits for it any more', async () => {
    const reported: unknown[] = []
    const { clock, events } = eventsOn(reported)
    events.on('leave', () => new Promise(() => {}))
    let isTold = false
    void events.tell(event).then(() => (isTold = true))
    await clock.advance(59_000)
    expect([isTold, reported]).toEqual([false, []])
    await clock.advance(1_000)
    expect([isTold, reported.map(String)]).toEqual([true, ['Error: no answer within 60000 ms']])
  })

  test('[SRV-14] listeners are waited for; one that fails is reported and holds nobody back', async () => {
    const reported: unknown[] = []
    const told: unknown[] = []
    const { events } = eventsOn(reported)
    events.on('leave', async (left) => {
      await Promise.resolve()
      told.push(left)
    })
    events.on('leave', () => {
      throw new Error('at once')
    })
    events.on('leave', () => Promise.reject(new Error('later')))
    events.on('connect', () => void told.push('wrong'))
    await events.tell(event)
    expect(told).toEqual([{ id: 'e1', session: 's', user: 'u', reason: 'left', rooms: [] }])
    expect(reported).toHaveLength(2)
  })

  test('[SRV-14] off ends exactly the listening it came from, and may be called twice', async () => {
    const { events } = eventsOn()
    let count = 0
    const listener = () => {
      count += 1
    }
    const off = events.on('leave', listener)
    events.on('leave', listener)
    off()
    off()
    await events.tell(event)
    expect(count).toBe(1)
  })

  test('[SRV-14] an event that does not exist is named', () => {
    expect(() => eventsOn().events.on('dorp' as 'drop', () => {})).toThrow(/dorp.*connect, drop, resume, leave/)
  })
})
