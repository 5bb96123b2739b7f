import { afterEach, describe, expect, test } from 'vitest'
import { checkNetwork, hear, kinds, settle, setUp } from '../../test/support/client-rig.js'
import { createOutboxDisk, openOutboxDisk } from '../testing/memory-outbox.js'
import { memoryStorage, type Room } from './node.js'

afterEach(checkNetwork)

type Rig = Awaited<ReturnType<typeof setUp>>

/** Pages of one browser profile: each load is a new client object on a line of its own, over the same disk. */
function profileOf(rig: Rig, disk = createOutboxDisk()) {
  const profile = memoryStorage().profile
  const tabs = new Map<string, ReturnType<typeof memoryStorage>['session']>()
  let loads = 0
  const load = (tab: string, more: Parameters<Rig['client']>[1] & { isOffline?: boolean; delayMs?: number } = {}) => {
    loads += 1
    const name = `${tab}.${loads}`
    const { isOffline = false, delayMs = 0, ...options } = more
    const line = rig.network.line(name)
    if (isOffline) line.down()
    const session = tabs.get(tab) ?? memoryStorage().session
    tabs.set(tab, session)
    const outbox = openOutboxDisk(disk, { clock: line.clock, delayMs: () => delayMs })
    let tell = (_: 'wake' | 'freeze' | 'thaw') => {}
    const page = rig.client(name, {
      storage: { session, profile, outbox, kind: 'persistent' },
      wake: [
        (told) => {
          tell = told
          return () => {}
        },
      ],
      ...options,
    })
    const changes: string[] = []
    page.session.on('publish', (change) => changes.push(`${change.mark} ${change.state}`))
    return {
      ...page,
      changes,
      tell: (what: 'wake' | 'freeze' | 'thaw') => tell(what),
      crash() {
        outbox.die()
        line.down({ client: 'never' })
        line.clock.kill()
      },
    }
  }
  return { disk, load }
}

const publishAll = (room: Room, marks: readonly string[]) =>
  marks.map((mark) => settle(room.publish({ mark }, { mark })))
const waiting = (session: { outbox: { list(): readonly { mark: string; state: string; isAdopted: boolean }[] } }) =>
  session.outbox.list().map(({ mark, state, isAdopted }) => `${mark} ${state}${isAdopted ? ' adopted' : ''}`)
const marksOf = async (rig: Rig, room = 'a') => {
  const reader = rig.client(`reader ${Math.round(rig.clock.nowMs())} ${room}`)
  const marks: string[] = []
  reader.session.join(room, { last: 1_000 }).on('entry', ({ mark }) => marks.push(mark ?? ''))
  await rig.clock.advance(500)
  reader.session.close()
  return marks
}

describe('a page that comes back', () => {
  test('[OUT-20] [S73] what was published offline survives the reload, is shown, and arrives once', async () => {
    const rig = await setUp()
    const { load, disk } = profileOf(rig)
    const first = load('t', { isOffline: true })
    publishAll(first.session.join('a'), ['x', 'y'])
    await rig.clock.advance(100)
    expect([...disk.items.values()].map(({ mark, again, user }) => [mark, again, user])).toEqual([
      ['x', false, null],
      ['y', false, null],
    ])
    first.crash()
    const second = load('t', { isOffline: true })
    await rig.clock.advance(100)
    expect(waiting(second.session)).toEqual(['x pending adopted', 'y pending adopted'])
    expect(second.session.outbox.list()[0]?.data).toEqual({ mark: 'x' })
    expect(second.changes).toEqual(['x sending', 'y sending'])
    const heard = hear(second.session.join('a', { last: 10 }))
    publishAll(second.session.join('a'), ['z'])
    second.line.up()
    await rig.clock.advance(30_000)
    expect(heard).toEqual([{ mark: 'x' }, { mark: 'y' }, { mark: 'z' }])
    expect(second.changes.slice(3)).toEqual(['x kept', 'y kept', 'z kept'])
    expect([...disk.items.keys()]).toEqual([])
    expect([await marksOf(rig), second.session.outbox.storage]).toEqual([['x', 'y', 'z'], 'persistent'])
  })

  test('[OUT-20] [I20] what is taken over for a room that denies this page fails, and does not wait for ever', async () => {
    const rig = await setUp({ rooms: { a: { canJoin: () => false } } })
    const { load, disk } = profileOf(rig)
    const living = load('t')
    living.session.join('a')
    const dead = load('u', { isOffline: true })
    publishAll(dead.session.join('a'), ['x'])
    await rig.clock.advance(100)
    dead.crash()
    await rig.clock.advance(70_000)
    expect(living.changes).toEqual(['x sending', 'x failed'])
    expect([waiting(living.session), [...disk.items.keys()]]).toEqual([[], []])
  })

  test('[OUT-21] what is published live leaves before it is stored, and is stored as sent', async () => {
    const rig = await setUp()
    const { load, disk } = profileOf(rig)
    const page = load('t')
    const room = page.session.join('a')
    await rig.clock.advance(500)
    disk.isHanging = true
    const results = publishAll(room, ['x'])
    await rig.clock.advance(100)
    expect(kinds(results)).toEqual(['kept'])
    disk.isHanging = false
  })

  test('[OUT-21] cut off behind the server, it is sent again as the same item by the next page', async () => {
    const rig = await setUp()
    const { load, disk } = profileOf(rig)
    const page = load('t')
    const room = page.session.join('a')
    await rig.clock.advance(500)
    page.line.link.halfOpen('down')
    publishAll(room, ['x', 'y'])
    await rig.clock.advance(100)
    expect([...disk.items.values()].map(({ again, sentAfter }) => [again, sentAfter?.offset])).toEqual([
      [true, 0],
      [true, 0],
    ])
    page.crash()
    const next = load('t')
    await rig.clock.advance(60_000)
    expect(next.changes).toEqual(['x sending', 'y sending', 'x kept', 'y kept'])
    expect(await marksOf(rig)).toEqual(['x', 'y'])
  })

  test('[OUT-22] nothing made offline leaves before all of it is stored as sent, in one step', async () => {
    const rig = await setUp()
    const { load, disk } = profileOf(rig)
    const page = load('t')
    const room = page.session.join('a')
    await rig.clock.advance(500)
    page.line.down()
    await rig.clock.advance(1_000)
    publishAll(room, ['x', 'y', 'z'])
    await rig.clock.advance(100)
    disk.isHanging = true
    page.line.up()
    // Nothing is answered by the storage: for less than its patience nothing is sent.
    await rig.clock.advance(1_000)
    expect(await marksOf(rig)).toEqual([])
    disk.isHanging = false
    await rig.clock.advance(30_000)
    expect(await marksOf(rig)).toEqual(['x', 'y', 'z'])
  })

  test('[OUT-23] [S73] of several pages none sends what another living one has', async () => {
    const rig = await setUp()
    const { load } = profileOf(rig)
    const tabs = ['t1', 't2', 't3'].map((name) => load(name, { isOffline: true }))
    for (const [index, tab] of tabs.entries()) {
      publishAll(tab.session.join('a'), [`x${index}`, `y${index}`])
      await rig.clock.advance(1)
    }
    await rig.clock.advance(200)
    expect(tabs.map(({ session }) => waiting(session).length)).toEqual([2, 2, 2])
    tabs[0]?.crash()
    tabs[1]?.crash()
    const heir = load('t4', { isOffline: true })
    await rig.clock.advance(200)
    expect(waiting(heir.session).map((line) => line.slice(0, 2))).toEqual(['x0', 'y0', 'x1', 'y1'])
    const results = publishAll(heir.session.join('a'), ['own'])
    for (const { line } of [tabs[2] ?? heir, heir]) line.up()
    await rig.clock.advance(30_000)
    const marks = await marksOf(rig)
    expect([...marks].sort()).toEqual(['own', 'x0', 'x1', 'x2', 'y0', 'y1', 'y2'])
    expect(marks.filter((mark) => !mark.endsWith('2'))).toEqual(['x0', 'y0', 'x1', 'y1', 'own'])
    expect(kinds(results)).toEqual(['kept'])
  })

  test('[OUT-23] a welcome that comes while the storage is read does not keep anything from being taken over', async () => {
    for (const delayMs of [1, 3, 5, 8, 13, 21, 40]) {
      const rig = await setUp()
      const { load } = profileOf(rig)
      const pages = ['one', 'two', 'three'].map((mark) => ({ mark, ...load('t', { isOffline: true }) }))
      for (const { mark, session } of pages) {
        publishAll(session.join('a'), [mark])
        await rig.clock.advance(10)
      }
      for (const { crash } of pages) crash()
      const next = load('t', { delayMs })
      publishAll(next.session.join('a'), ['four'])
      await rig.clock.advance(5_000)
      expect([delayMs, await marksOf(rig)]).toEqual([delayMs, ['one', 'two', 'three', 'four']])
      checkNetwork()
    }
  })

  test('[OUT-23] a living page picks up what one that died has left', async () => {
    const rig = await setUp()
    const { load } = profileOf(rig)
    const one = load('t1')
    await rig.clock.advance(500)
    const other = load('t2', { isOffline: true })
    publishAll(other.session.join('b'), ['x'])
    await rig.clock.advance(500)
    other.crash()
    // Nobody was welcomed in that page; but a guest is the same in all of them.
    await rig.clock.advance(60_000)
    expect(await marksOf(rig, 'b')).toEqual(['x'])
    const third = load('t3')
    const room = third.session.join('b')
    await rig.clock.advance(500)
    third.line.down()
    await rig.clock.advance(1_000)
    publishAll(room, ['y'])
    await rig.clock.advance(500)
    third.crash()
    await rig.clock.advance(60_000)
    expect(await marksOf(rig, 'b')).toEqual(['x', 'y'])
    expect(one.changes).toEqual(['x sending', 'x kept', 'y sending', 'y kept'])
  })
})

describe('who sends what', () => {
  const asUser = (user: string) => ({ auth: () => Promise.resolve(user) })
  const byToken = { authenticate: async (token: string | null) => ({ user: token ?? 'reader' }) }

  test('[OUT-24] another user in the same tab sends nothing of the one before', async () => {
    const rig = await setUp(byToken)
    const { load, disk } = profileOf(rig)
    const page = load('t', asUser('ann'))
    const room = page.session.join('a')
    await rig.clock.advance(500)
    page.line.link.halfOpen('down')
    publishAll(room, ['sent'])
    await rig.clock.advance(100)
    page.line.down()
    await rig.clock.advance(1_000)
    publishAll(room, ['made'])
    await rig.clock.advance(100)
    page.crash()
    const next = load('t', asUser('bob'))
    await rig.clock.advance(5_000)
    expect(next.session.user).toBe('bob')
    expect(next.changes).toEqual(['sent sending', 'made sending', 'sent failed', 'made failed'])
    expect(disk.items.size).toBe(0)
    expect(await marksOf(rig)).toEqual(['sent'])
  })

  test('[OUT-24] in another tab it waits for its user', async () => {
    const rig = await setUp(byToken)
    const { load, disk } = profileOf(rig)
    const page = load('t', asUser('ann'))
    const room = page.session.join('a')
    await rig.clock.advance(500)
    page.line.down()
    await rig.clock.advance(1_000)
    publishAll(room, ['x'])
    await rig.clock.advance(100)
    page.crash()
    const bob = load('t2', asUser('bob'))
    await rig.clock.advance(5_000)
    expect([bob.changes, disk.items.size]).toEqual([[], 1])
    bob.session.close()
    const ann = load('t3', asUser('ann'))
    await rig.clock.advance(5_000)
    expect([ann.changes, disk.items.size]).toEqual([['x sending', 'x kept'], 0])
  })

  test('[OUT-24] what was published before anybody was welcomed goes with the first user of that tab, with no other', async () => {
    const rig = await setUp(byToken)
    const { load } = profileOf(rig)
    const bob = load('t2', asUser('bob'))
    await rig.clock.advance(500)
    const page = load('t', { ...asUser('ann'), isOffline: true })
    publishAll(page.session.join('a'), ['x'])
    await rig.clock.advance(100)
    page.crash()
    await rig.clock.advance(60_000)
    expect(bob.changes).toEqual([])
    const ann = load('t', asUser('ann'))
    await rig.clock.advance(5_000)
    expect(ann.changes).toEqual(['x sending', 'x kept'])
  })

  test('[OUT-25] a session that is closed leaves what waits to the next page; one that is left takes it along', async () => {
    const rig = await setUp()
    const { load, disk } = profileOf(rig)
    const page = load('t')
    const room = page.session.join('a')
    await rig.clock.advance(500)
    page.line.down()
    await rig.clock.advance(1_000)
    const results = publishAll(room, ['x'])
    await rig.clock.advance(100)
    page.session.close()
    await rig.clock.advance(100)
    expect(kinds(results)).toEqual(['handed-on'])
    const next = load('t', { isOffline: true })
    await rig.clock.advance(100)
    expect(waiting(next.session)).toEqual(['x pending adopted'])
    void next.session.leave()
    await rig.clock.advance(5_000)
    expect([next.changes, disk.items.size]).toEqual([['x sending', 'x failed'], 0])
  })

  test('[OUT-26] [S17] a page from the back-forward cache goes on with what nobody took', async () => {
    const rig = await setUp()
    const { load } = profileOf(rig)
    const page = load('t')
    const room = page.session.join('a')
    await rig.clock.advance(500)
    page.line.down()
    await rig.clock.advance(1_000)
    const results = publishAll(room, ['x'])
    await rig.clock.advance(100)
    page.tell('freeze')
    await rig.clock.advance(60_000)
    page.line.up()
    page.tell('thaw')
    results.push(...publishAll(room, ['y']))
    await rig.clock.advance(5_000)
    expect(kinds(results)).toEqual(['kept', 'kept'])
    expect(await marksOf(rig)).toEqual(['x', 'y'])
  })

  test('[OUT-26] a page that is asked to dial runs: nothing waits for a thaw that does not come', async () => {
    const rig = await setUp()
    const page = profileOf(rig).load('t')
    const room = page.session.join('a')
    await rig.clock.advance(500)
    page.tell('freeze')
    const results = publishAll(room, ['x'])
    page.session.retryNow()
    await rig.clock.advance(5_000)
    expect(kinds(results)).toEqual(['kept'])
  })

  test('[OUT-26] what another page took over meanwhile is handed on, and sent once', async () => {
    const rig = await setUp()
    const { load } = profileOf(rig)
    const page = load('t')
    const room = page.session.join('a')
    await rig.clock.advance(500)
    page.line.down()
    await rig.clock.advance(1_000)
    const results = publishAll(room, ['x'])
    await rig.clock.advance(100)
    page.tell('freeze')
    const other = load('t2')
    await rig.clock.advance(5_000)
    expect(other.changes).toEqual(['x sending', 'x kept'])
    page.line.up()
    page.tell('thaw')
    results.push(...publishAll(room, ['y']))
    await rig.clock.advance(5_000)
    expect(kinds(results)).toEqual(['handed-on', 'kept'])
    expect(await marksOf(rig)).toEqual(['x', 'y'])
  })

  test('[OUT-26] where the storage no longer tells what another page took, it goes as sent before: `unknown`, not twice', async () => {
    const rig = await setUp({ rooms: { a: { retention: { producersMax: 1 } } } })
    const { disk, load } = profileOf(rig)
    const page = load('t')
    const room = page.session.join('a')
    await rig.clock.advance(500)
    page.line.down()
    await rig.clock.advance(1_000)
    page.tell('freeze')
    const results = publishAll(room, ['x'])
    const other = load('t2')
    await rig.clock.advance(5_000)
    expect(other.changes).toEqual(['x sending', 'x kept'])
    // Two more producers: the room forgets the first.
    for (const name of ['p', 'q']) {
      const { session } = rig.client(name)
      publishAll(session.join('a'), [name])
      await rig.clock.advance(1_000)
    }
    disk.isFailing = true
    page.line.up()
    page.tell('thaw')
    await rig.clock.advance(5_000)
    expect(kinds(results)).toEqual(['unknown'])
    expect(await marksOf(rig)).toEqual(['x', 'p', 'q'])
  })
})

test('[OUT-26] a frozen page that still runs says nothing of what another may be sending', async () => {
  const rig = await setUp()
  const { load } = profileOf(rig)
  const page = load('t')
  const room = page.session.join('a')
  await rig.clock.advance(500)
  page.line.down()
  await rig.clock.advance(1_000)
  const result = settle(room.publish({ mark: 'x' }, { mark: 'x', ttlMs: 3_000 }))
  await rig.clock.advance(100)
  page.tell('freeze')
  expect(page.session.outbox.cancel('x')).toBe(false)
  const other = load('t2')
  await rig.clock.advance(10_000)
  expect([other.changes, result.value]).toEqual([['x sending', 'x kept'], 'pending'])
  page.tell('thaw')
  await rig.clock.advance(1_000)
  expect(kinds([result])).toEqual(['handed-on'])
})

describe('storage that fails', () => {
  for (const how of ['isFailing', 'isHanging'] as const) {
    test(`[OUT-27] it is given up (${how}), told, and publishing goes on in memory`, async () => {
      const rig = await setUp()
      const disk = createOutboxDisk()
      disk[how] = true
      const page = profileOf(rig, disk).load('t')
      const results = publishAll(page.session.join('a'), ['x'])
      await rig.clock.advance(1_900)
      await rig.clock.advance(600)
      expect(kinds(results)).toEqual(['kept'])
      expect([page.session.storage, page.session.outbox.storage]).toEqual(['memory', 'memory'])
      expect(page.told.filter((line) => line.startsWith('error'))).toHaveLength(1)
    })

    test(`[OUT-27] also when it fails in the middle (${how})`, async () => {
      const rig = await setUp()
      const { load, disk } = profileOf(rig)
      const page = load('t')
      const room = page.session.join('a')
      await rig.clock.advance(500)
      page.line.down()
      await rig.clock.advance(1_000)
      const results = publishAll(room, ['x'])
      await rig.clock.advance(100)
      disk[how] = true
      results.push(...publishAll(room, ['y']))
      page.line.up()
      await rig.clock.advance(30_000)
      expect(kinds(results)).toEqual(['kept', 'kept'])
      expect(page.session.storage).toBe('memory')
      expect(await marksOf(rig)).toEqual(['x', 'y'])
    })
  }

  test('[OUT-28] [S71] time goes on between pages: what was never sent expires; what was sent is settled by an answer', async () => {
    const rig = await setUp()
    const { load, disk } = profileOf(rig)
    const page = load('t')
    const room = page.session.join('a')
    await rig.clock.advance(500)
    page.line.link.halfOpen('down')
    settle(room.publish(1, { mark: 'sent', ttlMs: 10_000 }))
    await rig.clock.advance(100)
    page.line.down()
    await rig.clock.advance(1_000)
    settle(room.publish(2, { mark: 'made', ttlMs: 10_000 }))
    await rig.clock.advance(100)
    page.crash()
    await rig.clock.advance(60_000)
    const next = load('t')
    await rig.clock.advance(5_000)
    expect(next.changes).toEqual(['sent sending', 'made sending', 'made failed', 'sent kept'])
    expect(disk.items.size).toBe(0)
  })

  test('[OUT-28] what waited for a week is not sent any more, and of others it is forgotten', async () => {
    const rig = await setUp()
    const { load, disk } = profileOf(rig)
    const page = load('t')
    const room = page.session.join('a')
    await rig.clock.advance(500)
    page.line.down()
    await rig.clock.advance(1_000)
    publishAll(room, ['x'])
    await rig.clock.advance(100)
    page.crash()
    const [[key, item] = ['', undefined]] = disk.items
    if (item !== undefined) {
      disk.items.set(key, { ...item, madeAtMs: item.madeAtMs - 604_800_001 })
      const [mine, theirs] = [key, key.replace(item.producer, 'theirs')]
      disk.items.set(theirs, { ...item, producer: 'theirs', user: 'somebody', madeAtMs: item.madeAtMs - 604_800_001 })
      expect([...disk.items.keys()]).toEqual([mine, theirs])
    }
    const next = load('t')
    await rig.clock.advance(5_000)
    expect(next.changes).toEqual(['x sending', 'x failed'])
    expect([disk.items.size, await marksOf(rig)]).toEqual([0, []])
  })
})
