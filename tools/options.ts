// Reads a command's options the same way for every tool: `--help` explains, a wrong option is a sentence and exit 2.

import { type ParseArgsConfig, parseArgs } from 'node:util'

/** The options and names typed; `null` when the command has already answered (exit code set). */
export function readOptions<const Config extends ParseArgsConfig>(command: string, help: string, config: Config) {
  try {
    const read = parseArgs(config)
    const { help: asksHelp } = read.values as { help?: boolean }
    if (asksHelp !== true) return read
    process.stdout.write(help)
  } catch (error) {
    process.stderr.write(`${command}: ${error instanceof Error ? error.message : error}\n\n${help}`)
    process.exitCode = 2
  }
  return null
}
