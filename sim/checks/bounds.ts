// Bounds: what is held, what a limit lets through, how long others wait for a slow one, how many come in at once.

import type { Fault } from '../faults.js'
import type { Item, Plan } from '../plan.js'
import type { Truth } from '../truth.js'
import type { Broken, Invariant } from './check.js'
import { wronglyLimited } from './strangers.js'

const bounded: Invariant = {
  id: 'I51',
  holds: 'nothing that is held ever outgrows its limit, and a limit refuses nothing below it',
  broken: (truth, plan) => [
    ...truth
      .of('most')
      .filter(({ count, bound }) => count > bound)
      .map(({ step, what, count, bound }) => ({ step, what: `${what}: ${count}, at most ${bound} allowed` })),
    ...longLogs(truth, plan),
    ...longOutboxes(truth, plan),
    ...truth.of('probed').flatMap(wronglyLimited),
  ],
}

function longLogs(truth: Truth, { config }: Plan): Broken[] {
  return truth.of('end-log').flatMap(({ step, room, entries }) => {
    const most = config.rooms.find(({ name }) => name === room)?.entriesMax ?? Number.POSITIVE_INFINITY
    return entries.length <= most ? [] : [{ step, what: `${room} keeps ${entries.length} entries of ${most}` }]
  })
}

/** What is refused settles at once, so only publishes of an earlier time count. */
function longOutboxes(truth: Truth, { config }: Plan): Broken[] {
  const most = config.client.itemsMax
  const open = new Map<string, Map<number, number>>()
  return truth.records.flatMap((record, step) => {
    if (record.kind !== 'publish' && record.kind !== 'settled') return []
    const own = open.get(record.by) ?? new Map<number, number>()
    open.set(record.by, own)
    if (record.kind === 'settled') own.delete(record.n)
    else own.set(record.n, record.atMs)
    const waiting = [...own.values()].filter((atMs) => atMs < record.atMs).length
    return waiting <= most ? [] : [{ step, what: `${record.by} has ${waiting} publishes waiting, of ${most}` }]
  })
}

/** Beyond what the links and the store take: a hint that is early waits for the one before, a loop may be late. */
const spareMs = 1_500

/** What makes one tab slow, and nobody else. */
const slowing: ReadonlySet<string> = new Set(['stall', 'bandwidth', 'pause-client', 'throttle-tab'])

const slowOnesAlone: Invariant = {
  id: 'I53',
  holds: 'while others stall, a reader that does not is handed each new entry as soon as ever',
  broken: (truth, plan) => {
    const faults = plan.items.flatMap((item) => ('fault' in item ? [item] : []))
    const isQuiet = faults.every(({ fault }) => slowing.has(fault))
    const { store, latencyMs, settings } = plan.config
    if (!isQuiet || faults.length === 0 || store.lateMs[1] > 20) return []
    const slow = new Set(faults.flatMap((fault) => tabsOf(fault, plan)))
    const hintMs = store.hintLateMs[1] + (store.hintLoss > 0 ? 2 * (settings.heartbeatMs ?? 25_000) : 0)
    const mostMs = hintMs + 3 * latencyMs[1] + spareMs
    return lateEntries(truth, mostMs, (by) => !slow.has(by.split('.')[0] ?? by))
  },
}

function tabsOf(fault: Item & Fault, { config }: Plan): string[] {
  if ('line' in fault) return [fault.line]
  return 'tab' in fault ? [config.tabs[fault.tab]?.name ?? ''] : []
}

/** Of readers that were live when it was appended, and stayed so. */
function lateEntries(truth: Truth, mostMs: number, isMeant: (by: string) => boolean): Broken[] {
  return truth.spans.flatMap(({ by, room, items }) => {
    if (!isMeant(by)) return []
    const broken: Broken[] = []
    let liveStep = Number.POSITIVE_INFINITY
    const away = truth.of('status').filter((status) => status.by === by && status.state !== 'connected')
    for (const item of items) {
      if (item.kind === 'room-live') liveStep = item.step
      if (item.kind !== 'entry') continue
      const real = truth.lifeOf(item.position.epoch)?.logs.get(room)?.[item.position.offset - 1]
      if (real === undefined || real.step < liveStep || item.atMs - real.atMs <= mostMs) continue
      if (away.some(({ step }) => step > liveStep && step < item.step)) continue
      const tookMs = Math.round(item.atMs - real.atMs)
      broken.push({ step: item.step, what: `${by} got ${room} ${item.position.offset} after ${tookMs} ms` })
    }
    return broken
  })
}

const burstSeconds = 4
/** Store answers that were late may come together. */
const windowMs = 10_000
const lateMs = 10_000

const admitted: Invariant = {
  id: 'I59',
  holds: 'no server lets more come in than its limits, however many come at once',
  broken: (truth, plan) => {
    const { resumesPerSecond = 5_000, newSessionsPerSecond = 2_500 } = plan.config.settings
    const most = ((resumesPerSecond + newSessionsPerSecond) * 1.05 * (windowMs + lateMs + 1_000 * burstSeconds)) / 1_000
    const attached = new Map<string, number[]>()
    return truth.of('attached').flatMap(({ node, atMs, step }) => {
      const times = (attached.get(node) ?? []).filter((otherMs) => atMs - otherMs < windowMs)
      times.push(atMs)
      attached.set(node, times)
      return times.length <= most ? [] : [{ step, what: `${node} took ${times.length} in ${windowMs} ms, of ${most}` }]
    })
  },
}

export const boundInvariants: readonly Invariant[] = [bounded, slowOnesAlone, admitted]
