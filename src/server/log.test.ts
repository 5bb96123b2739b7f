import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { createServerRig, hash, hello, publish, resume } from '../../test/support/server-rig.js'
import { createLog, type LogSink } from './log.js'
import { Secret } from './secret.js'

function logOf(linesPerSecond = 100) {
  let nowMs = 0
  const lines: { level: string; message: string; fields: Record<string, unknown> }[] = []
  const write = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields: fields as Record<string, unknown> })
  const sink: LogSink = { info: write('info'), warn: write('warn'), error: write('error') }
  const log = createLog({ sink, linesPerSecond, nowMs: () => nowMs })
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { log, lines, pass }
}

describe('volume', () => {
  test('[LOGS-3] [S12] beyond the lines of a second, lines are counted and told with the next one', () => {
    const { log, lines, pass } = logOf(3)
    for (let count = 0; count < 10; count++) log.happened('drop', { session: `s${count}` })
    expect(lines).toHaveLength(3)
    pass(1_000)
    log.happened('drop', { session: 'later' })
    log.happened('drop', { session: 'latest' })
    expect(lines.slice(3).map((line) => line.fields)).toEqual([
      { session: 'later', suppressedBefore: 7 },
      { session: 'latest' },
    ])
  })

  test('[LOGS-4] the same failure is written once and counted', () => {
    const { log, lines, pass } = logOf()
    for (let count = 0; count < 100; count++) log.report(new Error('broken'), 'a join')
    log.report(new Error('broken'), 'a leave')
    expect(lines).toHaveLength(2)
    pass(10_000)
    log.report(new Error('broken'), 'a join')
    expect(lines[2]?.fields).toMatchObject({ doing: 'a join', error: 'broken', again: 99 })
  })

  test('[LOGS-3] long values are cut', () => {
    const { log, lines } = logOf()
    log.happened('connect', { user: 'x'.repeat(5_000) })
    expect(JSON.stringify(lines).length).toBeLessThan(1_000)
  })

  test('[LOGS-3] without a sink nothing is written and nothing fails', () => {
    const log = createLog({ sink: null, linesPerSecond: 1, nowMs: () => 0 })
    log.happened('connect', {})
    log.report('text, not an error', 'anything')
  })
})

describe('content', () => {
  test('[LOGS-1] connect, drop, resume, takeover, refusal and leave have a line each, with session and user', async () => {
    const rig = await createServerRig({ rooms: { a: {} } })
    const { session, welcome } = await rig.enter({ rooms: [{ room: 'a' }, { room: 'no' }] })
    const second = await rig.peer('second')
    second.send(resume(session, 1))
    await second.take()
    rig.network.line('second').cut()
    await rig.clock.advance(3_000)
    const third = await rig.peer('third')
    third.send(resume(session, 2))
    await third.take()
    await rig.soon(rig.server.kick({ session }))
    await rig.clock.advance(3_000)

    const told = rig.lines.filter((line) => line['session'] === session && line['user'] === welcome.user)
    const words = told.map((line) => line.message)
    expect(new Set(words)).toEqual(new Set(['connect', 'refusal', 'resume', 'takeover', 'drop', 'leave']))
    expect(told.find((line) => line.message === 'leave')).toMatchObject({ reason: 'kicked', rooms: 1 })
    expect(told.find((line) => line.message === 'drop')).toMatchObject({
      reason: 'cut',
      durationMs: expect.any(Number),
    })
    expect(told.find((line) => line.message === 'refusal')).toMatchObject({ room: 'no', reason: 'forbidden' })
  })

  test('[LOGS-2] [A68] [I55] no token, secret or device key is ever written or sent back', async () => {
    const rig = await createServerRig({
      authenticate: (token) => {
        if (token?.includes('throw')) throw new Error(`malformed token: ${token}`)
        return token === null ? null : { user: 'ann', claims: { token: 1 } }
      },
    })
    const canary = 'c4nary'
    const { peer, session } = await rig.enter({
      more: { token: `${canary}-1`, device: `${canary}-2`, nextHash: hash(`${canary}-3`) },
    })
    peer.send(publish(session, 1))
    const frames = [...(await peer.take())]
    for (const [at, more] of [
      { session: { id: session, secret: `${canary}-3`, previous: `${canary}-4` }, token: `${canary}-5`, attempt: 2 },
      { session: { id: session, secret: `${canary}-6` }, device: `${canary}-7` },
      { token: `${canary}-throw` },
      { token: `${canary}-8`, attempt: -1 },
      { session: { id: session, secret: `${canary}-3` }, nextHash: hash('x'), attempt: 3 },
    ].entries()) {
      const other = await rig.peer(`p-${at}`)
      other.send(hello(more))
      frames.push(...(await other.take()))
    }
    expect(frames.length).toBeGreaterThan(5)
    expect(rig.lines.length).toBeGreaterThan(5)
    expect(JSON.stringify(rig.lines)).not.toContain(canary)
    expect(JSON.stringify(frames)).not.toContain(canary)
  })

  test('[LOGS-5] a secret shows itself to nobody who does not ask for it', () => {
    const secret = new Secret('hunter2')
    const shown = [String(secret), `${secret}`, JSON.stringify({ secret }), inspect(secret), inspect({ in: [secret] })]
    expect(shown.join()).not.toContain('hunter2')
    expect(JSON.stringify({ secret })).toBe('{"secret":"***"}')
    expect(secret.reveal()).toBe('hunter2')
  })
})
