// What publishing tools say of the tarball: publint of its manifest, attw of how its types resolve.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { type Finding, tool, verdictOf, type Workplace } from './workplace.js'

export async function manifestLint({ consumer, tarball }: Workplace): Promise<Finding> {
  const manifest = JSON.parse(readFileSync(join(consumer, 'node_modules/holdfast/package.json'), 'utf8'))
  const bytes = readFileSync(tarball)
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const { messages } = await publint({ strict: true, pack: { tarball: buffer } })
  const problems = messages
    .filter(({ type }) => type !== 'suggestion')
    .map((message) => formatMessage(message, manifest, { color: false }) ?? message.code)
  return problems.length === 0 ? { kind: 'passed', note: 'publint, strict' } : { kind: 'failed', problems }
}

export async function typesLint({ folder, tarball }: Workplace): Promise<Finding> {
  const options = ['--profile', 'esm-only', '--format', 'ascii', '--no-color', '--no-emoji']
  return verdictOf(await tool('@arethetypeswrong/cli/dist/index.js', [tarball, ...options], folder), 'attw, esm-only')
}
