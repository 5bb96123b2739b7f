// For tests of applications, and for our own: virtual time, a network in memory, chance that repeats, and a proxy that
// breaks real connections. Nothing here knows a test runner.

export { type Disturbance, disturbStore } from './disturbed-store.js'
export type { Fault, FaultScript, FaultStep, Hearing } from './fault.js'
export {
  checkFaults,
  faultKinds,
  type FaultProblem,
  type FaultsChecked,
  InvalidFaultScript,
  readFaults,
} from './fault-check.js'
export type { FaultStage } from './fault-acts.js'
export type { Playing } from './fault-play.js'
export { playFaultsOnProxies, proxyFaultKinds, type ProxyGround } from './fault-proxy.js'
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
export {
  createOutboxDisk,
  type OutboxDisk,
  openOutboxDisk,
  type PageOutbox,
  type PageOutboxOptions,
} from './memory-outbox.js'
export { createSeededChance, type SeededChance } from './seeded-chance.js'
export { type OpenStore, type Runner, storeSuite, type SuiteStore } from './store-suite.js'
export { outboxSuite, type SuiteOutbox } from './outbox-suite.js'
export { createTcpProxy, type ProxiedLink, type TcpProxy } from './tcp-proxy.js'
export type { StoreTrouble } from './store-trouble.js'
export { type Program, TestProcess } from './test-process.js'
export { createTestServer, type TestServer, type TestServerOptions } from './test-server.js'
export { createTestStage, type StagedClient, type TestStage, type TestStageOptions } from './test-stage.js'
export { createVirtualClock, type ProcessClock, type VirtualClock } from './virtual-clock.js'
