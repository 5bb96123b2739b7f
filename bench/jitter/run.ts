// The run: a server, a proxy that breaks single connections, and here the clients, all of them sessions of the real
// library.

import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type Session } from 'holdfast'
import { createSeededChance } from 'holdfast/testing'
import { type ProxyProcess, room, type ServerProcess, startProxy, startServer, type Usage, usage } from './channel.js'
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
  readonly wallMs: number
  readonly used: { readonly server: Usage; readonly clients: Usage; readonly proxy: Usage }
}

const perSecond = 2
const everyMs = 15_000
const awayMs = 2_000
/** After the last message, for whoever is still away. */
const patienceMs = 30_000
/** Clients that connect at the same time. */
const batch = 100

/** Everything that belongs to one run. */
interface Scene {
  readonly options: RunOptions
  readonly messages: number
  readonly server: ServerProcess
  readonly proxy: ProxyProcess
  readonly sessions: Session[]
  readonly tally: Tally
}

/** Resolves when everything is delivered or patience is over; rejects when a client does not even start. */
export async function run(options: RunOptions): Promise<Run> {
  const startMs = performance.now()
  const { clients, seconds, seed } = options
  let died = (_: Error) => {}
  const broken = new Promise<never>((_, reject) => {
    died = reject
  })
  const server = await startServer((error) => died(error))
  const proxy = await startProxy(server.port, (error) => died(error))
  const messages = perSecond * seconds
  const scene: Scene = { options, messages, server, proxy, sessions: [], tally: new Tally(clients) }
  try {
    await Promise.race([broken, startClients(scene)])
    await Promise.race([broken, storm(scene)])
    const used = { server: await server.stop(), clients: usage(), proxy: await proxy.stop() }
    return {
      report: scene.tally.report({ clients, seconds, seed, messages }),
      wallMs: performance.now() - startMs,
      used,
    }
  } finally {
    for (const session of scene.sessions) session.close()
  }
}

async function startClients({ options, proxy, sessions, tally }: Scene): Promise<void> {
  const { clients, progress } = options
  while (sessions.length < clients) {
    const some = Array.from({ length: Math.min(batch, clients - sessions.length) }, () => {
      const session = startClient(sessions.length, proxy.port, tally)
      sessions.push(session)
      return session.whenLive()
    })
    const stopped = (await Promise.all(some)).find((answer) => answer.kind === 'stopped')
    if (stopped !== undefined) throw new Error(`a client could not connect: ${stopped.reason}`)
    progress(`connecting: ${sessions.length} of ${clients}`)
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

async function storm(scene: Scene): Promise<void> {
  const { server, proxy, tally, messages } = scene
  const { clients, seconds, seed, progress } = scene.options
  const durationMs = seconds * 1000
  const quietMs = Math.min(awayMs + 1_000, durationMs / 2)
  const { fraction } = createSeededChance(seed)
  const cuts: readonly Cut[] = planCuts({ clients, durationMs, everyMs, quietMs, fraction })
  let cutCount = 0
  let toldSeconds = 0
  server.publish(perSecond, messages)
  const startMs = performance.now()
  for (;;) {
    await sleep(20)
    const nowMs = performance.now() - startMs
    for (let cut = cuts[cutCount]; cut !== undefined && cut.atMs <= nowMs; cut = cuts[cutCount]) {
      cutCount += 1
      proxy.cut(cut.client, cut.kind, awayMs)
    }
    if (nowMs >= (toldSeconds + 1) * 1000) {
      toldSeconds += 1
      progress(progressLine(scene, toldSeconds, cutCount))
    }
    if (nowMs < durationMs) continue
    if (tally.behind(messages) === 0 || nowMs >= durationMs + patienceMs) return
  }
}

function progressLine({ sessions, server, tally }: Scene, atSeconds: number, cutCount: number): string {
  const liveCount = sessions.filter(({ status }) => status.state === 'connected').length
  const { delivered, resumed, duplicates, silentGaps } = tally
  return [
    `${String(atSeconds).padStart(4)} s`,
    `live ${liveCount}/${sessions.length}`,
    `published ${server.publishedCount}`,
    `delivered ${delivered}`,
    `behind ${tally.behind(server.publishedCount)}`,
    `cuts ${cutCount}`,
    `resumed ${resumed}`,
    `duplicates ${duplicates}`,
    `silent gaps ${silentGaps}`,
  ].join('  ')
}
