// The tables of docs/guide/limits.md, each from the one place in the code that is in force.

import { readFileSync } from 'node:fs'
import { type AfterClose, afterClose } from '../src/protocol/after-close.js'
import { closeTable } from '../src/protocol/close.js'
import { bounds, serverFrameBounds } from '../src/protocol/limits.js'
import { envOf, settingsTable } from '../src/server/settings.js'

const whatTheClientDoes: Readonly<Record<AfterClose, string>> = {
  'resume-now': 'resumes at once',
  'back-off': 'resumes with back-off, honours `afterMs`',
  'new-session': 'reconnects with a new session',
  'new-token': 'gets a new token, then resumes',
  'stop-for-user': 'stops until the user acts',
  stop: 'stops: a bug or a version',
}

/** By the name of the mark in the page. */
export const tables: Readonly<Record<'settings' | 'bounds' | 'codes' | 'reasons', string>> = {
  settings: table(
    ['setting', 'default', 'range', 'environment', 'what it is'],
    settingsTable.map(({ key, default: fallback, unit, min, max, meaning }) => [
      `\`${key}\``,
      `${grouped(fallback)}${unit === 'ms' || unit === 'bytes' ? ` ${unit}` : ''}`,
      `${grouped(min)} – ${grouped(max)}`,
      `\`${envOf(key)}\``,
      meaning,
    ]),
  ),
  bounds: table(
    ['bound', 'what a client may send', 'what a server may send'],
    [...new Set([...Object.keys(bounds), ...Object.keys(serverFrameBounds)])].map((key) => [
      `\`${key}\``,
      numberOf(bounds, key),
      numberOf(serverFrameBounds, key),
    ]),
  ),
  codes: table(
    ['code', 'reason', 'what happened', 'the client'],
    closeTable.map(({ code, reason, meaning }) => [
      `${code}`,
      `\`${reason}\``,
      meaning,
      whatTheClientDoes[afterClose(code)],
    ]),
  ),
  reasons: table(['reason', 'what it says'], refusalReasons()),
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
  return [line(head), `|${head.map(() => '---|').join('')}\n`, ...rows.map(line)].join('')
}

function grouped(value: number): string {
  return value.toLocaleString('en').replaceAll(',', ' ')
}

function numberOf(of: Readonly<Record<string, number>>, key: string): string {
  return key in of ? grouped(of[key] ?? 0) : ''
}

/** The union's own comments: a type leaves nothing behind that could be asked. */
function refusalReasons(): string[][] {
  const source = readFileSync(new URL('../src/protocol/reasons.ts', import.meta.url), 'utf8')
  const union = source.split('export type RefusalReason =')[1]?.split('\n\n')[0] ?? ''
  return [...union.matchAll(/\| '([\w-]+)' +\/\/ (.+)/g)].map(([, reason, meaning]) => [`\`${reason}\``, meaning ?? ''])
}
