// Ends of another release: a dial over which one end says more than this version knows. What is said beyond it must
// mean nothing to the other end.

import type { Dial, Link } from '../../src/client/link.js'
import type { SeededChance } from '../../src/testing/seeded-chance.js'
import { isDrawn } from '../draw.js'

/** Which ends of a tab's next links are newer than the code under test. May be changed while it runs. */
export interface Dialect {
  client: boolean
  server: boolean
}

const fields = '"later":{"a":[1,null,"x"]},"$b":7,'
const features = '"features":["later","later.still"]'
const frames = ['{"type":"later"}', '{"type":"later-entry","room":"r1","offset":3,"data":{}}'] as const

/** How often a frame of a kind that nobody knows goes before one that is known. */
const unknownShare = 0.1

/** Frames of both ends go through it. Binary frames are left as they are. */
export function newerDial(dial: Dial, dialect: Dialect, chance: SeededChance): Dial {
  return (url, events) => {
    const { client, server } = dialect
    if (!client && !server) return dial(url, events)
    let isGreeted = false
    const link = dial(url, {
      ...events,
      received(frame) {
        if (!server) return events.received(frame)
        if (isGreeted && isDrawn(chance, unknownShare)) events.received(frames[chance.below(frames.length)] ?? '')
        isGreeted = true
        events.received(newer(frame))
      },
    })
    return client ? newerLink(link, chance) : link
  }
}

function newerLink(link: Link, chance: SeededChance): Link {
  let isGreeted = false
  return {
    get bufferedBytes() {
      return link.bufferedBytes
    },
    send(frame) {
      if (isGreeted && isDrawn(chance, unknownShare)) link.send(frames[chance.below(frames.length)] ?? '')
      isGreeted = true
      link.send(newer(frame))
    },
    close: (code, reason) => link.close(code, reason),
  }
}

function newer(frame: string | Uint8Array): string | Uint8Array {
  if (typeof frame !== 'string' || !frame.startsWith('{')) return frame
  return `{${fields}${frame.slice(1)}`.replace('"features":[]', features)
}
