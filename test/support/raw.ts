// Connections that keep no rule unless a test wants them to: raw bytes over TCP, and WebSocket frames of any shape.

import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { createFrameReader, opcodes, type ServerFrame, sha256, type WebSocketFrame } from 'holdfast/protocol'

const patienceMs = 10_000
const textMax = 1_000_000

export interface RawSocket {
  readonly socket: Socket
  /** Everything that came, as latin1; beyond 1 MB only its beginning. */
  readonly text: () => string
  send(bytes: string | Uint8Array): void
  /** Resolves with everything that came when the other side has ended the connection. */
  ended(withinMs?: number): Promise<string>
  /** Resolves when `isThere` is true of everything that came. */
  until(isThere: (text: string) => boolean, withinMs?: number): Promise<string>
  /** Runs for all that has come, and will. */
  onData(run: (chunk: Buffer) => void): void
  destroy(): void
}

export async function openSocket(port: number, host = '127.0.0.1'): Promise<RawSocket> {
  const socket = connect({ port, host })
  let text = ''
  let isEnded = false
  const listeners: ((chunk: Buffer) => void)[] = []
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const look of [...waiting]) look()
  }
  socket.on('data', (chunk) => {
    if (text.length < textMax) text += chunk.toString('latin1')
    for (const listen of listeners) listen(chunk)
    wake()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    isEnded = true
    wake()
  })
  await new Promise<void>((resolve) => {
    socket.once('connect', () => resolve())
    socket.once('close', () => resolve())
  })
  const wait = (what: string, isThere: () => boolean, withinMs: number) =>
    new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(look)
        reject(new Error(`${what} did not come within ${withinMs} ms; got ${JSON.stringify(text.slice(0, 500))}`))
      }, withinMs)
      const look = () => {
        if (!isThere()) return
        clearTimeout(timer)
        waiting.delete(look)
        resolve(text)
      }
      waiting.add(look)
      look()
    })
  return {
    socket,
    text: () => text,
    send: (bytes) => void (socket.writable && socket.write(bytes)),
    ended: (withinMs = patienceMs) => wait('the end', () => isEnded, withinMs),
    until: (isThere, withinMs = patienceMs) => wait('what was awaited', () => isThere(text), withinMs),
    onData(run) {
      if (text !== '') run(Buffer.from(text, 'latin1'))
      listeners.push(run)
    },
    destroy: () => socket.destroy(),
  }
}

export interface UpgradeOptions {
  readonly path?: string
  readonly method?: string
  readonly http?: string
  /** Added behind the usual ones; `null` removes a usual one; an array repeats it. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | null>>
}

/** The bytes of an upgrade request. */
export function upgradeRequest({
  path = '/v1/connect',
  method = 'GET',
  http = 'HTTP/1.1',
  headers = {},
}: UpgradeOptions): string {
  const all: Record<string, string | readonly string[] | null> = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Protocol': 'holdfast.v1',
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, value]) => {
    if (value === null) return []
    return (typeof value === 'string' ? [value] : value).map((one) => `${name}: ${one}`)
  })
  return `${method} ${path} ${http}\r\n${lines.join('\r\n')}\r\n\r\n`
}

/** Asks for an upgrade; resolves with the status line once the headers of the answer are there, or it ended. */
export async function askUpgrade(
  port: number,
  options: UpgradeOptions = {},
): Promise<{ raw: RawSocket; status: number }> {
  const raw = await openSocket(port)
  raw.send(upgradeRequest(options))
  const head = await Promise.race([raw.until((text) => text.includes('\r\n\r\n')), raw.ended()])
  return { raw, status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0) }
}

export interface FrameShape {
  readonly opcode?: number
  readonly payload?: string | Uint8Array
  readonly isFinal?: boolean
  readonly reserved?: number
  readonly isMasked?: boolean
  /** The length to tell, if not the true one. */
  readonly length?: bigint
}

/** The bytes of one WebSocket frame of a client, in any shape. */
export function frameBytes(shape: FrameShape): Buffer {
  const { opcode = opcodes.text, payload = '', isFinal = true, reserved = 0, isMasked = true } = shape
  const body = Buffer.from(payload as string)
  const length = shape.length ?? BigInt(body.length)
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode
  const maskBit = isMasked ? 0x80 : 0
  let head: Buffer
  if (length <= 125n) head = Buffer.from([first, maskBit | Number(length)])
  else if (length <= 0xffffn) {
    head = Buffer.alloc(4)
    head.writeUInt8(first)
    head.writeUInt8(maskBit | 126, 1)
    head.writeUInt16BE(Number(length), 2)
  } else {
    head = Buffer.alloc(10)
    head.writeUInt8(first)
    head.writeUInt8(maskBit | 127, 1)
    head.writeBigUInt64BE(length, 2)
  }
  if (!isMasked) return Buffer.concat([head, body])
  const mask = randomBytes(4)
  for (let at = 0; at < body.length; at++) body[at] = body[at]! ^ mask[at % 4]!
  return Buffer.concat([head, mask, body])
}

export interface RawPeer {
  readonly raw: RawSocket
  /** Frames that came, JSON of the text ones. */
  readonly frames: ServerFrame[]
  /** Close frame, once it came. */
  readonly closed: () => { readonly code: number; readonly reason: string } | null
  send(frame: object | string | FrameShape[]): void
  sendShape(shape: FrameShape): void
  /** The next frame of this type, or one of these (and for which `wanted` is true); each frame is given once. */
  take<T extends ServerFrame['type']>(
    type: T | readonly T[],
    wanted?: (frame: Extract<ServerFrame, { type: T }>) => boolean,
    withinMs?: number,
  ): Promise<Extract<ServerFrame, { type: T }>>
  /** Resolves when the connection has ended, with the close code (0: no close frame came) and the bye. */
  ended(withinMs?: number): Promise<{ code: number; bye: Extract<ServerFrame, { type: 'bye' }> | null }>
  destroy(): void
}

/** A WebSocket that is open and has said nothing yet. */
export async function openPeer(
  port: number,
  options: UpgradeOptions & { readonly answersClose?: boolean } = {},
): Promise<RawPeer> {
  const { answersClose = true } = options
  const { raw, status } = await askUpgrade(port, options)
  if (status !== 101) throw new Error(`the upgrade was answered ${status}: ${raw.text().slice(0, 300)}`)
  const frames: ServerFrame[] = []
  const taken = new WeakSet<ServerFrame>()
  const read = createFrameReader()
  let headBytes = raw.text().indexOf('\r\n\r\n') + 4
  let closed: { code: number; reason: string } | null = null
  const hear = (frame: WebSocketFrame) => {
    if (frame.opcode === opcodes.text) frames.push(JSON.parse(Buffer.from(frame.payload).toString('utf8')))
    if (frame.opcode === opcodes.close) {
      const payload = Buffer.from(frame.payload)
      closed = { code: payload.length < 2 ? 1005 : payload.readUInt16BE(), reason: payload.toString('utf8', 2) }
      if (answersClose) raw.send(frameBytes({ opcode: opcodes.close, payload: payload.subarray(0, 2) }))
    }
  }
  raw.onData((chunk) => {
    const fresh = chunk.subarray(headBytes)
    headBytes = 0
    for (const frame of read(fresh)) hear(frame)
  })
  return {
    raw,
    frames,
    closed: () => closed,
    send(frame) {
      if (Array.isArray(frame)) for (const shape of frame) raw.send(frameBytes(shape))
      else raw.send(frameBytes({ payload: typeof frame === 'string' ? frame : JSON.stringify(frame) }))
    },
    sendShape: (shape) => raw.send(frameBytes(shape)),
    async take(type, wanted = () => true, withinMs = patienceMs) {
      const types: readonly string[] = typeof type === 'string' ? [type] : type
      let found: ServerFrame | undefined
      await raw.until(() => {
        found ??= frames.find((frame) => types.includes(frame.type) && !taken.has(frame) && wanted(frame as never))
        if (found !== undefined) taken.add(found)
        return found !== undefined
      }, withinMs)
      return found as never
    },
    async ended(withinMs) {
      await raw.ended(withinMs)
      const bye = frames.findLast((frame) => frame.type === 'bye') ?? null
      return { code: closed?.code ?? 0, bye: bye as Extract<ServerFrame, { type: 'bye' }> | null }
    },
    destroy: raw.destroy,
  }
}

export const random = (bytes = 16) => randomBytes(bytes).toString('base64url')

/** What a client keeps of its session, and the hellos it makes of it. */
export interface Identity {
  session: string | null
  current: string | null
  next: string
  attempt: number
  readonly instance: string
  readonly device: string
}

export function createIdentity(): Identity {
  return { session: null, current: null, next: random(32), attempt: 0, instance: random(), device: random(32) }
}

/** The next hello of an identity; `overrides` replaces fields, `undefined` removes one. */
export function helloOf(identity: Identity, overrides: Readonly<Record<string, unknown>> = {}): object {
  identity.attempt += 1
  const { session: id, current: secret, next, attempt, instance, device } = identity
  return {
    type: 'hello',
    version: 1,
    features: [],
    instance,
    attempt,
    nextHash: sha256(next),
    ...(id === null || secret === null ? {} : { session: { id, secret } }),
    device,
    rooms: [],
    ...overrides,
  }
}

/** After a welcome: the next secret is the present one. */
export function promote(identity: Identity, session: string): void {
  identity.session = session
  identity.current = identity.next
  identity.next = random(32)
}

/** Opens, says hello, waits for the welcome. */
export async function enter(
  port: number,
  identity = createIdentity(),
  overrides: Readonly<Record<string, unknown>> = {},
  upgrade: UpgradeOptions = {},
) {
  const peer = await openPeer(port, upgrade)
  peer.send(helloOf(identity, overrides))
  const welcome = await peer.take('welcome')
  promote(identity, welcome.session)
  return { peer, welcome, identity }
}
