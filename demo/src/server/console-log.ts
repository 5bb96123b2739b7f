// The server's log as short lines on the terminal: who connects, drops, resumes.

import type { LogSink } from 'holdfast/server'

const line = (fields: object, message: string) => {
  const words = Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`)
  return `  ${message.padEnd(8)} ${words.join(' ')}`
}

export const consoleLog: LogSink = {
  info(fields, message) {
    // Holdfast listens behind the proxy; the address for people is another.
    if (message !== 'listening') console.log(line(fields, message))
  },
  warn: (fields, message) => console.warn(line(fields, message)),
  error: (fields, message) => console.error(line(fields, message)),
}
