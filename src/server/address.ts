// Where a request comes from, as far as it can be trusted, and which addresses count as one.

import { isIP } from 'node:net'

/**
 * The client's address: the socket's, or, behind `proxyHops` trusted proxies, the one that the outermost of them saw.
 * Without trusted proxies X-Forwarded-For is ignored: anybody may write it.
 */
export function clientAddress(ask: {
  readonly socketAddress: string | undefined
  readonly forwardedFor: string | undefined
  readonly proxyHops: number
}): string {
  const own = plain(ask.socketAddress ?? '')
  if (ask.proxyHops === 0) return own
  const seen = (ask.forwardedFor ?? '').split(',', 64).map((part) => plain(part.trim()))
  const address = seen.at(-ask.proxyHops)
  return address !== undefined && isIP(address) !== 0 ? address : own
}

/** Addresses that one customer gets together: IPv4 itself, IPv6 its /64. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':')}::/64`
}

/** `::ffff:10.0.0.1` is 10.0.0.1. */
function plain(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
