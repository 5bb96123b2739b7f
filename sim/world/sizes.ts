// How much the servers hold at once, looked at with every frame that arrives, and what may be.

import type { EngineSizes } from '../../src/engine/engine.js'
import { readSettings } from '../../src/server/settings.js'
import type { Config } from '../config.js'
import type { Trace } from '../trace.js'
import type { TestProcess } from '../../src/testing/test-process.js'

/** Of a tail the newest entry stays; beyond its payload it has a head. */
const headBytesMax = 2_048
/** Sockets of tabs that are gone and of strangers, until they are found dead. */
const deadLinksMax = 60

export class Sizes {
  readonly #servers: readonly TestProcess[]
  readonly #bounds: Readonly<Record<keyof EngineSizes, number>>
  readonly #most = new Map<keyof EngineSizes, number>()

  constructor(servers: readonly TestProcess[], config: Config) {
    this.#servers = servers
    this.#bounds = boundsOf(config)
  }

  look(): void {
    for (const { server } of this.#servers) {
      if (server === null) continue
      for (const [what, count] of Object.entries(server.sizes()) as [keyof EngineSizes, number][]) {
        if (count > (this.#most.get(what) ?? -1)) this.#most.set(what, count)
      }
    }
  }

  record(trace: Trace): void {
    for (const [what, count] of this.#most) {
      trace.add({ kind: 'most', what: `${what} of a server`, count, bound: this.#bounds[what] })
    }
  }
}

function boundsOf(config: Config): Readonly<Record<keyof EngineSizes, number>> {
  const settings = readSettings(config.settings)
  const roomCount = config.rooms.length
  const connections = config.tabs.length + deadLinksMax
  const tailBytes = Math.max(settings.tailBytesMax, settings.payloadBytesMax + headBytesMax)
  return {
    connections,
    sessions: connections,
    departures: connections,
    rooms: roomCount,
    // Of each connection its beats, of each room its readers, its presence and its poll, and calls of the store.
    timers: 20 + 12 * connections + 8 * roomCount + 8 * connections * roomCount,
    tailBytes: roomCount * tailBytes,
    roomTailBytesMost: tailBytes,
    answerBytesMost: settings.controlBytesMax,
    readersMost: Math.min(settings.roomsMax, roomCount),
  }
}
