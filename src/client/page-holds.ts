// Which page of a browser has which outbox. A Web Lock is let go by the browser itself when its page dies. On plain http
// there are none: whoever wants an outbox asks all pages, and a living holder says no.

import type { Clock } from '../protocol/time.js'
import type { OutboxShelf } from './outbox-store.js'

export type Holds = Pick<OutboxShelf, 'hold' | 'letGo' | 'close'>

const prefix = 'holdfast:outbox:'
/** How long a living page may take to answer. */
const answerMs = 250

/** Throws where pages cannot know of one another: two would send the same. */
export function pageHolds(clock: Clock): Holds {
  const locks = globalThis.navigator?.locks
  if (locks !== undefined) return locked(locks)
  if ('BroadcastChannel' in globalThis) return asked(clock)
  throw new Error('neither Web Locks nor a BroadcastChannel')
}

function locked(locks: LockManager): Holds {
  const held = new Map<string, () => void>()
  const letGo = (producer: string) => {
    held.get(producer)?.()
    held.delete(producer)
  }
  return {
    hold: (producer) =>
      new Promise((resolve, reject) => {
        if (held.has(producer)) return resolve(true)
        const take = (lock: Lock | null) => {
          resolve(lock !== null)
          return lock === null ? undefined : new Promise<void>((free) => held.set(producer, free))
        }
        locks.request(prefix + producer, { ifAvailable: true }, take).catch(reject)
      }),
    letGo,
    close() {
      for (const producer of [...held.keys()]) letGo(producer)
    },
  }
}

interface Said {
  readonly producer: string
  /** The page that asks for it, and which of its asks that is: an answer may come when it is over. */
  readonly asker: string
  readonly ask: number
  /** True: a living page has it, or was first to ask. */
  readonly isNo: boolean
}

function asked(clock: Clock): Holds {
  const held = new Set<string>()
  /** What this page asks for, and what to do when somebody says no. */
  const asking = new Map<string, { readonly ask: number; refuse(): void }>()
  let asks = 0
  let channel: BroadcastChannel | null = null
  let self = ''

  const hear = ({ producer, asker, ask, isNo }: Said) => {
    const own = asking.get(producer)
    if (isNo) {
      if (asker === self && own?.ask === ask) own.refuse()
    } else if (asker !== self && (held.has(producer) || (own !== undefined && self < asker))) {
      channel?.postMessage({ producer, asker, ask, isNo: true } satisfies Said)
    } else if (asker !== self) own?.refuse()
  }
  const open = () => {
    channel ??= new BroadcastChannel(prefix)
    channel.onmessage = ({ data }) => hear(data)
    return channel
  }
  const letGo = (producer: string) => {
    asking.get(producer)?.refuse()
    held.delete(producer)
    if (held.size > 0) return
    // An open channel keeps pages out of the back-forward cache.
    channel?.close()
    channel = null
  }
  return {
    hold: (producer) =>
      new Promise((resolve) => {
        if (held.has(producer)) return resolve(true)
        // The first is the page's own, and random: it names the page.
        self ||= producer
        const done = (isMine: boolean) => {
          asking.delete(producer)
          cancel()
          if (isMine) held.add(producer)
          resolve(isMine)
        }
        const cancel = clock.after(answerMs, () => done(true))
        asks += 1
        asking.set(producer, { ask: asks, refuse: () => done(false) })
        open().postMessage({ producer, asker: self, ask: asks, isNo: false } satisfies Said)
      }),
    letGo,
    close() {
      for (const producer of [...held, ...asking.keys()]) letGo(producer)
    },
  }
}
