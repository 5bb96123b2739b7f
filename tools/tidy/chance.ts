// Time and chance are arguments: no clock, timer or random number in src outside the clocks that own them.
// Hashing is neither; it is allowed where the import table allows crypto at all.

import ts from 'typescript'
import type { Found, Rule, Source } from './project.js'
import { isTest } from './project.js'
import { everyNode, importsOf, lineOf } from './syntax.js'

const clocks = /^src\/(server|client|store\/lmdb)\/clock\.ts$|^src\/testing\/([^/]*-)?clock\.ts$/

const members: Readonly<Record<string, RegExp>> = {
  Date: /^now$/,
  performance: /^(now|timeOrigin)$/,
  Math: /^random$/,
  crypto: /^(getRandomValues|random\w*)$/,
  process: /^(hrtime|uptime)$/,
  AbortSignal: /^timeout$/,
}

/** These folders know no crypto at all, not even a hash. */
const cryptoFree = /^src\/(protocol|engine|store\/(?!lmdb|redis))/

const timers = new Set(['setTimeout', 'setInterval', 'setImmediate', 'requestAnimationFrame', 'requestIdleCallback'])
const timerModules = /^(node:)?timers(\/promises)?$/
const cryptoModules = /^(node:)?crypto$/

const write =
  'take the time, a timer or the chance as an argument; only src/server/clock.ts and src/client/clock.ts own real ones'

export const chance: Rule = {
  name: 'time-and-chance',
  holds: 'no clock, timer or chance in src outside the clocks; hashes only outside protocol, engine and store rules',
  check: (project) =>
    project.sources
      .filter(({ path }) => path.startsWith('src/') && !isTest(path) && !clocks.test(path))
      .flatMap((source) => [...usesOf(source), ...importsOfChance(source)]),
}

function usesOf(source: Source): Found[] {
  const found: Found[] = []
  everyNode(source, (node) => {
    const used = useOf(source.path, node)
    if (used !== null)
      found.push({ file: source.path, line: lineOf(source, node.getStart(source.ast)), found: used, write })
  })
  return found
}

function useOf(path: string, node: ts.Node): string | null {
  if (ts.isPropertyAccessExpression(node)) return memberOf(path, node)
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && (node.arguments ?? []).length === 0) {
    return 'new Date()'
  }
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'Date') return 'Date()'
  if (ts.isIdentifier(node) && timers.has(node.text) && isValue(node)) return node.text
  return null
}

function memberOf(path: string, node: ts.PropertyAccessExpression): string | null {
  const owner = lastWordOf(node.expression)
  const member = node.name.text
  if (owner === 'globalThis' && timers.has(member)) return `globalThis.${member}`
  if (owner === 'crypto' && cryptoFree.test(path)) return `crypto.${member}`
  return members[owner]?.test(member) === true ? `${owner}.${member}` : null
}

/** `crypto` and `globalThis.crypto` name the same thing; `clock.crypto` does not. */
function lastWordOf(node: ts.Expression): string {
  if (ts.isIdentifier(node)) return node.text
  if (!ts.isPropertyAccessExpression(node)) return ''
  return /^(globalThis|window|self)$/.test(node.expression.getText()) ? node.name.text : ''
}

/** False for `clock.setTimeout`, `{ setTimeout: … }`, a declared member and a mention in a type. */
function isValue(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  if (ts.isTypeQueryNode(parent) || ts.isTypeElement(parent) || ts.isClassElement(parent)) return false
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node
  if (ts.isParameter(parent) || ts.isBindingElement(parent)) return false
  return true
}

function importsOfChance(source: Source): Found[] {
  return importsOf(source).flatMap(({ specifier, names, line }) => {
    const random = names.filter((name) => /^random|^getRandomValues$|^webcrypto$/.test(name))
    if (cryptoModules.test(specifier) && random.length > 0) {
      return [{ file: source.path, line, found: `${random.join(', ')} of '${specifier}'`, write }]
    }
    return timerModules.test(specifier) ? [{ file: source.path, line, found: `'${specifier}'`, write }] : []
  })
}
