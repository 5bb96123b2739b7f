// Which pages may connect. Browsers tell the page's origin truthfully; programs tell what they like, or nothing.

import { OptionError } from './option-error.js'

export interface OriginRule {
  /** Exact origins (`https://app.example.com`), or `same-host`: the host that was asked, whatever the port table says. */
  readonly origins: readonly string[] | 'same-host'
  /** Programs send no origin. */
  readonly allowNoOrigin: boolean
  /** Pages of this machine may connect too. */
  readonly allowLocal: boolean
}

export interface OriginQuestion {
  readonly origin: string | undefined
  /** The Host header. */
  readonly host: string | undefined
  /** True: this socket is TLS itself. Behind a proxy that ends TLS it is false. */
  readonly isSecure: boolean
}

const localHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Compares scheme, host and port exactly. `null`, lists, paths and anything that is no origin are refused. */
export function isOriginAllowed(rule: OriginRule, { origin, host, isSecure }: OriginQuestion): boolean {
  if (origin === undefined) return rule.allowNoOrigin
  const url = originUrl(origin)
  if (url === null) return false
  if (rule.allowLocal && localHosts.has(url.hostname)) return true
  if (rule.origins !== 'same-host') return rule.origins.includes(origin)
  if (host === undefined || (isSecure && url.protocol !== 'https:')) return false
  // The Host header leaves a default port out, as the URL does.
  const defaultPort = url.protocol === 'https:' ? ':443' : ':80'
  return host.toLowerCase().replace(new RegExp(`${defaultPort}$`), '') === url.host
}

/** Throws for a list entry that no browser would ever send. */
export function checkOrigins(origins: OriginRule['origins']): void {
  if (origins === 'same-host') return
  for (const origin of origins) {
    if (originUrl(origin) !== null && !origin.includes('*')) continue
    throw new OptionError(
      `origins: ${JSON.stringify(origin)} is no origin; write it as browsers do: https://app.example.com`,
    )
  }
}

function originUrl(origin: string): URL | null {
  if (!URL.canParse(origin)) return null
  const url = new URL(origin)
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:'
  return isWeb && url.origin === origin ? url : null
}
