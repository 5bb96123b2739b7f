// The wire in source and in PROTOCOL.md: every close code, reason and frame type of one stands in the other.
// In PROTOCOL.md a word counts when it stands in backticks; a table column headed `code`, `reason` or `frame`
// lists words that must exist in source.

import ts from 'typescript'
import type { Found, Project, Rule, Source } from './project.js'
import { everyNode, lineOf } from './syntax.js'

type Kind = 'close code' | 'reason' | 'frame'

interface Word {
  readonly kind: Kind
  readonly word: string
  readonly file: string
  readonly line: number
}

const columns: ReadonlyMap<string, Kind> = new Map([
  ['code', 'close code'],
  ['close code', 'close code'],
  ['reason', 'reason'],
  ['frame', 'frame'],
  ['type', 'frame'],
])

export const wire: Rule = {
  name: 'wire',
  holds: 'every close code, reason and frame type stands in PROTOCOL.md, and none there that source does not know',
  check: (project) => {
    const inSource = project.sources.flatMap(wordsOf)
    const text = project.documents.get('PROTOCOL.md')
    if (text === undefined) return missingProtocol(inSource)
    return [...undocumented(inSource, text), ...unknown(inSource, text), ...mismatched(project, text)]
  },
}

function missingProtocol(words: readonly Word[]): Found[] {
  const write = 'list each frame, close code and reason there, in backticks'
  return words.length === 0 ? [] : [{ file: 'PROTOCOL.md', line: 1, found: 'no PROTOCOL.md', write }]
}

function undocumented(words: readonly Word[], text: string): Found[] {
  const inBackticks = new Set([...text.matchAll(/`([^`\n]+)`/g)].map(([, word]) => word))
  return words
    .filter(({ word }) => !inBackticks.has(word))
    .map(({ kind, word, file, line }) => {
      const write = `say in PROTOCOL.md what \`${word}\` means and what the other end does`
      return { file, line, found: `${kind} ${word} is not in PROTOCOL.md`, write }
    })
}

function unknown(words: readonly Word[], text: string): Found[] {
  return [...listedIn(text), ...codesIn(text)]
    .filter(({ kind, word }) => !words.some((known) => known.kind === kind && known.word === word))
    .map(({ kind, word, file, line }) => {
      return { file, line, found: `${kind} ${word} is not in src/protocol`, write: 'add it there, or take it out here' }
    })
}

/** Rows that put a code and a reason side by side must agree with the close table. */
function mismatched(project: Project, text: string): Found[] {
  const table = new Map(project.sources.flatMap(closeRowsOf).map(({ code, reason }) => [reason, code]))
  return text.split('\n').flatMap((line, index) => {
    const row = /^\|\s*`(\d{4})`\s*\|\s*`([a-z-]+)`\s*\|/.exec(line)
    const code = table.get(row?.[2] ?? '')
    if (row === null || code === undefined || code === row[1]) return []
    return [{ file: 'PROTOCOL.md', line: index + 1, found: `${row[2]} has ${row[1]}, source has ${code}`, write: code }]
  })
}

function codesIn(text: string): Word[] {
  return text.split('\n').flatMap((line, index) =>
    [...line.matchAll(/`(4\d{3})`/g)]
      .map(([, word = '']) => word)
      .filter((word) => !/(00|99)$/.test(word)) // the bounds of a range
      .map((word) => ({ kind: 'close code' as const, word, file: 'PROTOCOL.md', line: index + 1 })),
  )
}

function listedIn(text: string): Word[] {
  let kinds: readonly (Kind | undefined)[] = []
  return text.split('\n').flatMap((line, index, lines) => {
    if (!line.startsWith('|')) return []
    const cells = line.slice(1).split('|')
    if (/^\|[\s:|-]+$/.test(lines[index + 1] ?? '')) {
      kinds = cells.map((cell) => columns.get(cell.trim().toLowerCase()))
      return []
    }
    return cells.flatMap((cell, column) => {
      const kind = kinds[column]
      const word = /^\s*`([a-z0-9-]+)`/.exec(cell)?.[1]
      return kind === undefined || word === undefined ? [] : [{ kind, word, file: 'PROTOCOL.md', line: index + 1 }]
    })
  })
}

function wordsOf(source: Source): Word[] {
  const at = (node: ts.Node) => ({ file: source.path, line: lineOf(source, node.getStart(source.ast)) })
  const found: Word[] = closeRowsOf(source).flatMap(({ code, reason, node }) => [
    { kind: 'close code', word: code, ...at(node) },
    { kind: 'reason', word: reason, ...at(node) },
  ])
  everyNode(source, (node) => {
    if (!ts.isLiteralTypeNode(node) || !ts.isStringLiteral(node.literal)) return
    const word = node.literal.text
    if (source.path === 'src/protocol/reasons.ts') found.push({ kind: 'reason', word, ...at(node) })
    const { parent } = node
    const isType = ts.isPropertySignature(parent) && parent.name.getText(source.ast) === 'type'
    if (source.path === 'src/protocol/frames.ts' && isType) found.push({ kind: 'frame', word, ...at(node) })
  })
  return found
}

interface CloseRow {
  readonly code: string
  readonly reason: string
  readonly node: ts.Node
}

/** The `{ code, reason }` rows of the close table. */
function closeRowsOf(source: Source): CloseRow[] {
  if (source.path !== 'src/protocol/close.ts') return []
  const rows: CloseRow[] = []
  everyNode(source, (node) => {
    if (!ts.isObjectLiteralExpression(node)) return
    const literalOf = (name: string) => {
      const property = node.properties.find((each) => each.name?.getText(source.ast) === name)
      return property !== undefined && ts.isPropertyAssignment(property) && ts.isLiteralExpression(property.initializer)
        ? property.initializer.text
        : undefined
    }
    const [code, reason] = [literalOf('code'), literalOf('reason')]
    if (code !== undefined && reason !== undefined) rows.push({ code, reason, node })
  })
  return rows
}
