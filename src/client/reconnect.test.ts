import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Backoff, backoffOf } from './backoff.js'
import { next } from './reconnect.js'
import {
  dueMs,
  type Effect,
  type Ended,
  type Event,
  initial,
  linkOf,
  type Moment,
  type Settings,
  type State,
} from './reconnect-state.js'

const settingsOf = (given: Partial<Backoff> = {}, more: Partial<Settings> = {}): Settings => ({
  ...backoffOf(given),
  isAutomatic: true,
  connectTimeoutMs: 10_000,
  dialsInBackground: true,
  minUptimeMs: 5_000,
  ...more,
})

/** Plays events at moments and keeps what came of them. */
function machine(settings: Settings = settingsOf(), fraction = 0.5) {
  let state: State = initial
  const heard = { heardAtMs: 0, heardCount: 0, progressCount: 0 }
  const self = {
    nowMs: 1_000,
    effects: [] as Effect[],
    get state() {
      return state
    },
    get dial() {
      return state.trail.dial
    },
    tell(event: Event) {
      const now: Moment = { nowMs: self.nowMs, fraction, ...heard }
      const after = next(state, event, now, settings)
      state = after.state
      self.effects.push(...after.effects)
      return self
    },
    hear(isProgress = false) {
      heard.heardAtMs = self.nowMs
      heard.heardCount += 1
      if (isProgress) heard.progressCount += 1
      return self
    },
    /** Time goes on; ticks come when they are due, `lateMs` late. */
    pass(ms: number, lateMs = 0) {
      const endMs = self.nowMs + ms
      for (let due = dueMs(state); due !== null && due + lateMs <= endMs; due = dueMs(state)) {
        self.nowMs = Math.max(self.nowMs, due + lateMs)
        self.tell({ type: 'tick' })
      }
      self.nowMs = endMs
      return self
    },
    prepared: () => self.tell({ type: 'prepared', dial: self.dial }),
    opened: () => self.tell({ type: 'opened', dial: self.dial }),
    welcomed(spreadMs = 0) {
      self.hear()
      return self.tell({ type: 'welcomed', dial: self.dial, everyMs: 25_000, timeoutMs: 10_000, spreadMs })
    },
    live: () => self.hear(true).tell({ type: 'live', dial: self.dial }),
    connect: (spreadMs = 0) => self.prepared().opened().welcomed(spreadMs).live(),
    end(given: Partial<Ended>) {
      const ended = { code: 1006, reason: 'cut', mayRetry: true, afterMs: null, ...given }
      return self.tell({ ...ended, type: 'ended', dial: self.dial })
    },
    /** What was done since the last time somebody asked. */
    done() {
      const names = self.effects.map((effect) => effect.do)
      self.effects = []
      return names
    },
    waitMs: () => (dueMs(state) ?? Number.NaN) - self.nowMs,
    /** Waits until the next dial is under way. */
    redial: () => ('step' in state && state.step.step === 'waiting' ? self.pass(self.waitMs()) : self),
    sleep: (ms: number) => Object.assign(self, { nowMs: self.nowMs + ms }).tell({ type: 'tick' }),
  }
  return self
}

const started = (settings?: Settings, fraction?: number) => machine(settings, fraction).tell({ type: 'start' })
const live = (settings?: Settings, fraction?: number) => started(settings, fraction).connect()

describe('one dial', () => {
  test('[RECON-5] a dial is prepared, opened, greeted and welcomed, in this order', () => {
    const it = started()
    expect(it.state.state).toBe('connecting')
    expect(it.done()).toEqual(['prepare'])
    expect(it.prepared().done()).toEqual(['open'])
    expect(it.opened().done()).toEqual(['greet'])
    expect(it.welcomed().done()).toEqual([])
    expect(it.state.state).toBe('connected')
  })

  test('[RECON-6] events of an older dial change nothing', () => {
    const it = started()
    it.prepared().opened().end({}).pass(1_000)
    expect(it.dial).toBe(2)
    const before = it.state
    for (const type of ['prepared', 'opened', 'live'] as const) it.tell({ type, dial: 1 })
    it.tell({ type: 'welcomed', dial: 1, everyMs: 1, timeoutMs: 1, spreadMs: 0 })
    it.tell({ type: 'ended', dial: 1, code: 4400, reason: 'superseded', mayRetry: false, afterMs: null })
    expect(it.state).toBe(before)
  })

  const hangs = [
    { at: 'the token', play: (it: ReturnType<typeof machine>) => it, does: ['prepare'], reason: 'auth-failed' },
    {
      at: '[S9] the open',
      play: (it: ReturnType<typeof machine>) => it.prepared(),
      does: ['prepare', 'open', 'abandon'],
    },
    {
      at: '[S9] the welcome',
      play: (it: ReturnType<typeof machine>) => it.prepared().opened(),
      does: ['prepare', 'open', 'greet', 'abandon'],
    },
  ]
  for (const { at, play, does, reason = 'connect-timeout' } of hangs) {
    test(`[RECON-7] ${at} that never comes is given up after the connect timeout`, () => {
      const it = play(started()).pass(10_000)
      expect(it.done()).toEqual(does)
      expect(it.state).toMatchObject({ state: 'connecting', reason, step: { step: 'waiting' } })
    })
  }

  test('[RECON-7] [S5] a timer that is late by a sleep gives the handshake one more chance', () => {
    const it = started().prepared().sleep(60_000)
    expect(it.state).toMatchObject({ step: { step: 'dialling' } })
    it.opened().welcomed()
    expect(it.state.state).toBe('connected')
    const lost = started().prepared().sleep(60_000).pass(2_500)
    expect(lost.state).toMatchObject({ reason: 'connect-timeout', step: { step: 'waiting' } })
  })

  test('[RECON-8] two dials never start within 250 ms, whatever is asked', () => {
    const it = started()
    it.prepared().opened().end({ code: 4000, afterMs: 0 }).tell({ type: 'retry-now' })
    expect(it.waitMs()).toBe(250)
    it.tell({ type: 'retry-now' }).tell({ type: 'wake' })
    expect(it.waitMs()).toBe(250)
  })
})

describe('coming back', () => {
  test('[RECON-9] five steady dials 5 s apart, then reconnect-failed; retryNow comes back', () => {
    const it = started(settingsOf({ attemptsMax: 5, minMs: 5_000, jitter: 0 }))
    const dialledAt: number[] = []
    for (let guard = 0; guard < 20 && it.state.state === 'connecting'; guard++) {
      if (it.done().includes('prepare')) dialledAt.push(it.nowMs)
      it.prepared().end({})
      it.pass(Math.max(0, it.waitMs()))
    }
    expect(dialledAt).toEqual([1_000, 6_000, 11_000, 16_000, 21_000])
    expect(it.state).toMatchObject({ state: 'suspended', reason: 'reconnect-failed' })
    it.done()
    for (const type of ['wake', 'thaw', 'start', 'tick'] as const) it.tell({ type })
    expect(it.state.state).toBe('suspended')
    it.pass(1_000).tell({ type: 'retry-now' })
    expect(it.done()).toEqual(['prepare'])
    expect(it.state.trail.failures).toBe(0)
  })

  test('[RECON-10] [S12] the back-off grows while the link flaps, and starts anew after minUptimeMs of being live', () => {
    const flapping = live(settingsOf(), 0.999)
    const waits: number[] = []
    for (let flap = 0; flap < 4; flap++) {
      flapping.pass(4_900).end({})
      waits.push(Math.round(flapping.waitMs() / 100) * 100)
      flapping.redial().connect()
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000])
    flapping.pass(5_000).done()
    expect(flapping.end({}).done()).toEqual(['abandon', 'prepare'])
  })

  test('[RECON-10] a welcome that never went live is no uptime', () => {
    const it = started().prepared().opened().welcomed().pass(30_000)
    expect(it.hear().end({}).state.trail.failures).toBe(1)
  })

  const ends: readonly { name: string; end: Partial<Ended>; gives: object; does: readonly string[]; wait?: number }[] =
    [
      { name: 'drain with a slot', end: { code: 4000, afterMs: 1_200 }, gives: {}, does: ['abandon'], wait: 1_200 },
      { name: 'moved', end: { code: 4001 }, gives: {}, does: ['abandon', 'prepare'] },
      { name: 'overloaded', end: { code: 4100, afterMs: 7_000 }, gives: {}, does: ['abandon'], wait: 7_000 },
      { name: 'absurd afterMs', end: { code: 4100, afterMs: 9e15 }, gives: {}, does: ['abandon'], wait: 300_000 },
      { name: 'session-invalid', end: { code: 4200 }, gives: {}, does: ['abandon', 'renew', 'prepare'] },
      { name: '[S82] token-expired', end: { code: 4300 }, gives: {}, does: ['abandon', 'prepare'] },
      {
        name: '[S28] superseded',
        end: { code: 4400, reason: 'superseded' },
        gives: { reason: 'superseded' },
        does: ['abandon', 'stopped'],
      },
      {
        name: '[S80] revoked',
        end: { code: 4405, reason: 'revoked' },
        gives: { reason: 'revoked' },
        does: ['abandon', 'stopped'],
      },
      {
        name: '[S44] unsupported-version',
        end: { code: 4502, reason: 'v' },
        gives: { reason: 'v' },
        does: ['abandon', 'stopped'],
      },
      { name: 'bad frame', end: { code: 4500, reason: 'b' }, gives: { reason: 'b' }, does: ['abandon', 'stopped'] },
      {
        name: 'no retry',
        end: { code: 4000, mayRetry: false, reason: 'x' },
        gives: { reason: 'x' },
        does: ['abandon', 'stopped'],
      },
      { name: 'a break', end: { code: 1006 }, gives: {}, does: ['abandon', 'prepare'] },
      { name: 'an unknown code', end: { code: 4999 }, gives: {}, does: ['abandon', 'prepare'] },
    ]
  for (const { name, end, gives, does, wait } of ends) {
    test(`[RECON-11] after ${name} the client does what the code says`, () => {
      const it = live().pass(6_000)
      it.done()
      it.end(end)
      expect(it.done()).toEqual(does)
      expect(it.state).toMatchObject({ state: does.includes('stopped') ? 'suspended' : 'reconnecting', ...gives })
      if (wait !== undefined) expect(it.waitMs()).toBe(wait)
    })
  }

  test('[RECON-11] [S10] what a captive portal answers to the upgrade is never final', () => {
    for (const code of [1002, 1008, 4400, 4502]) {
      expect(started().prepared().end({ code }).state.state).toBe('connecting')
    }
  })

  test('[RECON-12] [A69] a server that always says "at once" is dialled with back-off', () => {
    const it = live(settingsOf(), 0.999)
    let dials = 0
    const endMs = it.nowMs + 60_000
    while (it.nowMs < endMs) {
      it.end({ code: 4000, afterMs: 0 }).redial().connect()
      dials += 1
    }
    expect(dials).toBeLessThan(12)
  })

  test('[RECON-13] [S78] a token that cannot be had is asked for with back-off, and nothing is opened', () => {
    const it = started(settingsOf({ jitter: 0, minMs: 1_000, factor: 2 }))
    for (const waitMs of [1_000, 2_000, 4_000]) {
      it.tell({ type: 'unprepared', dial: it.dial, reason: 'auth-failed', isFinal: false })
      expect(it.waitMs()).toBe(waitMs)
      it.pass(waitMs)
    }
    expect(it.done()).toEqual(['prepare', 'prepare', 'prepare', 'prepare'])
  })

  test('[RECON-13] [S79] signed out is final until the user acts', () => {
    const it = started().tell({ type: 'unprepared', dial: 1, reason: 'signed-out', isFinal: true })
    expect(it.state).toMatchObject({ state: 'suspended', reason: 'signed-out' })
    expect(it.tell({ type: 'wake' }).state.state).toBe('suspended')
  })

  test('[RECON-14] reconnect: false dials once, and again only when told', () => {
    const it = live(settingsOf({}, { isAutomatic: false })).pass(60_000)
    it.hear().end({})
    expect(it.state).toMatchObject({ state: 'suspended', reason: 'reconnect-failed' })
    expect(it.tell({ type: 'retry-now' }).state).toMatchObject({ state: 'reconnecting', step: { step: 'preparing' } })
  })
})

describe('waking up', () => {
  test('[RECON-15] a wake signal dials at once, but not before the server allows', () => {
    const it = live().pass(6_000).end({ code: 4100, afterMs: 9_000 }).pass(1_000)
    it.tell({ type: 'wake' })
    expect(it.waitMs()).toBe(8_000)
    const waiting = started().prepared().opened().end({}).pass(100)
    waiting.done()
    expect(waiting.tell({ type: 'wake' }).waitMs()).toBe(150)
    expect(waiting.pass(150).done()).toEqual(['prepare'])
  })

  test('[RECON-15] retryNow does not wait for what the server asked', () => {
    const it = live().pass(6_000).end({ code: 4100, afterMs: 9_000 }).pass(1_000)
    it.done()
    expect(it.tell({ type: 'retry-now' }).done()).toEqual(['prepare'])
  })

  test('[RECON-16] [S22] after disconnect() nothing but retryNow dials', () => {
    const it = live().tell({ type: 'disconnect' })
    it.done()
    for (const type of ['wake', 'freeze', 'thaw', 'tick', 'start', 'wake'] as const) it.tell({ type })
    expect(it.done()).toEqual([])
    expect(it.state).toMatchObject({ state: 'suspended', reason: 'disconnected' })
    expect(it.pass(1_000).tell({ type: 'retry-now' }).done()).toEqual(['prepare'])
  })

  test('[RECON-17] [S3] a wake signal on a dead link finds it within 2.5 s', () => {
    const it = live().pass(10_000)
    it.done()
    it.tell({ type: 'wake' })
    expect(it.done()).toEqual(['beat'])
    it.tell({ type: 'wake' })
    expect(it.done()).toEqual([])
    it.pass(2_500)
    expect(it.done()).toEqual(['abandon', 'prepare'])
    expect(it.state).toMatchObject({ state: 'reconnecting', reason: 'probe-failed' })
  })

  test('[RECON-17] any frame answers the probe', () => {
    const it = live().pass(10_000).tell({ type: 'wake' }).pass(100).hear().pass(5_000)
    expect(it.state.state).toBe('connected')
  })

  test('[RECON-18] [S17] a frozen page gives up its link and dials once when it is shown again', () => {
    const it = live().pass(6_000)
    it.done()
    expect(it.tell({ type: 'freeze' }).done()).toEqual(['abandon'])
    expect(it.state).toMatchObject({ state: 'suspended', reason: 'frozen' })
    expect(it.tell({ type: 'wake' }).done()).toEqual([])
    expect(it.tell({ type: 'thaw' }).tell({ type: 'thaw' }).tell({ type: 'wake' }).done()).toEqual(['prepare'])
  })
})

describe('beats', () => {
  test('[RECON-19] beats go out every interval, from a random phase', () => {
    const it = live(settingsOf(), 0.25)
    it.done()
    const beats: number[] = []
    const startMs = it.nowMs
    while (it.nowMs < startMs + 100_000) {
      it.pass(1).hear()
      if (it.done().includes('beat')) beats.push(it.nowMs - startMs)
    }
    expect(beats).toEqual([6_250, 31_250, 56_250, 81_250])
  })

  test('[RECON-19] [S15] a beat that a throttled timer left out goes with the server’s own', () => {
    const it = live(settingsOf(), 0.5)
    it.done()
    it.nowMs += 13_000
    expect(it.hear().tell({ type: 'beaten', dial: 1, everyMs: 25_000 }).done()).toEqual(['beat'])
    expect(it.hear().tell({ type: 'beaten', dial: 1, everyMs: 25_000 }).done()).toEqual([])
  })

  test('[RECON-20] [S7] silence of everyMs + timeoutMs is death', () => {
    const it = live()
    it.pass(34_999)
    expect(it.state.state).toBe('connected')
    it.pass(1)
    expect(it.state).toMatchObject({ state: 'reconnecting', reason: 'heartbeat-lost' })
  })

  test('[RECON-20] the server’s beat tells the interval in force', () => {
    const it = live().hear().tell({ type: 'beaten', dial: 1, everyMs: 100_000 }).pass(109_000)
    expect(it.state.state).toBe('connected')
    expect(it.pass(1_000).state.state).toBe('reconnecting')
  })

  test('[RECON-21] [S4] a timer that slept two minutes asks before it judges', () => {
    const alive = live()
    alive.done()
    alive.sleep(120_000)
    expect(alive.done()).toEqual(['beat'])
    expect(alive.pass(5).hear().pass(10_000).state.state).toBe('connected')
    const dead = live().sleep(120_000).pass(2_500)
    expect(dead.state).toMatchObject({ state: 'reconnecting', reason: 'probe-failed' })
  })

  test('[RECON-21] timers that are always late still come to a judgement', () => {
    expect(live().pass(300_000, 60_000).state.state).toBe('reconnecting')
  })

  test('[RECON-22] two watchdog deaths without progress double the watchdog, up to five minutes', () => {
    const it = started()
    const lifeMs: number[] = []
    for (let death = 0; death < 12; death++) {
      it.prepared().opened().welcomed()
      const fromMs = it.nowMs
      while (it.state.state === 'connected') it.pass(500)
      lifeMs.push(it.nowMs - fromMs)
      it.redial()
    }
    expect(lifeMs.map((ms) => Math.round(ms / 1_000))).toEqual([35, 35, 70, 70, 140, 140, 280, 280, 300, 300, 300, 300])
  })

  test('[RECON-22] a link that was live counts anew', () => {
    const it = started()
    for (let death = 0; death < 6; death++) {
      it.connect()
      const fromMs = it.nowMs
      while (it.state.state === 'connected') it.pass(500)
      expect(it.nowMs - fromMs).toBe(35_000)
      it.redial()
    }
  })

  test('[RECON-23] [A69] intervals of a hostile server are bounded', () => {
    const it = started().prepared().opened()
    it.tell({ type: 'welcomed', dial: 1, everyMs: 0, timeoutMs: 0, spreadMs: 9e15 })
    it.done()
    it.pass(199)
    expect(it.done().length).toBeLessThan(3)
    const slow = started().prepared().opened()
    slow.tell({ type: 'welcomed', dial: 1, everyMs: 9e15, timeoutMs: 9e15, spreadMs: 9e15 }).pass(300_000)
    expect(slow.state.state).toBe('reconnecting')
    expect(slow.waitMs()).toBeLessThanOrEqual(300_000)
  })
})

test('[RECON-24] after close nothing happens', () => {
  const it = live().tell({ type: 'close', reason: 'closed' })
  expect(it.done().at(-1)).toBe('abandon')
  for (const type of ['start', 'wake', 'retry-now', 'thaw', 'freeze', 'disconnect', 'tick'] as const) it.tell({ type })
  expect(it.done()).toEqual([])
  expect(it.state).toMatchObject({ state: 'closed', reason: 'closed' })
})

describe('any events in any order', () => {
  const dial = fc.integer({ min: -1, max: 0 })
  const ms = fc.oneof(fc.nat(60_000), fc.nat())
  const code = fc.constantFrom(1000, 1001, 1006, 1008, 4000, 4100, 4200, 4300, 4400, 4500)
  const step = fc.oneof(
    fc.record({ type: fc.constantFrom('start', 'tick', 'wake', 'freeze', 'thaw', 'retry-now', 'disconnect') }),
    fc.record({ type: fc.constantFrom('prepared', 'opened', 'live'), dial }),
    fc.record({
      type: fc.constantFrom('prepared', 'opened', 'welcomed', 'live'),
      dial: fc.constant(0),
      everyMs: ms,
      timeoutMs: ms,
      spreadMs: ms,
    }),
    fc.record({ type: fc.constant('unprepared'), dial, reason: fc.constant('r'), isFinal: fc.boolean() }),
    fc.record({ type: fc.constant('beaten'), dial, everyMs: ms }),
    fc.record({
      type: fc.constant('ended'),
      dial,
      code,
      reason: fc.constant('r'),
      mayRetry: fc.boolean(),
      afterMs: fc.option(ms),
    }),
    fc.record({ type: fc.constant('hear') }),
    fc.record({ type: fc.constant('pass'), ms }),
  )

  test('[RECON-25] never two links, always a timer or an end', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (steps, fraction) => {
          const it = machine(settingsOf({ attemptsMax: 6 }), fraction)
          let link: number | null = null
          let lastDialMs = -Infinity
          for (const given of steps) {
            if (given.type === 'hear') it.hear()
            else if ('ms' in given) it.sleep(Math.min(given.ms, 1e6))
            else it.tell({ ...given, ...('dial' in given ? { dial: it.dial + given.dial } : {}) } as unknown as Event)
            for (const effect of it.effects) {
              if (effect.do === 'open') {
                expect(link).toBeNull()
                link = effect.dial
              }
              if (effect.do === 'abandon') {
                expect(link).not.toBeNull()
                link = null
              }
              if (effect.do === 'prepare') {
                expect(it.nowMs - lastDialMs).toBeGreaterThanOrEqual(250)
                lastDialMs = it.nowMs
              }
            }
            it.effects = []
            expect(linkOf(it.state)).toBe(link)
            const isDown = ['idle', 'suspended', 'closed'].includes(it.state.state)
            expect(dueMs(it.state) === null).toBe(isDown)
            expect(Number.isFinite(dueMs(it.state) ?? 0)).toBe(true)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
