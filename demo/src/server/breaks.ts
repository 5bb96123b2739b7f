// The faults that visitors may make, and how a proxy makes them for one tab: its links are found by the `tab` of their
// URL. It knows nothing of sessions.

import type { ProxiedLink } from 'holdfast/testing'

export type Break =
  | { readonly kind: 'cut' | 'half-open' | 'slow'; readonly tab: string; readonly ms: number }
  | { readonly kind: 'lose-reply'; readonly tab: string }
  | { readonly kind: 'restart' }

export interface Breaks {
  /** For each request that a new link brings: one of a tab that is cut off ends here. */
  admit(link: ProxiedLink): void
  carryOut(ask: Exclude<Break, { kind: 'restart' }>): void
  /** Nothing happens any more. */
  close(): void
}

const durationMs = { min: 100, max: 60_000 }
const tabPattern = /^[\w-]{1,64}$/
/** A mobile network at its worst. */
const slowness = { delayMs: 700, bytesPerSec: 4_000 }
/** How often it is looked whether the reply that is to be lost has come. */
const lookMs = 20

/** `links`: those open now, asked for whenever one is broken. */
export function createBreaks(links: () => readonly ProxiedLink[]): Breaks {
  const timers = new Map<string, NodeJS.Timeout>()
  const linksOf = (tab: string) => links().filter((link) => tabOf(link.requestLine) === tab)
  const during = (name: string, ms: number, end: () => void) => {
    clearTimeout(timers.get(name))
    timers.set(
      name,
      setTimeout(() => {
        timers.delete(name)
        end()
      }, ms),
    )
  }

  return {
    admit(link) {
      const tab = tabOf(link.requestLine)
      if (tab === null) return
      if (timers.has(`cut ${tab}`)) link.cut()
      if (timers.has(`slow ${tab}`)) link.slow(slowness)
    },
    carryOut(ask) {
      const broken = linksOf(ask.tab)
      if (ask.kind === 'cut') {
        during(`cut ${ask.tab}`, ask.ms, () => {})
        for (const link of broken) link.cut()
      } else if (ask.kind === 'half-open') {
        for (const link of broken) link.halfOpen()
        // Nobody is told; this only frees the sockets when everybody has long given up.
        during(`half-open ${ask.tab}`, ask.ms, () => {
          for (const link of broken) link.cut()
        })
      } else if (ask.kind === 'slow') {
        for (const link of broken) link.slow(slowness)
        during(`slow ${ask.tab}`, ask.ms, () => {
          for (const link of linksOf(ask.tab)) link.slow(null)
        })
      } else {
        for (const link of broken) loseReply(link)
      }
    },
    close() {
      for (const timer of timers.values()) clearTimeout(timer)
      timers.clear()
    },
  }

  /** What the server says next is swallowed; the link breaks as soon as it was. */
  function loseReply(link: ProxiedLink): void {
    const before = link.bytes.down
    link.halfOpen('down')
    const look = setInterval(() => {
      const isGone = !links().includes(link)
      if (!isGone && link.bytes.down === before) return
      clearInterval(look)
      link.cut()
    }, lookMs)
    look.unref()
  }
}

/** The `tab` of a request line such as `GET /?tab=a1 HTTP/1.1`; null when there is none. */
export function tabOf(requestLine: string): string | null {
  const query = requestLine.split(' ', 2)[1]?.split('?', 2)[1] ?? ''
  const tab = new URLSearchParams(query).get('tab')
  return tab !== null && tabPattern.test(tab) ? tab : null
}

/** Null: this is no ask that can be carried out. */
export function breakOf(value: unknown): Break | null {
  if (typeof value !== 'object' || value === null) return null
  const { kind, tab, ms } = value as Record<string, unknown>
  if (kind === 'restart') return { kind }
  if (typeof tab !== 'string' || !tabPattern.test(tab)) return null
  if (kind === 'lose-reply') return { kind, tab }
  if (kind !== 'cut' && kind !== 'half-open' && kind !== 'slow') return null
  if (typeof ms !== 'number' || !(ms >= durationMs.min && ms <= durationMs.max)) return null
  return { kind, tab, ms }
}
