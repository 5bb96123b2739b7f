// The body of a request: JSON, bounded in bytes and in time. It knows nothing of what it means.

import type { IncomingMessage } from 'node:http'
import { parseJson } from '../../protocol/json.js'
import { bounds } from '../../protocol/limits.js'
import type { Clock } from '../../protocol/time.js'
import { no, type Step, yes } from './problem.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Before anything is read. */
export function checkBodyHead({ headers }: IncomingMessage, bytesMax: number): Step<null> {
  const type = (headers['content-type'] ?? '').toLowerCase()
  const encoding = headers['content-encoding'] ?? 'identity'
  if (!/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/.test(type) || encoding !== 'identity') {
    return no('unsupported-media-type', 'send application/json')
  }
  return Number(headers['content-length'] ?? 0) > bytesMax ? tooLarge(bytesMax) : yes(null)
}

/** Parsed within the bounds of a frame. */
export async function readJson(
  incoming: IncomingMessage,
  limits: { readonly bytesMax: number; readonly deadlineMs: number; readonly clock: Clock },
): Promise<Step<unknown>> {
  const read = await readAll(incoming, limits)
  if (read === 'late') return no('too-slow', `a body arrives within ${limits.deadlineMs} ms`)
  if (read === 'too-large') return tooLarge(limits.bytesMax)
  if (read === 'cut') return no('bad-message', 'the body was cut off')
  let text: string
  try {
    text = decoder.decode(read)
  } catch {
    return no('bad-message', 'the body is not UTF-8')
  }
  const parsed = parseJson(text, { depthMax: bounds.depthMax, keysMax: bounds.keysMax })
  if (parsed.kind === 'json') return yes(parsed.value)
  return no('bad-message', parsed.kind === 'refused' ? `the body is not taken: ${parsed.why}` : 'the body is not JSON')
}

function readAll(
  incoming: IncomingMessage,
  { bytesMax, deadlineMs, clock }: Parameters<typeof readJson>[1],
): Promise<Buffer | 'late' | 'too-large' | 'cut'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const done = (result: Buffer | 'late' | 'too-large' | 'cut') => {
      cancel()
      incoming.off('data', take)
      resolve(result)
    }
    const take = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > bytesMax) done('too-large')
      else chunks.push(chunk)
    }
    const cancel = clock.after(deadlineMs, () => done('late'))
    incoming.on('data', take)
    incoming.once('end', () => done(Buffer.concat(chunks)))
    incoming.once('error', () => done('cut'))
    incoming.once('close', () => done('cut'))
  })
}

function tooLarge(bytesMax: number): Step<never> {
  return no('too-large', `a body has at most ${bytesMax} bytes`)
}
