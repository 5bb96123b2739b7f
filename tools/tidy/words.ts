// Constructs and remarks that this code does without, each with what to write instead.

import ts from 'typescript'
import type { Found, Rule, Source } from './project.js'
import { isTest } from './project.js'
import { commentsOf, everyNode, lineOf, rootOf, testCallOf } from './syntax.js'

interface Word {
  readonly found: string
  readonly write: string
}

type Look = (node: ts.Node, path: string) => Word | null

const looks: readonly Look[] = [exportsAll, exportsDefault, declaresEnum, castsToAny, assertsPresence, focuses, logs]

export const words: Rule = {
  name: 'words',
  holds: 'no `export *`, default export, enum, `as any`, `!`, `.only`, console. (in src), ts-ignore, FIXME, TODO',
  check: (project) => project.sources.flatMap((source) => [...constructsOf(source), ...remarksOf(source)]),
}

function constructsOf(source: Source): Found[] {
  const found: Found[] = []
  everyNode(source, (node) => {
    for (const look of looks) {
      const word = look(node, source.path)
      if (word !== null) found.push({ file: source.path, line: lineOf(source, node.getStart(source.ast)), ...word })
    }
  })
  return found
}

function exportsAll(node: ts.Node): Word | null {
  const isStar =
    ts.isExportDeclaration(node) && (node.exportClause === undefined || ts.isNamespaceExport(node.exportClause))
  return isStar ? { found: 'export *', write: 'name what is exported: `export { a, b } from …`' } : null
}

function exportsDefault(node: ts.Node, path: string): Word | null {
  if (/(^|\/)[^/]*\.config\.ts$/.test(path)) return null
  const isDefault =
    ts.isExportAssignment(node) ||
    (ts.canHaveModifiers(node) &&
      ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword) === true)
  return isDefault ? { found: 'a default export', write: 'export it by name' } : null
}

function declaresEnum(node: ts.Node): Word | null {
  return ts.isEnumDeclaration(node) ? { found: 'enum', write: "a union of string literals: `'a' | 'b'`" } : null
}

function castsToAny(node: ts.Node): Word | null {
  const isCast =
    (ts.isAsExpression(node) || ts.isTypeAssertionExpression(node)) && node.type.kind === ts.SyntaxKind.AnyKeyword
  return isCast ? { found: 'as any', write: 'take `unknown` and check it, or name the type' } : null
}

function assertsPresence(node: ts.Node, path: string): Word | null {
  const asserts = ts.isNonNullExpression(node) && !isTest(path)
  return asserts ? { found: 'a non-null `!`', write: 'check it, and throw with the words of what is wrong' } : null
}

function focuses(node: ts.Node): Word | null {
  const isFocus = ts.isPropertyAccessExpression(node) && node.name.text === 'only' && testCallOf(node.parent) !== null
  return isFocus ? { found: `${rootOf(node)}.only`, write: 'run one test with `npx vitest run -t "title"`' } : null
}

function logs(node: ts.Node, path: string): Word | null {
  if (!path.startsWith('src/') || /^src\/server\/cli[^/]*\.ts$/.test(path)) return null
  const isConsole =
    ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'console'
  return isConsole ? { found: 'console.', write: 'use the `log` that the application gave' } : null
}

function remarksOf(source: Source): Found[] {
  return commentsOf(source).flatMap(({ text, line }) => {
    const word = remarkOf(text)
    return word === null ? [] : [{ file: source.path, line, ...word }]
  })
}

function remarkOf(comment: string): Word | null {
  const open = /\b(FIXME|TODO)\b/.exec(comment)
  if (open !== null) return { found: `${open[0]} in a comment`, write: 'do it, or file it where work is planned' }
  if (/@ts-(ignore|nocheck)\b/.test(comment)) {
    return { found: '@ts-ignore', write: '`@ts-expect-error` with the reason behind it, or the right type' }
  }
  const expected = /@ts-expect-error(?<reason>.*)/.exec(comment)
  if (expected !== null && !/\w{3}/.test(expected.groups?.['reason'] ?? '')) {
    return {
      found: '@ts-expect-error without a reason',
      write: 'say why behind it: `@ts-expect-error frames are closed here`',
    }
  }
  return null
}
