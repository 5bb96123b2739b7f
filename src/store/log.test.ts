// Properties of the log rules: whatever happens, positions are judged truly, and a publish is applied once. The model
// remembers everything that was ever appended, lost or not; the log under test is a memory store that is set back at
// random.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Position } from '../protocol/position.js'
import { append as appendTo, headOf, readAfter, readLast, roomy } from '../testing/store-suite-parts.js'
import { bytesOf, fingerprint } from './fingerprint.js'
import { type MemorySnapshot, type MemoryStore, memoryStore } from './memory.js'
import type { Page } from './store.js'

interface World {
  store: MemoryStore
  life: number
  nowMs: number
  readonly copies: MemorySnapshot[]
  /** What each position that was ever told stood for: all tags up to it. */
  readonly told: { readonly position: Position; readonly tags: readonly string[] }[]
  /** The tags of the present log, by offset. */
  tags: readonly string[]
  readonly tagsOfCopies: (readonly string[])[]
  appended: number
}

async function openWorld(): Promise<World> {
  const world: World = {
    store: memoryStore(),
    life: 0,
    nowMs: 0,
    copies: [],
    told: [],
    tags: [],
    tagsOfCopies: [],
    appended: 0,
  }
  await openStore(world, null)
  return world
}

async function openStore(world: World, from: MemorySnapshot | null): Promise<void> {
  world.life += 1
  world.store = memoryStore(from === null ? {} : { from })
  await world.store.open({
    epoch: `e${world.life}`,
    tag: `b${world.life}`,
    nowMs: () => world.nowMs,
    wallMs: world.nowMs,
  })
}

type Step =
  | { readonly kind: 'append'; readonly key: string | null; readonly entriesMax: number }
  | { readonly kind: 'copy' | 'restart' | 'wipe' | 'look' }
  | { readonly kind: 'restore'; readonly which: number }
  | { readonly kind: 'wait'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      key: fc.constantFrom(null, 'k', 'l'),
      entriesMax: fc.constantFrom(3, 10, 1_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('copy', 'restart', 'look') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wipe' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restore' as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(400, 1_100) }) },
) as fc.Arbitrary<Step>

async function run(world: World, one: Step): Promise<void> {
  switch (one.kind) {
    case 'append': {
      world.appended += 1
      const tag = `t${world.appended}`
      const retention = { ...roomy, entriesMax: one.entriesMax, ageMs: 1_000 }
      const details = { tag, retention, ...(one.key === null ? {} : { key: one.key }) }
      const answer = await appendTo(world.store, 'a', `data of ${tag}`, details)
      expect(answer).toMatchObject({ kind: 'appended', position: { offset: world.tags.length + 1, tag } })
      world.tags = [...world.tags, tag]
      if (answer.kind === 'appended') world.told.push({ position: answer.position, tags: world.tags })
      return
    }
    case 'copy':
      world.copies.push(world.store.snapshot())
      world.tagsOfCopies.push(world.tags)
      return
    case 'restart':
      await openStore(world, world.store.snapshot())
      return
    case 'wipe':
      await openStore(world, null)
      world.tags = []
      return
    case 'restore': {
      const which = one.which % Math.max(1, world.copies.length)
      await openStore(world, world.copies[which] ?? world.store.snapshot())
      world.tags = world.tagsOfCopies[which] ?? world.tags
      return
    }
    case 'look':
      world.told.push({ position: await headOf(world.store, 'a'), tags: world.tags })
      return
    case 'wait':
      world.nowMs += one.ms
  }
}

/** What a reader of `tags` has in common with the log: the length of the common prefix. */
function commonOf(tags: readonly string[], log: readonly string[]): number {
  const different = tags.findIndex((tag, index) => tag !== log[index])
  return different === -1 ? tags.length : different
}

function checkPage(page: Page, seen: readonly string[], log: readonly string[]): void {
  expect(page.head.offset).toBe(log.length)
  // Dense, in order, up to the head, and true to the log.
  const offsets = page.entries.map(({ position }) => position.offset)
  expect(offsets).toEqual(log.map((_, index) => index + 1).slice(page.start.offset))
  expect(page.entries.map(({ position }) => position.tag)).toEqual(log.slice(page.start.offset))

  const common = commonOf(seen, log)
  if (page.verdict.kind === 'complete') {
    // Nothing is missing and nothing seen was lost: the reader's history is a prefix of the log.
    expect([common, page.start.offset]).toEqual([seen.length, seen.length])
    return
  }
  // Delivery never goes on behind something unseen that a known range does not cover.
  const { from, to } = page.verdict
  if (to >= from) expect(from).toBeLessThanOrEqual(common + 1)
  if (to >= from) expect(page.start.offset).toBeLessThanOrEqual(to)
  // Everything up to where delivery starts was seen as it is, or is in the gap.
  if (to >= from && page.start.offset < from) expect(page.start.offset).toBeLessThanOrEqual(common)
}

/** Properties draw many runs; a busy machine may take its time. */
const propertyMs = 30_000

describe('log properties', () => {
  test(
    '[GAP-8, GAP-9, I01, I02, I08, I12] over any restarts and restores, complete means complete',
    async () => {
      const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const world = await openWorld()
        for (const one of steps) await run(world, one)
        for (const { position, tags } of world.told) {
          checkPage(await readAfter(world.store, 'a', position, { last: 2 }), tags, world.tags)
          const forged = await readAfter(world.store, 'a', { ...position, tag: 'forged' })
          expect(forged.verdict.kind).toBe('gap')
        }
      })
      await fc.assert(property, { numRuns: 100 })
    },
    propertyMs,
  )

  test(
    '[LOG-6, I07] the low-water mark never moves back, and what is below it is never served as complete',
    async () => {
      const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const world = await openWorld()
        let lowest = 0
        for (const one of steps.filter(({ kind }) => kind !== 'restore' && kind !== 'wipe')) {
          await run(world, one)
          const { start } = await readLast(world.store, 'a', 1_000)
          expect(start.offset).toBeGreaterThanOrEqual(lowest)
          lowest = start.offset
        }
        for (const { position } of world.told) {
          if (position.offset >= lowest) continue
          const { verdict } = await readAfter(world.store, 'a', position)
          // The very end of an earlier epoch is a kept tag too, but what follows it is gone all the same.
          expect(verdict).toMatchObject({ kind: 'gap', from: position.offset + 1, to: lowest })
        }
      })
      await fc.assert(property, { numRuns: 100 })
    },
    propertyMs,
  )

  test(
    '[PROD-1, PROD-3, PROD-7, PROD-8, I05, I18, I20, I21] over any retries, losses and forgetting: once, in order',
    async () => {
      const arbitrary = fc.array(
        fc.record({ isLost: fc.boolean(), isReplyLost: fc.boolean(), restarts: fc.boolean(), others: fc.nat(2) }),
        { minLength: 1, maxLength: 60 },
      )
      const property = fc.asyncProperty(arbitrary, fc.constantFrom(1, 2, 50), async (dials, producersMax) => {
        const world = await openWorld()
        const retention = { ...roomy, producersMax }
        const send = (name: string, seq: number, prev: number, again: boolean) =>
          appendTo(world.store, 'a', `${name} ${seq}`, { retention, producer: { producer: name, seq, prev, again } })

        const outcomes: string[] = []
        let [seq, prev, again] = [1, 0, false]
        for (const [index, dial] of dials.entries()) {
          if (dial.restarts) await openStore(world, world.store.snapshot())
          for (let other = 0; other < dial.others; other++) await send(`other ${index} ${other}`, 1, 0, false)
          const answer = dial.isLost ? null : await send('me', seq, prev, again)
          again = true
          if (answer === null || dial.isReplyLost) continue
          outcomes.push(`${answer.kind} ${seq}`)
          expect(['appended', 'duplicate', 'unknown', 'out-of-order']).toContain(answer.kind)
          if (answer.kind === 'unknown') expect(producersMax).toBeLessThan(50)
          // The record was forgotten before this one was first sent: the producer starts anew behind it.
          if (answer.kind === 'out-of-order' || answer.kind === 'unknown') [seq, prev, again] = [seq + 1, 0, false]
          else [seq, prev, again] = [seq + 1, seq, false]
        }

        const mine = (await readLast(world.store, 'a', 1_000)).entries.map(({ data }) => `${data}`)
        const applied = mine.filter((data) => data.startsWith('me ')).map((data) => Number(data.slice(3)))
        expect(applied).toEqual([...new Set(applied)].sort((a, b) => a - b))
        const acked = outcomes
          .filter((one) => /^(appended|duplicate)/.test(one))
          .map((one) => Number(one.split(' ')[1]))
        for (const one of acked) expect(applied).toContain(one)
      })
      await fc.assert(property, { numRuns: 100 })
    },
    propertyMs,
  )
})

describe('fingerprint', () => {
  test('[PROD-2] equal payloads have equal prints; small differences show', () => {
    const text = fc.string({ unit: 'binary-ascii' })
    fc.assert(
      fc.property(text, text, fc.option(text), (a, b, key) => {
        expect(fingerprint(a, key)).toBe(fingerprint(a, key))
        if (a !== b) expect(fingerprint(a, key)).not.toBe(fingerprint(b, key))
        expect(Number.isSafeInteger(fingerprint(a, key))).toBe(true)
      }),
    )
    const prints = ['', '0', '1', '00', '\u0000', 'a', 'b', 'ab', 'ba'].flatMap((data) => [
      fingerprint(data, null),
      fingerprint(data, ''),
      fingerprint(data, 'k'),
      fingerprint(new TextEncoder().encode(data), null),
    ])
    expect(new Set(prints).size).toBe(prints.length)
  })

  test('[LOG-6] bytes of a payload are those of its UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(bytesOf(text)).toBe(new TextEncoder().encode(text).length)
      }),
    )
    expect([bytesOf(null), bytesOf(new Uint8Array(7))]).toEqual([0, 7])
  })
})
