// What a browser gives a client: its WebSocket, its storage, and when a page sleeps and wakes. Nothing here is touched
// before it is needed: servers that render pages, and workers, load this file too.

import { subprotocol } from '../protocol/frames.js'
import type { Platform, WakeSource } from './connect.js'
import { indexedDbOutbox, indexedDbSlots } from './indexed-db.js'
import type { Dial } from './link.js'
import { memoryStorage, webSlots } from './storage.js'
import { tabClaims } from './tab-claims.js'

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

/** The page is online again, is looked at, is shown from the back-forward cache, or is put into it. */
export const pageWake: WakeSource = (tell) => {
  if (!('addEventListener' in globalThis)) return () => {}
  const stop = new AbortController()
  const on = (target: EventTarget, name: string, hear: (event: Event) => void) => {
    target.addEventListener(name, hear, { signal: stop.signal })
  }
  on(globalThis, 'online', () => tell('wake'))
  on(globalThis, 'focus', () => tell('wake'))
  on(globalThis, 'pagehide', () => tell('freeze'))
  on(globalThis, 'pageshow', () => tell('thaw'))
  if ('document' in globalThis) {
    on(document, 'visibilitychange', () => {
      if (document.visibilityState === 'visible') tell('wake')
    })
  }
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
  wake: [pageWake],
  report: (error) => {
    globalThis.reportError?.(error)
  },
}
