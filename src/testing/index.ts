// For tests of applications, and for our own: virtual time, a network in memory, chance that repeats, and a proxy that
// breaks real connections. Nothing here knows a test runner.

export { type Disturbance, disturbStore } from './disturbed-store.js'
export type { MemoryLink, Which } from './memory-link.js'
export {
  type Accept,
  type Arrival,
  createNetwork,
  type Line,
  type Listener,
  type Network,
  type NetworkOptions,
  type SeenFrame,
} from './memory-network.js'
export type { Cut, Direction, ServerEnd } from './memory-wires.js'
export { createSeededChance, type SeededChance } from './seeded-chance.js'
export { type OpenStore, type Runner, storeSuite, type SuiteStore } from './store-suite.js'
export { createTcpProxy, type ProxiedLink, type TcpProxy } from './tcp-proxy.js'
export { createTestServer, type TestServer, type TestServerOptions } from './test-server.js'
export { createVirtualClock, type ProcessClock, type VirtualClock } from './virtual-clock.js'
