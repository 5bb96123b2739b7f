// The promises of a stored outbox, as tests that every driver passes. Published: who writes a storage needs them too.

import type { OutboxShelf, OutboxStore, StoredItem } from '../client/outbox-store.js'
import type { Runner } from './store-suite.js'

/** Pages of one profile, or processes of one folder. */
export interface SuiteOutbox {
  /** What a page that has just been loaded has. */
  page(): OutboxStore
}

/** What the tests of one driver share. */
interface Bench {
  readonly expect: Runner['expect']
  test(title: string, body: () => Promise<void>): void
  open(): SuiteOutbox | Promise<SuiteOutbox>
  /** One page of this profile per scope. */
  openAll(profile: SuiteOutbox, scopes: readonly string[]): Promise<readonly OutboxShelf[]>
  /** So many pages of one profile and scope. */
  shelves(count: number): Promise<readonly OutboxShelf[]>
}

/** Declares the tests of a driver. `open` gives an empty profile for each test. */
export function outboxSuite(runner: Runner, name: string, open: () => SuiteOutbox | Promise<SuiteOutbox>): void {
  const opened: OutboxShelf[] = []
  const openAll = async (profile: SuiteOutbox, scopes: readonly string[]) => {
    const shelves = await Promise.all(scopes.map((scope) => profile.page().open(scope)))
    opened.push(...shelves)
    return shelves
  }
  const bench: Bench = {
    expect: runner.expect,
    test: (title, body) =>
      runner.test(title, async () => {
        await body()
        for (const shelf of opened.splice(0)) shelf.close()
      }),
    open,
    openAll,
    shelves: async (count) => openAll(await open(), new Array<string>(count).fill('s')),
  }
  runner.describe(`outbox: ${name}`, () => {
    itemTests(bench)
    holdTests(bench)
    extentTests(bench)
  })
}

function itemTests({ test, expect, shelves }: Bench): void {
  test('[OBX-1] what was put is read by the next page, as it was', async () => {
    const [one, two] = await shelves(2)
    if (one === undefined || two === undefined) throw new Error('two pages were asked for')
    await one.hold('p')
    const bytes = item('p', 2, { data: new Uint8Array([0, 10, 255]), key: 'k', ttlMs: 5, user: 'ann' })
    const sent = item('p', 1, { again: true, sentAfter: { epoch: 'e', offset: 3, tag: 't' }, data: '{"a":"\\n"}' })
    await one.write([{ put: bytes }, { put: sent }])
    expect(await two.read()).toEqual([sent, bytes])
  })

  test('[OBX-2] changes follow one another; removed is removed', async () => {
    const [one, two] = await shelves(2)
    if (one === undefined || two === undefined) throw new Error('two pages were asked for')
    await one.hold('p')
    await one.write([{ put: item('p', 1) }, { put: item('p', 2) }])
    await one.write([{ put: item('p', 1, { again: true }) }, { remove: { producer: 'p', seq: 2 } }])
    await one.write([{ put: item('p', 3) }, { remove: { producer: 'p', seq: 3 } }])
    await one.write([{ remove: { producer: 'p', seq: 9 } }])
    expect(await two.read()).toEqual([item('p', 1, { again: true })])
  })

  test('[OBX-3] producers come in the order they began, their items by seq', async () => {
    const [one] = await shelves(1)
    if (one === undefined) throw new Error('a page was asked for')
    for (const producer of ['b', 'a']) await one.hold(producer)
    await one.write([{ put: item('a', 1, { madeAtMs: 20 }) }, { put: item('b', 2, { madeAtMs: 15 }) }])
    await one.write([{ put: item('b', 1, { madeAtMs: 10 }) }, { put: item('a', 12, { madeAtMs: 30 }) }])
    await one.write([{ put: item('a', 2, { madeAtMs: 25 }) }])
    expect((await one.read()).map(({ producer, seq }) => `${producer}${seq}`)).toEqual(['b1', 'b2', 'a1', 'a2', 'a12'])
  })
}

function holdTests({ test, expect, open, openAll, shelves }: Bench): void {
  test('[OBX-4] a producer is held by one page, until it lets go or closes', async () => {
    const [one, two, three] = await shelves(3)
    if (one === undefined || two === undefined || three === undefined) throw new Error('three pages were asked for')
    expect([await one.hold('p'), await one.hold('p'), await two.hold('p')]).toEqual([true, true, false])
    await one.write([{ put: item('p', 1) }])
    one.letGo('p')
    one.letGo('p')
    expect([await two.hold('p'), await one.hold('p')]).toEqual([true, false])
    await two.write([{ put: item('p', 2) }])
    two.close()
    two.close()
    expect(await three.hold('p')).toBe(true)
    expect((await three.read()).map(({ seq }) => seq)).toEqual([1, 2])
    await three.write([{ remove: { producer: 'p', seq: 1 } }])
    expect((await three.read()).map(({ seq }) => seq)).toEqual([2])
  })

  test('[OBX-4] who holds it, asks for it twice at once, and writes meanwhile, has it', async () => {
    const [page] = await shelves(1)
    if (page === undefined) throw new Error('one page was asked for')
    const held = Promise.all([page.hold('p'), page.hold('p')])
    await page.write([{ put: item('p', 1) }])
    expect(await held).toEqual([true, true])
    expect((await page.read()).map(({ seq }) => seq)).toEqual([1])
  })

  test('[OBX-4] of many that want it at once, one gets it', async () => {
    const profile = await open()
    for (const first of await openAll(profile, ['s'])) {
      await first.hold('p')
      await first.write([{ put: item('p', 1) }])
      first.close()
    }
    const pages = await openAll(profile, new Array<string>(8).fill('s'))
    const held = await Promise.all(pages.map((page) => page.hold('p')))
    expect(held.filter(Boolean).length).toBe(1)
  })
}

function extentTests({ test, expect, open, openAll, shelves }: Bench): void {
  test('[OBX-5] scopes are apart', async () => {
    const [one, other] = await openAll(await open(), ['s', 's2'])
    await one?.hold('p')
    await one?.write([{ put: item('p', 1) }])
    expect(await other?.read()).toEqual([])
  })

  test('[OBX-6] thousands of publishes leave nothing but what is not settled', async () => {
    const [one, two] = await shelves(2)
    if (one === undefined || two === undefined) throw new Error('two pages were asked for')
    await one.hold('p')
    const data = JSON.stringify('x'.repeat(2_000))
    for (let batch = 0; batch < 40; batch++) {
      const seqs = Array.from({ length: 50 }, (_, index) => batch * 50 + index + 1)
      await one.write(seqs.map((seq) => ({ put: item('p', seq, { data }) })))
      const settled = seqs.filter((seq) => batch % 10 === 9 || seq % 50 !== 0)
      await one.write(settled.map((seq) => ({ remove: { producer: 'p', seq } })))
      if (batch % 10 === 9) {
        const rest = Array.from({ length: 9 }, (_, index) => (batch - 9 + index + 1) * 50)
        await one.write(rest.map((seq) => ({ remove: { producer: 'p', seq } })))
      }
    }
    await one.write([{ put: item('p', 5_000) }])
    expect((await two.read()).map(({ seq }) => seq)).toEqual([5_000])
    one.letGo('p')
    expect(await two.hold('p')).toBe(true)
    expect((await two.read()).map(({ seq }) => seq)).toEqual([5_000])
  })
}

function item(producer: string, seq: number, more: Partial<StoredItem> = {}): StoredItem {
  const given = { room: 'a', mark: `m${seq}`, key: null, data: '1', madeAtMs: seq, ttlMs: null, again: false }
  return { producer, seq, user: null, sentAfter: null, ...given, ...more }
}
