// Dials with `ws`. Its own handshake timer is off: the client's machine has one for every dial.

import { WebSocket } from 'ws'
import { subprotocol } from '../protocol/frames.js'
import { serverFrameBounds } from '../protocol/limits.js'
import type { Dial } from './link.js'

const options = { maxPayload: serverFrameBounds.bytesMax, perMessageDeflate: false, followRedirects: false }

export const dialWs: Dial = (url, events) => {
  const socket = new WebSocket(url, subprotocol, options)
  socket.on('open', () => events.opened())
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    events.received(isBinary ? new Uint8Array(data) : data.toString())
  })
  // Whatever went wrong, `close` follows with 1006.
  socket.on('error', () => {})
  socket.on('close', (code, reason) => events.closed(code, reason.toString()))
  return {
    send: (frame) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame)
    },
    close: (code, reason) => {
      socket.close(code, reason)
    },
    get bufferedBytes() {
      return socket.bufferedAmount
    },
  }
}
