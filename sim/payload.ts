// What the simulation publishes: a number by which an entry is known again, as JSON or as bytes.

import type { Data, Json } from '../src/protocol/frames.js'

export interface Payload {
  /** -1: not one of ours. */
  readonly n: number
  readonly echoes: number
  /** The happening that it tells, or the id it was published with: stands in a log once. */
  readonly event: string | null
}

export interface PayloadAsk {
  readonly n: number
  readonly echoes?: number
  readonly event?: string
  /** Padded by this much. */
  readonly bytes?: number
  readonly isBinary?: boolean
}

const none: Payload = { n: -1, echoes: 0, event: null }
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function payloadOf({ n, echoes = 0, event, bytes = 0, isBinary = false }: PayloadAsk): Data {
  const json = { n, ...(echoes > 0 && { echoes }), ...(event !== undefined && { event }) }
  if (isBinary) return encoder.encode(`${JSON.stringify(json)}${' '.repeat(bytes)}`)
  return bytes > 0 ? { ...json, pad: '·'.repeat(bytes) } : json
}

/** As an application is handed it. */
export function readPayload(data: Data): Payload {
  return fieldsOf(data instanceof Uint8Array ? parsed(decoder.decode(data)) : data)
}

/** As a store keeps it: JSON as text. */
export function readStored(data: string | Uint8Array | null): Payload {
  return data === null ? none : fieldsOf(parsed(typeof data === 'string' ? data : decoder.decode(data)))
}

function fieldsOf(json: Json): Payload {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return none
  const { n, echoes, event } = json as { readonly [key: string]: Json }
  return {
    n: typeof n === 'number' ? n : none.n,
    echoes: typeof echoes === 'number' ? echoes : 0,
    event: typeof event === 'string' ? event : null,
  }
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}
