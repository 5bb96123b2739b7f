import { expect, test } from 'vitest'
import type { Entry, Gap } from '../client/room-events.js'
import { type Message, MessageLog } from './message-log.js'

const entry = (offset: number, mark: string | null = null, epoch = 'e'): Entry => ({
  ...{ room: 'r', position: { epoch, offset, tag: `t${epoch}${offset}` }, atMs: 0, by: null, mark, key: null },
  ...{ data: `d${epoch}${offset}`, source: 'live' },
})

const gap = (reason: Gap['reason'], from: number, to: number, next: number, epoch = 'e'): Gap => {
  return { room: 'r', reason, from, to, next: { epoch, offset: next, tag: `t${epoch}${next}` } }
}

function short(message: Message): string {
  if (message.kind === 'gap') return `gap ${message.gap.from}-${message.gap.to}`
  return message.kind === 'entry' ? `${message.entry.position.offset}` : `${message.id} ${message.state}`
}

const shown = (log: MessageLog) => log.all.map(short)

test('[REACT-4] a draft stands behind the log, and its entry takes its place under the same key', () => {
  const log = new MessageLog()
  log.entry(entry(1), false)
  log.publish({ room: 'r', mark: 'm', state: 'sending', data: 'mine' })
  log.entry(entry(2), false)
  expect(shown(log)).toEqual(['1', '2', 'm sending'])
  log.entry(entry(3, 'm'), true)
  expect(shown(log)).toEqual(['1', '2', '3'])
  expect(log.all[2]).toMatchObject({ id: 'm', isMine: true })
  log.publish({ room: 'r', mark: 'm', state: 'kept', position: entry(3).position, duplicate: false })
  expect(shown(log)).toEqual(['1', '2', '3'])
})

test('[REACT-4] acknowledged before its entry comes, it waits for it; superseded, it goes when the log has passed it', () => {
  const log = new MessageLog()
  for (const mark of ['a', 'b', 'c']) log.publish({ room: 'r', mark, state: 'sending', data: mark })
  log.publish({ room: 'r', mark: 'a', state: 'kept', position: entry(1).position, duplicate: false })
  log.publish({ room: 'r', mark: 'b', state: 'failed', reason: 'forbidden', message: 'no' })
  log.publish({ room: 'r', mark: 'c', state: 'kept', position: null, duplicate: true })
  expect(shown(log)).toEqual(['a kept', 'b failed'])
  // Offset 1 was emptied by a later entry with its key.
  log.entry(entry(2), false)
  expect(shown(log)).toEqual(['2', 'b failed'])
  expect(log.drafts[0]?.error).toEqual({ reason: 'forbidden', message: 'no' })
  log.dismiss('b')
  expect(shown(log)).toEqual(['2'])
})

test('[REACT-4] history read again stands in order, once, gaps between what they separate', () => {
  const log = new MessageLog()
  for (const offset of [5, 6]) log.entry(entry(offset), false)
  log.gap(gap('trimmed', 7, 9, 9))
  log.entry(entry(10), false)
  for (const offset of [2, 3, 4, 5, 6]) log.entry(entry(offset), false)
  log.gap(gap('trimmed', 7, 9, 9))
  log.entry(entry(10), false)
  expect(shown(log)).toEqual(['2', '3', '4', '5', '6', 'gap 7-9', '10'])
  log.gap(gap('epoch-changed', 0, -1, 0, 'n'))
  log.entry(entry(1, null, 'n'), false)
  expect(shown(log).slice(-3)).toEqual(['10', 'gap 0--1', '1'])
  expect(new Set(log.all.map(({ id }) => id)).size).toBe(log.all.length)
})

test('[REACT-4] the list has at most max entries, and is the same array until something changes', () => {
  const log = new MessageLog()
  log.max = 3
  for (let offset = 1; offset <= 9; offset++) log.entry(entry(offset), false)
  expect(shown(log)).toEqual(['7', '8', '9'])
  const { all } = log
  log.entry(entry(9), false)
  log.publish({ room: 'r', mark: 'unknown', state: 'failed', reason: 'left', message: '' })
  expect(log.all).toBe(all)
  log.entry(entry(10), false)
  expect(log.all).not.toBe(all)
})
