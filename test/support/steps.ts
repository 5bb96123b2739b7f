// Every step of a server for one client can be the last one before its link breaks: each frame that arrives, each store
// operation, before and after its effect, and each frame that it sends.

import type { Store } from 'holdfast/server'
import type { Cut, Line, MemoryLink } from 'holdfast/testing'

/** What goes on by itself, whoever acts. */
const background: ReadonlySet<string | symbol> = new Set([
  'tick',
  'takeEvents',
  'settleEvents',
  'heads',
  'open',
  'close',
])

export interface Steps {
  readonly store: Store
  /** Breaks at the n-th step from now (1 is the next); afterwards at the n-th from there, and so on. */
  arm(breaks: readonly number[], how: (step: string) => void): void
  /** Nothing is counted or broken any more. */
  disarm(): void
  /** Counts frames of this line's links, present and future, as steps. `cut` is how a lost frame cuts. */
  watch(line: Line, cut: Cut): void
  /** Steps since it was armed, or since the last break. */
  readonly names: readonly string[]
  /** Breaks that have happened. */
  readonly brokenAt: readonly string[]
}

export function countSteps(inner: Store): Steps {
  let breaks: number[] = []
  let how: (step: string) => void = () => {}
  let isArmed = false
  let names: string[] = []
  const brokenAt: string[] = []

  /** True when this step is to break. */
  const step = (name: string): boolean => {
    if (!isArmed) return false
    names.push(name)
    if (names.length !== breaks[0]) return false
    breaks = breaks.slice(1)
    brokenAt.push(name)
    names = []
    return true
  }
  const store = new Proxy(inner, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        const call = () => Reflect.apply(value, target, args)
        if (background.has(key)) return call()
        const name = String(key)
        if (step(`${name} asked`)) how(name)
        const answer = call()
        if (step(`${name} done`)) how(name)
        return answer
      }
    },
  })
  return {
    store,
    arm(at, then) {
      breaks = [...at]
      how = then
      isArmed = true
      names = []
    },
    disarm() {
      isArmed = false
    },
    watch(line, cut) {
      const count = (link: MemoryLink) => {
        link.loseReply((frame) => step(`${frame.type} sent`), cut)
        link.loseRequest((frame) => step(`${frame.type} arriving`), cut)
      }
      for (const link of line.links) count(link)
      line.onDial(count)
    },
    get names() {
      return names
    },
    brokenAt,
  }
}
