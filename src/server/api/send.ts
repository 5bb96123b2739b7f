// A response of the router, written to the connection.

import type { IncomingMessage, ServerResponse } from 'node:http'

/** `more` goes on top of the response's own headers. A body that was not read to its end ends the connection. */
export async function send(
  outgoing: ServerResponse,
  incoming: IncomingMessage,
  response: Response,
  more: Headers,
): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer())
  if (outgoing.destroyed || outgoing.headersSent) return
  const headers = new Headers(more)
  for (const [name, value] of response.headers) headers.set(name, value)
  if (!incoming.complete) headers.set('Connection', 'close')
  const isEmpty = incoming.method === 'HEAD' || response.status === 204
  if (!isEmpty) headers.set('Content-Length', String(body.length))
  outgoing.writeHead(response.status, Object.fromEntries(headers))
  outgoing.end(isEmpty ? undefined : body)
}
