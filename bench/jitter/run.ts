// The run: one server process, a proxy that breaks single connections, and many clients of the real library.

import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type Session } from 'holdfast'
import { createSeededChance, createTcpProxy, type ProxiedLink, type TcpProxy } from 'holdfast/testing'
import { room, type ServerProcess, startServer } from './channel.js'
import { type Cut, planCuts } from './plan.js'
import { type Report, Tally } from './tally.js'

export interface RunOptions {
  readonly clients: number
  readonly seconds: number
  readonly seed: number
  /** One line per second, for people. */
  readonly progress: (line: string) => void
}

export interface Run {
  readonly report: Report
  readonly usage: {
    readonly serverCpuMs: number
    readonly serverRssBytes: number
    /** Of the clients and the proxy, which share this process. */
    readonly clientsCpuMs: number
    readonly wallMs: number
  }
}

const perSecond = 2
const everyMs = 15_000
const awayMs = 2_000
/** After the last message, for whoever is still away. */
const patienceMs = 30_000
/** Clients that connect at the same time. */
const batch = 100

/** The connections through the proxy, by client; and who may not dial now. */
interface Net {
  readonly proxy: TcpProxy
  readonly links: Map<number, ProxiedLink>
  readonly refused: Set<number>
}

/** Resolves when everything is delivered or patience is over; rejects when a client does not even start. */
export async function run({ clients, seconds, seed, progress }: RunOptions): Promise<Run> {
  const tally = new Tally(clients)
  let failed = (_: Error) => {}
  const broken = new Promise<never>((_, reject) => {
    failed = reject
  })
  const server = await startServer(failed)
  const net = await createNet(server.port)
  const startMs = performance.now()
  const sessions: Session[] = []
  try {
    await Promise.race([broken, startClients(clients, net.proxy.port, tally, sessions, progress)])
    const messages = perSecond * seconds
    const cuts = planCuts({
      clients,
      durationMs: seconds * 1000,
      everyMs,
      quietMs: Math.min(awayMs + 1_000, (seconds * 1000) / 2),
      fraction: createSeededChance(seed).fraction,
    })
    server.publish(perSecond, messages)
    const isDone = () => tally.behind(messages) === 0
    const storm = makeStorm(cuts, net)
    await Promise.race([broken, watch({ server, tally, sessions, storm, seconds, isDone, progress })])
    const cpu = process.cpuUsage()
    const { cpuMs, rssBytes } = await server.stop()
    return {
      report: tally.report({ clients, seconds, seed, messages }),
      usage: {
        serverCpuMs: cpuMs,
        serverRssBytes: rssBytes,
        clientsCpuMs: (cpu.user + cpu.system) / 1000,
        wallMs: performance.now() - startMs,
      },
    }
  } finally {
    for (const session of sessions) session.close()
    await net.proxy.close()
  }
}

async function createNet(port: number): Promise<Net> {
  const links = new Map<number, ProxiedLink>()
  const refused = new Set<number>()
  const proxy = await createTcpProxy({
    to: { port },
    onRequest(link) {
      const client = Number(/[?&]client=(\d+) /.exec(link.requestLine)?.[1])
      if (refused.has(client)) link.cut()
      else links.set(client, link)
    },
  })
  return { proxy, links, refused }
}

async function startClients(
  count: number,
  port: number,
  tally: Tally,
  sessions: Session[],
  progress: (line: string) => void,
): Promise<void> {
  for (let first = 0; first < count; first += batch) {
    const some = Array.from({ length: Math.min(batch, count - first) }, (_, index) => {
      const session = startClient(first + index, port, tally)
      sessions.push(session)
      return session.whenLive()
    })
    const answers = await Promise.all(some)
    const stopped = answers.find((answer) => answer.kind === 'stopped')
    if (stopped !== undefined) throw new Error(`a client could not connect: ${stopped.reason}`)
    progress(`connecting: ${sessions.length} of ${count}`)
  }
}

function startClient(client: number, port: number, tally: Tally): Session {
  const session = connect(`ws://127.0.0.1:${port}/?client=${client}`)
  let dialledAtMs = performance.now()
  let sessionCount = 0
  session.on('attempt', () => {
    dialledAtMs = performance.now()
  })
  session.on('resume', ({ session: verdict }) => {
    if (verdict.kind === 'resumed') tally.resume(performance.now() - dialledAtMs)
  })
  session.on('new-session', () => {
    sessionCount += 1
    if (sessionCount > 1) tally.newSessions += 1
  })
  const joined = session.join(room)
  joined.on('entry', ({ data }) => tally.entry(client, (data as { readonly n: number }).n))
  joined.on('gap', () => tally.gap(client))
  return session
}

interface Storm {
  readonly cutCount: number
  /** Carries out what is due `atMs` after the start. */
  advance(atMs: number): void
}

function makeStorm(cuts: readonly Cut[], { links, refused }: Net): Storm {
  let cutCount = 0
  const carryOut = ({ client, kind }: Cut) => {
    cutCount += 1
    const link = links.get(client)
    if (kind === 'reset') {
      refused.add(client)
      link?.cut()
      setTimeout(() => refused.delete(client), awayMs)
    } else {
      link?.halfOpen()
      setTimeout(() => link?.cut(), awayMs)
    }
  }
  return {
    get cutCount() {
      return cutCount
    },
    advance(atMs) {
      for (let cut = cuts[cutCount]; cut !== undefined && cut.atMs <= atMs; cut = cuts[cutCount]) carryOut(cut)
    },
  }
}

async function watch(about: {
  readonly server: ServerProcess
  readonly tally: Tally
  readonly sessions: readonly Session[]
  readonly storm: Storm
  readonly seconds: number
  readonly isDone: () => boolean
  readonly progress: (line: string) => void
}): Promise<void> {
  const { server, tally, sessions, storm, seconds, isDone, progress } = about
  const startMs = performance.now()
  let toldSeconds = 0
  for (;;) {
    await sleep(20)
    const nowMs = performance.now() - startMs
    storm.advance(nowMs)
    if (nowMs >= (toldSeconds + 1) * 1000) {
      toldSeconds += 1
      const liveCount = sessions.filter(({ status }) => status.state === 'connected').length
      progress(
        `${String(toldSeconds).padStart(4)} s  live ${liveCount}/${sessions.length}  published ${server.publishedCount}  ` +
          `delivered ${tally.delivered}  behind ${tally.behind(server.publishedCount)}  cuts ${storm.cutCount}  ` +
          `resumed ${tally.resumed}  duplicates ${tally.duplicates}  silent gaps ${tally.silentGaps}`,
      )
    }
    if (nowMs >= seconds * 1000 && (isDone() || nowMs >= seconds * 1000 + patienceMs)) return
  }
}
