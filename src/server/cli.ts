#!/usr/bin/env node
// The command `holdfast`.

import { main } from './cli-serve.js'

await main(process.argv.slice(2), {
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  onSignal: (signal, run) => void process.on(signal, run),
  exit: (code) => process.exit(code),
})
