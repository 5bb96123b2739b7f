import { afterEach, describe, expect, test, vi } from 'vitest'
import { checkNetwork, setUp } from '../../test/support/client-rig.js'
import { createVirtualClock } from '../testing/virtual-clock.js'
import { dialWebSocket, pageFocus, pageOnline, sleepWake } from './browser.js'
import { type ConnectOptions, connect, type Source } from './node.js'

afterEach(() => {
  vi.unstubAllGlobals()
  checkNetwork()
})

function sourceOf() {
  const told = new Set<(isSo: boolean) => void>()
  const source: Source = (tell) => {
    told.add(tell)
    return () => told.delete(tell)
  }
  const tellAll = (isSo: boolean) => {
    for (const tell of [...told]) tell(isSo)
  }
  return { source, told, tell: tellAll }
}

describe('looked at, or not', () => {
  test('[RECON-30] [S27] in the background nothing is dialled when so asked; once when it is looked at again', async () => {
    const rig = await setUp()
    const focus = sourceOf()
    const { session, line } = rig.client('phone', { focusSource: focus.source, dialsInBackground: false })
    await rig.clock.advance(500)
    focus.tell(false)
    await rig.clock.advance(5_000)
    expect(session.status.state).toBe('connected')
    line.cut()
    await rig.clock.advance(600_000)
    expect([line.dialCount, session.status]).toMatchObject([1, { state: 'suspended', reason: 'background' }])
    focus.tell(true)
    await rig.clock.advance(500)
    expect([line.dialCount, session.status.state]).toEqual([2, 'connected'])
    line.down()
    await rig.clock.advance(5_000)
    focus.tell(false)
    const dials = line.dialCount
    await rig.clock.advance(600_000)
    expect(line.dialCount).toBe(dials)
    line.up()
    focus.tell(true)
    await rig.clock.advance(500)
    expect([line.dialCount, session.status.state]).toEqual([dials + 1, 'connected'])
    session.close()
    await rig.clock.settle()
    expect(focus.told.size).toBe(0)
  })

  test('[RECON-30] a page that is loaded in the background waits; who asks for it is not refused', async () => {
    const rig = await setUp()
    const focus = sourceOf()
    const hidden: Source = (tell) => {
      tell(false)
      return focus.source(tell)
    }
    const { session, line } = rig.client('t', { focusSource: hidden, dialsInBackground: false })
    await rig.clock.advance(60_000)
    expect([line.dialCount, session.status.reason]).toEqual([0, 'background'])
    session.retryNow()
    await rig.clock.advance(500)
    expect(session.status.state).toBe('connected')
  })

  test('[RECON-30] [S15] by default a hidden page comes back by itself; shown, a dead link is found at once', async () => {
    const rig = await setUp()
    const focus = sourceOf()
    const { session, line } = rig.client('t', { focusSource: focus.source })
    await rig.clock.advance(500)
    focus.tell(false)
    line.cut()
    await rig.clock.advance(5_000)
    expect(session.status.state).toBe('connected')
    line.link.halfOpen()
    await rig.clock.advance(1_000)
    focus.tell(true)
    await rig.clock.advance(3_500)
    expect([line.dialCount, session.status.state]).toEqual([3, 'connected'])
  })

  test('[RECON-31] [S26] a machine that wakes for three seconds in the dark does not dial; awake, it does', async () => {
    const rig = await setUp()
    const focus = sourceOf()
    const { session, line } = rig.client('book', { focusSource: focus.source })
    await rig.clock.advance(10_000)
    focus.tell(false)
    line.clock.pause()
    await rig.clock.advance(900_000)
    for (let wake = 0; wake < 4; wake++) {
      line.clock.thaw()
      await rig.clock.advance(3_000)
      line.clock.pause()
      await rig.clock.advance(900_000)
    }
    expect(line.dialCount).toBe(1)
    line.clock.thaw()
    await rig.clock.advance(1_000)
    focus.tell(true)
    await rig.clock.advance(4_000)
    expect([line.dialCount, session.status.state]).toEqual([2, 'connected'])
  })

  test('[RECON-31] a hidden page that goes on running dials after five seconds', async () => {
    const rig = await setUp()
    const focus = sourceOf()
    const { session, line } = rig.client('book', { focusSource: focus.source })
    await rig.clock.advance(10_000)
    focus.tell(false)
    line.clock.pause()
    await rig.clock.advance(900_000)
    line.clock.thaw()
    await rig.clock.advance(12_000)
    expect([line.dialCount, session.status.state]).toEqual([2, 'connected'])
  })
})

describe('the network as the machine sees it', () => {
  test('[RECON-32] back online it is dialled at once; offline a link is only looked at', async () => {
    const rig = await setUp()
    const online = sourceOf()
    const { session, line } = rig.client('t', {
      onlineSource: online.source,
      reconnect: { minMs: 20_000, jitter: 0 },
    })
    await rig.clock.advance(10_000)
    online.tell(false)
    await rig.clock.advance(5_000)
    expect([line.dialCount, session.status.state]).toEqual([1, 'connected'])
    line.down()
    await rig.clock.advance(1_000)
    online.tell(false)
    await rig.clock.advance(1_000)
    const dials = line.dialCount
    line.up()
    online.tell(true)
    await rig.clock.advance(500)
    expect([line.dialCount, session.status.state]).toEqual([dials + 1, 'connected'])
    session.close()
    await rig.clock.settle()
    expect(online.told.size).toBe(0)
  })
})

describe('what a browser tells', () => {
  test('[RECON-33] a sleep that the page did not see is told by the wall clock', async () => {
    vi.stubGlobal('document', {})
    const clock = createVirtualClock()
    const page = clock.process()
    const told: string[] = []
    const stop = sleepWake(page)((what) => told.push(what))
    await clock.advance(60_000)
    expect(told).toEqual([])
    page.skew({ wallOffsetMs: 600_000 })
    await clock.advance(5_000)
    expect(told).toEqual(['wake'])
    await clock.advance(60_000)
    expect(told).toEqual(['wake'])
    stop()
    expect(clock.pending).toBe(0)
  })

  test('[RECON-30] visibility and the network are told, now and later, until stopped', () => {
    const document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
    vi.stubGlobal('document', document)
    const told: unknown[] = []
    const stop = pageFocus((isSeen) => told.push(isSeen))
    document.visibilityState = 'hidden'
    document.dispatchEvent(new Event('visibilitychange'))
    stop()
    document.dispatchEvent(new Event('visibilitychange'))
    expect(told).toEqual([true, false])
    const page = new EventTarget()
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
    const heard: unknown[] = []
    const off = pageOnline((isOnline) => heard.push(isOnline))
    for (const name of ['offline', 'online']) page.dispatchEvent(new Event(name))
    off()
    page.dispatchEvent(new Event('offline'))
    expect(heard).toEqual([false, true])
  })

  test('[RECON-34] [S16] sockets on which closing has no effect are abandoned, and nothing hangs on them', async () => {
    const open: FrozenSocket[] = []
    class FrozenSocket {
      static readonly OPEN = 1
      readonly readyState = 1
      readonly bufferedAmount = 0
      binaryType = ''
      onopen: (() => void) | null = null
      onmessage: ((event: { data: string }) => void) | null = null
      onclose: ((event: { code: number; reason: string }) => void) | null = null
      sentCount = 0
      constructor() {
        open.push(this)
        queueMicrotask(() => this.onopen?.())
      }
      send() {
        this.sentCount += 1
      }
      close() {}
    }
    vi.stubGlobal('WebSocket', FrozenSocket)
    const clock = createVirtualClock()
    let tell = (_: 'freeze' | 'thaw') => {}
    const options: ConnectOptions = {
      clock,
      dial: dialWebSocket,
      wake: [
        (listener) => {
          tell = listener
          return () => {}
        },
      ],
    }
    const session = connect('ws://frozen.test', options)
    for (let cycle = 0; cycle < 20; cycle++) {
      await clock.advance(300)
      tell('freeze')
      await clock.advance(60_000)
      tell('thaw')
    }
    await clock.advance(300)
    expect([open.length, session.status.state]).toEqual([21, 'connecting'])
    const hanging = open.filter(({ onopen, onmessage, onclose }) => onopen ?? onmessage ?? onclose)
    expect(hanging).toHaveLength(1)
    // A socket that speaks after all says it to nobody.
    expect(open.map(({ sentCount }) => sentCount)).toEqual(open.map(() => 1))
    session.close()
    await clock.advance(60_000)
    expect([open.length, clock.pending]).toEqual([21, 0])
  })
})

describe('what connect takes', () => {
  const cases: readonly [ConnectOptions, string][] = [
    [{ connectTimeoutMs: 0 }, 'connectTimeoutMs a number from 1; 0 came'],
    [{ connectTimeoutMs: Number.NaN }, 'connectTimeoutMs a number from 1; NaN came'],
    [{ minUptimeMs: -1 }, 'minUptimeMs a number from 0; -1 came'],
    [{ reconnect: { jitter: 2 } }, 'reconnect.jitter a number from 0 to 1; 2 came'],
    [{ reconnect: { attemptsMax: 0 } }, 'reconnect.attemptsMax a number from 1; 0 came'],
    [{ outbox: { itemsMax: 0 } }, 'outbox.itemsMax a number from 1; 0 came'],
    [{ outbox: { ageMs: '7d' as unknown as number } }, 'outbox.ageMs a number from 1; "7d" came'],
    [{ health: { lostMs: -5 } }, 'health.lostMs a number from 0; -5 came'],
  ]
  for (const [options, message] of cases) {
    test(`[STAT-5] ${message}`, () => {
      expect(() => connect('ws://server.test', options)).toThrow(new TypeError(`connect takes as ${message}`))
    })
  }
})
