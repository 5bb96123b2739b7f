// `npm start`: the demo on http://localhost:7400. PORT (or HOLDFAST_PORT) and HOLDFAST_HOST say where it listens; other
// machines of the network reach it with HOLDFAST_HOST=0.0.0.0.

import { fileURLToPath } from 'node:url'
import { startDemo } from './demo.js'

const portText = process.env['PORT'] ?? process.env['HOLDFAST_PORT'] ?? '7400'
const port = Number(portText)
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  console.error(`PORT must be a number from 0 to 65535, but is ${JSON.stringify(portText)}. Try: PORT=7400 npm start`)
  process.exit(1)
}

try {
  const demo = await startDemo({
    port,
    host: process.env['HOLDFAST_HOST'] ?? '127.0.0.1',
    page: fileURLToPath(new URL('../../dist/', import.meta.url)),
    data: process.env['HOLDFAST_DATA'] ?? fileURLToPath(new URL('../../data/', import.meta.url)),
    canBreak: process.env['NODE_ENV'] !== 'production',
  })
  console.log(
    `\n  The demo is at http://localhost:${demo.port}\n  Break it there, with a second person beside you. Ctrl-C stops it.\n`,
  )
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void demo.close().then(() => process.exit(0))
    })
  }
} catch (error) {
  const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
  console.error(isTaken ? `Port ${port} is in use. Try: PORT=${port + 1} npm start` : error)
  process.exit(1)
}
