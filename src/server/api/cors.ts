// Which pages may ask over HTTP, and what their browsers are told. The rule is the socket's; a browser also tells by
// Sec-Fetch-Site what it leaves out of Origin.

import type { IncomingHttpHeaders } from 'node:http'
import { isOriginAllowed, type OriginRule } from '../origin.js'

export interface CorsQuestion {
  readonly headers: IncomingHttpHeaders
  readonly method: string
  readonly isSecure: boolean
  /** The cookie speaks for the user: his browser would send it for any page. */
  readonly isByCookie: boolean
}

const allowedHeaders = 'Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Holdfast-Device'
const exposedHeaders = 'Retry-After'
const preflightSeconds = '600'

/** A page that says nothing of itself counts as a program, except where a cookie speaks. */
export function isAskerAllowed(rule: OriginRule, question: CorsQuestion): boolean {
  const { headers, method, isSecure, isByCookie } = question
  const { origin, host } = headers
  if (origin !== undefined) return isOriginAllowed(rule, { origin, host, isSecure })
  const site = headers['sec-fetch-site']
  if (site === 'same-origin') return isOwnHost(rule, host)
  const isRead = method === 'GET' || method === 'HEAD'
  if (isByCookie && !(isRead && (site === undefined || site === 'none'))) return false
  return rule.allowNoOrigin
}

/** The page came from the host that it asks: is one of the listed origins that host? */
function isOwnHost({ origins }: OriginRule, host: string | undefined): boolean {
  if (origins === 'same-host') return true
  return origins.some((origin) => URL.canParse(origin) && new URL(origin).host === host?.toLowerCase())
}

/** For every answer. Credentials only for origins that are named one by one, and only where cookies count. */
export function corsHeaders(rule: OriginRule, { headers, isSecure }: CorsQuestion, hasCookies: boolean): Headers {
  const cors = new Headers({ Vary: 'Origin' })
  const { origin, host } = headers
  if (origin === undefined || !isOriginAllowed(rule, { origin, host, isSecure })) return cors
  cors.set('Access-Control-Allow-Origin', origin)
  cors.set('Access-Control-Expose-Headers', exposedHeaders)
  const isNamed = rule.origins !== 'same-host' && rule.origins.includes(origin)
  if (hasCookies && isNamed) cors.set('Access-Control-Allow-Credentials', 'true')
  return cors
}

/** The answer to a preflight of an allowed page; `methods` are those of the path. */
export function preflight(methods: string): Response {
  const headers = {
    Allow: methods,
    'Access-Control-Allow-Methods': methods,
    'Access-Control-Allow-Headers': allowedHeaders,
    'Access-Control-Max-Age': preflightSeconds,
  }
  return new Response(null, { status: 204, headers })
}
