import { afterEach, expect, test, vi } from 'vitest'
import { systemClock } from './clock.js'
import { tabClaims } from './tab-claims.js'

// Node has a BroadcastChannel of its own; the locks are made up here. Waiting times are cut to a hundredth.

const clock = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms / 20, run) }
const made: ReturnType<typeof tabClaims>[] = []

function tab() {
  const claims = tabClaims(clock)
  made.push(claims)
  return claims
}

/** `frozen`: somebody has the lock and never lets go. */
function fakeLocks(held: Set<string>) {
  const waiting: { name: string; run: () => Promise<void> }[] = []
  const grant = (name: string, run: () => Promise<void>) => {
    held.add(name)
    return run().finally(() => {
      held.delete(name)
      const index = waiting.findIndex((other) => other.name === name)
      const [heir] = index < 0 ? [] : waiting.splice(index, 1)
      if (heir !== undefined) void grant(heir.name, heir.run)
    })
  }
  return {
    request(name: string, { signal }: { signal: AbortSignal }, run: () => Promise<void>) {
      if (!held.has(name)) return grant(name, run)
      return new Promise((_, reject) => {
        const entry = { name, run }
        waiting.push(entry)
        signal.addEventListener('abort', () => {
          waiting.splice(waiting.indexOf(entry), 1)
          reject(new Error('aborted'))
        })
      })
    },
  }
}

afterEach(() => {
  for (const claims of made.splice(0)) claims.release()
  vi.unstubAllGlobals()
})

for (const withLocks of [true, false]) {
  const where = withLocks ? 'with locks' : 'without locks'
  const stub = (held = new Set<string>()) => vi.stubGlobal('navigator', withLocks ? { locks: fakeLocks(held) } : {})

  test(`[CRED-15] [S31] ${where}: a living holder makes the second one the copy, and keeps the session`, async () => {
    stub()
    expect(await tab().claim('s1', 'one')).toBe('mine')
    expect(await tab().claim('s1', 'two')).toBe('copy')
    expect(await tab().claim('s1', 'three')).toBe('copy')
    expect(await tab().claim('s2', 'four')).toBe('mine')
  })

  test(`[CRED-15] [S18] ${where}: after the holder let go, as in a reload, the session is free`, async () => {
    stub()
    const before = tab()
    await before.claim('s1', 'one')
    before.release()
    expect(await tab().claim('s1', 'two')).toBe('mine')
  })
}

test('[CRED-15] a frozen page that sits on the lock answers nothing: the session is ours', async () => {
  vi.stubGlobal('navigator', { locks: fakeLocks(new Set(['holdfast:s1'])) })
  expect(await tab().claim('s1', 'one')).toBe('mine')
})

for (const withLocks of [true, false]) {
  test(`[CRED-15] [A70] of copies that start at once, ${withLocks ? 'with' : 'without'} locks, one gets the session`, async () => {
    vi.stubGlobal('navigator', withLocks ? { locks: fakeLocks(new Set()) } : {})
    const names = ['four', 'one', 'three', 'two']
    const answers = await Promise.all(names.map((name) => tab().claim('s1', name)))
    expect(answers.sort()).toEqual(['copy', 'copy', 'copy', 'mine'])
    expect(await tab().claim('s1', 'late')).toBe('copy')
  })
}
