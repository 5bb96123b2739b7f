#!/usr/bin/env node
// The command `holdfast`.

import { main } from './cli-serve.js'
import { type StoreShell, storeMain } from './cli-store.js'

const argv = process.argv.slice(2)
const shell: StoreShell = {
  env: process.env,
  isTerminal: process.stderr.isTTY === true,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  onSignal: (signal, run) => void process.on(signal, run),
  exit: (code) => process.exit(code),
}
await (argv[0] === 'store' ? storeMain(argv.slice(1), shell) : main(argv, shell))
