// The log and its order: dense, never rewritten, one order for all.

import { entryAt, isVoidAt, lateExcuse, mayComeLate, type Of, type Truth } from '../truth.js'
import type { Broken, Invariant } from './check.js'

const logDense: Invariant = {
  id: 'I01',
  holds: 'offsets of a room are 1..n in each life of the store, without a hole or a repeat',
  broken: ({ lives }) =>
    lives.flatMap((life) =>
      [...life.logs].flatMap(([room, log]) =>
        log.flatMap((entry, index) =>
          entry.position.offset === index + 1
            ? []
            : [
                {
                  step: entry.step,
                  what: `${room}: entry ${index + 1} of life ${life.life} has offset ${entry.position.offset}`,
                },
              ],
        ),
      ),
    ),
}

const noFork: Invariant = {
  id: 'I02',
  holds: 'an entry that anybody was handed is the one that was appended there, tag and body',
  broken: (truth) =>
    truth.of('entry').flatMap((seen) => {
      const life = truth.lifeOf(seen.position.epoch)
      const real = entryAt(life, seen.room, seen.position.offset)
      if (real !== undefined && real.position.tag === seen.position.tag && real.n === seen.n && real.step < seen.step) {
        return []
      }
      return [
        {
          step: seen.step,
          what: `${seen.by} was handed ${seen.room} ${seen.position.offset}, which nobody appended so`,
        },
      ]
    }),
}

const logPrefix: Invariant = {
  id: 'I03',
  holds: 'what the store gives at the end is what was appended, from the trim point to the head',
  broken: (truth) =>
    truth.of('end-log').flatMap((end) => {
      const log = truth.present.logs.get(end.room) ?? []
      const wrong: Broken[] = end.entries.flatMap(({ offset, tag, isVoid }) => {
        const real = log[offset - 1]
        const isSame = real?.position.tag === tag && (!isVoid || isVoidAt(truth.present, end.room, offset, end.step))
        return isSame ? [] : [{ step: end.step, what: `${end.room} has another entry ${offset} than was appended` }]
      })
      const isWhole = end.head.offset === log.length && (end.entries.at(-1)?.offset ?? log.length) === log.length
      return isWhole
        ? wrong
        : [...wrong, { step: end.step, what: `${end.room} ends at ${end.head.offset}, not ${log.length}` }]
    }),
}

const totalOrder: Invariant = {
  id: 'I04',
  holds: 'any two readers were handed their common entries in one order',
  broken: (truth) =>
    truth.spans.flatMap(({ items }) => {
      // Behind a gap that nothing can be compared over, reading starts anew.
      const parts: Of<'entry'>[][] = [[]]
      for (const item of items) {
        if (item.kind === 'gap' && item.reason === 'epoch-changed') parts.push([])
        if (item.kind === 'entry') parts.at(-1)?.push(item)
      }
      return parts.flatMap((part) => outOfOrder(part, truth))
    }),
}

/** One order for all is the order of the log: each reader is compared with it, gaps backward aside. */
function outOfOrder(entries: readonly Of<'entry'>[], truth: Truth): Broken[] {
  return entries.flatMap((entry, index) => {
    const before = entries[index - 1]
    if (before === undefined) return []
    const life = truth.lifeOf(entry.position.epoch)
    const at = life?.logs.get(entry.room)?.findIndex(({ position }) => position.tag === before.position.tag) ?? -1
    if (at < entry.position.offset - 1) return []
    return [
      { step: entry.step, what: `${entry.by} was handed ${entry.room} ${entry.position.offset} behind ${at + 1}` },
    ]
  })
}

const fifoSender: Invariant = {
  id: 'I05',
  holds: 'what one page published in a room is in the log in the order of its calls',
  excuses: lateExcuse,
  broken: (truth, plan) => {
    const calls = new Map(truth.of('publish').map((call) => [call.mark, call]))
    // What another page has taken over leaves when that one sends it, in its own order.
    const handedOn = new Set(
      truth
        .of('settled')
        .filter(isHandedOn)
        .map(({ by, n }) => `${by} ${n}`),
    )
    return truth.lives.flatMap(({ logs }) =>
      [...logs.values()].flatMap((log) => {
        const last = new Map<string, number>()
        return log.flatMap((entry) => {
          const call = entry.mark === null ? undefined : calls.get(entry.mark)
          if (call === undefined) return []
          const sender = handedOn.has(`${call.by} ${call.n}`) ? `for ${call.by}` : call.by
          const before = last.get(sender) ?? 0
          last.set(sender, call.n)
          return call.n > before || mayComeLate(truth, plan, entry)
            ? []
            : [{ step: entry.step, what: `${call.by}: publish ${call.n} stands behind ${before}` }]
        })
      }),
    )
  },
}

function isHandedOn({ result }: Of<'settled'>): boolean {
  return result.kind === 'failed' && result.reason === 'handed-on'
}

const causalReply: Invariant = {
  id: 'I06',
  holds: 'who publishes after being handed an entry is behind it in that room',
  broken: (truth) => {
    const handed = new Map<string, Of<'entry'>>()
    const after = new Map<string, Of<'entry'>>()
    for (const [step, record] of truth.records.entries()) {
      if (record.kind === 'entry') handed.set(`${record.by} ${record.room}`, { ...record, step })
      if (record.kind !== 'publish') continue
      const seen = handed.get(`${record.by} ${record.room}`)
      if (seen !== undefined && record.mark !== '') after.set(record.mark, seen)
    }
    return truth.lives.flatMap(({ logs }) =>
      [...logs.values()].flatMap((log) => {
        const indexOf = new Map(log.map((entry, index) => [entry.position.tag, index]))
        return log.flatMap((entry, index) => {
          const cause = after.get(entry.mark ?? '')
          const before = cause === undefined ? undefined : indexOf.get(cause.position.tag)
          if (before === undefined || before < index) return []
          return [{ step: entry.step, what: `a reply stands at ${index + 1}, what it replies to at ${before + 1}` }]
        })
      }),
    )
  },
}

export const logInvariants: readonly Invariant[] = [logDense, noFork, logPrefix, totalOrder, fifoSender, causalReply]
