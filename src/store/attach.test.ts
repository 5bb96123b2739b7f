// Properties of attaching: an honest client over any lost replies and late dials, and a thief beside it.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attach, controls, user } from '../testing/store-suite-parts.js'
import { isSameDigest, retiredMax } from './attach.js'
import { memoryStore } from './memory.js'
import type { Attach, Attached, Store } from './store.js'

/** What a client persists. `secret` and `next` name secrets; their hashes are written `#name`. */
interface Storage {
  session: string | null
  secret: string | null
  previous: string | null
  next: string
  attempt: number
}

interface Party {
  readonly name: string
  readonly storage: Storage
  secrets: number
}

interface World {
  readonly store: Store
  sessions: number
}

type Dial = Partial<Attach> & { readonly nextHash: string; readonly attempt: number }

async function openWorld(): Promise<World> {
  const store = memoryStore()
  await store.open({ epoch: 'e', tag: 'b', nowMs: () => 0, wallMs: 0 })
  return { store, sessions: 0 }
}

function newParty(name: string): Party {
  const storage = { session: null, secret: null, previous: null, next: `${name}0`, attempt: 0 }
  return { name, storage, secrets: 0 }
}

/** Persists the attempt, then dials: always the same pair until a welcome. */
function dialOf({ storage }: Party, isProven: boolean): Dial {
  storage.attempt += 1
  const { session, secret, previous, next, attempt } = storage
  const isNew = session === null || secret === null
  return {
    resume: isNew
      ? null
      : { session, secretHash: `#${secret}`, previousHash: previous === null ? null : `#${previous}` },
    nextHash: `#${next}`,
    attempt,
    user: isNew || isProven ? user('ann') : null,
  }
}

function arrive(world: World, dial: Dial): Promise<Attached> {
  world.sessions += 1
  return attach(world.store, { ...dial, newSession: `s${world.sessions}` })
}

function welcomed(party: Party, answer: Attached): void {
  if (answer.kind !== 'resumed' && answer.kind !== 'created') return
  const { storage } = party
  party.secrets += 1
  storage.previous = storage.secret
  storage.secret = storage.next
  storage.next = `${party.name}${party.secrets}`
  storage.session = answer.row.id
}

const act = fc.record({
  fate: fc.constantFrom('welcomed', 'welcomed', 'reply lost', 'late', 'lost'),
  isProven: fc.boolean(),
  /** How many of the late dials arrive afterwards. */
  arrivals: fc.nat(2),
  which: fc.nat(99),
})

/** Properties draw many runs; a busy machine may take its time. */
const propertyMs = 30_000

describe('attach properties', () => {
  test(
    '[ATT-3, ATT-4, ATT-9, ATT-12, I37] lost replies and late dials never lock the honest client out, nor alarm',
    async () => {
      const property = fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
        const world = await openWorld()
        const client = newParty('c')
        const late: { readonly dial: Dial; readonly secrets: number }[] = []
        let generation = 0
        for (const { fate, isProven, arrivals, which } of acts) {
          const dial = dialOf(client, isProven)
          const before = client.storage.session
          if (fate === 'late') late.push({ dial, secrets: client.secrets })
          if (fate === 'welcomed' || fate === 'reply lost') {
            const answer = await arrive(world, dial)
            if (answer.kind !== 'resumed' && answer.kind !== 'created') throw new Error(`refused: ${answer.kind}`)
            // It is always the session it knows, or, while it knows none, the one that was made for it.
            if (before !== null) expect([answer.kind, answer.row.id]).toEqual(['resumed', before])
            expect(answer.row.generation).toBeGreaterThan(generation)
            generation = answer.row.generation
            if (fate === 'welcomed') welcomed(client, answer)
          }

          for (let count = arrivals; count > 0 && late.length > 0; count--) {
            const [one] = late.splice(which % late.length, 1)
            if (one === undefined) break
            // A dial of more steps ago than secrets are kept is a stranger's: it cannot touch the session either way.
            if (client.secrets - one.secrets > retiredMax) await arrive(world, one.dial)
            else generation = await arriveLate(world, one.dial, generation)
          }
        }
        expect((await controls(world.store)).filter((told) => (told as { kind: string }).kind === 'ended')).toEqual([])
      })
      await fc.assert(property, { numRuns: 200 })
    },
    propertyMs,
  )

  /** An abandoned dial is stale, or (when nothing newer came before it) the resume whose reply nobody reads. */
  async function arriveLate(world: World, dial: Dial, generation: number): Promise<number> {
    const answer = await arrive(world, dial)
    expect(['stale-attempt', 'resumed', 'created']).toContain(answer.kind)
    return answer.kind === 'resumed' || answer.kind === 'created' ? answer.row.generation : generation
  }

  test(
    '[ATT-9, I38] over any lost and late creating dials there is one session',
    async () => {
      const property = fc.asyncProperty(fc.array(act, { maxLength: 12 }), async (acts) => {
        const world = await openWorld()
        const client = newParty('c')
        const late: Dial[] = []
        for (const { fate, isProven } of acts) {
          const dial = dialOf(client, isProven)
          if (fate === 'late') late.push(dial)
          if (fate === 'welcomed' || fate === 'reply lost') {
            const answer = await arrive(world, dial)
            if (fate === 'welcomed') welcomed(client, answer)
          }
        }
        for (const dial of late) await arrive(world, dial)
        expect((await world.store.sessionsOf('ann')).length).toBeLessThanOrEqual(1)
      })
      await fc.assert(property, { numRuns: 200 })
    },
    propertyMs,
  )

  test(
    '[ATT-13, I36, I37] of two parties with one secret at most one next is accepted, and the other is seen',
    async () => {
      const steps = fc.array(
        fc.record({
          who: fc.constantFrom('client', 'thief', 'copy'),
          isOwnNext: fc.boolean(),
          isWelcomed: fc.boolean(),
          ahead: fc.nat(3),
        }),
        { maxLength: 40 },
      )
      const property = fc.asyncProperty(steps, async (acts) => {
        const world = await openWorld()
        const parties = { client: newParty('c'), thief: newParty('t') }
        welcomed(parties.client, await arrive(world, dialOf(parties.client, true)))
        Object.assign(parties.thief.storage, parties.client.storage)
        /** Next hashes accepted after each secret. */
        const nexts = new Map<string, Set<string>>()

        for (const { who, isOwnNext, isWelcomed, ahead } of acts) {
          if (who === 'copy') Object.assign(parties.thief.storage, parties.client.storage)
          const party = who === 'client' ? parties.client : parties.thief
          if (who !== 'client' && isOwnNext) party.storage.next = `own ${party.storage.secret}`
          party.storage.attempt += ahead
          const dial = dialOf(party, false)
          const row = await world.store.session('s1')
          const answer = await arrive(world, dial)
          const secret = dial.resume?.secretHash ?? ''
          if (answer.kind === 'resumed') {
            expect(nexts.set(secret, (nexts.get(secret) ?? new Set()).add(dial.nextHash)).get(secret)?.size).toBe(1)
            if (isWelcomed) welcomed(party, answer)
            continue
          }
          const isUsed = row !== null && nexts.has(secret) && row.secrets.current !== secret
          const isOther = isUsed && !nexts.get(secret)?.has(dial.nextHash)
          if (isOther && row.status.state !== 'ended') {
            expect(answer.kind).toBe('secret-reused')
            expect((await world.store.session('s1'))?.status).toEqual({ state: 'ended', reason: 'revoked' })
          }
          if (answer.kind === 'stale-attempt') expect(dial.attempt).toBeLessThanOrEqual(answer.lastAttempt)
        }
      })
      await fc.assert(property, { numRuns: 200 })
    },
    propertyMs,
  )

  test('[ATT-16, A37] digests are equal only when they are the same text', () => {
    const digest = fc.string({ unit: fc.constantFrom('a', 'b', '-'), minLength: 0, maxLength: 6 })
    fc.assert(
      fc.property(digest, digest, (a, b) => {
        expect(isSameDigest(a, b)).toBe(a === b)
      }),
    )
  })
})
