// The built page over HTTP: read once at start, so a request can name nothing but those files. It knows nothing of
// sessions.

import { readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, relative, sep } from 'node:path'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
}

/** Everything the page may do: run, style, fetch and dial what comes from here, and nothing else. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export type ServeStatic = (request: IncomingMessage, response: ServerResponse) => void

/** Serves the files under `folder`; `/` is `index.html`. Throws when the page was not built. */
export function serveStatic(folder: string): ServeStatic {
  const files = readFiles(folder)
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405)
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    const name = path === '/' ? '/index.html' : path
    const body = files.get(name)
    if (body === undefined) return refuse(response, 404)
    response.writeHead(200, {
      'content-type': types[extname(name)] ?? 'application/octet-stream',
      'content-length': body.length,
      // Names of built assets carry a hash of their bytes; the page itself is asked for each time.
      'cache-control': name.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      'content-security-policy': policy,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }
}

function readFiles(folder: string): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>()
  for (const row of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!row.isFile()) continue
    const path = join(row.parentPath, row.name)
    files.set(`/${relative(folder, path).split(sep).join('/')}`, readFileSync(path))
  }
  if (!files.has('/index.html'))
    throw new Error(`no page in ${folder}: build it first (npm run build --workspace demo)`)
  return files
}

function refuse(response: ServerResponse, status: 404 | 405): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
  response.end(status === 404 ? 'not found\n' : 'only GET\n')
}
