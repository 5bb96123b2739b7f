// Real faults for one tab: its connections are reset or fall silent in the proxy in front of the server, and its dials
// are refused for a while. A tab is told by the `tab` of its WebSocket URL. It knows nothing of sessions.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ProxiedLink } from 'holdfast/testing'

export interface Breaks {
  /** For each request that a new link brings: one of a tab that is cut off ends here. */
  admit(link: ProxiedLink): void
  /** `POST /break/cut` and `POST /break/half-open` with `{ tab, ms }`. Answers false when the request is no such one. */
  answer(request: IncomingMessage, response: ServerResponse): boolean
}

type Kind = 'cut' | 'half-open'

interface Ask {
  readonly tab: string
  readonly ms: number
}

const bodyBytesMax = 1024
const durationMs = { min: 100, max: 60_000 }
const tabPattern = /^[\w-]{1,64}$/

/** `links`: those open now, asked for whenever one is broken. */
export function createBreaks(links: () => readonly ProxiedLink[]): Breaks {
  const cutOff = new Map<string, NodeJS.Timeout>()
  const linksOf = (tab: string) => links().filter((link) => tabOf(link.requestLine) === tab)

  const carryOut = {
    cut({ tab, ms }: Ask) {
      clearTimeout(cutOff.get(tab))
      cutOff.set(
        tab,
        setTimeout(() => cutOff.delete(tab), ms),
      )
      for (const link of linksOf(tab)) link.cut()
    },
    'half-open'({ tab, ms }: Ask) {
      for (const link of linksOf(tab)) {
        link.halfOpen()
        // Nobody is told; this only frees the sockets when everybody has long given up.
        setTimeout(() => link.cut(), ms).unref()
      }
    },
  } satisfies Record<Kind, (ask: Ask) => void>

  return {
    admit(link) {
      const tab = tabOf(link.requestLine)
      if (tab !== null && cutOff.has(tab)) link.cut()
    },
    answer(request, response) {
      const kind = kindOf(request.url)
      if (kind === null) return false
      if (request.method !== 'POST') return refuse(response, 405, 'only POST')
      // A page of another origin cannot send this type without asking first, and nobody answers it.
      if (request.headers['content-type'] !== 'application/json') return refuse(response, 415, 'only application/json')
      void readAsk(request).then((ask) => {
        if (ask === null) return refuse(response, 400, 'expected {"tab": string, "ms": 100 to 60000}')
        carryOut[kind](ask)
        response.writeHead(204).end()
        return true
      })
      return true
    },
  }
}

function kindOf(url: string | undefined): Kind | null {
  if (url === '/break/cut') return 'cut'
  return url === '/break/half-open' ? 'half-open' : null
}

/** The `tab` of a request line such as `GET /?tab=a1 HTTP/1.1`; null when there is none. */
export function tabOf(requestLine: string): string | null {
  const query = requestLine.split(' ', 2)[1]?.split('?', 2)[1] ?? ''
  const tab = new URLSearchParams(query).get('tab')
  return tab !== null && tabPattern.test(tab) ? tab : null
}

async function readAsk(request: IncomingMessage): Promise<Ask | null> {
  try {
    let text = ''
    for await (const chunk of request) {
      text += String(chunk)
      if (text.length > bodyBytesMax) return null
    }
    const { tab, ms } = JSON.parse(text) as Partial<Record<keyof Ask, unknown>>
    if (typeof tab !== 'string' || !tabPattern.test(tab)) return null
    if (typeof ms !== 'number' || !(ms >= durationMs.min && ms <= durationMs.max)) return null
    return { tab, ms }
  } catch {
    return null
  }
}

function refuse(response: ServerResponse, status: number, why: string): true {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(`${why}\n`)
  return true
}
