import { expect, test } from 'vitest'
import { type Backoff, backoffOf, type Retry, retryDelayMs } from './backoff.js'

const usual: Retry = { failures: 1, spreadMs: 0, isAtOnce: false, afterMs: null, fraction: 0.5 }
const steady = { minMs: 5_000, jitter: 0 }

const cases: readonly { rule: string; says: string; retry: Partial<Retry>; given?: Partial<Backoff>; ms: number }[] = [
  { rule: 'RECON-1', says: 'the first retry is spread', retry: { failures: 0, spreadMs: 8_000 }, ms: 4_000 },
  { rule: 'RECON-1', says: 'a small server spreads nothing', retry: { failures: 0 }, ms: 0 },
  { rule: 'RECON-1', says: 'a short uptime still spreads', retry: { failures: 1, spreadMs: 8_000 }, ms: 4_000 },
  { rule: 'RECON-2', says: 'the first window is minMs', retry: { failures: 1 }, ms: 250 },
  { rule: 'RECON-2', says: 'the window doubles', retry: { failures: 4 }, ms: 2_000 },
  { rule: 'RECON-2', says: 'the window ends at maxMs', retry: { failures: 99 }, ms: 10_000 },
  { rule: 'RECON-2', says: 'full jitter reaches down to 0', retry: { failures: 9, fraction: 0 }, ms: 0 },
  {
    rule: 'RECON-2',
    says: 'half jitter keeps half',
    retry: { failures: 1, fraction: 0 },
    given: { jitter: 0.5 },
    ms: 250,
  },
  {
    rule: 'RECON-2',
    says: 'a maxMs below minMs is not made up',
    retry: { failures: 1 },
    given: { minMs: 60_000 },
    ms: 30_000,
  },
  { rule: 'RECON-2', says: 'minMs 0 stays 0', retry: { failures: 2_000 }, given: { minMs: 0, factor: 1e9 }, ms: 0 },
  { rule: 'RECON-3', says: 'no jitter: exactly minMs', retry: { failures: 1 }, given: steady, ms: 5_000 },
  { rule: 'RECON-3', says: 'no jitter: no growth', retry: { failures: 7 }, given: steady, ms: 5_000 },
  {
    rule: 'RECON-3',
    says: 'no jitter: also after a live time',
    retry: { failures: 0, spreadMs: 9 },
    given: steady,
    ms: 5_000,
  },
  {
    rule: 'RECON-3',
    says: 'a factor that is given counts',
    retry: { failures: 3 },
    given: { ...steady, factor: 2 },
    ms: 20_000,
  },
  {
    rule: 'RECON-4',
    says: 'afterMs is obeyed to the letter',
    retry: { failures: 0, afterMs: 1_234, spreadMs: 9_000 },
    ms: 1_234,
  },
  { rule: 'RECON-4', says: 'afterMs is the least later', retry: { failures: 2, afterMs: 3_000 }, ms: 3_000 },
  { rule: 'RECON-4', says: 'afterMs 0 does not end the growth', retry: { failures: 5, afterMs: 0 }, ms: 4_000 },
]

for (const { rule, says, retry, given, ms } of cases) {
  test(`[${rule}] ${says}`, () => {
    expect(retryDelayMs({ ...usual, ...retry }, backoffOf(given))).toBe(ms)
  })
}
