// A client machine that dials twice at once (happy eyeballs, a proxy that repeats an upgrade): the first frame goes out
// over both links, the client listens to one of them, the other dies a little later.

import type { Dial } from '../../src/client/link.js'
import type { Clock } from '../../src/protocol/time.js'

/** For how many of the next dials, and for how long the shadow lives. May be changed while it runs. */
export interface Doubling {
  count: number
  /** The shadow dials before the link that is listened to. */
  isShadowFirst: boolean
  closeMs: number
}

export function doublingDial(dial: Dial, doubling: Doubling, clock: Clock): Dial {
  return (url, events) => {
    if (doubling.count === 0) return dial(url, events)
    doubling.count -= 1
    const { isShadowFirst, closeMs } = doubling
    const shadow = shadowOf(dial, url, clock, closeMs)
    if (isShadowFirst) shadow.dial()
    const link = dial(url, events)
    if (!isShadowFirst) shadow.dial()
    let isFirst = true
    return {
      get bufferedBytes() {
        return link.bufferedBytes
      },
      send(frame) {
        if (isFirst) shadow.say(frame)
        isFirst = false
        link.send(frame)
      },
      close: (code, reason) => link.close(code, reason),
    }
  }
}

function shadowOf(dial: Dial, url: string, clock: Clock, closeMs: number) {
  let first: string | Uint8Array | null = null
  let link: ReturnType<Dial> | null = null
  let isOpen = false
  const speak = () => {
    if (!isOpen || first === null) return
    link?.send(first)
    clock.after(closeMs, () => link?.close(1000, ''))
  }
  return {
    dial() {
      link = dial(url, {
        opened() {
          isOpen = true
          speak()
        },
        received() {},
        closed() {},
      })
    },
    say(frame: string | Uint8Array) {
      first = frame
      speak()
    },
  }
}
