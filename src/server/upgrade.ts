// What an upgrade request must be before anything is allocated for it: a pure judgement over its head.

import type { IncomingHttpHeaders } from 'node:http'
import { subprotocol } from '../protocol/frames.js'
import { isOriginAllowed, type OriginRule } from './origin.js'

export const connectPath = '/v1/connect'

export interface UpgradeHead {
  readonly method: string
  readonly httpVersion: string
  /** Path and query. */
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly headerCount: number
  readonly isSecure: boolean
}

export type UpgradeVerdict =
  | { readonly kind: 'accepted' }
  | {
      readonly kind: 'refused'
      readonly status: 400 | 403 | 404 | 426 | 431
      /** A word for programs; the target and the header values are never repeated. */
      readonly error: string
      readonly headers?: Readonly<Record<string, string>>
    }

export const headersMax = 100
const keyShape = /^[+/0-9A-Za-z]{22}==$/

/** Query keys under which people put what must not be in a URL: proxies and load balancers log URLs. */
const secretKeys: ReadonlySet<string> = new Set([
  ...['token', 'access_token', 'accesstoken', 'id_token', 'refresh_token', 'auth', 'authorization', 'bearer', 'jwt'],
  ...['secret', 'password', 'key', 'apikey', 'api_key', 'api-key', 'session', 'sid', 'device', 'ticket'],
])

/** The path is looked at first, then what is dangerous, then what is merely wrong. Takes time linear in the head. */
export function judgeUpgrade(head: UpgradeHead, origins: OriginRule): UpgradeVerdict {
  const { headers } = head
  if (head.headerCount > headersMax) return no(431, 'too-many-headers')
  const [path = '', query = ''] = splitOnce(head.target, '?')
  if (path !== connectPath) return no(404, 'not-found')
  const question = { origin: headers.origin, host: headers.host, isSecure: head.isSecure }
  if (!isOriginAllowed(origins, question)) return no(403, 'origin-not-allowed')
  if (hasSecretKey(query)) return no(400, 'token-in-url')
  if (head.method !== 'GET' || head.httpVersion !== '1.1') return no(400, 'bad-upgrade')
  if (headers.upgrade?.toLowerCase() !== 'websocket') return no(400, 'bad-upgrade')
  if (!keyShape.test(headers['sec-websocket-key'] ?? '')) return no(400, 'bad-websocket-key')
  if (headers['sec-websocket-version'] !== '13') {
    return { ...no(426, 'unsupported-websocket-version'), headers: { 'Sec-WebSocket-Version': '13' } }
  }
  if (!offersProtocol(headers['sec-websocket-protocol'])) return no(400, 'unsupported-subprotocol')
  return { kind: 'accepted' }
}

function no(status: 400 | 403 | 404 | 426 | 431, error: string) {
  return { kind: 'refused', status, error } as const
}

export function hasSecretKey(query: string): boolean {
  if (query === '') return false
  for (const key of new URLSearchParams(query).keys()) if (secretKeys.has(key.toLowerCase())) return true
  return false
}

/** A short list of tokens with ours in it. Real clients offer one or two. */
function offersProtocol(offer: string | undefined): boolean {
  if (offer === undefined || offer.length > 1_024) return false
  return offer.split(',').some((name) => name.trim() === subprotocol)
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
