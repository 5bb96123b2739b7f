// Scripts of faults on real connections: a TCP proxy is a line. What a proxy cannot do is refused before anything
// happens, and named.

import type { Clock } from '../protocol/time.js'
import { systemClock } from '../server/clock.js'
import type { Fault } from './fault.js'
import { type Playing, playFaults } from './fault-play.js'
import type { TcpProxy } from './tcp-proxy.js'

export interface ProxyGround {
  /** By the names that scripts use. */
  readonly lines: Readonly<Record<string, TcpProxy>>
  /** Default: the machine's, whose timers do not keep the process alive. */
  readonly clock?: Clock
}

type After = (delayMs: number, run: () => void) => void
type Act<K extends Fault['fault']> = (proxy: TcpProxy, fault: Extract<Fault, { fault: K }>, after: After) => void

/** What bytes and time are enough for. */
const acts: { readonly [K in Fault['fault']]?: Act<K> } = {
  cut: (proxy) => proxy.cutAll(),
  'cut-at': (proxy, { bytes, direction }) => proxy.links.at(-1)?.cutAt({ bytes, direction }),
  'half-open'(proxy, { direction = 'both' }) {
    for (const link of proxy.links) link.halfOpen(direction === 'both' ? undefined : direction)
  },
  delay(proxy, { ms, forMs }, after) {
    slowed(proxy, { delayMs: ms, bytesPerSec: Number.POSITIVE_INFINITY }, forMs, after)
  },
  bandwidth(proxy, { bytesPerSec, forMs }, after) {
    slowed(proxy, { delayMs: 0, bytesPerSec }, forMs, after)
  },
  stall(proxy, { forMs }, after) {
    proxy.stallAll()
    after(forMs, () => proxy.resume())
  },
  hang(proxy, { forMs }, after) {
    proxy.hang(true)
    after(forMs, () => proxy.hang(false))
  },
  refuse(proxy, { forMs }, after) {
    proxy.refuse(true)
    after(forMs, () => proxy.refuse(false))
  },
  down(proxy, { forMs }, after) {
    proxy.refuse(true)
    proxy.cutAll()
    after(forMs, () => proxy.refuse(false))
  },
}

function slowed(proxy: TcpProxy, how: { delayMs: number; bytesPerSec: number }, forMs: number, after: After): void {
  const links = [...proxy.links]
  for (const link of links) link.slow(how)
  after(forMs, () => {
    for (const link of links) link.slow(null)
  })
}

/** Of these every field counts but who hears of a cut when: a reset tells both ends, a proxy knows no frames. */
export const proxyFaultKinds: readonly Fault['fault'][] = [...(Object.keys(acts) as Fault['fault'][]), 'storm']

/** From now on. Throws `InvalidFaultScript` for what a proxy cannot do, before anything is done. */
export function playFaultsOnProxies({ lines, clock = systemClock() }: ProxyGround, script: unknown): Playing {
  const proxies = Object.values(lines)
  const after: After = (delayMs, run) => void clock.after(delayMs, run)
  return playFaults(
    {
      clock,
      act(fault) {
        const own = fault.fault === 'storm' ? proxies : [lines[(fault as { readonly line: string }).line]]
        let isDone = false
        for (const proxy of own) {
          if (proxy === undefined) continue
          isDone ||= needsNoLink.has(fault.fault) || proxy.links.length > 0
          // One row per kind; the compiler cannot see that both sides of the call are the same one.
          ;((acts[fault.fault] ?? acts.cut) as Act<Fault['fault']>)(proxy, fault as never, after)
        }
        return isDone
      },
      refuses: (fault) => refusalOf(lines, fault),
    },
    script,
  )
}

const needsNoLink: ReadonlySet<string> = new Set(['hang', 'refuse', 'down'])

const bothWays: ReadonlySet<string> = new Set(['delay', 'stall'])

function refusalOf(lines: ProxyGround['lines'], fault: Fault): string | null {
  if (!proxyFaultKinds.includes(fault.fault)) return `on a proxy: ${proxyFaultKinds.join(', ')}`
  if (bothWays.has(fault.fault) && 'direction' in fault && fault.direction !== 'both') return 'on a proxy: both ways'
  if ('line' in fault && lines[fault.line] === undefined) return `the lines ${Object.keys(lines).join(', ')}`
  return null
}
