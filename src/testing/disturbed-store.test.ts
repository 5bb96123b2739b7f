// The disturbed store breaks nothing that the contract promises, and everything that it does not.

import { describe, expect, test } from 'vitest'
import { memoryStore } from '../store/memory.js'
import type { Store } from '../store/store.js'
import { type Disturbance, disturbStore } from './disturbed-store.js'
import { createSeededChance } from './seeded-chance.js'
import { acquire, append, created, dataOf, numbers, ownerOf, readLast } from './store-suite-parts.js'

const hop = () => new Promise<void>((resolve) => setImmediate(resolve))

async function hops(count: number): Promise<void> {
  for (let left = Math.round(count); left > 0; left--) await hop()
}

async function openDisturbed(disturbance: Partial<Disturbance>, seed = 1): Promise<Store> {
  const store = disturbStore(memoryStore(), { random: createSeededChance(seed).fraction, sleep: hops, ...disturbance })
  await store.open({ epoch: 'e', tag: 'b', nowMs: () => 0, wallMs: 0 })
  return store
}

describe('a disturbed store', () => {
  test('keeps the order within a room, of effects and of answers, and overtakes between rooms', async () => {
    const store = await openDisturbed({ answerLateMs: [0, 9] })
    const answered: string[] = []
    const asked = numbers(1, 20).flatMap((n) =>
      ['a', 'b'].map((room) => append(store, room, `${n}`).then(() => answered.push(`${room}${n}`))),
    )
    await Promise.all(asked)
    for (const room of ['a', 'b']) {
      expect(dataOf(await readLast(store, room, 99))).toEqual(numbers(1, 20).map(String))
      expect(answered.filter((one) => one.startsWith(room))).toEqual(numbers(1, 20).map((n) => `${room}${n}`))
    }
    expect(answered).not.toEqual(numbers(1, 20).flatMap((n) => [`a${n}`, `b${n}`]))
  })

  test('keeps the order of one session, also between its rooms', async () => {
    const store = await openDisturbed({ answerLateMs: [0, 9] })
    const row = await created(store, 's1')
    const answers = await Promise.all([
      store.enter(ownerOf(row), 'a', { readableFrom: 0, graceMs: 0 }),
      store.exit(ownerOf(row), 'a'),
      acquire(store, row, 'name:ann'),
      store.end({ ...ownerOf(row), reason: 'left' }),
      store.enter(ownerOf(row), 'b', { readableFrom: 0, graceMs: 0 }),
    ])
    expect(answers.map(({ kind }) => kind)).toEqual(['entered', 'done', 'granted', 'done', 'not-owner'])
  })

  test('refuses before the effect or after it, as asked; what stands behind goes on', async () => {
    const failures = new Map<string, 'before' | 'after'>([
      ['lost', 'before'],
      ['applied', 'after'],
    ])
    const store = await openDisturbed({
      failures: (operation, room) => operation === 'append' && (failures.get(room ?? '') ?? false),
    })
    const refused = (error: unknown) => (error instanceof Error ? error.name : error)
    for (const room of ['lost', 'applied']) {
      const [first, second] = [append(store, room, '1').catch(refused), readLast(store, room, 9)]
      expect(await first).toBe('StoreUnavailable')
      expect(dataOf(await second)).toEqual(room === 'lost' ? [] : ['1'])
    }
    expect(await append(store, 'other', '1')).toMatchObject({ kind: 'appended' })
  })

  test('loses, repeats and delays hints, but never changes them', async () => {
    const heardWith = async (disturbance: Partial<Disturbance>) => {
      const store = await openDisturbed(disturbance)
      const heard: string[] = []
      const following = await store.follow('a', (hint) =>
        heard.push(hint.kind === 'signal' ? `${hint.data}` : hint.kind),
      )
      for (const n of numbers(1, 50)) await store.signal('a', null, `${n}`)
      await hops(100)
      following.close()
      await store.signal('a', null, 'after')
      await hops(100)
      return heard
    }
    const all = numbers(1, 50).map(String)
    expect(await heardWith({})).toEqual(all)
    const lossy = await heardWith({ hintLoss: 0.5 })
    expect(lossy.length).toBeLessThan(45)
    expect(lossy).toEqual(all.filter((one) => lossy.includes(one)))
    const repeated = await heardWith({ hintRepeat: 0.5 })
    expect([...new Set(repeated)]).toEqual(all)
    expect(repeated.length).toBeGreaterThan(55)
    const late = await heardWith({ hintLateMs: [0, 20] })
    expect(late).not.toEqual(all)
    expect([...late].sort()).toEqual([...all].sort())
  })

  for (const seed of numbers(1, 20)) {
    test(`[PROD-1, I18] repeated until answered, each publish is applied once, in order (seed ${seed})`, async () => {
      const chance = createSeededChance(seed)
      const failures = () => chance.fraction() < 0.5
      const store = await openDisturbed({ answerLateMs: [0, 3], failures }, seed)
      const publish = async (seq: number) => {
        for (let again = false; ; again = true) {
          const answer = await append(store, 'a', `${seq}`, { producer: { seq, prev: seq - 1, again } }).catch(
            () => null,
          )
          if (answer !== null) return answer.kind
        }
      }
      for (const seq of numbers(1, 10)) expect(['appended', 'duplicate']).toContain(await publish(seq))
      let page = await readLast(store, 'a', 99).catch(() => null)
      while (page === null) page = await readLast(store, 'a', 99).catch(() => null)
      expect(dataOf(page)).toEqual(numbers(1, 10).map(String))
    })
  }
})
