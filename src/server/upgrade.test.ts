import { describe, expect, test } from 'vitest'
import { clientAddress, networkOf } from './address.js'
import { checkOrigins, isOriginAllowed, type OriginRule } from './origin.js'
import { judgeUpgrade, type UpgradeHead } from './upgrade.js'

const sameHost: OriginRule = { origins: 'same-host', allowNoOrigin: true, allowLocal: false }
const listed: OriginRule = { ...sameHost, origins: ['https://app.com', 'http://app.com:8080'] }

describe('[SRV-1] [A1] origins', () => {
  for (const [origin, isAllowed] of [
    ['https://app.com', true],
    ['http://app.com:8080', true],
    ['http://app.com', false],
    ['https://app.com:8443', false],
    ['https://app.com.evil.com', false],
    ['https://evil-app.com', false],
    ['https://sub.app.com', false],
    ['https://app.com/', false],
    ['https://app.com/path', false],
    ['https://APP.com', false],
    ['https://user@app.com', false],
    ['https://app.com, https://app.com', false],
    ['null', false],
    ['', false],
    ['file://', false],
    ['chrome-extension://abc', false],
    ['http://localhost:3000', false],
  ] as const) {
    test(`[SRV-1] a list lets ${JSON.stringify(origin)} ${isAllowed ? 'in' : 'not in'}`, () => {
      expect(isOriginAllowed(listed, { origin, host: 'app.com', isSecure: false })).toBe(isAllowed)
    })
  }

  for (const [origin, host, isSecure, isAllowed] of [
    ['https://app.com', 'app.com', false, true],
    ['https://app.com', 'APP.com', true, true],
    ['https://app.com', 'app.com:443', false, true],
    ['http://app.com', 'app.com:80', false, true],
    ['http://app.com', 'app.com', true, false],
    ['http://app.com:80443', 'app.com:80443', false, false],
    ['http://app.com:7400', 'app.com:7400', false, true],
    ['http://app.com:7400', 'app.com', false, false],
    ['http://app.com', 'app.com:443', false, false],
    ['https://evil.com', 'app.com', false, false],
    ['https://app.com', undefined, false, false],
    ['null', 'null', false, false],
  ] as const) {
    test(`[SRV-1] same host: ${origin} at ${host}${isSecure ? ' over TLS' : ''} is ${isAllowed}`, () => {
      expect(isOriginAllowed(sameHost, { origin, host, isSecure })).toBe(isAllowed)
    })
  }

  for (const [origin, isAllowed] of [
    ['http://localhost:3000', true],
    ['https://127.0.0.1:5173', true],
    ['http://[::1]:80', false],
    ['http://[::1]:5173', true],
    ['http://localhost.evil.com', false],
    ['http://127.0.0.1.evil.com', false],
  ] as const) {
    test(`[SRV-1] in development ${origin} is ${isAllowed}`, () => {
      const rule = { ...listed, allowLocal: true }
      expect(isOriginAllowed(rule, { origin, host: 'app.com', isSecure: false })).toBe(isAllowed)
    })
  }

  test('[SRV-1] a missing origin is a program, allowed or not as a whole', () => {
    const question = { origin: undefined, host: 'app.com', isSecure: false }
    expect(isOriginAllowed(listed, question)).toBe(true)
    expect(isOriginAllowed({ ...listed, allowNoOrigin: false }, question)).toBe(false)
  })

  test('[SRV-1] a list entry that no browser would send is a mistake, and named', () => {
    for (const origin of ['app.com', 'https://app.com/', '*', 'https://*.app.com', 'HTTPS://app.com']) {
      expect(() => checkOrigins([origin])).toThrow(JSON.stringify(origin))
    }
    expect(() => checkOrigins(['https://app.com', 'http://localhost:3000'])).not.toThrow()
  })
})

const good = {
  method: 'GET',
  httpVersion: '1.1',
  target: '/v1/connect',
  headers: {
    host: 'app.com',
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
    'sec-websocket-protocol': 'holdfast.v1',
  },
  headerCount: 8,
  isSecure: false,
} satisfies UpgradeHead

describe('[SRV-2] upgrades', () => {
  const headers = (more: object): Partial<UpgradeHead> => ({ headers: { ...good.headers, ...more } })
  const cases: [string, Partial<UpgradeHead>, number | 'accepted'][] = [
    ['a good one', {}, 'accepted'],
    ['a query without secrets', { target: '/v1/connect?room=a&tokens=3' }, 'accepted'],
    ['several subprotocols', headers({ 'sec-websocket-protocol': 'other, holdfast.v1' }), 'accepted'],
    ['another case of upgrade', headers({ upgrade: 'WebSocket' }), 'accepted'],
    ['another path', { target: '/v1/connect/' }, 404],
    ['no path', { target: '' }, 404],
    ['[A1] an evil origin', headers({ origin: 'https://evil.com' }), 403],
    ['[A2] an evil origin with a cookie', headers({ origin: 'https://evil.com', cookie: 'sid=1' }), 403],
    ['[A3] a token in the query', { target: '/v1/connect?token=abc' }, 400],
    ['[A3] a token in the query, disguised', { target: '/v1/connect?a=1&%54oken=abc' }, 400],
    ['[A4] too many headers', { headerCount: 2_001 }, 431],
    ['[A5] a short key', headers({ 'sec-websocket-key': 'abc' }), 400],
    ['[A5] a key twice', headers({ 'sec-websocket-key': `${good.headers['sec-websocket-key']}, x` }), 400],
    ['[A5] no key', headers({ 'sec-websocket-key': undefined }), 400],
    ['[A5] version 12', headers({ 'sec-websocket-version': '12' }), 426],
    ['[A5] version 13 twice', headers({ 'sec-websocket-version': '13, 13' }), 426],
    ['[A5] another upgrade', headers({ upgrade: 'h2c' }), 400],
    ['[A11] POST', { method: 'POST' }, 400],
    ['[A11] HTTP/1.0', { httpVersion: '1.0' }, 400],
    ['no subprotocol', headers({ 'sec-websocket-protocol': undefined }), 400],
    ['another subprotocol', headers({ 'sec-websocket-protocol': 'holdfast.v2' }), 400],
    ['[A6] 10 000 subprotocols', headers({ 'sec-websocket-protocol': 'a,'.repeat(10_000) }), 400],
    ['[A6] a subprotocol of spaces', headers({ 'sec-websocket-protocol': `${' '.repeat(16_000)}x` }), 400],
  ]
  for (const [what, more, gives] of cases) {
    test(`[SRV-2] ${what} is ${gives}`, () => {
      const verdict = judgeUpgrade({ ...good, ...more }, sameHost)
      expect(verdict.kind === 'accepted' ? 'accepted' : verdict.status).toBe(gives)
      expect(JSON.stringify(verdict)).not.toContain('abc')
    })
  }
})

describe('[SRV-9] addresses', () => {
  for (const [socketAddress, forwardedFor, proxyHops, gives] of [
    ['10.0.0.1', '6.6.6.6', 0, '10.0.0.1'],
    ['::ffff:10.0.0.1', undefined, 0, '10.0.0.1'],
    ['10.0.0.1', '1.1.1.1, 2.2.2.2', 1, '2.2.2.2'],
    ['10.0.0.1', '1.1.1.1, 2.2.2.2', 2, '1.1.1.1'],
    ['10.0.0.1', '2.2.2.2', 2, '10.0.0.1'],
    ['10.0.0.1', 'evil"\r\n', 1, '10.0.0.1'],
    ['10.0.0.1', undefined, 1, '10.0.0.1'],
    [undefined, undefined, 0, ''],
  ] as const) {
    test(`[SRV-9] [A13] ${socketAddress} forwarding ${JSON.stringify(forwardedFor)} behind ${proxyHops} is ${gives}`, () => {
      expect(clientAddress({ socketAddress, forwardedFor, proxyHops })).toBe(gives)
    })
  }

  for (const [address, network] of [
    ['10.0.0.1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['', ''],
  ] as const) {
    test(`[SRV-9] ${address} counts with ${network}`, () => expect(networkOf(address)).toBe(network))
  }
})
