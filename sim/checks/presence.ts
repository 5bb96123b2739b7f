// Presence: who is there is shown in the end, on every node; short drops are not seen.

import type { Member } from '../../src/protocol/frames.js'
import { dropOf, hasLost, type Of, type Truth } from '../truth.js'
import type { Broken, Invariant } from './check.js'

const eventual: Invariant = {
  id: 'I39',
  holds: 'in the end a room shows the sessions that are in it, and nobody else',
  excuses: 'who did not ask for the room again after a resume may be shown or not for a while',
  broken: (truth, plan) => {
    const rows = truth.of('end-row')
    const shown = new Set(plan.config.rooms.filter(({ graceMs }) => graceMs !== null).map(({ name }) => name))
    return truth.of('end-log').flatMap(({ room, members, step }): Broken[] => {
      if (!shown.has(room)) return []
      const there = rows.filter(({ rooms }) => rooms.includes(room))
      const ghosts = members.filter(({ session }) => !there.some((row) => row.session === session))
      // Who came back without asking for the room is in it for a while yet, and may be shown or not.
      const pages = truth.of('end-page').filter(({ by }) => isIn(truth, by, room))
      const unseen = there.filter(({ session, state }) => {
        const member = members.find((other) => other.session === session)
        return state === 'live' && member?.state !== 'live' && pages.some((page) => page.session === session)
      })
      return [
        ...ghosts.map(({ session }) => ({ step, what: `${room} shows ${session}, who is not there` })),
        ...unseen.map(({ session }) => ({ step, what: `${room} does not show ${session} live` })),
      ]
    })
  },
}

const sameEverywhere: Invariant = {
  id: 'I41',
  holds: 'in the end every watcher sees what the board of the room has',
  excuses: 'rooms whose board changed within the last poll',
  broken: (truth, plan) =>
    truth.of('end-room').flatMap(({ by, room, place, members, step, atMs }) => {
      const board = truth.of('end-log').find((log) => log.room === room)
      if (members === null || place !== 'joined' || board === undefined) return []
      // A change is told by the next poll of the room at the latest.
      const sinceMs = atMs - (plan.config.settings.heartbeatMs ?? 25_000) - 2_000
      if (truth.of('shown').some((shown) => shown.room === room && shown.atMs > sinceMs && shown.step < step)) return []
      const [seen, real] = [textOf(members), textOf(board.members)]
      return seen === real ? [] : [{ step, what: `${by} sees ${seen} in ${room}, the board has ${real}` }]
    }),
}

function isIn(truth: Truth, by: string, room: string): boolean {
  return truth.of('end-room').some((end) => end.by === by && end.room === room && end.place === 'joined')
}

function textOf(members: readonly Member[]): string {
  const texts = members.map(({ session, state, data }) => `${session} ${state} ${JSON.stringify(data ?? null)}`)
  return texts.sort().join(', ')
}

const noFlap: Invariant = {
  id: 'I40',
  holds: 'nobody is shown held before he was away for the grace, or gone before he left or ended',
  excuses: 'a session that lived when a store was set back: with it or its rooms forgotten, it is gone',
  broken: (truth, plan) =>
    truth.of('shown').flatMap((shown) => {
      if (shown.as === 'live') return []
      const graceMs = plan.config.rooms.find(({ name }) => name === shown.room)?.graceMs ?? 0
      const problem = shown.as === 'held' ? heldEarly(truth, shown, graceMs) : goneEarly(truth, shown)
      return problem === null ? [] : [{ step: shown.step, what: `${shown.session} in ${shown.room}: ${problem}` }]
    }),
}

function heldEarly(truth: Truth, shown: Of<'shown'>, graceMs: number): string | null {
  const dropped = dropOf(truth, shown)
  if (dropped === undefined) return 'shown held, but never dropped'
  const awayMs = shown.atMs - dropped.atMs
  return Math.round(awayMs) >= graceMs ? null : `shown held after ${Math.round(awayMs)} of ${graceMs} ms`
}

/** Whoever leaves, loads his page anew and does not ask for the room again, is removed or forbidden, is rightly gone. */
function goneEarly(truth: Truth, { session, room, step }: Of<'shown'>): string | null {
  const isBefore = (other: { readonly step: number }) => other.step < step
  const hasEnded = truth.of('ended').some((end) => end.session === session && isBefore(end))
  const pages = new Set(
    truth
      .of('live')
      .filter((live) => live.session === session)
      .map(({ by }) => by),
  )
  const tabs = new Set([...pages].map((by) => by.split('.')[0]))
  const hasLeft = truth.of('leave').some((leave) => leave.room === room && pages.has(leave.by) && isBefore(leave))
  const isErrand = isOnErrand(truth, pages, room, step)
  // Who is denied the room after a drop is not in it any more.
  const isDenied = truth.of('denied').some((one) => one.room === room && pages.has(one.by) && isBefore(one))
  const loadedCount = truth.of('page').filter((page) => {
    return page.now === 'loaded' && tabs.has(page.by.split('.')[0]) && isBefore(page)
  }).length
  // Which user a tab is, the trace does not say where it has no session: any tab's counts.
  const isTakenOut = truth.of('op').some(({ what, item, step: at }) => {
    return at < step && (what === 'ban' || what === 'remove') && (item as { room?: string }).room === room
  })
  const createdStep = truth.of('attached').find((attached) => attached.session === session)?.step ?? 0
  const isLost = hasLost(truth, createdStep, step)
  return hasEnded || hasLeft || isErrand || loadedCount > 1 || isTakenOut || isDenied || isLost
    ? null
    : 'shown gone, but never left'
}

/** A page that took over publishes for a room that it did not join is in it until they are settled. */
function isOnErrand(truth: Truth, pages: ReadonlySet<string>, room: string, step: number): boolean {
  const isMeant = (one: { readonly by: string; readonly step: number }) => pages.has(one.by) && one.step < step
  if (truth.of('join').some((join) => join.room === room && isMeant(join))) return false
  const roomOf = new Map(truth.of('publish').map(({ n, room: of }) => [n, of]))
  return truth.of('adopted').some((adopted) => roomOf.get(adopted.n) === room && isMeant(adopted))
}

export const presenceInvariants: readonly Invariant[] = [eventual, noFlap, sameEverywhere]
