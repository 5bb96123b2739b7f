import { afterEach, expect, test } from 'vitest'
import { checkNetwork, hear, setUp } from '../../test/support/client-rig.js'
import type { Dial } from './link.js'

afterEach(checkNetwork)

/** Two sockets at once with one first frame, as a client that races addresses, or a proxy that repeats, makes them. */
function doubled(dial: Dial, isShadowFirst: () => boolean): Dial {
  return (url, events) => {
    const open = () => {
      let isOpen = false
      const link = dial(url, {
        opened() {
          isOpen = true
        },
        received() {},
        closed() {},
      })
      return { say: (frame: string | Uint8Array) => isOpen && link.send(frame) }
    }
    const early = isShadowFirst() ? open() : null
    const link = dial(url, events)
    const shadow = early ?? open()
    let isFirst = true
    return {
      get bufferedBytes() {
        return link.bufferedBytes
      },
      send(frame) {
        if (isFirst && early !== null) shadow.say(frame)
        link.send(frame)
        if (isFirst && early === null) shadow.say(frame)
        isFirst = false
      },
      close: (code, reason) => link.close(code, reason),
    }
  }
}

test('[CRED-17] a dial that reaches the server twice, the unheard one first, never stops its client', async () => {
  const { clock, client, server, network } = await setUp()
  let isShadowFirst = false
  const dial = doubled(network.line('ann').dial, () => isShadowFirst)
  const ann = client('ann', { dial })
  const heard = hear(ann.session.join('a'))
  await clock.advance(10_000)
  const id = ann.session.id
  for (let round = 0; round < 4; round++) {
    isShadowFirst = round % 2 === 0
    ann.line.cut()
    await clock.advance(100)
    // One more dial, which nobody doubles, is enough.
    isShadowFirst = false
    await clock.advance(10_000)
    void server.room('a').publish(round)
    await clock.advance(100)
    expect([ann.session.id, ann.session.status.state]).toEqual([id, 'connected'])
  }
  expect(heard).toEqual([0, 1, 2, 3])
  expect(ann.told.filter((what) => what.startsWith('superseded'))).toEqual([])
})
