// Which page has a session. "Duplicate tab" copies the tab's storage, secrets included: without this the two pages
// would take the session from each other for ever. Only the answer of a living page makes this one the copy; a page
// that is frozen, or crashed with the lock in its hands, answers nothing.

import type { Clock } from '../protocol/time.js'
import type { Claims } from './identity.js'

/** How long the page before us may take to let its lock go. */
const lockMs = 1_000
/** Where there are no locks (plain http): how long a living page may take to answer. */
const answerMs = 250

export function tabClaims(clock: Clock): Claims {
  let release = () => {}
  return {
    async claim(session, instance) {
      release()
      const name = `holdfast:${session}`
      const channel = new BroadcastChannel(name)
      const stop = new AbortController()
      const locks = globalThis.navigator?.locks
      let isHolder = false
      let free = () => {}
      release = () => {
        isHolder = false
        channel.close()
        stop.abort()
        free()
      }
      const isCopied = new Promise<'copy'>((resolve) => {
        channel.onmessage = ({ data }) => {
          const asker: unknown = data?.ask
          if (typeof asker === 'string' && asker !== instance) {
            // Two that start at once: the lock decides, and where there is none, their names.
            const isFirst = isHolder || (locks === undefined && instance < asker)
            if (isFirst) channel.postMessage({ held: asker })
            else if (locks === undefined) resolve('copy')
          }
          if ((data?.held === instance || data?.holder !== undefined) && !isHolder) resolve('copy')
        }
      })
      channel.postMessage({ ask: instance })
      const isFree = new Promise<'mine'>((resolve) => {
        clock.after(locks === undefined ? answerMs : lockMs, () => resolve('mine'))
        // Held until released; asked for on, even when this page goes ahead without it.
        const hold = () => {
          resolve('mine')
          return new Promise<void>((done) => {
            free = done
          })
        }
        locks?.request(name, { signal: stop.signal }, hold).catch(() => {})
      })
      const answer = await Promise.race([isCopied, isFree])
      if (answer === 'copy') release()
      else {
        isHolder = true
        // Who asked before we could say so is told now.
        channel.postMessage({ holder: instance })
      }
      return answer
    },
    release: () => release(),
  }
}
