// One connection of a foreign client: frames as plain objects over a plain WebSocket. Nothing here comes from the
// library; all it knows is PROTOCOL.md.

import { createHash, randomBytes } from 'node:crypto'
import { WebSocket } from 'ws'

const patienceMs = 5_000

export const random = (byteCount = 16) => randomBytes(byteCount).toString('base64url')
export const hashOf = (secret) => createHash('sha256').update(secret).digest('base64url')

/** Dials, and resolves when the WebSocket is open. */
export async function dial(url, protocol = 'holdfast.v1') {
  const socket = new WebSocket(url, protocol)
  const wire = new Wire(socket)
  await new Promise((opened, failed) => {
    socket.once('open', opened)
    socket.once('error', failed)
  })
  return wire
}

/** What arrived, in order, and a cursor over it: each frame is looked at once. */
class Wire {
  constructor(socket) {
    this.socket = socket
    this.frames = []
    this.closed = null
    this.wake = () => {}
    socket.on('message', (bytes, isBinary) => {
      this.frames.push(isBinary ? parseBinary(bytes) : JSON.parse(bytes.toString('utf8')))
      this.wake()
    })
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString('utf8') }
      this.wake()
    })
    socket.on('error', () => {})
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame))
  }

  sendText(text) {
    this.socket.send(text)
  }

  sendBinary(frame, data) {
    const header = Buffer.from(JSON.stringify(frame))
    const length = Buffer.alloc(2)
    length.writeUInt16BE(header.length)
    this.socket.send(Buffer.concat([length, header, data]))
  }

  /** The next frame for which `wanted` is true; frames before it stay, for somebody else to take. */
  async take(what, wanted) {
    const deadline = Date.now() + patienceMs
    for (;;) {
      const at = this.frames.findIndex(wanted)
      if (at >= 0) return this.frames.splice(at, 1)[0]
      if (this.closed !== null) throw new Error(`closed ${JSON.stringify(this.closed)} while waiting for ${what}`)
      if (!(await this.more(deadline))) throw new Error(`no ${what} came; there is ${JSON.stringify(this.frames)}`)
    }
  }

  /** The very next frame, whatever it is; beats are passed over. */
  async next() {
    const frame = await this.take('a frame', (candidate) => candidate.type !== 'beat')
    return frame
  }

  async end() {
    const deadline = Date.now() + patienceMs
    while (this.closed === null) {
      if (!(await this.more(deadline))) throw new Error('the server did not close')
    }
    return this.closed
  }

  /** Gone without a goodbye: no close frame leaves. */
  cut() {
    this.socket.terminate()
  }

  more(deadline) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), Math.max(0, deadline - Date.now()))
      this.wake = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }
}

/** [u16 header length, big endian][JSON header without `data`][bytes] */
function parseBinary(bytes) {
  const end = 2 + bytes.readUInt16BE(0)
  return { ...JSON.parse(bytes.subarray(2, end).toString('utf8')), data: bytes.subarray(end) }
}
