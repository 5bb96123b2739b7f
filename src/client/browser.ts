// What a browser gives a client: its WebSocket, its storage, and when a page sleeps and wakes. Nothing here is touched
// before it is needed: servers that render pages, and workers, load this file too.

import { subprotocol } from '../protocol/frames.js'
import type { Clock } from '../protocol/time.js'
import { systemClock } from './clock.js'
import type { Platform, Source, WakeSource } from './connect.js'
import { indexedDbOutbox, indexedDbSlots } from './indexed-db.js'
import type { Dial } from './link.js'
import { memoryStorage, webSlots } from './storage.js'
import { tabClaims } from './tab-claims.js'

/** How often the two clocks are compared, and how far apart they are after a sleep. */
const lookMs = 5_000
const sleepMs = 3_000

export const dialWebSocket: Dial = (url, events) => {
  const socket = new WebSocket(url, subprotocol)
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => events.opened()
  socket.onmessage = ({ data }) => events.received(typeof data === 'string' ? data : new Uint8Array(data))
  socket.onclose = ({ code, reason }) => events.closed(code, reason)
  return {
    send: (frame) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame as string | Uint8Array<ArrayBuffer>)
    },
    close: (code, reason) => {
      // Some systems freeze a socket so that closing it has no effect: nothing of this page may hang on it.
      socket.onopen = socket.onmessage = socket.onclose = null
      socket.close(code, reason)
    },
    get bufferedBytes() {
      return socket.bufferedAmount
    },
  }
}

/** The page is shown from the back-forward cache, or put into it; its window is used again. */
export const pageWake: WakeSource = (tell) =>
  listen(globalThis, { focus: () => tell('wake'), pagehide: () => tell('freeze'), pageshow: () => tell('thaw') })

/** What the browser says of the network. */
export const pageOnline: Source = (tell) => listen(globalThis, { online: () => tell(true), offline: () => tell(false) })

/** Whether somebody can see the page. */
export const pageFocus: Source = (tell) => {
  if (!('document' in globalThis)) return () => {}
  const look = () => tell(document.visibilityState === 'visible')
  look()
  return listen(document, { visibilitychange: look })
}

/** Tells that the machine slept: its wall clock went on, while the page's time stood still. */
export function sleepWake(clock: Clock): WakeSource {
  return (tell) => {
    if (!('document' in globalThis)) return () => {}
    const asleepMs = () => clock.wallMs() - clock.nowMs()
    let cancel = () => {}
    const look = (beforeMs: number) => {
      const nowMs = asleepMs()
      if (nowMs - beforeMs > sleepMs) tell('wake')
      cancel = clock.after(lookMs, () => look(nowMs))
    }
    look(asleepMs())
    return () => cancel()
  }
}

function listen(target: EventTarget, hear: Readonly<Record<string, () => void>>): () => void {
  if (!('addEventListener' in target)) return () => {}
  const stop = new AbortController()
  for (const [name, run] of Object.entries(hear)) target.addEventListener(name, run, { signal: stop.signal })
  return () => stop.abort()
}

export const browserPlatform: Platform = {
  dial: dialWebSocket,
  storage: (clock) =>
    'document' in globalThis
      ? {
          session: webSlots(() => sessionStorage),
          profile: indexedDbSlots(
            webSlots(() => localStorage),
            clock,
          ),
          outbox: indexedDbOutbox(clock),
          kind: 'persistent',
        }
      : memoryStorage(),
  claims: (clock) => ('document' in globalThis && 'BroadcastChannel' in globalThis ? tabClaims(clock) : null),
  wake: [pageWake, sleepWake(systemClock)],
  online: pageOnline,
  focus: pageFocus,
  report: (error) => {
    globalThis.reportError?.(error)
  },
}
